{ config, lib, ... }:
{
  options.example = {
    data = lib.mkEnableOption "the data disk";
    words = lib.mkOption { type = lib.types.listOf lib.types.str; default = [ "default" ]; };
    joined = lib.mkOption { type = lib.types.lines; default = ""; };
    kept = lib.mkOption { type = lib.types.int; default = 7; };
  };
  config = lib.mkIf (config.networking.hostName == "merge") {
    example.data = true;
    example.joined = lib.mkMerge [ "one" "two" ];
    example.words = [ "given" ];
    environment.order = [ "options" ];
  };
}

{ lib, ... }:
{
  options.my.fast = lib.mkEnableOption "speed";
  options.my.options = lib.mkOption { type = lib.types.listOf lib.types.str; default = [ ]; };
  options.my.default = lib.mkOption { type = lib.types.listOf lib.types.str; default = [ "nodev" ]; };
}

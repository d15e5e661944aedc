# NixOS module: `programs.btrfs-tune.enable = true;`
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.programs.btrfs-tune;
in
{
  options.programs.btrfs-tune = {
    enable = lib.mkEnableOption ''
      btrfs-tune, which finds what slows a NixOS machine on btrfs and writes the remedy as edits of
      its Nix files. This installs the program and its documentation; nothing runs by itself'';

    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.btrfs-tune or (pkgs.callPackage ./package.nix { });
      defaultText = lib.literalExpression "pkgs.btrfs-tune";
      example = lib.literalExpression "inputs.btrfs-tune.packages.\${system}.default";
      description = "The btrfs-tune package to install.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];
  };
}

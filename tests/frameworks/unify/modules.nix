{ config, lib, ... }:
{
  unify.modules.btrfs = {
    nixos.fileSystems."/".fsType = "btrfs";
    home.programs.fish.enable = true;
  };
  unify.modules.options.nixos = { fileSystems."/".options = [ "noatime" ]; };
  unify.hosts.nixos.elm = {
    level = 5;
    modules = with config.unify.modules; [ btrfs options ];
    users.somebody.modules = config.unify.hosts.nixos.elm.modules;
    nixos = { hostConfig, lib, ... }: { fileSystems."/".options = lib.mkAfter [ "compress=zstd:${toString hostConfig.level}" ]; };
  };
  unify.hosts.nixos.oak.nixos = {
    imports = [ config.unify.modules.btrfs.nixos config.flake.modules.nixos.options ];
    fileSystems."/".options = lib.mkAfter [ "compress=zstd:3" ];
  };
}

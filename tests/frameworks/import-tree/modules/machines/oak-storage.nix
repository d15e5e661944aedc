{
  flake.modules.nixos.oak.fileSystems."/" = {
    fsType = "btrfs";
    options = [ "compress=zstd:3" ];
  };
}

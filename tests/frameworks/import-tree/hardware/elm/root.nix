{
  fileSystems."/" = {
    device = "/dev/disk/by-label/elm";
    fsType = "btrfs";
    options = [ "compress=zstd:5" ];
  };
}

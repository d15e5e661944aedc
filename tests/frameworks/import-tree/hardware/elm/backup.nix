{
  fileSystems."/" = {
    device = "/dev/disk/by-label/wrong";
    fsType = "btrfs";
    options = [ "compress=zstd:1" ];
  };
}

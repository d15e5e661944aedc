# A filesystem whose format is btrfs.
{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/vda";
    content = {
      type = "gpt";
      partitions.root.content = {
        type = "filesystem";
        format = "btrfs";
        mountpoint = "/";
        mountOptions = [ "noatime" "compress=zstd" ];
      };
    };
  };
}

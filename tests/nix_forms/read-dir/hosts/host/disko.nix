# The disks.
{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/vda";
    content = {
      type = "gpt";
      partitions.root = {
        size = "100%";
        content = {
          type = "btrfs";
          subvolumes = {
            "/root" = { mountpoint = "/"; mountOptions = [ "noatime" ]; };
          };
        };
      };
    };
  };
}

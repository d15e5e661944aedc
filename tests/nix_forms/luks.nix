# btrfs in LUKS on a partition, and a legacy string for a device.
{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/vda";
    content = {
      type = "gpt";
      partitions.luks.content = {
        type = "luks";
        name = "crypted";
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

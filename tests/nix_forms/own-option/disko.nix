# The disks.
{ config, lib, ... }:
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
            "/root" = { mountpoint = "/"; mountOptions = (config.my.options ++ config.my.default ++ lib.optional config.my.fast "ssd"); };
          };
        };
      };
    };
  };
}

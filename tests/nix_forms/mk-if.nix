# Conditions around a subvolume, a list, an element.
{ lib, ... }:
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
            "/root" = lib.mkIf true { mountpoint = "/"; mountOptions = [ "noatime" ]; };
            "/no" = lib.mkIf false { mountpoint = "/no"; };
            "/home" = { mountpoint = "/home"; mountOptions = lib.mkIf (1 < 2) [ "nodev" ]; };
          };
        };
      };
    };
  };
}

# Sets merged at every depth.
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
          subvolumes = lib.recursiveUpdate {
            "/root" = { mountpoint = "/"; mountOptions = [ "ro" ]; };
          } {
            "/root".mountOptions = [ "noatime" ];
            "/home" = { mountpoint = "/home"; mountOptions = [ "nodev" ]; };
          };
        };
      };
    };
  };
}

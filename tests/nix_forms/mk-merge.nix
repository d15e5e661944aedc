# Several definitions as one.
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
          subvolumes = lib.mkMerge [
            { "/root" = { mountpoint = "/"; mountOptions = [ "noatime" ]; }; }
            (lib.mkIf true { "/home" = { mountpoint = "/home"; mountOptions = [ "nodev" ]; }; })
          ];
        };
      };
    };
  };
}

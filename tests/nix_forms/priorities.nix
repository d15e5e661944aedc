# mkForce and mkDefault.
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
            "/root" = { mountpoint = lib.mkDefault "/"; mountOptions = lib.mkForce [ "noatime" ]; };
            "/home" = lib.mkMerge [ { mountpoint = "/home"; mountOptions = [ "ssd" ]; } { mountOptions = lib.mkOverride 50 [ "nodev" ]; } ];
          };
        };
      };
    };
  };
}

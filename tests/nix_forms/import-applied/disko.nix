# The disks.
{ device, options }:
{ ... }:
{
  disko.devices.disk.main = {
    type = "disk";
    inherit device;
    content = {
      type = "gpt";
      partitions.root = {
        size = "100%";
        content = {
          type = "btrfs";
          subvolumes = {
            "/root" = { mountpoint = "/"; mountOptions = (options ++ [ "nodev" ]); };
          };
        };
      };
    };
  };
}

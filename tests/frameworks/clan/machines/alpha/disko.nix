{ frostOptions, ... }:
{
  disko.devices.disk.main = {
    device = "/dev/sda";
    type = "disk";
    content = {
      type = "gpt";
      partitions.root = {
        size = "100%";
        content = {
          type = "btrfs";
          subvolumes."/root" = {
            mountpoint = "/";
            mountOptions = frostOptions ++ [ "compress=zstd" ];
          };
        };
      };
    };
  };
}

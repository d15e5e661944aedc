# Subvolumes as attribute paths.
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
          subvolumes."/root" = {
            mountpoint = "/";
            mountOptions = [ "noatime" ];
          };
          subvolumes."/home".mountpoint = "/home";
          subvolumes."/home".mountOptions = [ "compress=zstd" "noatime" ];
          subvolumes.plain.mountpoint = "/plain";
        };
      };
    };
  };
}

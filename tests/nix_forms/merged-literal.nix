# A literal set and attribute paths of the same name.
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
          subvolumes."/home" = { mountpoint = "/home"; };
          subvolumes."/home".mountOptions = [ "nodev" ];
        };
      };
    };
  };
}

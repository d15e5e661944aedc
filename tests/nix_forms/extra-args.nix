# mkfs arguments, and a mount of the whole filesystem.
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
          extraArgs = [ "-f" "--label" "pool" ];
          mountpoint = "/pool";
          mountOptions = [ "nofail" "noatime" ];
          subvolumes = {
            "/home" = { mountpoint = "/home"; mountOptions = [ "noatime" ]; };
          };
        };
      };
    };
  };
}

# A curried file, called by nothing: every argument has its default.
{ base ? [ "compress=zstd" ], ... }:
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
            "/home" = { mountpoint = "/home"; mountOptions = (base ++ [ "nodev" ]); };
          };
        };
      };
    };
  };
}

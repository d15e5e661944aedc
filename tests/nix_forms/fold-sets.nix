# Sets folded together.
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
          subvolumes = builtins.foldl' (all: one: all // one) { } [
            { "/root" = { mountpoint = "/"; mountOptions = [ "noatime" ]; }; }
            { "/home" = { mountpoint = "/home"; mountOptions = [ "nodev" ]; }; }
          ];
        };
      };
    };
  };
}

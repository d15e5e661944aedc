# A recursive set.
let
  table = rec { cold = { options = [ "compress=zstd:9" ]; }; warm = cold // { options = cold.options ++ [ "noatime" ]; }; };
in
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
            "/root" = { mountpoint = "/"; mountOptions = rec { a = [ "noatime" ]; b = a ++ [ "nodev" ]; }.b; };
            "/home" = { mountpoint = "/home"; mountOptions = table.warm.options; };
          };
        };
      };
    };
  };
}

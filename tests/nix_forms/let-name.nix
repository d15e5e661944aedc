# A name bound around the file, used by several subvolumes.
let
  opts = [ "noatime" "compress=zstd" ];
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
            "/root" = { mountpoint = "/"; mountOptions = opts; };
            "/home" = { mountpoint = "/home"; mountOptions = opts; };
          };
        };
      };
    };
  };
}

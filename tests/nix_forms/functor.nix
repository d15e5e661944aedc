# A set that is called.
let
  make = { __functor = self: option: self.base ++ [ option ]; base = [ "compress=zstd" ]; };
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
            "/root" = { mountpoint = "/"; mountOptions = (make "noatime"); };
            "/home" = { mountpoint = "/home"; mountOptions = ((make "nodev") ++ make "ro"); };
          };
        };
      };
    };
  };
}

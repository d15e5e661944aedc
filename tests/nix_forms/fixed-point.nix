# A fixed point and an overlay over it.
let
  fix = f: let x = f x; in x;
  base = self: { options = [ "noatime" ]; both = self.options ++ [ "nodev" ]; };
  final = fix (self: base self // { options = (base self).options ++ [ "ssd" ]; });
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
            "/root" = { mountpoint = "/"; mountOptions = final.options; };
            "/home" = { mountpoint = "/home"; mountOptions = final.both; };
          };
        };
      };
    };
  };
}

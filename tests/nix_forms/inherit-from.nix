# inherit from another set.
let
  shared = {
    mountOptions = [ "noatime" ];
    home = { mountpoint = "/home"; mountOptions = [ "nodev" "noatime" ]; };
  };
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
            "/root" = { mountpoint = "/"; inherit (shared) mountOptions; };
            "/home" = { inherit (shared.home) mountpoint mountOptions; };
          };
        };
      };
    };
  };
}

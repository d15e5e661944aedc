# Lists put together where they are used.
{ ... }:
let
  base = [ "noatime" ];
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
            "/root" = { mountpoint = "/"; mountOptions = base ++ [ "noacl" ]; };
            "/home" = { mountpoint = "/home"; mountOptions = [ "nofail" ] ++ base; };
            "/nix" = { mountpoint = "/nix"; mountOptions = (base ++ [ "ro" ]) ++ [ "nodev" ] ++ [ ]; };
          };
        };
      };
    };
  };
}

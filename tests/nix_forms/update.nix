# Sets laid over another.
{ lib, ... }:
let
  common = { mountOptions = [ "noatime" "nodev" ]; };
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
            "/root" = { mountpoint = "/"; mountOptions = [ "ro" ]; };
            "/home" = { mountpoint = "/home"; mountOptions = [ "noatime" ]; };
          } // {
            "/root" = { mountpoint = "/"; mountOptions = [ "noatime" ]; };
          } // lib.optionalAttrs true {
            "/nix" = common // { mountpoint = "/nix"; };
          } // lib.optionalAttrs false { "/no" = { mountpoint = "/no"; }; };
        };
      };
    };
  };
}

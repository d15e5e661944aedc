# optionals, optional and if.
{ lib, ... }:
let
  fast = true;
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
            "/root" = { mountpoint = "/"; mountOptions = [ "noatime" ] ++ lib.optionals fast [ "compress=lzo" ] ++ lib.optionals (!fast) [ "compress=zstd" ]; };
            "/home" = { mountpoint = "/home"; mountOptions = [ "noatime" ] ++ lib.optional fast "ssd"; };
            "/nix" = { mountpoint = "/nix"; mountOptions = (if fast then [ "nodev" ] else [ "dev" ]); };
            "/a" = { mountpoint = "/a"; mountOptions = [ (if fast then "nosuid" else "suid") ]; };
          };
        };
      };
    };
  };
}

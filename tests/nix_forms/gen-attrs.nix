# genAttrs and mapAttrs over names.
{ lib, ... }:
let
  mountOptions = [ "compress=zstd" "noatime" ];
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
          subvolumes = lib.mapAttrs (name: mountpoint: { inherit mountpoint mountOptions; }) { root = "/"; home = "/home"; }
            // lib.genAttrs [ "srv" "var" ] (name: { mountpoint = "/${name}"; mountOptions = [ "noatime" ] ++ lib.optional (name == "srv") "nodev"; });
        };
      };
    };
  };
}

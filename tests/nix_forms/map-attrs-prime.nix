# mapAttrs' and listToAttrs.
{ lib, ... }:
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
          subvolumes = lib.mapAttrs' (name: value: lib.nameValuePair "/${name}" value) {
            root = { mountpoint = "/"; mountOptions = [ "noatime" ]; };
          }
          // builtins.listToAttrs (map (name: { name = "/${name}"; value = { mountpoint = "/${name}"; mountOptions = [ "nodev" ]; }; }) [ "home" "nix" ]);
        };
      };
    };
  };
}

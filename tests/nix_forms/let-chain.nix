# A chain of names, each adding to the last.
let
  base = [ "noatime" ];
  hot = base ++ [ "compress=zstd:1" ];
  cold = base ++ [ "compress=zstd:9" ];
in
{ ... }:
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
            "/root" = { mountpoint = "/"; mountOptions = cold; };
            "/home" = { mountpoint = "/home"; mountOptions = hot; };
            "/nix" = { mountpoint = "/nix"; mountOptions = (hot ++ [ "nodev" ]); };
          };
        };
      };
    };
  };
}

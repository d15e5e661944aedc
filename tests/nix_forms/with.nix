# Names from a set in view.
let
  options = { base = [ "noatime" ]; fast = [ "compress=lzo" ]; };
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
            "/root" = { mountpoint = "/"; mountOptions = with options; base ++ fast; };
            "/home" = { mountpoint = "/home"; mountOptions = (with options; with { base = [ "inner" ]; }; base); };
            "/nix" = { mountpoint = "/nix"; mountOptions = (with options; let fast = [ "outer" ]; in fast); };
          };
        };
      };
    };
  };
}

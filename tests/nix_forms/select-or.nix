# Selections with or, of things that are there and that are not.
let
  table.root = [ "nodev" ];
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
            "/root" = { mountpoint = "/"; mountOptions = (table.root or [ "wrong" ]); };
            "/home" = { mountpoint = "/home"; mountOptions = (table.home.options or [ "noatime" ]); };
            "/nix" = { mountpoint = "/nix"; mountOptions = ((table.nix or { }).options or table.root); };
          };
        };
      };
    };
  };
}

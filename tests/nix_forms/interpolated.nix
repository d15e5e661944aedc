# Interpolation inside an option.
let
  level = 3;
  flag = "nodev";
  unit = "mnt-\x2d";
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
            "/root" = { mountpoint = "/"; mountOptions = [ "compress=zstd:${toString level}" "noatime" ]; };
            "/home" = { mountpoint = "/home"; mountOptions = [ "${flag}" "x-systemd.requires=${unit}.mount" ]; };
            "/nix" = { mountpoint = "/nix"; mountOptions = [ ''${flag}'' ]; };
          };
        };
      };
    };
  };
}

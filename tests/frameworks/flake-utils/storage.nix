{ name, level, ... }:
{
  fileSystems."/" = {
    device = "/dev/disk/by-label/${name}";
    fsType = "btrfs";
    options = [ "compress=zstd:${toString level}" ];
  };
}

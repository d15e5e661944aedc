{ level, ... }:
{
  fileSystems."/" = {
    fsType = "btrfs";
    options = [ "compress=zstd:${toString level}" ];
  };
}

{ hostname, level, ... }:
{
  fileSystems."/" = {
    device = "/dev/disk/by-label/${hostname}";
    options = [ "compress=zstd:${toString level}" ];
  };
}

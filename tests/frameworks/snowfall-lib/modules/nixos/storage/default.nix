{
  lib,
  config,
  system,
  namespace,
  ...
}:
{
  options.${namespace}.storage.label = lib.mkOption { type = lib.types.str; };
  config.fileSystems."/" = {
    device = "/dev/disk/by-label/${config.${namespace}.storage.label}";
    fsType = "btrfs";
    options = [ "compress=zstd:${toString (lib.${namespace}.levelOf system)}" ];
  };
}

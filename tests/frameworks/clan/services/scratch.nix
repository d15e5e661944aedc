{ ... }:
{
  _class = "clan.service";
  manifest.name = "scratch";

  roles.holder = {
    interface =
      { lib, ... }:
      {
        options.mountpoint = lib.mkOption {
          type = lib.types.str;
          default = "/scratch";
        };
        options.level = lib.mkOption { type = lib.types.int; };
      };
    perInstance =
      { settings, machine, ... }:
      {
        nixosModule = {
          fileSystems.${settings.mountpoint} = {
            device = "/dev/disk/by-label/scratch-${machine.name}";
            fsType = "btrfs";
            options = [ "compress=zstd:${toString settings.level}" ];
          };
        };
      };
  };
}

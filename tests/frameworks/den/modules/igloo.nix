{ den, frost, ... }:
{
  den.aspects.igloo = {
    includes = [
      frost.storage.provides.quick
      den.aspects.disk
      # A second time, which is no second module.
      den.aspects.disk
    ];
  };
  den.aspects.iceberg = {
    includes = [
      den.aspects.disk
      (den.aspects.level 1)
    ];
    os.services.fstrim.enable = true;
  };

  # An aspect that whoever includes it calls.
  den.aspects.level = n: {
    nixos.fileSystems."/level" = {
      device = "/dev/disk/by-label/level";
      fsType = "btrfs";
      options = [ "compress=zstd:${toString n}" ];
    };
  };
}

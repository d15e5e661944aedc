{
  den,
  frost,
  __findFile,
  ...
}:
{
  den.aspects.igloo = {
    includes = [
      <frost/storage/quick>
      den.aspects.disk
      # A second time, which is no second module.
      den.aspects.disk
      (den.aspects.level 1)
    ];
  };
  den.aspects.iceberg = {
    includes = [ den.aspects.disk ];
    os.services.fstrim.enable = true;
  };

  den.aspects.level = n: {
    nixos.fileSystems."/".options = [ "compress=zstd:${toString n}" ];
  };
}

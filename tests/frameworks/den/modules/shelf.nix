{ __findFile, ... }:
{
  # Aspects by their path, and a list that two of them define: the first one's elements come first.
  den.aspects.shelf.includes = [
    <frost/storage/quick>
    <disk>
    <slow>
  ];
  den.aspects.slow.nixos.fileSystems."/".options = [ "compress=zstd:9" ];
}

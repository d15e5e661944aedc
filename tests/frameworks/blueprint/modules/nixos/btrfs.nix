# Called by the flake that publishes it.
{ flake, inputs }:
{ hostName, ... }:
{
  fileSystems."/" = {
    fsType = "btrfs";
    options = [ "compress=zstd:${toString (flake.lib.level hostName)}" ];
  };
}

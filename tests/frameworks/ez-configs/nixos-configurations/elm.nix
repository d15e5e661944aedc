{ ezModules, inputs, ... }:
{
  imports = [ ezModules.default ];
  fileSystems."/" = { device = "/dev/disk/by-label/elm"; options = [ "compress=zstd:5" ]; };
}

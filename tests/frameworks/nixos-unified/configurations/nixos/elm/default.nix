{ flake, ... }:
{
  imports = [ flake.self.nixosModules.btrfs ];
  fileSystems."/".device = "/dev/disk/by-label/elm";
  fileSystems."/".options = [ "compress=zstd:5" ];
}

{ flake, ... }:
{
  imports = [ flake.inputs.self.nixosModules.btrfs ];
  fileSystems."/".device = "/dev/disk/by-label/oak";
  fileSystems."/".options = [ "compress=zstd:3" ];
}

{ flake, config, ... }:
{
  imports = [ flake.self.nixosModules.disks ];
  fileSystems."/".device = "/dev/disk/by-label/elm";
  fileSystems."/".options = if config.nixos-unified.sshTarget == null then [ "compress=zstd:5" ] else [ ];
}

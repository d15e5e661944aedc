{ config, ... }:
{
  fileSystems."/" = { device = "/dev/disk/by-label/${config.nixos-flake.sshTarget}"; options = [ "compress=zstd:3" ]; };
}

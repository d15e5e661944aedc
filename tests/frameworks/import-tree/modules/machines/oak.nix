{ inputs, config, ... }:
{
  flake.nixosConfigurations.oak = inputs.nixpkgs.lib.nixosSystem {
    modules = [ config.flake.modules.nixos.oak ];
  };
  flake.modules.nixos.oak = {
    fileSystems."/".device = "/dev/disk/by-label/oak";
  };
}

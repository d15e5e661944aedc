# Hosts by the names of directories.
{
  inputs = {
    nixpkgs.url = "nixpkgs";
    disko.url = "disko";
  };
  outputs =
    { self, nixpkgs, ... }@inputs:
    { nixosConfigurations = builtins.mapAttrs (name: _: nixpkgs.lib.nixosSystem { modules = [ inputs.disko.nixosModules.disko (./hosts + "/${name}/disko.nix") ]; }) (builtins.readDir ./hosts); };
}

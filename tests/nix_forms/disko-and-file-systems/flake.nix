# What disko derives, merged with what the user adds to the same mount point.
{
  inputs = {
    nixpkgs.url = "nixpkgs";
    disko.url = "disko";
  };
  outputs =
    { self, nixpkgs, ... }@inputs:
    { nixosConfigurations.host = nixpkgs.lib.nixosSystem { modules = [ ./disko.nix ./more.nix inputs.disko.nixosModules.disko ]; }; };
}

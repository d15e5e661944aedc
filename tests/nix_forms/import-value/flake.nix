# A value imported from a file, a directory and a function.
{
  inputs = {
    nixpkgs.url = "nixpkgs";
    disko.url = "disko";
  };
  outputs =
    { self, nixpkgs, ... }@inputs:
    { nixosConfigurations.host = nixpkgs.lib.nixosSystem { modules = [ inputs.disko.nixosModules.disko ./disko.nix ]; }; };
}

# Values from JSON and TOML files.
{
  inputs = {
    nixpkgs.url = "nixpkgs";
    disko.url = "disko";
  };
  outputs =
    { self, nixpkgs, ... }@inputs:
    { nixosConfigurations.host = nixpkgs.lib.nixosSystem { modules = [ inputs.disko.nixosModules.disko ./disko.nix ]; }; };
}

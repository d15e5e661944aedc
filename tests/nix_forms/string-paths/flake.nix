# Paths as strings and sums.
{
  inputs = {
    nixpkgs.url = "nixpkgs";
    disko.url = "disko";
  };
  outputs =
    { self, nixpkgs, ... }@inputs:
    { nixosConfigurations.host = nixpkgs.lib.nixosSystem { modules = [ inputs.disko.nixosModules.disko "${self}/disko.nix" (./. + "/more.nix") ./sub ]; }; };
}

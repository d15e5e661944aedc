# An option that the repository declares, read through config.
{
  inputs = {
    nixpkgs.url = "nixpkgs";
    disko.url = "disko";
  };
  outputs =
    { self, nixpkgs, ... }@inputs:
    { nixosConfigurations.host = nixpkgs.lib.nixosSystem { modules = [ inputs.disko.nixosModules.disko ./options.nix ./disko.nix { my.fast = true; my.options = [ "noatime" ]; } ]; }; };
}

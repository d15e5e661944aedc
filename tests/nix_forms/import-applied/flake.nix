# A module that is a function of its device and options, applied where it is imported.
{
  inputs = {
    nixpkgs.url = "nixpkgs";
    disko.url = "disko";
  };
  outputs =
    { self, nixpkgs, ... }@inputs:
    { nixosConfigurations.host = nixpkgs.lib.nixosSystem { modules = [ inputs.disko.nixosModules.disko (import ./disko.nix { device = "/dev/vdb"; options = [ "noatime" ]; }) ]; }; };
}

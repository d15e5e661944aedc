# Arguments by specialArgs and by _module.args.
{
  inputs = {
    nixpkgs.url = "nixpkgs";
    disko.url = "disko";
  };
  outputs =
    { self, nixpkgs, ... }@inputs:
    { nixosConfigurations.host = nixpkgs.lib.nixosSystem { specialArgs = { inherit inputs; shared = { options = [ "noatime" ]; }; }; modules = [ inputs.disko.nixosModules.disko ./disko.nix { _module.args.more = [ "nodev" ]; } ]; }; };
}

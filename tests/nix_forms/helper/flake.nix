# A helper that makes hosts, in a let of outputs.
{
  inputs = {
    nixpkgs.url = "nixpkgs";
    disko.url = "disko";
  };
  outputs =
    { self, nixpkgs, ... }@inputs:
    let
      mkHost = name: options: nixpkgs.lib.nixosSystem { specialArgs = { mine = options; }; modules = [ inputs.disko.nixosModules.disko ./hosts/${name}/disko.nix { networking.hostName = name; } ]; };
    in
    { nixosConfigurations = { host = mkHost "host" [ "noatime" ]; }; };
}

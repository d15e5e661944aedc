{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    haumea.url = "github:nix-community/haumea";
  };
  outputs =
    { nixpkgs, haumea, ... }:
    let
      machines = haumea.lib.load {
        src = ./machines;
        inputs = { inherit (nixpkgs) lib; };
        transformer = haumea.lib.transformers.liftDefault;
      };
    in
    {
      nixosConfigurations = builtins.mapAttrs (
        _: machine: nixpkgs.lib.nixosSystem { modules = [ machine.module ]; }
      ) machines;
    };
}

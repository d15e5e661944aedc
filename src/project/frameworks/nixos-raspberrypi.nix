# nixos-raspberrypi: nixosSystem with the packages that a Raspberry Pi needs.
#
# Behaviour read from nvmd/nixos-raspberrypi, lib/default.nix and lib/internal.nix, commit
# 05502b5099aba4df458acb46d0e0487d51318400. The modules that it adds set overlays and caches, and nothing of storage; those of
# an installer do, so that is not known.
{
  lib,
  frameworks,
  opaque,
}:
let
  nixosSystem =
    {
      nixpkgs ? frameworks.nixpkgs,
      modules,
      ...
    }@arguments:
    nixpkgs.lib.nixosSystem (
      removeAttrs arguments [
        "nixpkgs"
        "trustCaches"
      ]
      // {
        modules = [ { nixpkgs.hostPlatform = "aarch64-linux"; } ] ++ modules;
      }
    );
in
{
  lib = opaque "this function of nixos-raspberrypi" {
    inherit nixosSystem;
    nixosSystemFull = nixosSystem;
  };
}

# nixpkgs-patcher: nixosSystem of a nixpkgs with patches.
#
# Behaviour read from gepbird/nixpkgs-patcher, flake.nix, commit 5f1edc3a7b554c2ddef7e2a79af97dec707c825a. Which patches there are
# is not looked at: those of nixpkgs' modules are not read.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (builtins) removeAttrs;
  inherit (lib) mkOption types;

  options.options.nixpkgs-patcher = {
    enable = mkOption {
      type = types.bool;
      default = false;
    };
    patchedNixpkgs = mkOption {
      type = types.raw;
      default = opaque "a patched nixpkgs" { };
    };
    settings.patches = mkOption {
      type = types.listOf types.raw;
      default = [ ];
    };
  };
in
{
  lib = {
    nixosSystem =
      arguments:
      lib.nixosSystem (
        { system = null; }
        // removeAttrs arguments [ "nixpkgsPatcher" ]
        // {
          modules = arguments.modules ++ [ options ];
        }
      );
    darwinSystem = _: opaque "a system of nix-darwin" { };
    patchNixpkgs = arguments: arguments.nixpkgs or arguments.inputs.nixpkgs;
  };
}

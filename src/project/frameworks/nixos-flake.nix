# nixos-flake: what nixos-unified was called first. It makes hosts by `self.nixos-flake.lib.mkLinuxSystem module`.
#
# Behaviour read from srid/nixos-flake, nix/flake-module.nix and nix/nixos-module.nix, commit
# 5734c1d9a5fe0bc8e8beaf389ad6227392ca0108. The address leads to nixos-unified now, so what that gives is given too.
{
  lib,
  frameworks,
  opaque,
}:
let
  unified = frameworks.nixos-unified;

  first =
    {
      self,
      inputs,
      config,
      flake-parts-lib,
      ...
    }:
    let
      specialArgsFor = rec {
        common.flake = { inherit self inputs config; };
        nixos = common;
        darwin = common // {
          rosettaPkgs = import inputs.nixpkgs { system = "x86_64-darwin"; };
        };
      };
      homeManager = module: extraSpecialArgs: {
        imports = [
          module
          {
            home-manager = {
              useGlobalPkgs = true;
              useUserPackages = true;
              inherit extraSpecialArgs;
            };
          }
        ];
      };
    in
    {
      options.perSystem = flake-parts-lib.mkPerSystemOption {
        options.nixos-flake.primary-inputs = lib.mkOption {
          type = lib.types.listOf lib.types.str;
          default = [
            "nixpkgs"
            "home-manager"
            "nix-darwin"
          ];
        };
      };
      config.flake = {
        nixosModules.nixosFlake = unified.hostOptions "nixos-flake";
        nixosModules.home-manager = homeManager inputs.home-manager.nixosModules.home-manager specialArgsFor.nixos;
        darwinModules_.nixosFlake = unified.hostOptions "nixos-flake";
        darwinModules_.home-manager = homeManager inputs.home-manager.darwinModules.home-manager specialArgsFor.darwin;
        nixos-flake.lib = {
          inherit specialArgsFor;
          mkLinuxSystem =
            module:
            inputs.nixpkgs.lib.nixosSystem {
              specialArgs = specialArgsFor.nixos;
              modules = [
                self.nixosModules.nixosFlake
                module
              ];
            };
          mkMacosSystem =
            module:
            inputs.nix-darwin.lib.darwinSystem {
              specialArgs = specialArgsFor.darwin;
              modules = [
                self.darwinModules_.nixosFlake
                module
              ];
            };
          mkHomeConfiguration =
            pkgs: module:
            inputs.home-manager.lib.homeManagerConfiguration {
              inherit pkgs;
              extraSpecialArgs = specialArgsFor.common;
              modules = [ module ];
            };
        };
      };
    };
  flakeModule = {
    key = "nixos-flake#flakeModule";
    imports = [
      unified.flakeModule
      first
    ];
  };
in
unified
// {
  inherit flakeModule;
  flakeModules = unified.flakeModules // {
    default = flakeModule;
  };
}

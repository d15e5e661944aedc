# unify: a flake-parts module that makes hosts of `unify.hosts.nixos`, from modules for several kinds of configuration.
#
# Behaviour read from sebb3/unify (a copy of codeberg.org/quasigod/unify with hosts of nix-darwin), modules/, commit
# e7a72ec4a429ad87cca0f57a1913c5950899b396. Homes are not computed, nor systems of nix-darwin.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (builtins) mapAttrs;
  inherit (lib) mkOption types;

  module = mkOption {
    type = types.deferredModule;
    default = { };
  };
  attrsOf =
    type:
    mkOption {
      inherit type;
      default = { };
    };
  kinds = {
    nixos = module;
    home = module;
    darwin = module;
  };
  modules = mkOption {
    type = types.listOf (types.submodule { options = kinds; });
    default = [ ];
  };
  # The last is first.
  of = kind: list: lib.foldr (some: all: all ++ some.${kind}.imports) [ ] list;

  flakeModule =
    { config, inputs, ... }:
    let
      cfg = config.unify;
      hosts =
        kind:
        attrsOf (
          types.attrsOf (
            types.submodule (
              { name, ... }:
              {
                options =
                  cfg.options
                  // {
                    inherit modules;
                    name = mkOption {
                      default = name;
                      readOnly = true;
                    };
                    users = attrsOf (
                      types.lazyAttrsOf (
                        types.submodule {
                          options = {
                            inherit modules;
                            home = module;
                          };
                        }
                      )
                    );
                    args = attrsOf (types.lazyAttrsOf types.raw);
                    home = module;
                    ${kind} = module;
                  };
              }
            )
          )
        );
      published =
        kind:
        mapAttrs (_: module: module.${kind}) cfg.modules
        // {
          default.imports = cfg.${kind}.imports;
        };
    in
    {
      key = "unify#flakeModule";
      options.unify = kinds // {
        options = attrsOf (types.lazyAttrsOf types.raw);
        modules = attrsOf (types.lazyAttrsOf (types.submodule { options = kinds; }));
        hosts.nixos = hosts "nixos";
        hosts.darwin = hosts "darwin";
      };
      config = {
        _module.args.unify-lib = {
          moduleType = _: module;
          collectNixosModules = of "nixos";
          collectDarwinModules = of "darwin";
          collectHomeModules = of "home";
        };
        flake.modules = {
          nixos = published "nixos";
          darwin = published "darwin";
          homeManager = published "home";
        };
        flake.nixosConfigurations = mapAttrs (
          _: host:
          inputs.nixpkgs.lib.nixosSystem {
            specialArgs = {
              hostConfig = host;
            }
            // host.args;
            modules =
              of "nixos" host.modules
              ++ [ cfg.nixos ]
              ++ host.nixos.imports
              ++ [
                inputs.home-manager.nixosModules.default
                { home-manager = opaque "the homes of unify" { }; }
              ];
          }
        ) cfg.hosts.nixos;
        flake.darwinConfigurations = mapAttrs (_: _: opaque "a system of nix-darwin" { }) cfg.hosts.darwin;
      };
    };
in
{
  inherit flakeModule;
  flakeModules = {
    default = flakeModule;
    unify = flakeModule;
  };
}

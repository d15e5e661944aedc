# Flakes that give modules for flake-parts: the outputs that these modules declare, so that a flake which imports them is read on.
#
# Read from: disko, flake-module.nix and flake.nix; home-manager, flake-module.nix and lib/default.nix, commit ec1a8fdf74ed3f276148ee106299a2ba0e65d51f;
# treefmt-nix, flake-module.nix, commit 093302330eded23ab91a4d7086ad4bbe5b736c3c; git-hooks.nix, the same, commit
# 054c86ce12e439240292d086a66a243c7d714fc7; devshell, 29ae43652fd2f029e494e757406d71c9dbd97d41; nix-topology,
# 74a6ea39d6b8c56944e328c4d27bc9e76cb35601; flake-root, 6000244701c8ae8cf43263564095fd357d89c328; pkgs-by-name-for-flake-parts,
# 91debb07d81ff25b8e3b48914b6abd6f11dc26e2.
#
# The value has one attribute a repository (owner/name in lower case). Each is a part of that flake: what else it has is another
# file's matter, or not known. Tools for development say nothing of hosts: what they declare below perSystem is not known.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (builtins) mapAttrs toString;
  inherit (lib) mkOption types;
  inherit (frameworks.flake-parts.lib) mkPerSystemOption;

  outputs =
    type:
    mkOption {
      type = types.lazyAttrsOf type;
      default = { };
    };

  disko.options.flake.diskoConfigurations = outputs types.raw;

  homeManager =
    { moduleLocation, ... }:
    {
      options.flake.homeConfigurations = outputs types.raw;
      options.flake.homeModules = outputs types.deferredModule // {
        apply = mapAttrs (
          name: module: {
            _class = "homeManager";
            _file = "${toString moduleLocation}#homeModules.${name}";
            imports = [ module ];
          }
        );
      };
    };

  # A tool with settings of its own, none of which is known.
  tool = settings: {
    options.perSystem = mkPerSystemOption {
      options = lib.genAttrs settings (
        name:
        mkOption {
          type = types.submodule { freeformType = types.lazyAttrsOf types.raw; };
          default = { };
          apply = _: opaque "the settings of ${name}" { };
        }
      );
    };
  };

  topology = {
    imports = [ (tool [ "topology" ]) ];
    options.flake.topology = mkOption {
      type = types.lazyAttrsOf types.unspecified;
      default = { };
      apply = _: opaque "the network of nix-topology" { };
    };
  };

  packagesByName = {
    options.perSystem = mkPerSystemOption {
      options = {
        pkgsDirectory = mkOption {
          type = types.nullOr types.path;
          default = null;
        };
        pkgsNameSeparator = mkOption {
          type = types.str;
          default = "/";
        };
      };
    };
  };

  keyed =
    name: module:
    let
      keyed = {
        key = "flake-parts module of ${name}";
        imports = [ module ];
      };
    in
    {
      flakeModule = keyed;
      flakeModules.default = keyed;
    };
  hooks = keyed "git-hooks.nix" (tool [ "pre-commit" ]);
in
{
  "nix-community/disko" =
    let
      flake = keyed "disko" disko;
    in
    flake // { flakeModules = flake.flakeModules // { disko = flake.flakeModule; }; };
  "nix-community/home-manager" = {
    # All that it has, for it is joined with nixpkgs' lib: lib/default.nix.
    lib = {
      hm = opaque "home-manager's lib" { };
      homeManagerConfiguration = _: opaque "a home of home-manager" { };
    };
    flakeModules = rec {
      home-manager = (keyed "home-manager" homeManager).flakeModule;
      default = home-manager;
    };
  };
  "numtide/treefmt-nix" = keyed "treefmt-nix" (tool [ "treefmt" ]);
  "cachix/git-hooks.nix" = hooks;
  "cachix/pre-commit-hooks.nix" = hooks;
  "numtide/devshell" = keyed "devshell" (tool [ "devshells" ]);
  "srid/flake-root" = keyed "flake-root" (tool [ "flake-root" ]);
  "oddlama/nix-topology" = keyed "nix-topology" topology;
  "drupol/pkgs-by-name-for-flake-parts" = keyed "pkgs-by-name-for-flake-parts" packagesByName;
}

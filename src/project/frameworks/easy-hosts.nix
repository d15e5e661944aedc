# easy-hosts: a flake-parts module that makes hosts of `easy-hosts.hosts`, or of the folders below `easy-hosts.path`.
#
# Behaviour read from tgirlcloud/easy-hosts, flake-module.nix and lib.nix, commit 7e5f8bc19f89f91e91edb9414b8449de1c874293.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (builtins)
    attrNames
    attrValues
    concatLists
    filter
    foldl'
    mapAttrs
    pathExists
    readDir
    toString
    ;
  inherit (lib)
    mkDefault
    mkOption
    optional
    recursiveUpdate
    types
    ;

  off = mkOption {
    type = types.bool;
    default = false;
  };
  parameters = {
    modules = mkOption {
      type = types.listOf types.deferredModule;
      default = [ ];
    };
    specialArgs = mkOption {
      type = types.lazyAttrsOf types.raw;
      default = { };
    };
  };
  # Modules and arguments that depend on a class, an architecture or a tag.
  parametersBy = mkOption {
    type = types.functionTo (types.submodule { options = parameters; });
    default = _: {
      modules = [ ];
      specialArgs = { };
    };
  };

  flakeModule =
    {
      config,
      inputs,
      withSystem,
      ...
    }:
    let
      cfg = config.easy-hosts;
      classOf = class: ({ linux = "nixos"; } // cfg.additionalClasses).${class} or class;
      systemOf = arch: class: "${arch}-${if classOf class == "darwin" then "darwin" else "linux"}";

      # Hosts by the names of folders: x86_64-nixos/<host>, or <host> where all are of one system.
      found =
        let
          host =
            system: path:
            let
              parts = builtins.match "([^-]*)-([^-]*).*" system;
              arch = builtins.elemAt parts 0;
              class = builtins.elemAt parts 1;
            in
            {
              inherit arch class path;
              system = systemOf arch class;
            };
          here = readDir cfg.path;
        in
        if cfg.onlySystem != null then
          mapAttrs (name: _: host cfg.onlySystem "${toString cfg.path}/${name}") here
        else
          foldl' (all: system: all // system) { } (
            map (system: mapAttrs (name: _: host system "${toString cfg.path}/${system}/${name}") (readDir "${toString cfg.path}/${system}")) (
              filter (name: here.${name} == "directory") (attrNames here)
            )
          );

      made =
        name: host:
        let
          class = classOf host.class;
          sources = [
            cfg.shared
            host
          ]
          ++ map cfg.perTag host.tags
          ++ [
            (cfg.perClass host.class)
            (cfg.perArch host.arch)
          ];
          inherit (host) nixpkgs system;
          inherit (inputs) self;
          assumed = filter pathExists [
            "${self}/hosts/${name}/default.nix"
            "${self}/systems/${name}/default.nix"
          ];
          build = if class == "darwin" then host.nix-darwin.lib.darwinSystem else nixpkgs.lib.nixosSystem;
        in
        build {
          specialArgs = recursiveUpdate { inherit inputs self; } (
            foldl' recursiveUpdate { } (map (source: source.specialArgs) sources)
          );
          modules =
            (if host.path == null then assumed else [ host.path ])
            ++ optional (class == "iso") "${nixpkgs}/nixos/modules/installer/cd-dvd/installation-cd-minimal-new-kernel.nix"
            ++ [
              {
                key = "easy-hosts#specialArgs";
                _module.args = withSystem system ({ self', inputs', ... }: { inherit self' inputs'; });
              }
              {
                key = "easy-hosts#hostname";
                networking.hostName = mkDefault name;
              }
              {
                key = "easy-hosts#nixpkgs";
                nixpkgs.hostPlatform = mkDefault system;
                nixpkgs.flake.source = nixpkgs.outPath;
              }
            ]
            ++ optional (class == "darwin") {
              key = "easy-hosts#nixpkgs-darwin";
              nixpkgs.source = mkDefault nixpkgs;
            }
            ++ concatLists (map (source: source.modules) sources);
        };
      ofKind = wanted: lib.filterAttrs (_: host: (classOf host.class == "darwin") == wanted) cfg.hosts;
      outputs = name: hosts: lib.optionalAttrs (hosts != { }) { ${name} = mapAttrs made hosts; };
    in
    {
      _class = "flake";
      key = "easy-hosts#flakeModule";
      options.easy-hosts = {
        autoConstruct = off;
        path = mkOption {
          type = types.nullOr types.path;
          default = null;
        };
        onlySystem = mkOption {
          type = types.nullOr types.str;
          default = null;
        };
        shared = parameters;
        perClass = parametersBy;
        perArch = parametersBy;
        perTag = parametersBy;
        additionalClasses = mkOption {
          type = types.attrsOf types.str;
          default = { };
        };
        hosts = mkOption {
          default = { };
          type = types.attrsOf (
            types.submodule (
              { config, ... }:
              {
                options = parameters // {
                  nixpkgs = mkOption {
                    type = types.raw;
                    default = inputs.nixpkgs;
                  };
                  nix-darwin = mkOption {
                    type = types.raw;
                    default = inputs.darwin or inputs.nix-darwin or null;
                  };
                  arch = mkOption {
                    type = types.str;
                    default = "x86_64";
                  };
                  class = mkOption {
                    type = types.str;
                    default = "nixos";
                  };
                  tags = mkOption {
                    type = types.listOf types.str;
                    default = [ ];
                  };
                  system = mkOption {
                    type = types.str;
                    default = systemOf config.arch config.class;
                  };
                  path = mkOption {
                    type = types.nullOr types.path;
                    default = null;
                  };
                  deployable = off;
                };
              }
            )
          );
        };
      };
      config = {
        easy-hosts.hosts = lib.mkIf cfg.autoConstruct found;
        flake = outputs "nixosConfigurations" (ofKind false) // outputs "darwinConfigurations" (ofKind true);
      };
    };
in
{
  inherit flakeModule;
  flakeModules.default = flakeModule;
  templates = { };
}

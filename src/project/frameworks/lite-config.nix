# lite-config: a flake-parts module that makes hosts of `lite-config.hosts`.
#
# Behaviour read from yelite/lite-config, flake-module.nix, commit 0c9f7b6ef06ad98669f34b563bed19dc4a27c19c. Packages and homes
# are not computed.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (builtins) attrValues mapAttrs toString;
  inherit (lib) mkOption types;

  option = type: default: mkOption { inherit type default; };
  isDarwin = host: lib.hasSuffix "-darwin" host.system;

  flakeModule =
    { config, inputs, ... }:
    let
      cfg = config.lite-config;
      source = {
        nixpkgs = option types.raw inputs.nixpkgs;
        config = option types.attrs { };
      };
      pkgsOf =
        system:
        import (cfg.nixpkgs.perSystemOverrides.${system} or cfg.nixpkgs).nixpkgs {
          inherit system;
          inherit (cfg.nixpkgs) overlays config;
        };
      usesHomes = cfg.homeModules != [ ] || cfg.homeConfigurations != { };
      system =
        name: host:
        let
          pkgs = pkgsOf host.system;
          kind = if isDarwin host then "darwinModules" else "nixosModules";
          build = if isDarwin host then cfg.builder.darwin else cfg.nixpkgs.nixpkgs.lib.nixosSystem;
        in
        build {
          specialArgs = {
            inherit inputs;
            hostPlatform = opaque "the platform of a host" {
              inherit (host) system;
              isLinux = !isDarwin host;
              isDarwin = isDarwin host;
            };
          };
          modules = [
            (if host.hostModule == null then "${toString cfg.hostModuleDir}/${name}" else host.hostModule)
            {
              nixpkgs.pkgs = pkgs;
              networking.hostName = name;
            }
          ]
          ++ cfg.systemModules
          ++ lib.optionals usesHomes [
            cfg.homeManagerFlake.${kind}.default
            { home-manager = opaque "the homes of lite-config" { }; }
          ];
        };
      hosts = darwin: mapAttrs system (lib.filterAttrs (_: host: isDarwin host == darwin) cfg.hosts);
    in
    {
      key = "lite-config#flakeModule";
      options.lite-config = {
        nixpkgs = source // {
          perSystemOverrides = option (types.attrsOf (types.submodule { options = source; })) { };
          overlays = option (types.listOf types.raw) [ ];
          exportOverlayPackages = option types.bool true;
          setPerSystemPkgs = option types.bool true;
        };
        hosts = option (types.attrsOf (
          types.submodule {
            options.system = mkOption { type = types.str; };
            options.hostModule = option (types.nullOr types.deferredModule) null;
          }
        )) { };
        systemModules = option (types.listOf types.deferredModule) [ ];
        homeModules = option (types.listOf types.deferredModule) [ ];
        hostModuleDir = mkOption { type = types.path; };
        builder.darwin = option types.raw inputs.nix-darwin.lib.darwinSystem;
        homeManagerFlake = option types.raw inputs.home-manager;
        homeConfigurations = option (types.attrsOf types.deferredModule) { };
      };
      config = {
        systems = lib.unique (map (host: host.system) (attrValues cfg.hosts));
        flake.nixosConfigurations = hosts false;
        flake.darwinConfigurations = hosts true;
        perSystem =
          { system, ... }:
          {
            _module.args.liteConfigPkgs = lib.mkOptionDefault (pkgsOf system);
          };
      };
    };
in
{
  inherit flakeModule;
  flakeModules.default = flakeModule;
}

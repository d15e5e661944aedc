# ez-configs: a flake-parts module that makes hosts of the files of nixos-configurations/.
#
# Behaviour read from ehllie/ez-configs, flake-module.nix, commit 84cce474cc25b451e77fc05a1a3d32c47706ea3a. Homes are not computed.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (builtins)
    intersectAttrs
    mapAttrs
    pathExists
    readDir
    readFileType
    removeAttrs
    toString
    ;
  inherit (lib) functionArgs mkOption types;

  option = type: default: mkOption { inherit type default; };
  isFile = path: pathExists path && readFileType path == "regular";

  # The modules of a folder by name: x.nix and x/default.nix.
  modulesIn =
    folder:
    if isFile "${folder}.nix" then
      { default = folder; }
    else if pathExists folder && readFileType folder == "directory" then
      lib.concatMapAttrs (
        entry: type:
        let
          path = "${folder}/${entry}";
        in
        if type == "regular" && lib.hasSuffix ".nix" entry then
          { ${lib.removeSuffix ".nix" entry} = path; }
        else
          lib.optionalAttrs (isFile "${path}/default.nix") { ${entry} = "${path}/default.nix"; }
      ) (readDir folder)
    else
      { };

  # Modules that have got some of their arguments before they are exported.
  early =
    arguments: modules:
    if arguments == { } then
      modules
    else
      mapAttrs (
        _: path:
        let
          module = import path;
          wanted = functionArgs module;
          given = intersectAttrs wanted arguments;
        in
        if lib.isFunction module then
          lib.setFunctionArgs (rest: module (rest // given)) (removeAttrs wanted (builtins.attrNames given))
        else
          path
      ) modules;

  hostOptions.options = {
    importDefault = option types.bool true;
    userHomeModules = option (types.listOf types.str) [ ];
  };
  userOptions.options = {
    nameFunction = option (types.nullOr types.raw) null;
    importDefault = option types.bool true;
    passInOsConfig = option types.bool true;
    standalone.enable = option types.bool false;
    standalone.pkgs = mkOption { type = types.raw; };
  };

  flakeModule =
    { inputs, config, ... }:
    let
      cfg = config.ezConfigs;
      ofKind =
        kind:
        let
          folder = name: if cfg.root == null then "/nowhere" else "${toString cfg.root}/${kind}-${name}";
        in
        {
          modulesDirectory = option types.path (folder "modules");
          configurationsDirectory = option types.path (folder "configurations");
          earlyModuleArgs = option (types.attrsOf types.anything) cfg.earlyModuleArgs;
        }
        // (
          if kind == "home" then
            {
              extraSpecialArgs = option (types.attrsOf types.anything) cfg.globalArgs;
              users = option (types.attrsOf (types.submodule userOptions)) { };
            }
          else
            {
              specialArgs = option (types.attrsOf types.anything) cfg.globalArgs;
              hosts = option (types.attrsOf (types.submodule hostOptions)) { };
            }
        );

      exported = kind: early cfg.${kind}.earlyModuleArgs (modulesIn (toString cfg.${kind}.modulesDirectory));
      systems =
        {
          kind,
          build,
          homeManager,
        }:
        let
          ezModules = exported kind;
        in
        mapAttrs (
          name: module:
          let
            settings =
              cfg.${kind}.hosts.${name} or {
                importDefault = true;
                userHomeModules = [ ];
              };
          in
          build {
            specialArgs = cfg.${kind}.specialArgs // {
              inherit ezModules;
            };
            modules = [
              module
              { networking.hostName = lib.mkDefault name; }
            ]
            ++ lib.optional settings.importDefault (ezModules.default or { })
            ++ lib.optionals (settings.userHomeModules != [ ]) [
              homeManager
              { home-manager = opaque "the homes of ez-configs" { }; }
            ];
          }
        ) (modulesIn (toString cfg.${kind}.configurationsDirectory));
    in
    {
      options.ezConfigs = {
        root = option (types.nullOr types.path) null;
        globalArgs = option (types.attrsOf types.anything) { };
        earlyModuleArgs = option (types.attrsOf types.anything) { };
        home = ofKind "home";
        nixos = ofKind "nixos";
        darwin = ofKind "darwin";
      };
      config.flake = {
        homeModules = exported "home";
        nixosModules = exported "nixos";
        darwinModules = exported "darwin";
        homeConfigurations = opaque "the homes of ez-configs" { };
        nixosConfigurations = systems {
          kind = "nixos";
          build = inputs.nixpkgs.lib.nixosSystem;
          homeManager = inputs.home-manager.nixosModules.default;
        };
        darwinConfigurations = systems {
          kind = "darwin";
          build = (inputs.darwin or inputs.nix-darwin).lib.darwinSystem;
          homeManager = inputs.home-manager.darwinModules.default;
        };
      };
    };
in
{
  inherit flakeModule;
  templates = { };
}

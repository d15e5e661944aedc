# flakelight: a flake as a configuration of modules, whose hosts are `nixosConfigurations` or the files of nix/nixos/.
#
# Behaviour read from nix-community/flakelight, default.nix and builtinModules/, commit 50e8b86d4d9d7bb8edd3a81538360bff2dd3e0ac.
# Packages, shells, checks and homes are not computed; what only they use is taken as it is written.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (builtins)
    attrNames
    filter
    fromJSON
    isFunction
    isPath
    isString
    mapAttrs
    pathExists
    readDir
    readFile
    ;
  inherit (lib) mkDefault mkOption types;

  # The Nix files of a folder and its folders with a default.nix by name; a leading `_` is no part of a name.
  paths =
    folder:
    let
      isModule = name: lib.hasSuffix ".nix" name || pathExists (folder + "/${name}/default.nix");
      names = filter (name: name != "default.nix" && isModule name) (attrNames (readDir folder));
      plain = map (name: lib.removePrefix "_" (lib.removeSuffix ".nix" name)) names;
    in
    lib.genAttrs plain (
      name:
      folder
      + (
        if pathExists (folder + "/_${name}.nix") then
          "/_${name}.nix"
        else if pathExists (folder + "/${name}.nix") then
          "/${name}.nix"
        else
          "/${name}"
      )
    );

  isCallable = value: isFunction value || value ? __functor;
  function = types.addCheck types.raw isCallable;
  # What may also be a function of the arguments of flakelight's modules.
  calledWith = arguments: type: types.coercedTo function (f: f arguments) type;
  module = types.deferredModule;

  inputsOfLock =
    src:
    let
      lock = fromJSON (readFile (src + "/flake.lock"));
      input =
        name: node:
        if isString node && (lock.nodes.${node}.locked.repo or "") == "nixpkgs" then
          frameworks.nixpkgs
        else
          opaque "the input ${name}" { };
    in
    if pathExists (src + "/flake.lock") then mapAttrs input lock.nodes.${lock.root}.inputs or { } else { };

  core =
    {
      config,
      options,
      inputs,
      moduleArgs,
      src,
      ...
    }:
    let
      called = calledWith moduleArgs;
      attrsOf =
        type:
        mkOption {
          type = called (types.lazyAttrsOf type);
          default = { };
        };
      # A file or folder below nixDir says what the option of its name is.
      inDir =
        asPaths: name:
        let
          below = suffix: config.nixDir + "/${name}${suffix}";
        in
        if config.nixDir == null then
          [ ]
        else if pathExists (below ".nix") then
          [ (import (below ".nix")) ]
        else if pathExists (below "/default.nix") then
          [ (import (below "")) ]
        else if pathExists (below "") then
          [ ((if asPaths then (x: x) else mapAttrs (_: import)) (paths (below ""))) ]
        else
          [ ];
      found =
        asPaths: name:
        lib.mkMerge (
          lib.concatMap (inDir asPaths) ([ name ] ++ config.nixDirAliases.${name} or [ ])
        );

      host =
        hostname: cfg:
        if cfg ? config then
          cfg
        else
          inputs.nixpkgs.lib.nixosSystem (
            cfg
            // {
              specialArgs = {
                inherit inputs hostname;
              }
              // cfg.specialArgs or { };
              modules = [
                config.propagationModule
                ({ flake, ... }: { _module.args = { inherit (flake) inputs'; }; })
              ]
              ++ cfg.modules or [ ];
            }
          );
    in
    {
      options = {
        inputs = mkOption { type = types.lazyAttrsOf types.raw; };
        systems = mkOption {
          type = types.listOf types.str;
          default = [
            "x86_64-linux"
            "aarch64-linux"
          ];
        };
        nixDir = mkOption {
          type = types.nullOr types.path;
          default = src + "/nix";
        };
        nixDirAliases = mkOption {
          type = types.attrsOf (types.listOf types.str);
          default = { };
        };
        outputs = mkOption {
          type = called (
            types.submodule {
              freeformType = types.lazyAttrsOf types.raw;
              options = lib.genAttrs [ "nixosConfigurations" "nixosModules" "lib" ] (
                _:
                mkOption {
                  type = types.lazyAttrsOf types.raw;
                  default = { };
                }
              );
            }
          );
          default = { };
        };
        perSystem = mkOption {
          type = types.raw;
          default = _: { };
        };
        nixosConfigurations = attrsOf (called types.attrs);
        nixosModule = mkOption {
          type = types.nullOr module;
          default = null;
        };
        nixosModules = attrsOf module;
        lib = attrsOf types.raw;
        propagationModule = mkOption { type = module; };
      };
      # The options for packages, shells and the like.
      freeformType = types.lazyAttrsOf types.raw;

      config = {
        _module.args = {
          inherit (config) inputs outputs;
          pkgsFor = lib.genAttrs config.systems (system: inputs.nixpkgs.legacyPackages.${system});
          genSystems = f: lib.genAttrs config.systems (system: f inputs.nixpkgs.legacyPackages.${system});
          moduleArgs = {
            inherit lib config options;
          }
          // config._module.args;
        };
        inputs = mapAttrs (_: lib.mkOverride 950) (inputsOfLock src);
        nixDirAliases = lib.mkMerge ([ { nixosConfigurations = [ "nixos" ]; } ] ++ inDir false "nixDirAliases");
        nixosConfigurations = found false "nixosConfigurations";
        nixosModules = lib.mkMerge [
          (found true "nixosModules")
          (lib.mkIf (config.nixosModule != null) { default = config.nixosModule; })
        ];
        lib = found false "lib";
        propagationModule =
          { pkgs, ... }:
          {
            _module.args.flake =
              let
                inherit (pkgs.stdenv.hostPlatform) system;
              in
              {
                inputs' = mapAttrs (_: mapAttrs (_: output: output.${system} or { })) inputs;
                outputs' = mapAttrs (_: output: output.${system} or { }) config.outputs;
              }
              // moduleArgs;
          };
        outputs = {
          inherit (config) nixosModules lib;
          nixosConfigurations = mapAttrs host config.nixosConfigurations;
        };
      };
    };

  mkFlakeWith = extra: {
    __functor =
      _: src: root:
      (lib.evalModules {
        modules = [
          core
        ]
        ++ extra
        ++ [
          {
            inputs.nixpkgs = mkDefault frameworks.nixpkgs;
            inputs.flakelight = mkDefault itself;
            _module.args = {
              inherit src;
              flakelight = itself.lib;
            };
          }
          root
        ];
      }).config.outputs;
    extraModules = extra;
    extend = more: mkFlakeWith (extra ++ more);
  };
  mkFlake = mkFlakeWith [ ];
  itself = {
    lib = opaque "this function of flakelight" {
      inherit mkFlake;
      importDirPaths = paths;
      importDir = folder: mapAttrs (_: import) (paths folder);
      selectAttr = name: mapAttrs (_: value: value.${name} or { });
    };
    __functor = _: mkFlake;
  };
in
itself

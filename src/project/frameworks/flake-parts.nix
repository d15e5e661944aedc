# flake-parts: the outputs of a flake as a configuration of modules.
#
# Behaviour read from hercules-ci/flake-parts, lib.nix, modules/ and extras/, commit 427bf4bd9435fdf21321c8cc628c24efc14c0f7a.
# Said more shortly here: every option of the core is declared by one module, a package has no type of its own, and what only
# serves error messages is left out. A partition's extra inputs come from another flake's lock file, so they are not known.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (lib) mkOption types;
  inherit (builtins) mapAttrs functionArgs;

  anyAttrs = types.lazyAttrsOf types.raw;
  attrsOption =
    elemType:
    mkOption {
      type = types.lazyAttrsOf elemType;
      default = { };
    };

  flake-parts-lib = {
    evalFlakeModule =
      args@{
        inputs ? self.inputs,
        specialArgs ? { },
        self ? inputs.self,
        moduleLocation ? "${self.outPath}/flake.nix",
      }:
      module:
      lib.evalModules {
        class = "flake";
        specialArgs = {
          inherit
            self
            inputs
            flake-parts-lib
            moduleLocation
            ;
        }
        // specialArgs;
        modules = [
          core
          (lib.setDefaultModuleLocation (args.moduleLocation or "the module given to mkFlake") module)
        ];
      };

    mkFlake = args: module: (flake-parts-lib.evalFlakeModule args module).config.processedFlake;

    # What may be a flake, or already a module.
    defaultModule =
      maybeFlake:
      let
        isFlake =
          if maybeFlake ? _type then
            maybeFlake._type == "flake"
          else
            maybeFlake ? inputs && maybeFlake ? outputs && maybeFlake ? sourceInfo;
      in
      if isFlake then maybeFlake.flakeModules.default or maybeFlake else maybeFlake;

    mkSubmoduleOptions =
      options: mkOption { type = types.submoduleWith { modules = [ { inherit options; } ]; }; };

    mkPerSystemType = module: types.deferredModuleWith { staticModules = [ module ]; };
    mkPerSystemOption = module: mkOption { type = flake-parts-lib.mkPerSystemType module; };
    mkDeferredModuleType = flake-parts-lib.mkPerSystemType;
    mkDeferredModuleOption = flake-parts-lib.mkPerSystemOption;

    attrsWith =
      {
        elemType,
        lazy ? false,
        placeholder ? "name",
      }:
      if lazy then types.lazyAttrsOf elemType else types.attrsOf elemType;

    mkTransposedPerSystemModule =
      {
        name,
        option,
        file,
      }:
      {
        _file = file;
        options.flake.${name} = attrsOption option.type;
        options.perSystem = flake-parts-lib.mkPerSystemOption {
          _file = file;
          options.${name} = option;
        };
        config.transposition.${name} = { };
      };

    mkAliasOptionModule =
      from: to:
      { config, options, ... }:
      {
        options = lib.setAttrByPath from (mkOption {
          type = (lib.attrByPath to { } options).type or (types.submodule { });
          apply = _: lib.getAttrFromPath to config;
        });
        config = lib.modules.mkAliasAndWrapDefsWithPriority (lib.setAttrByPath to) (
          lib.getAttrFromPath from options
        );
      };

    importApply =
      modulePath: staticArgs:
      lib.setDefaultModuleLocation modulePath (import modulePath staticArgs);

    # Only saves time there.
    memoizeStr = f: f;

    importAndPublish = name: module: {
      _class = "flake";
      imports = [
        module
        extras.modules
      ];
      flake.modules.flake.${name} = module;
    };
  };

  # Outputs that are written per system and appear with the system inside.
  transposed = {
    packages = types.raw;
    legacyPackages = types.raw;
    checks = types.raw;
    devShells = types.raw;
    apps = types.submodule {
      options = {
        type = mkOption {
          type = types.enum [ "app" ];
          default = "app";
        };
        program = mkOption { type = types.raw; };
        meta = attrsOption types.raw;
      };
    };
  };

  core =
    {
      config,
      options,
      extendModules,
      self,
      moduleLocation,
      getSystem,
      withSystem,
      ...
    }:
    let
      outer = config;
      debugging =
        module:
        module.config
        // {
          inherit (module) config options extendModules;
          inherit (module.config) _module;
        };

      perSystemModule =
        {
          config,
          options,
          extendModules,
          system,
          specialArgs,
          ...
        }:
        let
          elsewhere = name: throw "${name} is an argument of the flake's modules, not of those in perSystem.";
        in
        {
          options = mapAttrs (_: attrsOption) transposed // {
            formatter = mkOption {
              type = types.nullOr types.raw;
              default = null;
            };
            allModuleArgs = mkOption { type = anyAttrs; };
            debug = mkOption { type = anyAttrs; };
          };
          config = {
            _module.args = {
              inputs' = mapAttrs (_: input: outer.perInput system input) self.inputs;
              self' = outer.perInput system self;
              pkgs = lib.mkOptionDefault (outer.perInput system self.inputs.nixpkgs).legacyPackages;
              self = elsewhere "self";
              inputs = elsewhere "inputs";
              getSystem = elsewhere "getSystem";
              withSystem = elsewhere "withSystem";
              moduleWithSystem = elsewhere "moduleWithSystem";
            };
            allModuleArgs = config._module.args // specialArgs // { inherit config options; };
            debug = debugging { inherit config options extendModules; };
          };
        };
    in
    {
      options = {
        systems = mkOption { type = types.listOf types.str; };

        perSystem = mkOption {
          type = flake-parts-lib.mkPerSystemType perSystemModule;
          default = { };
          apply =
            module: system:
            (lib.evalModules {
              class = "perSystem";
              prefix = [
                "perSystem"
                system
              ];
              specialArgs = { inherit system; };
              modules = [ module ];
            }).config;
        };
        allSystems = mkOption { type = types.lazyAttrsOf types.unspecified; };
        perInput = mkOption {
          type = types.functionTo (types.functionTo (types.lazyAttrsOf types.unspecified));
        };
        transposition = mkOption {
          type = types.lazyAttrsOf (
            types.submodule {
              options.adHoc = mkOption {
                type = types.bool;
                default = false;
              };
            }
          );
        };
        debug = mkOption {
          type = types.bool;
          default = false;
        };

        flake = mkOption {
          type = types.submoduleWith {
            modules = [
              {
                # An output that nobody declares can be defined once.
                freeformType = anyAttrs;
                options = mapAttrs (_: type: attrsOption (types.lazyAttrsOf type)) transposed // {
                  nixosConfigurations = attrsOption types.raw;
                  nixosModules = attrsOption types.deferredModule // {
                    apply = mapAttrs (
                      name: module: {
                        _class = "nixos";
                        _file = "${toString moduleLocation}#nixosModules.${name}";
                        imports = [ module ];
                      }
                    );
                  };
                  overlays = attrsOption types.raw // {
                    apply = mapAttrs (
                      _: overlay: final: prev:
                      overlay final prev
                    );
                  };
                  formatter = attrsOption types.raw;
                };
              }
            ];
          };
        };
        processedFlake = mkOption {
          type = types.raw;
          default = config.flake;
        };
      };

      config = {
        transposition = mapAttrs (_: _: { }) transposed;
        allSystems = lib.genAttrs config.systems config.perSystem;
        perInput =
          system: input:
          mapAttrs (name: _: input.${name}.${system}) config.transposition
          // {
            formatter = input.formatter.${system};
          };
        perSystem.options = mapAttrs (_: _: mkOption { }) (
          lib.filterAttrs (_: transposition: transposition.adHoc) config.transposition
        );
        flake = lib.mkMerge [
          (mapAttrs (name: _: mapAttrs (_: system: system.${name}) config.allSystems) config.transposition)
          {
            formatter = lib.filterAttrs (_: formatter: formatter != null) (
              mapAttrs (_: system: system.formatter) config.allSystems
            );
          }
          (lib.mkIf config.debug {
            debug = debugging { inherit config options extendModules; };
            allSystems = mapAttrs (_: system: system.debug) config.allSystems;
          })
        ];

        _module.args = {
          getSystem = system: config.allSystems.${system} or (config.perSystem system);
          getSystemIgnoreWarning = system: config.allSystems.${system} or (config.perSystem system);
          withSystem = system: f: f (getSystem system).allModuleArgs;
          # The module is called with what its pattern asks for, each looked up when it is used.
          moduleWithSystem =
            module:
            { config, ... }:
            let
              inherit (config._module) args;
              arguments = withSystem (args.system or args.pkgs.stdenv.hostPlatform.system) (a: a);
            in
            {
              imports = [ (module (mapAttrs (name: _: arguments.${name}) (functionArgs module))) ];
            };
        };
      };
    };

  # What touchup says of one level of the outputs; each attribute below has the same options.
  touchupLevel =
    { config, ... }:
    {
      options = {
        attr = attrsOption (types.deferredModuleWith { staticModules = [ touchupAttribute ]; });
        any = mkOption {
          type = types.nullOr (types.deferredModuleWith { staticModules = [ touchupAttribute ]; });
          default = null;
        };
        type = mkOption {
          type = types.raw;
          default = types.raw;
        };
        finish = mkOption {
          type = types.functionTo config.type;
          default = value: value;
        };
        touchupApply = mkOption { type = types.functionTo types.raw; };
      };
      config.touchupApply =
        value:
        let
          below = lib.concatMapAttrs (
            name: value:
            let
              level = lib.evalModules {
                specialArgs.attrName = name;
                modules = [
                  (config.attr.${name} or touchupAttribute)
                  (if config.any == null then { } else config.any)
                ];
              };
            in
            lib.optionalAttrs level.config.enable { ${name} = level.config.touchupApply value; }
          ) value;
        in
        config.finish (if config.attr == { } && config.any == null then value else below);
    };
  touchupAttribute = {
    key = "flake-parts touchup of an attribute";
    imports = [ touchupLevel ];
    options.enable = mkOption {
      type = types.bool;
      default = true;
    };
  };

  extras = {
    modules =
      { moduleLocation, ... }:
      {
        key = "flake-parts/extras/modules.nix";
        options.flake.modules = mkOption {
          type = types.lazyAttrsOf (types.lazyAttrsOf types.deferredModule);
          apply = mapAttrs (
            class:
            mapAttrs (
              name: module:
              if class == "generic" then
                module
              else
                # A function, for a submodule takes a set as its configuration.
                { ... }:
                {
                  _class = class;
                  _file = "${toString moduleLocation}#modules.${class}.${name}";
                  imports = [ module ];
                }
            )
          );
        };
      };

    flakeModules =
      { moduleLocation, ... }:
      {
        key = "flake-parts/extras/flakeModules.nix";
        options.flake = mkOption {
          type = types.submoduleWith {
            modules = [
              (flake-parts-lib.mkAliasOptionModule [ "flakeModule" ] [
                "flakeModules"
                "default"
              ])
              {
                options.flakeModules = attrsOption types.deferredModule // {
                  apply = mapAttrs (
                    name: module: rec {
                      _class = "flake";
                      _file = "${toString moduleLocation}#flakeModules.${name}";
                      key = _file;
                      imports = [ module ];
                    }
                  );
                };
              }
            ];
          };
        };
      };

    easyOverlay =
      { config, getSystemIgnoreWarning, ... }:
      {
        key = "flake-parts/extras/easyOverlay.nix";
        options.perSystem = flake-parts-lib.mkPerSystemOption (
          { extendModules, pkgs, ... }:
          {
            options.extendModules = mkOption {
              type = types.raw;
              default = extendModules;
            };
            options.overlayAttrs = attrsOption types.raw;
            config._module.args.final = lib.mkDefault (pkgs.extend config.flake.overlays.default);
          }
        );
        config.flake.overlays.default =
          final: prev:
          let
            system = prev.stdenv.hostPlatform.system or prev.system;
            extended = (getSystemIgnoreWarning system).extendModules {
              modules = [
                {
                  _module.args.pkgs = lib.mkForce prev;
                  _module.args.final = lib.mkForce final;
                }
              ];
            };
          in
          extended.config.overlayAttrs;
      };

    partitions =
      {
        config,
        inputs,
        self,
        extendModules,
        partitionStack,
        ...
      }:
      let
        partition =
          { config, name, ... }:
          let
            inputs' = inputs // config.extraInputs // { self = self'; };
            self' = self // {
              inputs = inputs';
            };
          in
          {
            options = {
              extraInputsFlake = mkOption {
                type = types.raw;
                default = null;
              };
              extraInputs = mkOption {
                type = anyAttrs;
                default =
                  if config.extraInputsFlake == null then
                    { }
                  else
                    opaque "the inputs of the flake of a flake-parts partition" { };
              };
              module = mkOption {
                type =
                  (extendModules {
                    specialArgs = {
                      inputs = inputs';
                      self = self';
                      partitionStack = partitionStack ++ [ name ];
                    };
                  }).type;
                default = { };
              };
            };
          };
      in
      {
        key = "flake-parts/extras/partitions.nix";
        options = {
          partitionedAttrs = mkOption {
            type = types.attrsOf types.str;
            default = { };
          };
          partitions = mkOption {
            type = types.attrsOf (types.submodule partition);
            default = { };
          };
        };
        config = {
          _module.args.partitionStack = [ ];
          flake = lib.optionalAttrs (partitionStack == [ ]) (
            mapAttrs (
              name: partition: lib.mkForce config.partitions.${partition}.module.flake.${name}
            ) config.partitionedAttrs
          );
        };
      };

    bundlers = flake-parts-lib.mkTransposedPerSystemModule {
      name = "bundlers";
      option = attrsOption types.raw;
      file = "flake-parts/extras/bundlers.nix";
    };

    touchup =
      { config, ... }:
      {
        key = "flake-parts/extras/touchup.nix";
        options.touchup = mkOption {
          type = types.submoduleWith { modules = [ touchupLevel ]; };
          default = { };
        };
        config.processedFlake = config.touchup.touchupApply config.flake;
      };
  };

  # The parts of the core can be imported by name; they are always there.
  parts = lib.genAttrs [
    "apps"
    "checks"
    "debug"
    "devShells"
    "flake"
    "formatter"
    "legacyPackages"
    "moduleWithSystem"
    "nixosConfigurations"
    "nixosModules"
    "nixpkgs"
    "overlays"
    "packages"
    "perSystem"
    "transposition"
    "withSystem"
  ] (_: { });
in
{
  lib = flake-parts-lib;
  flakeModules = parts // extras;
  templates = { };
}

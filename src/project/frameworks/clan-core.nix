# clan-core: machines from `machines/`, `clan.machines` and `clan.inventory`, each a NixOS system, with
# services that the inventory's instances give to machines by name or by tag.
#
# Behaviour read from clan-lol/clan-core, branch main of 2026-11 (`VERSION`: unstable): lib/clan/default.nix,
# flakeModules/clan.nix, modules/clan/{top-level-interface,module,distributed-services,computed-tags}.nix,
# modules/inventoryClass/{inventory,role,meta}.nix, lib/inventory/default.nix, lib/resolve-module/default.nix,
# lib/inventory/distributed-service/service-module.nix, nixosModules/machineModules/forName.nix,
# nixosModules/clanCore/nixos-facter.nix. `buildClan` and `inventory.services` are of releases before 25.11.
#
# Left out: what clan-core's own modules and services configure (opaque), vars and secrets, exports between
# services, checks, macOS machines.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (lib) mkOption types;

  option =
    type: default:
    mkOption { inherit type default; };
  # Options that say nothing about hosts are taken as they come.
  open = {
    freeformType = types.lazyAttrsOf types.anything;
  };
  record = options: types.submodule (open // { inherit options; });

  # A value whose definitions go elsewhere.
  kept = types.mkOptionType {
    name = "definitions";
    check = _: true;
    merge = _: defs: map (d: d.value) defs;
  };

  meta = {
    freeformType = types.lazyAttrsOf types.anything;
    options = {
      name = mkOption { type = types.str; };
      description = option (types.nullOr types.str) null;
      icon = option (types.nullOr types.str) null;
      tld = option (types.nullOr types.str) null;
      domain = option (types.nullOr types.str) null;
    };
  };

  # ---- the inventory: machines, tags, instances -----------------------------

  settings = option types.deferredModule { };
  member = types.submodule { options.settings = settings; };
  role = types.submodule {
    options = {
      inherit settings;
      machines = option (types.attrsOf member) { };
      tags = option (types.coercedTo (types.listOf types.str) (names: lib.genAttrs names (_: { })) (
        types.attrsOf member
      )) { };
      extraModules = option (types.listOf types.raw) [ ];
    };
  };
  instance = types.submodule (
    { name, ... }:
    {
      options = {
        module = option (types.submodule {
          options = {
            input = option (types.nullOr types.str) null;
            name = option types.str name;
          };
        }) { };
        roles = option (types.attrsOf role) { };
      };
    }
  );

  inventoryModule =
    { config, ... }:
    {
      freeformType = types.lazyAttrsOf types.anything;
      options = {
        meta = option (types.submodule meta) { };
        modules = option (types.attrsOf types.raw) { };
        # A tag names machines, and a machine names tags: both directions count.
        tags = option (types.submoduleWith {
          specialArgs = { inherit (config) machines; };
          modules = [ { freeformType = types.lazyAttrsOf (types.listOf types.str); } ];
        }) { };
        machines = option (types.lazyAttrsOf (
          types.submodule (
            { name, ... }:
            {
              freeformType = types.lazyAttrsOf types.anything;
              options = {
                name = option types.str name;
                description = option (types.nullOr types.str) null;
                icon = option (types.nullOr types.str) null;
                machineClass = option types.str "nixos";
                tags = mkOption {
                  type = types.listOf types.str;
                  default = [ ];
                  apply = lib.unique;
                };
              };
              config.tags = builtins.filter (tag: builtins.elem name config.tags.${tag}) (
                builtins.attrNames config.tags
              );
            }
          )
        )) { };
        instances = option (types.attrsOf instance) { };
        services = option (types.attrsOf (types.attrsOf types.anything)) { };
      };
      config.tags =
        { machines, ... }:
        let
          ofClass = class: builtins.filter (n: machines.${n}.machineClass == class) (builtins.attrNames machines);
        in
        {
          all = lib.mkDefault (builtins.attrNames machines);
          nixos = lib.mkDefault (ofClass "nixos");
          darwin = lib.mkDefault (ofClass "darwin");
        };
    };

  # The names of a role's machines: listed ones, and those that carry one of its tags.
  members =
    machines: listed: tags:
    lib.unique (
      listed
      ++ builtins.concatMap (
        tag: builtins.filter (n: builtins.elem tag machines.${n}.tags) (builtins.attrNames machines)
      ) tags
    );

  # ---- services -------------------------------------------------------------

  # What a service may define; its author's module is merged with this.
  serviceModule = {
    freeformType = types.lazyAttrsOf types.raw;
    options = {
      manifest = option (record { }) { };
      perMachine = option types.deferredModule { };
      roles = option (types.attrsOf (
        record {
          interface = option types.deferredModule { };
          perInstance = option types.deferredModule { };
        }
      )) { };
    };
  };
  result = {
    freeformType = types.lazyAttrsOf types.raw;
    options = {
      nixosModule = option types.deferredModule { };
      darwinModule = option types.deferredModule { };
      exports = option types.raw { };
    };
  };

  # One service with all instances of it: the modules that it gives to a machine.
  service =
    {
      clan,
      module,
      instances,
    }:
    let
      given = {
        inherit exports;
        inherit (clan.inventory) meta;
      };
      # A role that clan-core defines, or that the flake uses wrongly: nothing is known of it.
      undefined = {
        interface.freeformType = types.lazyAttrsOf types.anything;
        perInstance = { };
      };
      roleOf = name: evaluated.roles.${name} or undefined;
      evaluated =
        (lib.evalModules {
          class = "clan.service";
          specialArgs = given // {
            inherit clanLib;
            inherit (clan) directory;
            _ctx = [ ];
          };
          modules = [
            serviceModule
            module
          ];
        }).config;
      apply =
        deferred: arguments:
        (lib.evalModules {
          specialArgs =
            given
            // {
              mkExports = value: { inherit value; };
            }
            // arguments;
          modules = [
            result
            deferred
          ];
        }).config.nixosModule;

      evalSettings =
        roleName: role: own:
        lib.evalModules {
          specialArgs = { inherit (given) meta; };
          modules = [
            (roleOf roleName).interface
            role.settings
            own
          ];
        };
      ownSettings = role: machine: {
        imports =
          lib.optional (role.machines ? ${machine}) role.machines.${machine}.settings
          ++ map (tag: role.tags.${tag}.settings) (
            builtins.filter (tag: builtins.elem tag (clan.inventory.machines.${machine}.tags or [ ])) (
              builtins.attrNames role.tags
            )
          );
      };
      # The instances as services see them: settings evaluated against their interface.
      visible = builtins.mapAttrs (_: instance: {
        roles = builtins.mapAttrs (roleName: role: {
          settings = (evalSettings roleName role { }).config;
          machines = lib.genAttrs (membersOf role) (machine: {
            settings = (evalSettings roleName role (ownSettings role machine)).config;
          });
        }) instance.roles;
      }) instances;

      membersOf =
        role:
        members clan.inventory.machines (builtins.attrNames role.machines) (builtins.attrNames role.tags);
      rolesIn =
        machine: instance:
        builtins.filter (r: builtins.elem machine (membersOf instance.roles.${r})) (
          builtins.attrNames instance.roles
        );
      extra =
        role:
        map (
          m: if builtins.isString m then "${clan.directory}/${m}" else { imports = [ m ]; }
        ) role.extraModules;
    in
    machine:
    let
      present = lib.filterAttrs (_: i: rolesIn machine i != [ ]) instances;
      roleNames = lib.unique (
        builtins.concatMap (i: builtins.attrNames i.roles) (builtins.attrValues instances)
      );
      ofRole =
        roleName:
        map (
          name:
          let
            inherit (present.${name}) roles;
            final = evalSettings roleName roles.${roleName} (ownSettings roles.${roleName} machine);
          in
          {
            imports = [
              (apply (roleOf roleName).perInstance {
                instanceName = name;
                inherit (visible.${name}) roles;
                machine = {
                  name = machine;
                  roles = rolesIn machine present.${name};
                };
                settings = final.config;
                extendSettings = more: (final.extendModules { modules = lib.toList more; }).config;
              })
            ]
            ++ extra roles.${roleName};
          }
        ) (builtins.filter (n: builtins.elem roleName (rolesIn machine present.${n})) (builtins.attrNames present));
    in
    # Nested as deeply as in clan-core: Nix puts definitions in order by depth first.
    lib.optionalAttrs (present != { }) {
      imports = [
        {
          imports = [
            (apply evaluated.perMachine {
              machine = {
                name = machine;
                roles = lib.unique (builtins.concatMap (rolesIn machine) (builtins.attrValues present));
              };
              instances = builtins.intersectAttrs present visible;
            })
          ];
        }
      ]
      ++ map (module: { imports = [ module ]; }) (
        builtins.concatMap ofRole (builtins.sort builtins.lessThan roleNames)
      );
    };

  # The modules that all services give to one machine, in clan's order: by service, then role, then instance.
  serviceModules =
    clan:
    let
      inherit (clan.inventory) instances;
      key =
        name:
        let
          inherit (instances.${name}) module;
        in
        "${if module.input == null then "<clan-core>" else module.input}-${module.name}";
      groups = builtins.groupBy key (builtins.attrNames instances);
      inputs = clan.self.inputs;
      gives =
        names:
        let
          spec = instances.${builtins.head names}.module;
          own = spec.input == null || spec.input != "self" && (inputs.${spec.input}.__clanCore or false);
          from = if spec.input == "self" then clan.modules else inputs.${spec.input}.clan.modules;
        in
        service {
          inherit clan;
          module = if own then coreService spec.name else from.${spec.name};
          instances = lib.genAttrs names (n: instances.${n});
        };
      services = builtins.mapAttrs (_: gives) groups;
    in
    machine: map (s: s machine) (builtins.attrValues services);

  # `importer` exists for its `extraModules` alone; every other service of clan-core configures the machine.
  coreService =
    name:
    if name == "importer" then
      { }
    else
      { perMachine.nixosModule = opaque "what clan-core's service ${name} configures" { }; };

  # `inventory.services`, which `instances` replaced: all of them were of clan-core.
  legacyModules =
    clan: machine:
    let
      instances = builtins.concatMap builtins.attrValues (builtins.attrValues clan.inventory.services);
      holds = r: builtins.elem machine (members clan.inventory.machines (r.machines or [ ]) (r.tags or [ ]));
      path = m: if builtins.isString m then "${clan.directory}/${m}" else m;
      ofInstance =
        instance:
        let
          roles = builtins.filter holds (builtins.attrValues (instance.roles or { }));
        in
        lib.optionals (roles != [ ]) (
          [ (opaque "what an old clan-core service configures" { }) ]
          ++ map path (
            (instance.extraModules or [ ])
            ++ (instance.machines.${machine}.extraModules or [ ])
            ++ builtins.concatMap (r: r.extraModules or [ ]) roles
          )
        );
    in
    builtins.concatMap ofInstance instances;

  # ---- machines -------------------------------------------------------------

  clanCore = opaque "clan-core's own NixOS module" { };

  machineModule =
    config: services: name:
    let
      folder = "${config.directory}/machines/${name}";
      facter = "${folder}/facter.json";
    in
    {
      imports = [
        {
          imports = builtins.filter builtins.pathExists [
            "${folder}/configuration.nix"
            "${folder}/hardware-configuration.nix"
            "${folder}/disko.nix"
          ];
          clan.core.settings = {
            inherit (config.inventory.meta) name icon domain;
            inherit (config) directory;
            machine = { inherit name; };
          };
          hardware.facter.reportPath = lib.mkIf (builtins.pathExists facter) facter;
        }
        clanCore
      ]
      ++ services name
      ++ legacyModules config name;
      networking.hostName = lib.mkDefault name;
    };

  clanModule =
    { config, self, ... }:
    let
      machines = builtins.filter (n: config.inventory.machines.${n}.machineClass == "nixos") (
        builtins.attrNames config.inventory.machines
      );
      services = serviceModules config;
      folder = "${config.directory}/machines";
      file = "${config.directory}/inventory.json";
    in
    {
      freeformType = types.lazyAttrsOf types.anything;
      options = {
        # Services of the flake itself are looked up in its own inputs.
        self = mkOption {
          type = types.raw;
          default = self;
          apply =
            s:
            if builtins.isAttrs s then
              s
              // {
                inputs = (s.inputs or { }) // {
                  self.clan = config;
                };
              }
            else
              s;
        };
        directory = option types.raw (toString self);
        specialArgs = option (types.lazyAttrsOf types.raw) { };
        machines = option (types.lazyAttrsOf types.deferredModule) { };
        modules = option (types.lazyAttrsOf types.raw) { };
        meta = option types.deferredModule { };
        inventory = option (types.submodule inventoryModule) { };
        pkgsForSystem = option types.raw (_: null);
        exports = option types.raw exports;
        outputs = option (record {
          moduleForMachine = option (types.lazyAttrsOf types.deferredModule) { };
        }) { };
        nixosConfigurations = option (types.lazyAttrsOf types.raw) { };
        nixosModules = option (types.lazyAttrsOf types.raw) { };
        darwinConfigurations = option types.raw (opaque "clan's macOS machines" { });
        darwinModules = option types.raw (opaque "clan's macOS machines" { });
        clanInternals = option types.raw (opaque "what clan's command reads" { });
      };
      config = {
        specialArgs.self = lib.mkDefault config.self;
        inventory.meta = config.meta;
        inventory.machines = lib.mkMerge [
          (builtins.mapAttrs (_: _: { }) config.machines)
          (lib.mkIf (builtins.pathExists folder) (
            builtins.mapAttrs (_: _: { }) (
              lib.filterAttrs (_: kind: kind == "directory") (builtins.readDir folder)
            )
          ))
        ];
        outputs.moduleForMachine = lib.mkMerge [
          (builtins.mapAttrs (name: _: machineModule config services name) config.inventory.machines)
          config.machines
        ];
        nixosConfigurations = lib.genAttrs machines (
          name:
          lib.nixosSystem {
            modules = [ (config.outputs.moduleForMachine.${name} or { }) ];
            specialArgs = {
              clan-core = flake;
            }
            // config.specialArgs;
          }
        );
        nixosModules = builtins.listToAttrs (
          map (name: {
            name = "clan-machine-${name}";
            value = config.outputs.moduleForMachine.${name};
          }) machines
        );
      };
      imports = [
        {
          # What `clan machines create` and the web interface wrote.
          inventory =
            _: if builtins.pathExists file then builtins.fromJSON (builtins.readFile file) else { };
        }
      ];
    };

  # A function, so that whoever prints the flake (`nix.registry`) does not come back to it.
  base =
    { ... }:
    {
      _file = "clan-core";
      imports = [ clanModule ];
      _module.args = {
        clan-core = flake;
        inherit clanLib;
      };
    };
  arguments = self: inputs: {
    inherit self;
    nixpkgs = inputs.nixpkgs or (opaque "clan-core's nixpkgs" { inherit lib; });
    nix-darwin = inputs.nix-darwin or (opaque "clan-core's nix-darwin" { });
  };

  clan =
    {
      self ? null,
      ...
    }@definition:
    lib.evalModules {
      class = "clan";
      specialArgs = arguments self (self.inputs or { });
      modules = [
        base
        definition
      ];
    };

  flakeModule =
    { self, inputs, ... }:
    {
      _file = "clan-core";
      imports = [
        # `clan` is another name of `flake.clan`.
        (
          { config, options, ... }:
          {
            options.clan = mkOption {
              type = kept;
              default = { };
              apply = _: config.flake.clan;
            };
            config.flake.clan = lib.mkMerge options.clan.definitions;
          }
        )
      ];
      options.flake = mkOption {
        type = types.submoduleWith {
          modules = [
            (
              { config, ... }:
              {
                options = {
                  clan = option (types.submoduleWith {
                    class = "clan";
                    specialArgs = arguments self inputs;
                    modules = [ base ];
                  }) { };
                  clanInternals = option types.raw config.clan.clanInternals;
                  darwinConfigurations = option types.raw config.clan.darwinConfigurations;
                  darwinModules = option types.raw config.clan.darwinModules;
                };
                config = { inherit (config.clan) nixosConfigurations nixosModules; };
              }
            )
          ];
        };
      };
    };

  exports = opaque "what clan services tell each other" { };

  clanLib = opaque "clan-core's library" {
    inherit clan;
    buildClan = definition: (clan definition).config;
  };

  flakeModules = opaque "clan-core's other flake-parts modules" {
    default = flakeModule;
    clan = flakeModule;
  };

  flake = opaque "clan-core" {
    # By this, `module.input = "clan-core"` is recognised whatever the input is called.
    __clanCore = true;
    lib = clanLib;
    inherit clanLib flakeModules;
    flakeModule = flakeModule;
    modules = opaque "clan-core's modules" { clan.default = base; };
    nixosModules = opaque "clan-core's NixOS modules" { inherit clanCore; };
  };
in
flake

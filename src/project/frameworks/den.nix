# den: hosts, users and homes declared as data, configured by aspects that know which host and user they are for.
#
# Behaviour read from vic/den (checkout of 2026-04: modules/{options,outputs}.nix, modules/context/*, modules/aspects/**,
# nix/lib/{types,parametric,take,can-take,forward,ctx-apply,namespace,den-brackets}.nix, nix/lib/aspects/fx/**) and from
# denful/den of 2026-08 (docs/src/content/docs/{reference/{schema,aspects,batteries},explanation/{where-config-lands,
# class-modules},guides/migrate-ctx}.mdx, nix/lib/aspects/fx/{class-module,handlers/class-collector}.nix).
#
# The versions differ in what they bring a host of themselves. Followed here is what they share: the host's aspect, what
# `den.schema.host`, `den.ctx.host` and `den.default` include, and for each user its aspect, the same for `user`, and what
# host and user provide to each other. Only what reaches a host's NixOS modules is computed: homes and the classes of
# home-manager, hjem and maid are not. Policies, contexts of the flake's own and rules that leave aspects out are opaque.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (lib) mkOption types;

  unknown = why: (opaque why { }).unknown;
  option = type: default: mkOption { inherit type default; };

  knownClasses = [
    "darwin"
    "flake"
    "hjem"
    "homeManager"
    "maid"
    "nixos"
    "os"
    "systemManager"
    "user"
    "wsl"
  ];
  engine = frameworks.flake-aspects.__engine (key: builtins.elem key knownClasses);
  anything = types.lazyAttrsOf types.anything;

  # ---- the functions of den.lib ---------------------------------------------

  exactly = f: if builtins.isFunction f then { __exactly = true; __call = f; } else f;
  within = context: item: {
    __context = context;
    includes = [ item ];
  };
  parametric = {
    __functor = _: item: item;
    atLeast = item: item;
    withOwn = _: item: item;
    exactly = item: if builtins.isAttrs item && item ? includes then item // { includes = map exactly item.includes; } else exactly item;
    expands = context: item: within context item;
    fixedTo = {
      __functor = _: within;
      atLeast = within;
      upTo = within;
      exactly = within;
    };
  };
  # An aspect only for { host }, only for { host, user }, only for { home }.
  only =
    names: item: {
      __exactly = true;
      __call = {
        __functor = _: _: item;
        __functionArgs = lib.genAttrs names (_: false);
      };
    };

  denLib =
    config:
    opaque "den's library" {
      inherit parametric;
      take = opaque "den.lib.take" {
        exactly = exactly;
        atLeast = f: f;
        upTo = f: f;
        unused = _: used: used;
      };
      perHost = only [ "host" ];
      perUser = only [
        "host"
        "user"
      ];
      perHome = only [ "home" ];
      statics = item: item;
      owned = item: builtins.removeAttrs item [ "includes" ];
      strict = { };
      aspects = opaque "den.lib.aspects" {
        resolve = class: item: engine.collect { classes = [ class ]; } { } "resolve" item;
      };
      __findFile = _: find config;
    };

  # `<den/hostname>`, `<namespace/aspect/child>`, `<aspect>`.
  find =
    config: name:
    let
      parts = builtins.filter (p: p != "provides" && p != "_") (
        lib.splitString "/" (builtins.replaceStrings [ "." ] [ "/" ] name)
      );
      head = builtins.head parts;
      step = at: part: if at ? provides && at.provides ? ${part} then at.provides.${part} else at.${part};
      from =
        if head == "den" then
          config.den
        else if config.den.aspects ? ${head} then
          config.den.aspects.${head}
        else
          config.den.ful.${head};
    in
    builtins.foldl' step from (builtins.tail parts);

  # ---- batteries ------------------------------------------------------------

  batteries =
    inputs: config:
    let
      home = host: user: "/home/${user.userName}";
      nothing = { };
      forHost = f: { host, ... }: f host;
    in
    {
      hostname = forHost (host: {
        ${host.class}.networking.hostName = host.hostName;
      });
      define-user =
        { host, user, ... }:
        {
          nixos.users.users.${user.userName} = {
            name = user.userName;
            home = home host user;
            isNormalUser = true;
          };
        };
      primary-user =
        { user, ... }:
        {
          nixos.users.users.${user.userName} = {
            isNormalUser = true;
            extraGroups = [
              "wheel"
              "networkmanager"
            ];
          };
        };
      user-shell = shell: {
        includes = [
          (
            { user, ... }:
            {
              nixos =
                { pkgs, ... }:
                {
                  programs.${shell}.enable = true;
                  users.users.${user.userName}.shell = pkgs.${shell};
                };
            }
          )
        ];
      };
      # Older versions asked for it; now the module comes with the users' classes.
      home-manager = forHost (host: {
        ${host.class}.imports = [ host.home-manager.module ];
      });
      "inputs'" = forHost (host: {
        ${host.class}._module.args.inputs' = unknown "den's inputs'";
      });
      "self'" = forHost (host: {
        ${host.class}._module.args.self' = unknown "den's self'";
      });
      import-tree = {
        __functor =
          _: root:
          { class, ... }:
          let
            folder = "${toString root}/_${class}";
          in
          lib.optionalAttrs (builtins.pathExists folder) {
            ${class}.imports = [ (frameworks.import-tree folder) ];
          };
        provides = importers;
        _ = importers;
      }
      // importers;
      forward = forward;
      # What hosts and users provide to each other is always followed.
      mutual-provider = nothing;
      bidirectional = nothing;
      # Nothing of these reaches NixOS.
      host-aspects = nothing;
      unfree = _: nothing;
      insecure = _: nothing;
      os-class = nothing;
      os-user = nothing;
      user-aspects = nothing;
    };

  importers = {
    host = root: { host, ... }: treeOf root host.name;
    user = root: { user, ... }: treeOf root user.name;
    home = _: { home, ... }: { };
  };
  treeOf =
    root: name:
    { class, ... }:
    let
      folder = "${toString root}/${name}/_${class}";
    in
    lib.optionalAttrs (builtins.pathExists folder) {
      ${class}.imports = [ (frameworks.import-tree folder) ];
    };

  # One class of an aspect becomes a part of another class.
  forward =
    definition:
    let
      plain = builtins.all (k: !(definition ? ${k})) [
        "adaptArgs"
        "adapterModule"
        "evalConfig"
      ];
      # What a guard asks of the machine decides whether the part counts.
      guarded =
        part:
        if !(definition ? guard) then
          part
        else
          {
            __functionArgs = lib.functionArgs definition.guard;
            __functor = _: arguments: {
              config = lib.mkIf (
                let
                  holds = definition.guard arguments;
                in
                # A guard may also be a function of what is forwarded, and of the item.
                if builtins.isFunction holds then opaque "what den forwards under a condition" { } else holds
              ) part;
            };
          };
      one =
        item:
        let
          path = definition.intoPath item;
          aspect = if definition ? fromAspect then definition.fromAspect item else item.aspect or item;
          module = (definition.mapModule or (_: m: m)) item (
            engine.collect { classes = [ (definition.fromClass item) ]; } { } "forward" aspect
          );
        in
        {
          ${definition.intoClass item} =
            if !plain || builtins.isFunction path then
              opaque "what den forwards under a condition" { }
            else if path == [ ] && !(definition ? guard) then
              module
            else if path == [ ] then
              opaque "what den forwards under a condition" { }
            else
              guarded (lib.setAttrByPath path (_: { imports = [ module ]; }));
        };
    in
    {
      includes = map one definition.each;
    };

  # ---- hosts and users ------------------------------------------------------

  # A kind of entity: modules for its data, and aspects for each of that kind.
  kept = types.mkOptionType {
    name = "definitions";
    check = _: true;
    merge = _: defs: map (d: d.value) defs;
    emptyValue.value = [ ];
  };
  notData = [
    "collisionPolicy"
    "excludes"
    "includes"
    "isEntity"
    "isolated"
    "parent"
    "policies"
  ];
  dataOf =
    den: kind:
    map (d: if builtins.isAttrs d then builtins.removeAttrs d notData else d) (
      builtins.concatMap (k: (den.schema.${k} or [ ]) ++ (den.base.${k} or [ ])) [
        "conf"
        kind
      ]
    );
  includedBy =
    den: kind:
    builtins.concatMap (d: if builtins.isAttrs d then d.includes or [ ] else [ ]) (den.schema.${kind} or [ ]);
  # Exclusions and policies change what a host gets in ways that are not followed.
  ruled =
    den: kind:
    builtins.any (d: builtins.isAttrs d && (d ? excludes || d ? policies)) (den.schema.${kind} or [ ]);

  hostType =
    { inputs, den }:
    system:
    types.submodule (
      { name, config, ... }:
      {
        freeformType = anything;
        imports = dataOf den "host";
        config._module.args.host = config;
        options = {
          name = option types.str name;
          hostName = option types.str config.name;
          system = if system == null then mkOption { type = types.str; } else option types.str system;
          class = option types.str (if lib.hasSuffix "darwin" config.system then "darwin" else "nixos");
          description = option types.str "${config.class}.${config.hostName}@${config.system}";
          aspect = option types.raw (den.aspects.${config.name} or { });
          users = option (types.attrsOf (userType den config)) { };
          instantiate = option types.raw (
            if config.class == "nixos" then
              (inputs.nixpkgs.lib or lib).nixosSystem
            else
              unknown "a system that is not NixOS"
          );
          intoAttr = option (types.listOf types.str) [
            (if config.class == "nixos" then "nixosConfigurations" else "${config.class}Configurations")
            config.name
          ];
          mainModule = option types.raw (hostModule den config);
          hasAspect = option types.raw (unknown "whether a den host has an aspect");
          resolved = option types.raw (unknown "a resolved den host");
          home-manager = {
            enable = option types.bool (usesHomeManager config);
            module = option types.raw (
              inputs.home-manager.nixosModules.home-manager or (opaque "home-manager" { })
            );
          };
        };
      }
    );
  usesHomeManager =
    host: builtins.any (u: builtins.elem "homeManager" u.classes) (builtins.attrValues host.users);

  userType =
    den: host:
    types.submodule (
      { name, config, ... }:
      {
        freeformType = anything;
        imports = dataOf den "user";
        config._module.args = {
          inherit host;
          user = config;
        };
        options = {
          name = option types.str name;
          userName = option types.str config.name;
          classes = option (types.listOf types.str) [ "user" ];
          aspect = option types.raw {
            includes =
              lib.optional (den.aspects ? "${config.name}@${host.name}") den.aspects."${config.name}@${host.name}"
              ++ lib.optional (den.aspects ? ${config.name}) den.aspects.${config.name};
          };
          host = option types.raw host;
          hasAspect = option types.raw (unknown "whether a den user has an aspect");
          resolved = option types.raw (unknown "a resolved den user");
        };
      }
    );

  # Hosts by system; a host that names its system itself may stand one level higher.
  hostsType =
    arguments:
    types.mkOptionType {
      name = "hosts";
      check = builtins.isAttrs;
      merge =
        loc: defs:
        let
          entries = (types.lazyAttrsOf keptDefinitions).merge loc defs;
          isFlat = ds: builtins.any (d: builtins.isString (d.value.system or null)) ds;
          names = builtins.attrNames entries;
          flat = lib.genAttrs (builtins.filter (n: isFlat entries.${n}) names) (
            n: (hostType arguments null).merge (loc ++ [ n ]) entries.${n}
          );
          nested = lib.genAttrs (builtins.filter (n: !(isFlat entries.${n})) names) (
            n: (types.lazyAttrsOf (hostType arguments n)).merge (loc ++ [ n ]) entries.${n}
          );
          bySystem = builtins.groupBy (n: flat.${n}.system) (builtins.attrNames flat);
        in
        nested
        // builtins.mapAttrs (
          system: hosts: (nested.${system} or { }) // lib.genAttrs hosts (n: flat.${n})
        ) bySystem;
      emptyValue.value = { };
    };
  keptDefinitions = types.mkOptionType {
    name = "definitions with files";
    check = _: true;
    merge = _: defs: defs;
    emptyValue.value = [ ];
  };

  # What one host's system is made of.
  hostModule =
    den: host:
    let
      users = builtins.attrValues host.users;
      quirks = builtins.mapAttrs (n: _: unknown "den's quirk ${n}") (den.quirks // den.traits);
      edges =
        context: item:
        let
          provides = item.provides or (item._ or { });
          itself = item.name or null;
          edge = name: context: {
            inherit name context;
            item = provides.${name};
          };
        in
        lib.optional (builtins.isString itself && provides ? ${itself}) (edge itself context)
        ++ lib.optionals (provides ? to-users && !(context ? user)) (
          map (user: edge "to-users" (context // { inherit user; })) users
        )
        ++ lib.optional (provides ? to-hosts && context ? user) (edge "to-hosts" context);
      collect = engine.collect {
        inherit users edges;
        classes = [ host.class ] ++ lib.optional (host.class == "nixos" || host.class == "darwin") "os";
        unknownArguments = quirks;
      };

      atHost = collect { inherit host; };
      default = den.default.item;
      contextOf = kind: den.ctx.${kind} or { };
      stagesOf = kind: den.stages.${kind} or { };
      forUser =
        user:
        let
          atUser = collect { inherit host user; };
          provided = from: to: (from.aspect.provides or { }).${to} or { };
          both = provided host user.name;
        in
        [
          (atUser "user/${user.name}" user.aspect)
          (atUser "schema/user" { includes = includedBy den "user"; })
          (atUser "ctx/user" (contextOf "user"))
          (atUser "stages/user" (stagesOf "user"))
          (atUser "default" default)
          (atUser "default.user" (den.default.old.user or { }))
          (atUser "host/provides/${user.name}" both)
          # The user's own aspect provides to this host by its name.
          (atUser "user/provides/${host.name}" (provided { aspect = den.aspects.${user.name} or { }; } host.name))
        ];
    in
    {
      imports = [
        (atHost "host" host.aspect)
        (atHost "schema/host" { includes = includedBy den "host"; })
        (atHost "ctx/host" (contextOf "host"))
        (atHost "stages/host" (stagesOf "host"))
        (atHost "ctx/default" (contextOf "default"))
        (atHost "default" default)
        (atHost "default.host" (den.default.old.host or { }))
      ]
      ++ builtins.concatMap forUser users
      ++ lib.optional (host.home-manager.enable or false) host.home-manager.module
      ++ lib.optional (
        den.policies != { }
        || ruled den "host"
        || ruled den "user"
        || host ? policies
        || builtins.any (k: !(builtins.elem k ordinaryContexts)) (builtins.attrNames den.ctx)
        || builtins.any (c: c ? into) (builtins.attrValues den.ctx)
      ) (opaque "what den's policies and contexts bring to this host" { });
    };
  ordinaryContexts = [
    "default"
    "flake"
    "flake-system"
    "hm-host"
    "hm-user"
    "home"
    "host"
    "user"
  ];

  # Another name of an option, or of a part of one.
  alias =
    from: to:
    { config, options, ... }:
    {
      options = lib.setAttrByPath from (mkOption {
        type = kept;
        default = { };
        apply = _: lib.getAttrFromPath to config;
      });
      config = lib.setAttrByPath to (lib.mkMerge (lib.getAttrFromPath from options).definitions);
    };

  # ---- the module -----------------------------------------------------------

  module =
    {
      inputs,
      config,
      ...
    }:
    let
      arguments = {
        inherit inputs den;
      };
      # What the code above sees: `default` apart from its older form, where host, user and home were keys.
      den = config.den // {
        default = {
          item = builtins.removeAttrs config.den.default [
            "host"
            "user"
            "home"
          ] // { __definitions = builtins.removeAttrs (config.den.default.__definitions or { }) [ "host" "user" "home" ]; };
          old = builtins.intersectAttrs {
            host = null;
            user = null;
          } config.den.default;
        };
      };
      hosts = builtins.concatMap builtins.attrValues (builtins.attrValues config.den.hosts);
      nixos = builtins.filter (
        h: builtins.length h.intoAttr == 2 && builtins.head h.intoAttr == "nixosConfigurations"
      ) hosts;
      provided = mkOption {
        type = engine.aspects;
        default = { };
        apply = set: opaque "a battery of den that is not known" set;
      };
    in
    {
      _file = "den";
      imports =
        map (name: alias [ "den" name ] [ "den" "provides" ]) [
          "_"
          "batteries"
        ]
        ++ lib.optional (!(inputs ? flake-parts)) {
          options.flake = option (types.submodule {
            freeformType = types.lazyAttrsOf types.anything;
            options.nixosConfigurations = option (types.lazyAttrsOf types.raw) { };
          }) { };
        };
      options.den = {
        hosts = option (hostsType arguments) { };
        homes = option types.raw { };
        schema = option (types.lazyAttrsOf kept) { };
        base = option (types.lazyAttrsOf kept) { };
        aspects = option engine.aspects { };
        default = option engine.aspect { };
        provides = provided;
        ctx = option (types.lazyAttrsOf engine.aspect) { };
        stages = option (types.lazyAttrsOf engine.aspect) { };
        ful = option (types.lazyAttrsOf engine.aspects) { };
        policies = option (types.lazyAttrsOf types.raw) { };
        quirks = option (types.lazyAttrsOf types.anything) { };
        traits = option (types.lazyAttrsOf types.anything) { };
        classes = option (types.lazyAttrsOf types.anything) { };
        systems = option (types.listOf types.str) (builtins.attrNames config.den.hosts);
        fxPipeline = option types.bool true;
        config = option types.anything { };
        lib = option types.raw (denLib config);
      };
      config = {
        _module.args.den = config.den;
        den.provides = batteries inputs config;
        flake.nixosConfigurations = builtins.listToAttrs (
          map (host: {
            name = lib.last host.intoAttr;
            value = host.instantiate {
              modules = [
                host.mainModule
                { nixpkgs.hostPlatform = lib.mkDefault host.system; }
              ];
            };
          }) nixos
        );
      };
    };

  flakeModule = {
    key = "den";
    _file = "den";
    imports = [ module ];
  };

  # A named set of aspects, of this flake and of others.
  namespace =
    name: sources:
    { config, ... }:
    {
      imports = [
        (alias [ name ] [ "den" "ful" name ])
      ]
      ++ map (s: { den.ful.${name} = s.denful.${name}; }) (
        builtins.filter builtins.isAttrs (lib.flatten [ sources ])
      );
      config.den.ful.${name} = { };
      config._module.args.${name} = config.den.ful.${name};
    };

  output = {
    _file = "den";
  };
in
opaque "den" {
  inherit flakeModule namespace;
  flakeModules = opaque "den's other modules" {
    default = flakeModule;
    dendritic = flakeModule;
    strict = { };
  };
  flakeOutputs = opaque "den's options for outputs" {
    flake = output;
    all = output;
    nixosConfigurations = output;
  };
  modules.flake.default = flakeModule;
}

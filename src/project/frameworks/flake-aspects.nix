# flake-aspects: modules of many classes written by concern. `flake.aspects.<aspect>.<class>` becomes
# `flake.modules.<class>.<aspect>`, with the classes of everything that the aspect includes.
#
# Behaviour read from vic/flake-aspects, nix/{aspects,resolve,types,forward,new,new-scope,flakeModule}.nix.
# `__engine` (how aspects merge, and how one class of a tree of aspects is collected) also serves den, and is
# shaped by what den adds: contexts, children of aspects, and a module's identity.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (lib) types;

  # Keys of an aspect that are neither a class nor a child.
  structural = [
    "_"
    "__functionArgs"
    "__functor"
    "_module"
    "classes"
    "description"
    "excludes"
    "includes"
    "into"
    "meta"
    "modules"
    "name"
    "policies"
    "provides"
    "resolve"
    "settings"
  ];

  # A value that keeps its definitions apart.
  kept = types.mkOptionType {
    name = "kept";
    check = _: true;
    merge = _: defs: defs;
    emptyValue.value = [ ];
  };

  required = args: builtins.filter (n: !args.${n}) (builtins.attrNames args);
  moduleArgs = [
    "aspect"
    "config"
    "lib"
    "options"
  ];
  # A function of the module system, as opposed to one of a context.
  isModuleFunction =
    args:
    builtins.any (n: args ? ${n}) moduleArgs
    && builtins.all (n: builtins.elem n moduleArgs || n == "name") (required args);

  # How definitions of one aspect become one value. `isClass` tells a class from an aspect that lies in it.
  engine = isClass: rec {
    aspect = types.mkOptionType {
      name = "aspect";
      check = v: builtins.isAttrs v || builtins.isFunction v || builtins.isPath v;
      merge = mergeAspect;
      emptyValue.value = { };
    };

    # A set of aspects; a function gets the result as `aspects`.
    aspects = types.mkOptionType {
      name = "aspects";
      check = v: builtins.isAttrs v || builtins.isFunction v;
      merge =
        loc: defs:
        let
          result = (types.lazyAttrsOf aspect).merge loc (map open defs);
          open =
            d:
            if builtins.isFunction d.value then
              d
              // {
                value = d.value {
                  inherit lib;
                  aspects = result;
                  config = result;
                };
              }
            else
              d;
        in
        result;
      emptyValue.value = { };
    };

    mergeAspect =
      loc: defs:
      let
        name = lib.last loc;
        sorted = map classify defs;
        classify =
          d:
          let
            v = d.value;
            args = lib.functionArgs v;
          in
          if builtins.isPath v then
            classify (d // { value = import v; })
          else if builtins.isAttrs v then
            if v ? __aspect || v ? __context || v ? __call then
              { includes = [ v ]; }
            else if v ? __functor then
              { call = v; }
            else
              { attrs = d; }
          else if isModuleFunction args then
            {
              attrs = d // {
                value = v (
                  builtins.intersectAttrs args {
                    inherit lib name;
                    aspect = self;
                    config = self;
                    options = { };
                  }
                );
              };
            }
          else if args == { } then
            { call = v; }
          else
            { includes = [ v ]; };
        calls = builtins.catAttrs "call" sorted;
        keys = (types.lazyAttrsOf kept).merge loc (builtins.catAttrs "attrs" sorted);
        values = key: map (d: d.value) (keys.${key} or [ ]);
        provides = aspects.merge (loc ++ [ "provides" ]) ((keys.provides or [ ]) ++ (keys._ or [ ]));
        common = {
          __aspect = true;
          __path = lib.concatStringsSep "/" (map toString loc);
          name = if keys ? name then lib.last (values "name") else name;
          inherit provides;
          _ = provides;
        };
        own = builtins.removeAttrs keys structural;
        self =
          # A function of an argument, not of a context: whoever includes it calls it.
          if builtins.length defs == 1 && calls != [ ] then
            common
            // {
              __definitions = { };
              __call = builtins.head calls;
              __functor = self: self.__call;
              includes = [ ];
              meta = { };
            }
          else
            builtins.mapAttrs (
              key: ds: if isClass key then { imports = map (d: d.value) ds; } else mergeAspect (loc ++ [ key ]) ds
            ) own
            // common
            // {
              __definitions = own;
              __functor = self: context: {
                __context = context;
                includes = [ self ];
              };
              includes =
                builtins.concatLists (values "includes")
                ++ builtins.concatLists (builtins.catAttrs "includes" sorted)
                ++ calls;
              meta = builtins.foldl' (a: b: a // b) { } (values "meta");
            };
      in
      self;

    # The module of `classes` in a tree of aspects. `context` holds what functions may ask for; those that ask
    # for a user where there is none are asked once for each of `users`. `edges` adds what an aspect brings
    # beside its includes, as a list of { context, item }.
    collect =
      {
        classes,
        users ? [ ],
        edges ? (_: _: [ ]),
        unknownArguments ? { },
      }:
      let
        walk =
          env: item:
          if item == null then
            { }
          else if builtins.isPath item then
            walk env (import item)
          else if builtins.isFunction item then
            call env item (lib.functionArgs item) item
          else if item ? _type && item._type == "if" then
            if item.condition then walk env item.content else { }
          else if item ? _type && item._type == "merge" then
            children env item.contents
          else if item ? __context then
            children (env // { context = env.context // item.__context; }) item.includes
          else if item ? __exactly then
            if builtins.attrNames env.context == required (lib.functionArgs item.__call) then
              walk env item.__call
            else
              { }
          else if item ? __aspect then
            if builtins.elem item.__path env.above then
              { }
            else
              let
                inside = env // {
                  above = env.above ++ [ item.__path ];
                  key = item.__path;
                  suffix = "";
                };
              in
              if item ? __call then
                walk inside item.__call
              else
                here inside item.__definitions item
          else if item ? __functor then
            call env item (
              item.__functionArgs or (
                if builtins.isFunction (item.__functor item) then lib.functionArgs (item.__functor item) else { }
              )
            ) (item.__functor item)
          else
            here env (builtins.mapAttrs (_: value: [
              {
                inherit value;
                file = "an included aspect";
              }
            ]) (builtins.removeAttrs item structural)) item;

        deeper = env: env // { depth = env.depth + 1; };
        children = env: items: {
          imports = lib.imap0 (
            i: item: walk (deeper env // { key = "${env.key}/${toString i}"; }) item
          ) items;
        };
        # Aspects put all modules into one list; Nix puts definitions in order by depth first. So every module
        # that is found lies at one depth, and only their sequence counts.
        level = 24;
        lowered = depth: module: if depth >= level then module else { imports = [ (lowered (depth + 1) module) ]; };

        # What an aspect says itself, then what it brings.
        here =
          env: definitions: item:
          if item ? meta && (item.meta ? guard || item.meta ? adapter || item.meta ? handleWith || item.meta ? excludes) then
            opaque "an aspect whose parts are chosen by rules" { }
          else
            {
              imports =
                map (class: lowered env.depth {
                  key = "${class}@${env.key}${env.suffix}${
                    if builtins.any (d: asksUser env.context d.value) definitions.${class} then
                      "@${env.context.user.name or ""}"
                    else
                      ""
                  }";
                  imports = map (d: {
                    _file = d.file;
                    imports = [ (withContext env.context d.value) ];
                  }) definitions.${class};
                }) (builtins.filter (c: definitions ? ${c}) classes)
                ++ map (
                  e:
                  walk (
                    deeper env
                    // {
                      inherit (e) context;
                      key = "${env.key}/${e.name}";
                    }
                  ) e.item
                ) (edges env.context item)
                ++ [ (children (deeper env) (item.includes or [ ])) ];
            };

        call =
          env: item: args: function:
          let
            given = env.context // {
              class = builtins.head classes;
              aspect-chain = [ ];
            };
            missing = builtins.filter (n: !(given ? ${n})) (required args);
            inner = if args ? user then env // { suffix = "@${env.context.user.name or ""}"; } else env;
          in
          if !(builtins.isFunction function) then
            walk env function
          else if args == { } then
            walk env (function given)
          else if missing == [ ] then
            walk inner (function (builtins.intersectAttrs args given))
          else if isModuleFunction args then
            walk env (mergeAspect [ env.key ] [ { file = "an included aspect"; value = function; } ])
          else if missing == [ "user" ] && env.context ? host then
            {
              imports = map (
                user: walk (deeper env // { context = env.context // { inherit user; }; }) item
              ) users;
            }
          else if builtins.elem "home" missing then
            { }
          else
            opaque "an aspect that asks for ${lib.concatStringsSep ", " missing}" { };

        # Modules of a class may ask for the context beside the module system's arguments.
        asksUser =
          context: module:
          context ? user
          && (
            if builtins.isFunction module then
              lib.functionArgs module ? user
            else if builtins.isAttrs module && module ? imports && builtins.isList module.imports then
              builtins.any (asksUser context) module.imports
            else
              false
          );
        withContext =
          context: module:
          let
            args = lib.functionArgs module;
            given = builtins.intersectAttrs args (unknownArguments // context);
            rest = builtins.removeAttrs args (builtins.attrNames given);
          in
          if context == { } && unknownArguments == { } then
            module
          else if builtins.isFunction module then
            if given == { } then
              module
            else if rest == { } then
              module given
            else
              {
                __functor = _: arguments: module (arguments // given);
                __functionArgs = rest;
              }
          else if builtins.isAttrs module && module ? imports && builtins.isList module.imports then
            module // { imports = map (withContext context) module.imports; }
          else
            module;
      in
      context: key: item:
      walk {
        inherit context key;
        above = [ ];
        depth = 0;
        suffix = "";
      } item;
  };

  # In flake-aspects itself every key is a class.
  plain = engine (_: true);
  resolve =
    class: _chain: item:
    plain.collect { classes = [ class ]; } { } "aspect" item;

  option = lib.mkOption {
    type = plain.aspects;
    default = { };
  };
  transposed =
    aspects:
    let
      classes = lib.unique (
        builtins.concatMap (a: builtins.attrNames a.__definitions) (builtins.attrValues aspects)
      );
    in
    lib.genAttrs classes (
      class:
      builtins.mapAttrs (_: a: resolve class [ ] a) (
        lib.filterAttrs (_: a: a.__definitions ? ${class}) aspects
      )
    );

  new =
    callback: aspects:
    callback option (transposed aspects);
  new-scope =
    name:
    { config, ... }:
    new (option: transposed: {
      options.${name} = {
        aspects = option;
        modules = lib.mkOption {
          type = types.lazyAttrsOf (types.lazyAttrsOf types.deferredModule);
          default = transposed;
        };
      };
    }) config.${name}.aspects;

  forward =
    {
      each,
      fromClass,
      intoClass,
      intoPath,
      fromAspect,
    }:
    {
      includes = map (item: {
        ${intoClass item} = lib.setAttrByPath (intoPath item) (_: {
          imports = [ (resolve (fromClass item) [ ] (fromAspect item)) ];
        });
      }) each;
    };

  library = opaque "flake-aspects' library" {
    inherit
      forward
      new
      new-scope
      resolve
      ;
  };

  flakeModule = {
    key = "flake-aspects";
    _file = "flake-aspects";
    imports = [
      (
        { config, ... }:
        {
          options.flake = lib.mkOption {
            type = types.submoduleWith { modules = [ { options.aspects = option; } ]; };
          };
          config.flake.modules = transposed config.flake.aspects;
        }
      )
    ];
  };
in
opaque "flake-aspects" {
  __engine = engine;
  inherit flakeModule;
  flakeModules = opaque "flake-aspects' modules" { default = flakeModule; };
  # Both `flake-aspects.lib lib` and the older `flake-aspects.lib.new` were in use.
  lib = library // { __functor = _: _: library; };
  __functor = _: _: library;
}

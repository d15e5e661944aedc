# The few functions of nixpkgs' lib that the flakes of tests/flakes.rs use, and modules that merge: sets by name, lists one
# after the other. Conditions and priorities are not in these flakes.
with builtins;
let
  optionals = condition: list: if condition then list else [ ];
  flatten = value: if isList value then concatMap flatten value else [ value ];
  merge =
    values:
    if all isAttrs values then
      zipAttrsWith (_: merge) values
    else if all isList values then
      concatLists values
    else if length values == 1 then
      head values
    else
      throw "several values of one option";
  evalModules =
    { modules, specialArgs }:
    let
      given = specialArgs // { inherit config; };
      # Which arguments a module gets must not depend on what modules define.
      call =
        module:
        module (given // mapAttrs (name: _: given.${name} or config._module.args.${name}) (functionArgs module));
      # Breadth first: what a module imports comes after all that stand beside it, as for the options of a file system.
      body =
        module:
        if isPath module || isString module then
          (if match ".*/nixos/modules/.*" (toString module) != null then { } else body (import module))
        else if isFunction module then
          body (call module)
        else
          module;
      load =
        modules:
        let
          bodies = map body modules;
        in
        if modules == [ ] then [ ] else bodies ++ load (concatMap (module: module.imports or [ ]) bodies);
      own = module: module.config or { } // removeAttrs module [ "_file" "config" "imports" "key" ];
      config = merge (map own (load modules));
    in
    config;
  system =
    {
      modules,
      specialArgs ? { },
      lib ? self,
      ...
    }@arguments:
    {
      config = evalModules {
        inherit modules;
        specialArgs = {
          inherit lib;
          pkgs = { };
          modulesPath = "/nixpkgs/nixos/modules";
        }
        // specialArgs;
      };
      extendModules =
        { modules ? [ ], specialArgs ? { } }:
        system (
          arguments
          // {
            modules = arguments.modules ++ modules;
            specialArgs = arguments.specialArgs or { } // specialArgs;
          }
        );
    };
  self = make (_: _: { });
  make =
    overlay:
    let
      base = {
        inherit optionals flatten system;
        optional = condition: value: optionals condition [ value ];
        genAttrs = names: f: listToAttrs (map (name: { inherit name; value = f name; }) names);
        mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
        inherit (builtins) mapAttrs attrValues;
        makeOverridable = f: arguments: f arguments // { override = _: throw "not here"; };
        nixosSystem = arguments: system ({ lib = final; } // arguments);
        nixos.evalModules = arguments: system ({ lib = final; } // arguments);
        extend = more: make (final: previous: let first = overlay final previous; in first // more final (previous // first));
      };
      final = base // overlay final base;
    in
    final;
in
self

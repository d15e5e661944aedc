# Definitions, declarations and evaluations of options: what nixpkgs has in lib/modules.nix and
# lib/options.nix. The merging itself is `nix::module`'s.
lib:
let
  inherit (builtins) elemAt head isAttrs length;
  inherit (lib)
    attrByPath
    concatMap
    getAttrFromPath
    hasAttrByPath
    id
    last
    optionalAttrs
    setAttrByPath
    toList
    types
    ;

  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };
  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkOrder = priority: content: {
    _type = "order";
    inherit priority content;
  };
  defaultOverridePriority = 100;
  mkDefault = mkOverride 1000;
  mkOptionDefault = mkOverride 1500;
  mkForce = mkOverride 50;

  mkOption = attrs: attrs // { _type = "option"; };
  mkEnableOption =
    name:
    mkOption {
      default = false;
      example = true;
      description = "Whether to enable ${name}.";
      type = types.bool;
    };
  mkSinkUndeclaredOptions =
    attrs:
    mkOption (
      {
        internal = true;
        visible = false;
        default = false;
        description = "Sink for option definitions.";
        type = types.unspecified;
        apply = _: throw "Option value is not readable because the option is not declared.";
      }
      // attrs
    );
  # The package itself belongs to `pkgs`, so the default is as unknown as that.
  mkPackageOption =
    pkgs: name: args:
    let
      given = if isAttrs args then args else { default = args; };
      names = toList name;
      path = toList (given.default or names);
    in
    mkOption (
      {
        type = (if given.nullable or false then types.nullOr else id) types.package;
        description = "The ${given.pkgsText or "pkgs"} package to use.";
      }
      // (
        if given ? default && given.default == null then
          { default = null; }
        else
          { default = attrByPath path (throw "${toString path} cannot be found in pkgs") pkgs; }
      )
    );

  mkAliasAndWrapDefinitions = wrap: option: mkIf option.isDefined (wrap (mkMerge option.definitions));
  mkAliasDefinitions = mkAliasAndWrapDefinitions id;
  mkAliasAndWrapDefsWithPriority =
    wrap: option:
    mkIf option.isDefined (
      wrap (mkOverride (option.highestPrio or defaultOverridePriority) (mkMerge option.definitions))
    );
  mkAliasIfDef = option: mkIf (option.isDefined or false);
  mkAssert = assertion: message: content: mkIf (if assertion then true else throw "\nFailed assertion: ${message}") content;
  mkFixStrictness = id;
  mkDerivedConfig = option: f: mkOverride (option.highestPrio or defaultOverridePriority) (f option.value);

  doRename =
    {
      from,
      to,
      visible ? true,
      warn ? false,
      use ? id,
      withPriority ? true,
      condition ? true,
    }:
    { config, options, ... }:
    let
      source = getAttrFromPath from options;
      target = attrByPath to (throw "Renaming error: option `${toString to}` does not exist.");
      targetType = attrByPath to { } options;
    in
    {
      options = setAttrByPath from (
        mkOption {
          inherit visible;
          description = "Alias of ${toString to}.";
          apply = _: use (target config);
        }
        // optionalAttrs (targetType ? type) { inherit (targetType) type; }
      );
      config = mkIf condition (mkMerge [
        (optionalAttrs (options ? warnings) {
          warnings = lib.optional (warn && source.isDefined)
            "The option `${showOption from}' defined in ${toString source.files} has been renamed to `${showOption to}'.";
        })
        (
          if withPriority then
            mkAliasAndWrapDefsWithPriority (setAttrByPath to) source
          else
            mkAliasAndWrapDefinitions (setAttrByPath to) source
        )
      ]);
    };

  # The assertion that such an option must not be set changes no value.
  mkRemovedOptionModule =
    path: _:
    { ... }:
    {
      options = setAttrByPath path (
        mkOption {
          visible = false;
          apply = _: throw "The option `${toString path}' can no longer be used.";
        }
      );
    };
  mkRenamedOptionModule =
    from: to:
    doRename {
      inherit from to;
      warn = true;
    };
  mkChangedOptionModule = from: to: change: mkMergedOptionModule [ from ] to change;
  mkMergedOptionModule =
    froms: to: merge:
    { config, options, ... }:
    {
      options = builtins.foldl' lib.recursiveUpdate { } (
        map (path: setAttrByPath path (mkOption { visible = false; default = "_mkMergedOptionModule"; })) froms
      );
      config = mkIf (builtins.any (path: getAttrFromPath path config != "_mkMergedOptionModule") froms) (
        setAttrByPath to (merge config)
      );
    };
  mkAliasOptionModule =
    from: to:
    doRename {
      inherit from to;
      visible = true;
    };

  isType = type: value: value._type or "" == type;
  setType = type: value: value // { _type = type; };
  isOption = isType "option";

  evalModules =
    args:
    builtins."<evalModules>" (args // { specialArgs = { inherit lib; } // args.specialArgs or { }; });

  mergeDefinitions =
    loc: type: definitions:
    {
      mergedValue = type.merge loc definitions;
      isDefined = definitions != [ ];
    };
  importApply = path: arguments: lib.setDefaultModuleLocation path (import path arguments);
  setDefaultModuleLocation = file: module: {
    _file = file;
    imports = [ module ];
  };
  fixupOptionType = _: option: option;
  showOption = parts: builtins.concatStringsSep "." parts;
  # Documentation is not known; this stands for it.
  optionAttrSetToDocList = _: builtins.currentTime;
  getValues = map (definition: definition.value);
  getFiles = map (definition: definition.file);
  mergeOneOption =
    loc: definitions:
    if length definitions == 1 then
      (head definitions).value
    else
      throw "The option `${showOption loc}' is defined ${toString (length definitions)} times";
  mergeEqualOption =
    loc: definitions:
    if definitions == [ ] then
      abort "This case should never happen."
    else
      builtins.foldl' (
        value: definition:
        if definition.value == value then
          value
        else
          throw "The option `${showOption loc}' has conflicting definition values"
      ) (head definitions).value definitions;
  literalExpression = text: {
    _type = "literalExpression";
    inherit text;
  };
  literalMD = text: {
    _type = "literalMD";
    inherit text;
  };
  modules = {
    inherit
      defaultOverridePriority
      evalModules
      importApply
      mergeDefinitions
      mkAliasAndWrapDefinitions
      mkAliasAndWrapDefsWithPriority
      mkAliasDefinitions
      mkAliasIfDef
      mkAliasOptionModule
      mkAssert
      mkFixStrictness
      mkChangedOptionModule
      mkDefault
      mkDerivedConfig
      mkForce
      mkIf
      mkMerge
      mkMergedOptionModule
      mkOptionDefault
      mkOrder
      mkOverride
      mkRemovedOptionModule
      mkRenamedOptionModule
      doRename
      setDefaultModuleLocation
      fixupOptionType
      ;
    mkAliasOptionModuleMD = mkAliasOptionModule;
    mkRenamedOptionModuleWith =
      { from, to, ... }:
      doRename {
        inherit from to;
        warn = true;
      };
    mkBefore = mkOrder 500;
    mkAfter = mkOrder 1500;
    defaultOrderPriority = 1000;
    mkVMOverride = mkOverride 10;
    mkImageMediaOverride = mkOverride 60;
    mkDefinition = definition: definition // { _type = "definition"; };
    importJSON = file: {
      _file = file;
      config = lib.importJSON file;
    };
    importTOML = file: {
      _file = file;
      config = lib.importTOML file;
    };
  };
  options = {
    inherit
      getFiles
      getValues
      isOption
      literalExpression
      literalMD
      mergeEqualOption
      mergeOneOption
      mkEnableOption
      mkOption
      mkPackageOption
      mkSinkUndeclaredOptions
      optionAttrSetToDocList
      showOption
      ;
    literalExample = literalExpression;
    literalDocBook = literalMD;
    mdDoc = id;
  };
in
removeAttrs modules [
  "defaultOrderPriority"
  "defaultOverridePriority"
  "importJSON"
  "importTOML"
  "doRename"
]
// options
// {
  inherit isType setType;
  modules = builtins."<open>" "this function of lib.modules" modules;
  options = builtins."<open>" "this function of lib.options" options;
}

# The types of options. Each is described by a set that `nix::module` reads (`kind` and what it
# takes); a type whose `merge` or `check` somebody replaced is merged and checked by that instead.
lib:
let
  inherit (lib) toList;
  type =
    name: description:
    builtins."<open>" "this attribute of an option type" {
      _type = "option-type";
      inherit name;
      description = name;
      merge = builtins."<mergeOf>" description;
      check = builtins."<checkOf>" description;
      deprecationMessage = null;
      emptyValue = if description.kind == "listOf" then { value = [ ]; } else if description.kind == "attrsOf" then { value = { }; } else { };
      nestedTypes = if description ? elem then { elemType = description.elem; } else { };
      functor = {
        inherit name;
        payload = if description ? elem then { elemType = description.elem; } else null;
        wrapped = description.elem or null;
      };
      getSubModules = description.modules or null;
      typeMerge = _: null;
    };
  plain = kind: type kind { inherit kind; };
  of =
    kind: elem:
    type kind { inherit kind elem; };
  text = name: separator: type name { kind = "text"; inherit separator; };

  addCheck = base: check: base // { check = value: base.check value && check value; };
  named = name: base: base // { inherit name; description = name; };
  between =
    name: low: high:
    named name (addCheck types.int (n: n >= low && n <= high));
  signed = bits: let half = pow2 (bits - 1); in between "signedInt${toString bits}" (-half) (half - 1);
  unsigned = bits: between "unsignedInt${toString bits}" 0 (pow2 bits - 1);
  pow2 = n: if n == 0 then 1 else 2 * pow2 (n - 1);

  submoduleWith =
    {
      modules,
      specialArgs ? { },
      shorthandOnlyDefinesConfig ? false,
      description ? null,
      class ? null,
    }:
    type "submodule" {
      kind = "submodule";
      # A submodule is called with `lib` as evalModules is.
      specialArgs = { inherit lib; } // specialArgs;
      inherit modules;
      shorthand = shorthandOnlyDefinesConfig;
    };
  deferredModuleWith =
    {
      staticModules ? [ ],
    }:
    type "deferredModule" {
      kind = "deferredModule";
      modules = staticModules;
    };

  mkOptionType =
    {
      name,
      description ? name,
      check ? (_: true),
      merge ? mergeDefault,
      ...
    }@given:
    builtins."<open>" "this attribute of an option type" (
      {
        _type = "option-type";
        inherit name description check merge;
        deprecationMessage = null;
        emptyValue = { };
        nestedTypes = { };
        getSubModules = null;
      }
      // given
    );
  mergeDefault = types.unspecified.merge;

  types = {
    bool = plain "bool";
    boolByOr = mkOptionType {
      name = "boolByOr";
      check = builtins.isBool;
      merge = _: definitions: builtins.any (definition: definition.value) definitions;
    };
    int = plain "int";
    float = plain "float";
    number = plain "number";
    port = unsigned 16;
    str = plain "str";
    string = plain "str";
    nonEmptyStr = named "nonEmptyStr" (addCheck types.str (s: builtins.match "[ \t\n]*" s == null));
    singleLineStr = named "singleLineStr" (addCheck types.str (s: !(lib.hasInfix "\n" (lib.removeSuffix "\n" s)))) // {
      merge = loc: definitions: lib.removeSuffix "\n" (types.str.merge loc definitions);
    };
    strMatching = pattern: named "strMatching" (addCheck types.str (s: builtins.match pattern s != null));
    path = plain "path";
    pathInStore = plain "path";
    externalPath = plain "path";
    pathWith = _: plain "path";
    package = plain "one";
    shellPackage = plain "one";
    pkgs = plain "one";
    raw = plain "one";
    optionType = plain "one";
    anything = plain "anything";
    unspecified = plain "unspecified";
    attrs = plain "attrs";
    lines = text "lines" "\n";
    commas = text "commas" ",";
    envVar = text "envVar" ":";
    separatedString = separator: text "separatedString" separator;
    passwdEntry = base: named "passwdEntry" (addCheck base (s: !(lib.hasInfix ":" s || lib.hasInfix "\n" s)));
    deferredModule = deferredModuleWith { };
    inherit deferredModuleWith submoduleWith addCheck mkOptionType;
    submodule =
      modules:
      submoduleWith {
        shorthandOnlyDefinesConfig = true;
        modules = toList modules;
      };
    numbers = {
      between = low: high: named "numberBetween" (addCheck types.number (n: n >= low && n <= high));
      nonnegative = named "numberNonnegative" (addCheck types.number (n: n >= 0));
      positive = named "numberPositive" (addCheck types.number (n: n > 0));
    };
    ints = {
      unsigned = named "unsignedInt" (addCheck types.int (n: n >= 0));
      positive = named "positiveInt" (addCheck types.int (n: n > 0));
      between = between "intBetween";
      u8 = unsigned 8;
      u16 = unsigned 16;
      u32 = unsigned 32;
      s8 = signed 8;
      s16 = signed 16;
      s32 = signed 32;
    };
    enum =
      values:
      type "enum" {
        kind = "enum";
        inherit values;
      };
    nullOr = of "nullOr";
    listOf = of "listOf";
    nonEmptyListOf = elem: named "nonEmptyListOf" (addCheck (types.listOf elem) (list: list != [ ]));
    attrsOf = of "attrsOf";
    lazyAttrsOf = of "lazyAttrsOf";
    attrsWith =
      {
        elemType,
        lazy ? false,
        placeholder ? "name",
      }:
      (if lazy then types.lazyAttrsOf else types.attrsOf) elemType;
    loaOf = of "attrsOf";
    dictOf = types.attrsOf types.anything;
    functionTo =
      elem:
      mkOptionType {
        name = "functionTo";
        check = lib.isFunction;
        merge =
          loc: definitions: argument:
          elem.merge (loc ++ [ "<function body>" ]) (
            map (definition: definition // { value = definition.value argument; }) definitions
          );
      };
    uniq = of "unique";
    unique = _: of "unique";
    either =
      left: right:
      type "either" {
        kind = "either";
        inherit left right;
      };
    oneOf =
      list:
      if list == [ ] then
        throw "types.oneOf needs to get at least one type in its argument"
      else
        builtins.foldl' types.either (builtins.head list) (builtins.tail list);
    coercedTo =
      from: with': to:
      type "coercedTo" {
        kind = "coercedTo";
        inherit from to;
        "with" = with';
      };
    # Each of several alternatives, of which a value has exactly one.
    attrTag =
      tags:
      mkOptionType {
        name = "attrTag";
        check = value: builtins.isAttrs value && builtins.length (builtins.attrNames value) == 1 && tags ? ${builtins.head (builtins.attrNames value)};
        merge =
          loc: definitions:
          let
            tag = builtins.head (builtins.attrNames (builtins.head definitions).value);
          in
          {
            ${tag} = tags.${tag}.type.merge (loc ++ [ tag ]) (
              map (definition: definition // { value = definition.value.${tag}; }) definitions
            );
          };
      };
    defaultTypeMerge = _: _: null;
    isOptionType = value: value._type or "" == "option-type";
    defaultFunctor = name: { inherit name; };
  };
in
{
  types = builtins."<open>" "this type" types;
  inherit mkOptionType;
  mergeDefaultOption = mergeDefault;
  inherit (types) isOptionType;
}

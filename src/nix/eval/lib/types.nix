# The types of options, as data: `nix::module` merges by them.
lib:
let
  inherit (lib) toList;
  optionType =
    name: extra:
    {
      _type = "option-type";
      inherit name;
    }
    // extra;
  types =
    let
      plain = name: optionType name { };
      of = name: elemType: optionType name { inherit elemType; };
    in
    {
      bool = plain "bool";
      int = plain "int";
      float = plain "float";
      number = plain "number";
      port = plain "int";
      str = plain "str";
      nonEmptyStr = plain "str";
      singleLineStr = plain "str";
      path = plain "path";
      pathInStore = plain "path";
      package = plain "package";
      raw = plain "raw";
      anything = plain "anything";
      unspecified = plain "unspecified";
      attrs = plain "attrs";
      lines = plain "lines";
      commas = plain "commas";
      envVar = plain "envVar";
      deferredModule = plain "deferredModule";
      ints = {
        unsigned = plain "int";
        positive = plain "int";
        u8 = plain "int";
        u16 = plain "int";
        u32 = plain "int";
        between = _: _: plain "int";
      };
      enum = values: optionType "enum" { inherit values; };
      strMatching = _: plain "str";
      separatedString = separator: optionType "separatedString" { inherit separator; };
      nullOr = of "nullOr";
      listOf = of "listOf";
      nonEmptyListOf = of "listOf";
      attrsOf = of "attrsOf";
      lazyAttrsOf = of "attrsOf";
      functionTo = of "functionTo";
      uniq = of "uniq";
      either = a: b: optionType "either" { inherit a b; };
      oneOf = options: optionType "oneOf" { inherit options; };
      coercedTo = from: _: to: optionType "coercedTo" { inherit from to; };
      submodule = modules: optionType "submodule" { modules = toList modules; };
      submoduleWith = { modules, ... }: optionType "submodule" { inherit modules; };
    };
in
{
  inherit types;
}

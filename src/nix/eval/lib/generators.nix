# What nixpkgs has in lib/generators.nix (26.11): values as the text of configuration files.
lib:
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    filter
    head
    isAttrs
    isBool
    isFloat
    isInt
    isList
    isPath
    isString
    length
    mapAttrs
    match
    split
    tail
    toJSON
    typeOf
    ;
  inherit (lib)
    concatMapStringsSep
    escape
    isDerivation
    isFunction
    mapAttrsToList
    ;

  mkSectionNameDefault = escape [
    "["
    "]"
  ];

  generators = rec {
    mkValueStringDefault =
      { }:
      value:
      if isInt value || isDerivation value then
        toString value
      else if isString value then
        value
      else if isBool value then
        lib.boolToString value
      else if value == null then
        "null"
      else if isFloat value then
        lib.strings.floatToString value
      else
        abort "generators.mkValueStringDefault: a ${typeOf value} is not supported";
    mkKeyValueDefault =
      {
        mkValueString ? mkValueStringDefault { },
      }:
      separator: key: value:
      "${escape [ separator ] key}${separator}${mkValueString value}";
    toKeyValue =
      {
        mkKeyValue ? mkKeyValueDefault { } "=",
        listsAsDuplicateKeys ? false,
        indent ? "",
      }:
      set:
      let
        line = key: value: indent + mkKeyValue key value + "\n";
        values = value: if listsAsDuplicateKeys && isList value then value else [ value ];
      in
      concatStringsSep "" (concatMap (key: map (line key) (values set.${key})) (attrNames set));
    toINI =
      {
        mkSectionName ? mkSectionNameDefault,
        mkKeyValue ? mkKeyValueDefault { } "=",
        listsAsDuplicateKeys ? false,
      }:
      sections:
      let
        section =
          name: set: "[${mkSectionName name}]\n" + toKeyValue { inherit mkKeyValue listsAsDuplicateKeys; } set;
      in
      concatStringsSep "\n" (mapAttrsToList section sections);
    toINIWithGlobalSection =
      {
        mkSectionName ? mkSectionNameDefault,
        mkKeyValue ? mkKeyValueDefault { } "=",
        listsAsDuplicateKeys ? false,
      }:
      {
        globalSection,
        sections ? { },
      }:
      (
        if globalSection == { } then
          ""
        else
          toKeyValue { inherit mkKeyValue listsAsDuplicateKeys; } globalSection + "\n"
      )
      + toINI { inherit mkSectionName mkKeyValue listsAsDuplicateKeys; } sections;
    toGitINI =
      set:
      let
        mkSectionName =
          name:
          let
            parts = lib.splitString "." name;
          in
          if lib.hasInfix "\"" name || length parts == 1 then
            name
          else
            "${head parts} \"${concatStringsSep "." (tail parts)}\"";
        quoted =
          text:
          "\"${
            builtins.replaceStrings
              [
                "\n"
                "\t"
                "\""
                "\\"
              ]
              [
                "\\n"
                "\\t"
                "\\\""
                "\\\\"
              ]
              text
          }\"";
        pair = mkKeyValueDefault {
          mkValueString =
            value: mkValueStringDefault { } (if isString value then quoted value else value);
        } " = ";
        mkKeyValue =
          key: value:
          concatMapStringsSep "\n" (value: "\t" + pair key value) (if isList value then value else [ value ]);
        isSection = value: isAttrs value && !isDerivation value;
        # What lies deeper than a section and a key becomes sections with dots in their names.
        flat =
          path: value:
          if isSection value then
            concatMap (name: flat (path ++ [ name ]) value.${name}) (attrNames value)
          else if length path > 1 then
            [ { ${concatStringsSep "." (lib.init path)}.${lib.last path} = value; } ]
          else
            [ { ${head path} = value; } ];
        deep = filter (
          name: isAttrs set.${name} && builtins.any isSection (builtins.attrValues set.${name})
        ) (attrNames set);
        flattened = builtins.foldl' lib.recursiveUpdate { } (flat [ ] (lib.getAttrs deep set));
      in
      toINI { inherit mkKeyValue mkSectionName; } (removeAttrs set deep // flattened);
    withRecursion =
      {
        depthLimit,
        throwOnDepthLimit ? true,
      }:
      assert isInt depthLimit;
      let
        kept = [
          "__functor"
          "__functionArgs"
          "__toString"
          "__pretty"
        ];
        limit =
          depth: value:
          if depthLimit == null || depth <= depthLimit then
            value
          else if throwOnDepthLimit then
            throw "Exceeded maximum eval-depth limit of ${toString depthLimit} while trying to evaluate with `generators.withRecursion'!"
          else
            "<unevaluated>";
        go =
          depth: value:
          let
            next = x: go (depth + 1) (limit (depth + 1) x);
          in
          if isAttrs value then
            mapAttrs (name: x: if builtins.elem name kept then x else next x) value
          else if isList value then
            map next value
          else
            limit (depth + 1) value;
      in
      go 0;
    toPretty =
      {
        allowPrettyValues ? false,
        multiline ? true,
        indent ? "",
      }:
      let
        go =
          indent: value:
          let
            before = if multiline then "\n${indent}  " else " ";
            after = if multiline then "\n${indent}" else " ";
            block =
              open: items: close:
              open + before + concatStringsSep before items + after + close;
          in
          if isInt value then
            toString value
          else if isFloat value then
            toJSON value
          else if isString value then
            text before after value
          else if isBool value then
            lib.boolToString value
          else if value == null then
            "null"
          else if isPath value then
            toString value
          else if isList value then
            if value == [ ] then "[ ]" else block "[" (map (go "${indent}  ") value) "]"
          else if isFunction value then
            function value
          else if allowPrettyValues && value ? __pretty && value ? val then
            value.__pretty value.val
          else if value == { } then
            "{ }"
          else if isDerivation value then
            "<derivation ${value.name or "???"}>"
          else
            block "{" (mapAttrsToList (
              name: x: "${lib.strings.escapeNixIdentifier name} = ${go "${indent}  " x};"
            ) value) "}";
        function =
          f:
          let
            formals = lib.functionArgs f;
            show = name: default: if default then "${name}?" else name;
          in
          if formals == { } then
            "<function>"
          else
            "<function, args: {${concatStringsSep ", " (mapAttrsToList show formals)}}>";
        text =
          before: after: value:
          let
            lines = filter isString (split "\n" value);
            plain = map (escape [
              "\\"
              "\""
              "\${"
            ]) lines;
            raw = map (builtins.replaceStrings
              [
                "\${"
                "''"
              ]
              [
                "''\${"
                "'''"
              ]
            ) lines;
          in
          if multiline && length lines > 1 then
            "''"
            + before
            + concatStringsSep before (lib.init raw)
            + (if lib.last raw == "" then after else before + lib.last raw)
            + "''"
          else
            "\"${concatStringsSep "\\n" plain}\"";
      in
      go indent;
    toPlist =
      {
        escape ? false,
      }:
      value:
      let
        escaped = if escape then lib.escapeXML else lib.id;
        go =
          indent: x:
          let
            inner = "\t${indent}";
            container =
              tag: content:
              concatStringsSep "\n" [
                "${indent}<${tag}>"
                content
                "${indent}</${tag}>"
              ];
            entry =
              name:
              if name == "_module" || x.${name} == null then
                [ ]
              else
                [
                  "${inner}<key>${escaped name}</key>"
                  (go inner x.${name})
                ];
          in
          if x == null then
            ""
          else if isBool x then
            indent + (if x then "<true/>" else "<false/>")
          else if isInt x then
            "${indent}<integer>${toString x}</integer>"
          else if isString x then
            "${indent}<string>${escaped x}</string>"
          else if isList x then
            container "array" (concatMapStringsSep "\n" (go inner) x)
          else if isAttrs x then
            container "dict" (concatStringsSep "\n" (concatMap entry (attrNames x)))
          else if isPath x then
            "${indent}<string>${escaped (toString x)}</string>"
          else if isFloat x then
            "${indent}<real>${toString x}</real>"
          else
            abort "generators.toPlist: a ${typeOf x} is not supported";
      in
      ''
        <?xml version="1.0" encoding="UTF-8"?>
        <!DOCTYPE plist PUBLIC "-//Apple Computer//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
        <plist version="1.0">
        ${go "" value}
        </plist>'';
    toDhall =
      { }@args:
      value:
      let
        list = concatStringsSep ", ";
      in
      if isAttrs value then
        "{ ${list (mapAttrsToList (name: x: "${name} = ${toDhall args x}") value)} }"
      else if isList value then
        "[ ${list (map (toDhall args) value)} ]"
      else if isInt value then
        "${if value < 0 then "" else "+"}${toString value}"
      else if isBool value then
        (if value then "True" else "False")
      else if isFunction value || value == null then
        abort "generators.toDhall: a ${typeOf value} is not supported"
      else
        toJSON value;
    toLua =
      {
        multiline ? true,
        indent ? "",
        asBindings ? false,
      }@args:
      value:
      let
        before = if multiline then "\n${indent}  " else " ";
        after = if multiline then "\n${indent}" else " ";
        inner = toLua (
          args
          // {
            indent = if asBindings then indent else "${indent}  ";
            asBindings = false;
          }
        );
        table = items: "{${before}${concatStringsSep ",${before}" items}${after}}";
        bad = filter (
          name: match "[[:alpha:]_][[:alnum:]_]*(\\.[[:alpha:]_][[:alnum:]_]*)*" name == null
        ) (attrNames value);
      in
      if asBindings then
        assert lib.assertMsg (bad == [ ]) "Bad Lua var names: ${toPretty { } bad}";
        concatStringsSep "" (mapAttrsToList (name: x: "${indent}${name} = ${inner x}\n") value)
      else if value == null then
        "nil"
      else if isInt value || isFloat value || isString value || isBool value then
        toJSON value
      else if isPath value || isDerivation value then
        toJSON "${value}"
      else if isList value then
        if value == [ ] then "{}" else table (map inner value)
      else if isAttrs value then
        if value._type or null == "lua-inline" then
          "(${value.expr})"
        else if value == { } then
          "{}"
        else
          table (mapAttrsToList (name: x: "[${toJSON name}] = ${inner x}") value)
      else
        abort "generators.toLua: a ${typeOf value} is not supported";
    mkLuaInline = expr: {
      _type = "lua-inline";
      inherit expr;
    };
  };
in
generators
// {
  toJSON = { }: toJSON;
  toYAML = { }: toJSON;
}

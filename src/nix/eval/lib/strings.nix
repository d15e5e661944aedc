# What nixpkgs has in lib/strings.nix (26.11). 24.05 and before quoted everything in escapeShellArg,
# and had no join, trim, replaceString, concatMapAttrsStringSep, toSentenceCase and toCamelCase.
lib:
let
  inherit (builtins)
    all
    elemAt
    genList
    length
    ;
  inherit (lib) throwIfNot;

  letters = "abcdefghijklmnopqrstuvwxyz";
  # The characters that have a number here: the printable ones, and three that move the cursor.
  ascii =
    let
      printable = stringToCharacters (
        " !\"#$%&'()*+,-./0123456789:;<=>?@${toUpper letters}[\\]^_`${letters}{|}~"
      );
      number = name: value: { inherit name value; };
    in
    builtins.listToAttrs (
      genList (i: number (elemAt printable i) (i + 32)) 95
      ++ [
        (number "\t" 9)
        (number "\n" 10)
        (number "\r" 13)
      ]
    );
  hexByte = n: fixedWidthString 2 "0" (lib.toHexString n);

  strings = rec {
    inherit (builtins)
      appendContext
      compareVersions
      concatStringsSep
      elem
      elemAt
      filter
      fromJSON
      genList
      head
      isAttrs
      isInt
      isList
      isPath
      isString
      match
      parseDrvName
      readFile
      replaceStrings
      split
      storeDir
      stringLength
      substring
      tail
      toJSON
      typeOf
      unsafeDiscardStringContext
      ;
    join = concatStringsSep;
    concatStrings = concatStringsSep "";
    concatMapStrings = f: xs: concatStrings (map f xs);
    concatImapStrings = f: xs: concatStrings (lib.imap1 f xs);
    intersperse =
      separator: xs:
      if length xs < 2 then
        xs
      else
        tail (
          builtins.concatMap (x: [
            separator
            x
          ]) xs
        );
    concatMapStringsSep =
      separator: f: xs:
      concatStringsSep separator (map f xs);
    concatImapStringsSep =
      separator: f: xs:
      concatStringsSep separator (lib.imap1 f xs);
    concatMapAttrsStringSep =
      separator: f: set:
      concatStringsSep separator (lib.mapAttrsToList f set);
    concatLines = lines: if lines == [ ] then "" else concatStringsSep "\n" lines + "\n";
    replaceString = from: to: replaceStrings [ from ] [ to ];
    replicate = n: text: concatStrings (lib.replicate n text);
    trim = trimWith {
      start = true;
      end = true;
    };
    trimWith =
      {
        start ? false,
        end ? false,
      }:
      let
        blank = "[ \t\r\n]*";
        inner = if end then "(.*[^ \t\r\n])${blank}" else "(.*)";
        pattern = if start then blank + inner else inner;
      in
      text:
      let
        found = match pattern text;
      in
      if found == null then "" else head found;
    makeSearchPath =
      below: paths: concatStringsSep ":" (map (path: path + "/" + below) (filter (path: path != null) paths));
    makeSearchPathOutput =
      output: below: packages:
      makeSearchPath below (map (lib.getOutput output) packages);
    makeLibraryPath = makeSearchPathOutput "lib" "lib";
    makeIncludePath = makeSearchPathOutput "dev" "include";
    makeBinPath = makeSearchPathOutput "bin" "bin";
    normalizePath =
      text:
      builtins.foldl' (
        done: next: if next == "/" && hasSuffix "/" done then done else done + next
      ) "" (stringToCharacters text);
    optionalString = condition: text: if condition then text else "";
    hasPrefix = builtins."<hasPrefix>";
    hasSuffix = builtins."<hasSuffix>";
    hasInfix = builtins."<hasInfix>";
    removePrefix = builtins."<removePrefix>";
    removeSuffix = builtins."<removeSuffix>";
    stringToCharacters = builtins."<characters>";
    stringAsChars = f: text: concatStrings (map f (stringToCharacters text));
    charToInt = character: ascii.${character};
    escape = characters: replaceStrings characters (map (c: "\\${c}") characters);
    escapeC =
      characters:
      replaceStrings characters (map (c: "\\x${toLower (hexByte (charToInt c))}") characters);
    escapeURL =
      let
        plain = stringToCharacters "${letters}${toUpper letters}0123456789-_.~";
        odd = removeAttrs ascii plain;
      in
      replaceStrings (builtins.attrNames odd) (map (n: "%${hexByte n}") (builtins.attrValues odd));
    escapeShellArg =
      argument:
      let
        text = toString argument;
      in
      if match "[[:alnum:],._+:@%/-]+" text == null then
        "'${replaceString "'" "'\\''" text}'"
      else
        text;
    escapeShellArgs = concatMapStringsSep " " escapeShellArg;
    isValidPosixName = name: match "[a-zA-Z_][a-zA-Z0-9_]*" name != null;
    toShellVar =
      name: value:
      throwIfNot (isValidPosixName name) "toShellVar: ${name} is not a valid shell variable name" (
        if isAttrs value && !isStringLike value then
          "declare -A ${name}=(${
            concatMapAttrsStringSep " " (key: value: "[${escapeShellArg key}]=${escapeShellArg value}") value
          })"
        else if isList value then
          "declare -a ${name}=(${escapeShellArgs value})"
        else
          "${name}=${escapeShellArg value}"
      );
    toShellVars = concatMapAttrsStringSep "\n" toShellVar;
    escapeNixString = text: escape [ "$" ] (toJSON text);
    escapeRegex = escape (stringToCharacters "\\[{()^$?*+|.");
    escapeNixIdentifier =
      let
        keywords = [
          "assert"
          "else"
          "if"
          "in"
          "inherit"
          "let"
          "or"
          "rec"
          "then"
          "with"
        ];
      in
      name:
      if match "[a-zA-Z_][a-zA-Z0-9_'-]*" name != null && !elem name keywords then
        name
      else
        escapeNixString name;
    escapeXML =
      replaceStrings
        [
          "\""
          "'"
          "<"
          ">"
          "&"
        ]
        [
          "&quot;"
          "&apos;"
          "&lt;"
          "&gt;"
          "&amp;"
        ];
    lowerChars = stringToCharacters letters;
    upperChars = map toUpper lowerChars;
    toLower = builtins."<toLower>";
    toUpper = builtins."<toUpper>";
    toSentenceCase =
      text:
      throwIfNot (isString text) "toSentenceCase: a string was expected, not a ${typeOf text}" (
        toUpper (substring 0 1 text) + toLower (substring 1 (-1) text)
      );
    toCamelCase =
      text:
      throwIfNot (isString text) "toCamelCase: a string was expected, not a ${typeOf text}" (
        let
          isSeparator = _: character: elem character [
            "-"
            "_"
            " "
          ];
          isHump = before: character: match "[a-z]" before != null && match "[A-Z]" character != null;
          words = builtins.concatMap (splitStringBy isHump true) (splitStringBy isSeparator false text);
        in
        toLower (head words) + concatMapStrings toSentenceCase (tail words)
      );
    addContextFrom = from: to: substring 0 0 from + to;
    splitString =
      separator: text:
      let
        by = toString separator;
        whole = if isPath text then toString text else text;
      in
      if by == "" then filter isString (split "" whole) else builtins."<splitString>" by whole;
    splitStringBy =
      isSplit: keep: text:
      let
        n = stringLength text;
        at = i: substring i 1 text;
        go =
          i: part: parts:
          if i == n then
            parts ++ [ part ]
          else if isSplit (if i == 0 then "" else at (i - 1)) (at i) then
            go (i + 1) (if keep then at i else "") (parts ++ [ part ])
          else
            go (i + 1) (part + at i) parts;
      in
      go 0 "" [ ];
    versionOlder = left: right: builtins.compareVersions right left == 1;
    versionAtLeast = left: right: !versionOlder left right;
    getName =
      package:
      if isString package then
        (builtins.parseDrvName package).name
      else
        package.pname or (builtins.parseDrvName package.name).name;
    getVersion =
      package:
      if isString package then
        (builtins.parseDrvName package).version
      else
        package.version or (builtins.parseDrvName package.name).version;
    nameFromURL =
      url: separator:
      let
        file = lib.last (splitString "/" url);
        name = head (splitString separator file);
      in
      assert name != file;
      name;
    cmakeOptionType =
      type: feature: value:
      assert elem (toUpper type) [
        "BOOL"
        "FILEPATH"
        "PATH"
        "STRING"
        "INTERNAL"
        "LIST"
      ];
      assert isString feature;
      assert isString value;
      "-D${feature}:${toUpper type}=${value}";
    cmakeBool =
      feature: flag:
      assert isString feature;
      assert lib.isBool flag;
      cmakeOptionType "bool" feature (toUpper (lib.boolToString flag));
    cmakeFeature = cmakeOptionType "string";
    mesonOption =
      feature: value:
      assert isString feature;
      assert isString value;
      "-D${feature}=${value}";
    mesonBool =
      feature: flag:
      assert isString feature;
      assert lib.isBool flag;
      mesonOption feature (lib.boolToString flag);
    mesonEnable =
      feature: flag:
      assert isString feature;
      assert lib.isBool flag;
      mesonOption feature (if flag then "enabled" else "disabled");
    enableFeature =
      flag: feature:
      assert lib.isBool flag;
      assert isString feature;
      "--${if flag then "enable" else "disable"}-${feature}";
    enableFeatureAs =
      flag: feature: value:
      enableFeature flag feature + optionalString flag "=${value}";
    withFeature =
      flag: feature:
      assert isString feature;
      "--${if flag then "with" else "without"}-${feature}";
    withFeatureAs =
      flag: feature: value:
      withFeature flag feature + optionalString flag "=${value}";
    fixedWidthString =
      width: filler: text:
      assert lib.assertMsg (
        stringLength text <= width
      ) "fixedWidthString: ${text} is longer than ${toString width}";
      if stringLength text == width then
        text
      else
        filler + fixedWidthString (width - stringLength filler) filler text;
    fixedWidthNumber = width: n: fixedWidthString width "0" (toString n);
    floatToString = toString;
    isConvertibleWithToString =
      x:
      isStringLike x
      || elem (typeOf x) [
        "null"
        "int"
        "float"
        "bool"
      ]
      || (isList x && all isConvertibleWithToString x);
    isStringLike = x: isString x || isPath x || x ? outPath || x ? __toString;
    isStorePath =
      x:
      isStringLike x
      && substring 0 1 (toString x) == "/"
      && (dirOf (toString x) == storeDir || match "/[0-9a-z]{52}" (toString x) != null);
    toInt =
      text:
      let
        digits = match "[[:space:]]*(-?[[:digit:]]+)[[:space:]]*" text;
        number = fromJSON (head digits);
        wrong = throw "toInt: Could not convert ${escapeNixString text} to int.";
      in
      if digits == null then
        wrong
      else if match "0[[:digit:]]+" (head digits) != null then
        throw "toInt: Ambiguity in interpretation of ${escapeNixString text} between octal and zero padded integer."
      else if isInt number then
        number
      else
        wrong;
    toIntBase10 =
      text:
      let
        digits = match "[[:space:]]*0*(-?[[:digit:]]+)[[:space:]]*" text;
        number = fromJSON (head digits);
        wrong = throw "toIntBase10: Could not convert ${escapeNixString text} to int.";
      in
      if digits == null then
        wrong
      else if match "0+" (head digits) != null then
        0
      else if isInt number then
        number
      else
        wrong;
    fileContents = file: removeSuffix "\n" (readFile file);
    sanitizeDerivationName =
      name:
      if
        stringLength name <= 207 && match "[[:alnum:]+_?=-][[:alnum:]+._?=-]*" name != null
      then
        name
      else
        let
          undotted = head (match "\\.*(.*)" name);
          plain = concatMapStrings (part: if isList part then "-" else part) (
            split "[^[:alnum:]+._?=-]+" undotted
          );
          short = substring (lib.max (stringLength plain - 207) 0) (-1) plain;
        in
        if short == "" then "unknown" else short;
    levenshtein =
      left: right:
      let
        # Row by row: each cell from those left of it, above, and between.
        row =
          above: i:
          builtins.foldl' (
            cells: j:
            let
              same = substring (i - 1) 1 left == substring (j - 1) 1 right;
              between = elemAt above (j - 1) + (if same then 0 else 1);
            in
            cells ++ [ (lib.min (lib.min (elemAt above j) (lib.last cells) + 1) between) ]
          ) [ i ] (lib.range 1 (stringLength right));
      in
      lib.last (
        builtins.foldl' row (lib.range 0 (stringLength right)) (lib.range 1 (stringLength left))
      );
    levenshteinAtMost = k: left: right: if k <= 0 then left == right else levenshtein left right <= k;
    commonPrefixLength =
      left: right: length (lib.lists.commonPrefix (stringToCharacters left) (stringToCharacters right));
    commonSuffixLength =
      left: right:
      let
        backwards = text: lib.reverseList (stringToCharacters text);
      in
      length (lib.lists.commonPrefix (backwards left) (backwards right));
  };
  inherit (strings)
    fixedWidthString
    stringToCharacters
    toUpper
    ;
in
strings

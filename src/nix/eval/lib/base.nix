# What configurations use of nixpkgs' `lib`, written for this program from its documented behaviour.
# Functions missing here are unknown to the evaluator, never wrong.
lib:
let
  inherit (builtins)
    attrNames
    attrValues
    concatLists
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    genList
    hasAttr
    head
    isAttrs
    isList
    isString
    length
    listToAttrs
    map
    mapAttrs
    removeAttrs
    replaceStrings
    stringLength
    substring
    tail
    ;

  # --- functions and values ---
  id = x: x;
  const = x: _: x;
  flip = f: a: b: f b a;
  pipe = value: functions: foldl' (x: f: f x) value functions;
  min = a: b: if a < b then a else b;
  max = a: b: if a > b then a else b;
  boolToString = b: if b then "true" else "false";
  toInt =
    text:
    let
      parsed = builtins.fromJSON text;
    in
    if builtins.isInt parsed then parsed else throw "toInt: Could not convert ${text} to int.";
  isFunction = f: builtins.isFunction f || (f ? __functor && isFunction (f.__functor f));
  functionArgs = f: if f ? __functor then f.__functionArgs or (functionArgs (f.__functor f)) else builtins.functionArgs f;
  fix = f: let x = f x; in x;

  # --- lists ---
  singleton = x: [ x ];
  optional = condition: x: if condition then [ x ] else [ ];
  optionals = condition: xs: if condition then xs else [ ];
  toList = x: if isList x then x else [ x ];
  range = first: last: if first > last then [ ] else genList (n: first + n) (last - first + 1);
  imap0 = f: xs: genList (n: f n (elemAt xs n)) (length xs);
  imap1 = f: xs: genList (n: f (n + 1) (elemAt xs n)) (length xs);
  zipListsWith = f: a: b: genList (n: f (elemAt a n) (elemAt b n)) (min (length a) (length b));
  zipLists = zipListsWith (fst: snd: { inherit fst snd; });
  last = xs: elemAt xs (length xs - 1);
  init = xs: genList (elemAt xs) (length xs - 1);
  take = n: xs: genList (elemAt xs) (min n (length xs));
  drop =
    n: xs:
    if n < 0 then abort "drop of ${toString n}" else genList (i: elemAt xs (i + n)) (max 0 (length xs - n));
  reverseList = xs: genList (n: elemAt xs (length xs - 1 - n)) (length xs);
  foldr =
    op: nul: xs:
    let
      go = n: if n == length xs then nul else op (elemAt xs n) (go (n + 1));
    in
    go 0;
  flatten = x: if isList x then builtins.concatMap flatten x else [ x ];
  remove = e: filter (x: x != e);
  findFirst =
    predicate: default: xs:
    let
      go =
        n:
        if n == length xs then
          default
        else if predicate (elemAt xs n) then
          elemAt xs n
        else
          go (n + 1);
    in
    go 0;
  any = builtins.any;
  all = builtins.all;
  count = predicate: xs: foldl' (n: x: if predicate x then n + 1 else n) 0 xs;
  unique = foldl' (seen: e: if elem e seen then seen else seen ++ [ e ]) [ ];
  subtractLists = e: filter (x: !(elem x e));
  intersectLists = e: filter (x: elem x e);
  cartesianProduct =
    sets:
    foldl' (
      partial: name: builtins.concatMap (set: map (value: set // { ${name} = value; }) sets.${name}) partial
    ) [ { } ] (attrNames sets);

  # --- sets ---
  nameValuePair = name: value: { inherit name value; };
  optionalAttrs = condition: set: if condition then set else { };
  genAttrs = names: f: listToAttrs (map (name: nameValuePair name (f name)) names);
  genAttrs' = xs: f: listToAttrs (map f xs);
  mapAttrs' = f: set: listToAttrs (map (name: f name set.${name}) (attrNames set));
  mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
  attrsToList = mapAttrsToList nameValuePair;
  concatMapAttrs = f: set: foldl' (a: b: a // b) { } (mapAttrsToList f set);
  filterAttrs =
    predicate: set:
    listToAttrs (
      map (name: nameValuePair name set.${name}) (filter (name: predicate name set.${name}) (attrNames set))
    );
  foldlAttrs = f: start: set: foldl' (acc: name: f acc name set.${name}) start (attrNames set);
  foldAttrs =
    op: nul: sets:
    foldr (
      set: acc: foldl' (acc: name: acc // { ${name} = op set.${name} (acc.${name} or nul); }) acc (attrNames set)
    ) { } sets;
  mergeAttrsList = foldl' (a: b: a // b) { };
  zipAttrsWith = builtins.zipAttrsWith;
  zipAttrs = zipAttrsWith (_: values: values);
  getAttrs = names: set: genAttrs names (name: set.${name});
  attrVals = names: set: map (name: set.${name}) names;
  catAttrs = builtins.catAttrs;
  hasAttrByPath =
    path: set:
    if path == [ ] then true else set ? ${head path} && hasAttrByPath (tail path) set.${head path};
  attrByPath =
    path: default: set:
    if path == [ ] then
      set
    else if set ? ${head path} then
      attrByPath (tail path) default set.${head path}
    else
      default;
  getAttrFromPath = path: set: foldl' (value: name: value.${name}) set path;
  setAttrByPath =
    path: value: if path == [ ] then value else { ${head path} = setAttrByPath (tail path) value; };
  recursiveUpdateUntil =
    predicate: left: right:
    let
      go =
        path:
        zipAttrsWith (
          name: values:
          let
            here = path ++ [ name ];
          in
          if length values == 1 || predicate here (elemAt values 1) (head values) then
            head values
          else
            go here values
        );
    in
    go [ ] [ right left ];
  recursiveUpdate = recursiveUpdateUntil (_: l: r: !(isAttrs l && isAttrs r));
  mapAttrsRecursive =
    f: set:
    let
      go = path: mapAttrs (name: value: if isAttrs value then go (path ++ [ name ]) value else f (path ++ [ name ]) value);
    in
    go [ ] set;
  isDerivation = value: isAttrs value && value.type or null == "derivation";

  # --- strings ---
  concatStrings = concatStringsSep "";
  concatMapStrings = f: xs: concatStrings (map f xs);
  concatMapStringsSep = separator: f: xs: concatStringsSep separator (map f xs);
  concatImapStringsSep = separator: f: xs: concatStringsSep separator (imap1 f xs);
  concatLines = concatMapStrings (line: line + "\n");
  concatMapAttrsStringSep = separator: f: set: concatStringsSep separator (mapAttrsToList f set);
  optionalString = condition: text: if condition then text else "";
  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
  hasSuffix =
    suffix: text:
    let
      n = stringLength text;
      m = stringLength suffix;
    in
    n >= m && substring (n - m) m text == suffix;
  hasInfix = infix: text: replaceStrings [ infix ] [ "" ] text != text || infix == "";
  removePrefix =
    prefix: text:
    if hasPrefix prefix text then substring (stringLength prefix) (stringLength text) text else text;
  removeSuffix =
    suffix: text:
    if hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
  stringToCharacters = text: genList (n: substring n 1 text) (stringLength text);
  lowers = stringToCharacters "abcdefghijklmnopqrstuvwxyz";
  uppers = stringToCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  toLower = replaceStrings uppers lowers;
  toUpper = replaceStrings lowers uppers;
  fixedWidthString =
    width: filler: text:
    if stringLength text > width then
      throw "fixedWidthString: ${text} is longer than ${toString width}"
    else if stringLength text == width then
      text
    else
      filler + fixedWidthString (width - stringLength filler) filler text;
  fixedWidthNumber = width: n: fixedWidthString width "0" (toString n);
  escapeShellArg =
    arg:
    let
      text = toString arg;
      # What needs no quotes is left alone since nixpkgs 24.11.
      plain = stringToCharacters "0123456789,._+:@%/-" ++ lowers ++ uppers;
    in
    if text != "" && builtins.all (c: elem c plain) (stringToCharacters text) then
      text
    else
      "'" + replaceStrings [ "'" ] [ "'\\''" ] text + "'";
  splitString = builtins."<splitString>";
  versionAtLeast = a: b: builtins.compareVersions a b >= 0;
  versionOlder = a: b: builtins.compareVersions a b < 0;

in
{
  inherit
    id
    const
    flip
    pipe
    min
    max
    boolToString
    toInt
    isFunction
    functionArgs
    fix
    singleton
    optional
    optionals
    toList
    range
    imap0
    imap1
    zipListsWith
    zipLists
    last
    init
    take
    drop
    reverseList
    foldr
    flatten
    remove
    findFirst
    any
    all
    count
    unique
    subtractLists
    intersectLists
    cartesianProduct
    nameValuePair
    optionalAttrs
    genAttrs
    genAttrs'
    mapAttrs'
    mapAttrsToList
    attrsToList
    concatMapAttrs
    filterAttrs
    foldlAttrs
    foldAttrs
    mergeAttrsList
    zipAttrsWith
    zipAttrs
    getAttrs
    attrVals
    catAttrs
    hasAttrByPath
    attrByPath
    getAttrFromPath
    setAttrByPath
    recursiveUpdateUntil
    recursiveUpdate
    mapAttrsRecursive
    isDerivation
    concatStrings
    concatMapStrings
    concatMapStringsSep
    concatImapStringsSep
    concatLines
    concatMapAttrsStringSep
    optionalString
    hasPrefix
    hasSuffix
    hasInfix
    removePrefix
    removeSuffix
    stringToCharacters
    toLower
    toUpper
    fixedWidthString
    fixedWidthNumber
    escapeShellArg
    splitString
    versionAtLeast
    versionOlder
    ;
  inherit (builtins)
    attrNames
    attrValues
    concatLists
    concatMap
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    genList
    groupBy
    hasAttr
    head
    isAttrs
    isBool
    isInt
    isList
    isString
    length
    listToAttrs
    mapAttrs
    partition
    pathExists
    readFile
    removeAttrs
    replaceStrings
    seq
    sort
    stringLength
    substring
    tail
    tryEval
    trace
    typeOf
    ;
  foldl = foldl';
  fold = foldr;
  forEach = xs: f: map f xs;
  importJSON = path: builtins.fromJSON (builtins.readFile path);
  literalExpression = text: {
    _type = "literalExpression";
    inherit text;
  };
  mdDoc = id;
}

# What nixpkgs has in lib/trivial.nix (26.11). What depends on which nixpkgs it is (version, release,
# oldestSupportedRelease …) or on who evaluates (inNixShell, inPureEvalMode) is left out, so unknown.
lib:
let
  inherit (builtins) elemAt isInt;
in
rec {
  inherit (builtins)
    add
    bitAnd
    bitOr
    bitXor
    ceil
    deepSeq
    div
    floor
    genericClosure
    isBool
    isFloat
    isInt
    lessThan
    mul
    pathExists
    readFile
    seq
    sub
    warn
    ;
  id = value: value;
  const = value: _: value;
  pipe = builtins.foldl' (value: f: f value);
  concat = left: right: left ++ right;
  "or" = left: right: left || right;
  and = left: right: left && right;
  xor = left: right: !left != !right;
  bitNot = builtins.sub (-1);
  boolToString = b: if b then "true" else "false";
  boolToYesNo = b: if b then "yes" else "no";
  mergeAttrs = left: right: left // right;
  flip = f: left: right: f right left;
  defaultTo = default: value: if value == null then default else value;
  mapNullable = f: value: if value == null then value else f value;
  min = left: right: if left < right then left else right;
  max = left: right: if left > right then left else right;
  mod = base: int: base - int * (builtins.div base int);
  compare = left: right: if left < right then -1 else if left > right then 1 else 0;
  splitByAndCompare =
    belongs: inside: outside: left: right:
    if belongs left then
      (if belongs right then inside left right else -1)
    else if belongs right then
      1
    else
      outside left right;
  importJSON = path: builtins.fromJSON (builtins.readFile path);
  importTOML = path: builtins.fromTOML (builtins.readFile path);
  warnIf = condition: message: if condition then warn message else id;
  warnIfNot = condition: message: if condition then id else warn message;
  throwIf = condition: message: if condition then throw message else id;
  throwIfNot = condition: message: if condition then id else throw message;
  checkListOfEnum =
    message: valid: given:
    let
      words = xs: builtins.concatStringsSep ", " (map toString xs);
      unexpected = lib.subtractLists valid given;
    in
    throwIfNot (
      unexpected == [ ]
    ) "${message}: ${words unexpected} unexpected; valid ones: ${words valid}";
  info = message: builtins.trace "INFO: ${message}";
  showWarnings = warnings: value: lib.foldr warn value warnings;

  # A function whose arguments cannot be seen may carry them with it.
  setFunctionArgs = f: args: {
    __functor = _: f;
    __functionArgs = args;
  };
  functionArgs =
    f:
    if f ? __functor then
      f.__functionArgs or (functionArgs (f.__functor f))
    else
      builtins.functionArgs f;
  isFunction = f: builtins.isFunction f || (f ? __functor && isFunction (f.__functor f));
  mirrorFunctionArgs =
    f:
    let
      args = functionArgs f;
    in
    g: setFunctionArgs g args;
  toFunction = value: if isFunction value then value else _: value;

  # TOML is how Nix can read a hexadecimal number. Longer ones than these depend on its version.
  fromHexString =
    text:
    let
      digits = builtins.match "(0x)?([0-7]?[0-9A-Fa-f]{1,15})" text;
    in
    if digits != null then
      (fromTOML "v=0x${elemAt digits 1}").v
    else
      (fromTOML "v=0x${lib.removePrefix "0x" (lib.toLower text)}").v;
  toHexString =
    n: lib.concatMapStrings (digit: elemAt (lib.stringToCharacters "0123456789ABCDEF") digit) (toBaseDigits 16 n);
  toBaseDigits =
    base: n:
    let
      go = n: if n < base then [ n ] else go (n / base) ++ [ (mod n base) ];
    in
    assert isInt base;
    assert isInt n;
    assert base >= 2;
    assert n >= 0;
    go n;
}

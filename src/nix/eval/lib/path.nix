# What nixpkgs has in lib/path/default.nix (26.11): paths within paths.
lib:
let
  inherit (builtins) elemAt head isPath length match split storeDir;

  # Why a string cannot be a path below another, or null.
  invalid =
    value:
    if !builtins.isString value then
      "it is of type ${builtins.typeOf value}"
    else if value == "" then
      "it is empty"
    else if builtins.substring 0 1 value == "/" then
      "\"${value}\" is absolute"
    else if match "(.*/)?\\.\\.(/.*)?" value != null then
      "\"${value}\" has a `..`"
    else
      null;
  valid =
    who: value:
    let
      why = invalid value;
    in
    lib.assertMsg (why == null) "${who}: no subpath: ${why}";
  path =
    who: value: lib.assertMsg (isPath value) "${who}: a path was expected, not a ${builtins.typeOf value}";

  components =
    text:
    let
      parts = builtins.filter builtins.isString (split "/+(\\./+)*" text);
      first = if head parts == "." then 1 else 0;
      last = if lib.last parts == "." || lib.last parts == "" then 1 else 0;
    in
    if text == "." then [ ] else lib.sublist first (length parts - first - last) parts;
  join = parts: "./" + (if parts == [ ] then "." else builtins.concatStringsSep "/" parts);

  # A path as its root and what follows.
  taken =
    let
      go =
        parts: path:
        if path == dirOf path then
          {
            root = path;
            inherit parts;
          }
        else
          go ([ (baseNameOf path) ] ++ parts) (dirOf path);
    in
    go [ ];

  store = components ("./" + storeDir);
in
{
  append =
    base: subpath:
    assert path "lib.path.append" base;
    assert valid "lib.path.append" subpath;
    base + ("/" + subpath);
  hasPrefix =
    left:
    assert path "lib.path.hasPrefix" left;
    right:
    assert path "lib.path.hasPrefix" right;
    lib.lists.hasPrefix (taken left).parts (taken right).parts;
  removePrefix =
    left:
    assert path "lib.path.removePrefix" left;
    right:
    assert path "lib.path.removePrefix" right;
    let
      prefix = (taken left).parts;
      all = (taken right).parts;
    in
    if lib.lists.hasPrefix prefix all then
      join (lib.drop (length prefix) all)
    else
      throw "lib.path.removePrefix: ${toString left} does not begin ${toString right}";
  splitRoot =
    whole:
    assert path "lib.path.splitRoot" whole;
    {
      inherit (taken whole) root;
      subpath = join (taken whole).parts;
    };
  hasStorePathPrefix =
    whole:
    assert path "lib.path.hasStorePathPrefix" whole;
    let
      inherit (taken whole) parts;
    in
    lib.lists.hasPrefix store parts && store != parts && match ".{32}-.+" (elemAt parts (length store)) != null
    || parts != [ ] && match "[0-9a-z]{52}" (head parts) != null;
  subpath = {
    isValid = value: invalid value == null;
    join =
      subpaths:
      if builtins.all (value: invalid value == null) subpaths then
        join (builtins.concatMap components subpaths)
      else
        throw "lib.path.subpath.join: ${lib.findFirst (why: why != null) null (map invalid subpaths)}";
    components =
      value:
      assert valid "lib.path.subpath.components" value;
      components value;
    normalise =
      value:
      assert valid "lib.path.subpath.normalise" value;
      join (components value);
  };
}

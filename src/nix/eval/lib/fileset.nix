# What nixpkgs has in lib/fileset (26.11): sets of the project's files. A set is its files by a key
# that sorts as a walk through the tree does. What asks git, or copies to the store, is left out.
lib:
let
  inherit (builtins)
    attrNames
    attrValues
    isPath
    pathExists
    readDir
    typeOf
    ;
  fileset = files: {
    _type = "fileset";
    inherit files;
  };
  key = path: builtins.replaceStrings [ "/" ] [ "\t" ] (toString path);
  one = path: { ${key path} = path; };
  below =
    path:
    let
      entries = readDir path;
      entry =
        name:
        if entries.${name} == "directory" then below (path + "/${name}") else one (path + "/${name}");
    in
    builtins.foldl' (all: name: all // entry name) { } (attrNames entries);
  isDirectory = path: builtins.readFileType path == "directory";
  existing =
    who: path:
    lib.throwIfNot (isPath path) "lib.fileset.${who}: a ${typeOf path} is no path" (
      lib.throwIfNot (pathExists path) "lib.fileset.${who}: ${toString path} does not exist" path
    );
  coerced =
    who: value:
    if value._type or null == "fileset" then
      value.files
    else
      let
        path = existing who value;
      in
      if isDirectory path then below path else one path;
in
rec {
  empty = fileset { };
  isFileset = value: value._type or null == "fileset" || (isPath value && pathExists value);
  toList = set: attrValues (coerced "toList" set);
  maybeMissing =
    path:
    if !isPath path then
      throw "lib.fileset.maybeMissing: a ${typeOf path} is no path"
    else if pathExists path then
      fileset (coerced "maybeMissing" path)
    else
      empty;
  union = left: right: fileset (coerced "union" left // coerced "union" right);
  unions =
    sets:
    if builtins.isList sets then
      fileset (builtins.foldl' (all: set: all // coerced "unions" set) { } sets)
    else
      throw "lib.fileset.unions: a ${typeOf sets} is no list";
  intersection =
    left: right:
    fileset (builtins.intersectAttrs (coerced "intersection" right) (coerced "intersection" left));
  difference =
    left: right:
    fileset (removeAttrs (coerced "difference" left) (attrNames (coerced "difference" right)));
  fileFilter =
    predicate: path:
    if !builtins.isFunction predicate then
      throw "lib.fileset.fileFilter: the predicate is a ${typeOf predicate}"
    else
      fileset (
        lib.filterAttrs (
          _: file:
          let
            name = baseNameOf file;
          in
          predicate {
            inherit name;
            type = builtins.readFileType file;
            hasExt = extension: lib.hasSuffix ".${extension}" name;
          }
        ) (coerced "fileFilter" (existing "fileFilter" path))
      );
  trace = set: value: builtins.seq (coerced "trace" set) value;
  traceVal = set: builtins.seq (coerced "traceVal" set) set;
}

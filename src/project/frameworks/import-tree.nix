# import-tree: a value that, called with folders, is a module that imports every Nix file in them, or, told so, lists them.
#
# Behaviour read from vic/import-tree, default.nix, commit c41e7d58045f9057880b0d85e1152d6a4430dbf1.
# Files come in the order of lib.filesystem.listFilesRecursive; a path with `/_` below the folder is left out, as is what
# does not end in .nix, unless another first filter is set.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (builtins)
    attrValues
    concatLists
    filter
    isAttrs
    isPath
    isString
    mapAttrs
    match
    readDir
    toString
    ;
  pathType = builtins.readFileType or lib.filesystem.pathType;
  hasOutPath = value: isAttrs value && value ? outPath;
  isPathLike = value: isPath value || isString value || hasOutPath value;
  isDirectory = value: isPathLike value && pathType value == "directory";
  isTree = value: isAttrs value && value ? __config.__functor;
  both =
    first: second: value:
    first value && second value;
  neither = reject: value: !reject value;

  # Every file below a folder, in the order of lib.filesystem.listFilesRecursive.
  filesBelow =
    folder:
    concatLists (
      attrValues (
        mapAttrs (
          name: type:
          if type == "directory" then filesBelow (folder + "/${name}") else [ (folder + "/${name}") ]
        ) (readDir folder)
      )
    );

  # Everything below one of the arguments of a call, folders opened.
  listed =
    libOfTree: value:
    if isTree value then
      (value.withLib libOfTree).files
    else if hasOutPath value then
      listed libOfTree value.outPath
    else if isDirectory value then
      filesBelow value
    else
      [ value ];

  filesOf =
    libOfTree: tree: root:
    let
      roots = map toString (
        filter isDirectory (
          libOfTree.flatten [
            tree.paths
            root
          ]
        )
      );
      # Filters see a path without the folder that it was found in.
      below =
        path:
        let
          found = filter (root: libOfTree.hasPrefix root (toString path)) roots;
        in
        if found == [ ] then
          toString path
        else
          libOfTree.removePrefix (builtins.head found) (toString path);
      usual = path: libOfTree.hasSuffix ".nix" path && !libOfTree.hasInfix "/_" path;
      keeps =
        value:
        if isPathLike value then
          both (if tree.initf == null then usual else tree.initf) tree.filterf (below value)
        else
          (tree.initf == null || tree.initf value) && tree.filterf value;
    in
    map tree.mapf (
      filter keeps (
        libOfTree.flatten (
          map (listed libOfTree) (
            libOfTree.flatten [
              tree.paths
              root
            ]
          )
        )
      )
    );

  called =
    tree: root:
    if tree.pipef == null then
      {
        # A function, so that the tree's lib is that of the modules.
        imports = [ ({ lib, ... }: { imports = filesOf lib tree root; }) ];
      }
    else if tree.lib == null then
      throw "You need to call withLib before trying to read the tree."
    else
      tree.pipef (filesOf tree.lib tree root);

  build =
    tree:
    let
      self =
        mapAttrs (_: method: method self) tree.api
        // {
          # Read by other trees only to see that this is one.
          __config = tree // {
            __functor = _: update: build (update tree);
          };
          __functor =
            _: argument: called tree (if isAttrs argument && argument ? options then [ ] else argument);

          filter = keep: build (tree // { filterf = both tree.filterf keep; });
          filterNot = drop: build (tree // { filterf = both tree.filterf (neither drop); });
          match = regex: self.filter (path: match regex path != null);
          matchNot = regex: self.filterNot (path: match regex path != null);
          map = f: build (tree // { mapf = value: f (tree.mapf value); });
          addPath = path: build (tree // { paths = tree.paths ++ [ path ]; });
          addAPI = api: build (tree // { api = tree.api // api; });

          withLib = lib: build (tree // { inherit lib; });
          initFilter = initf: build (tree // { inherit initf; });
          pipeTo = pipef: build (tree // { inherit pipef; });
          leafs = build (tree // { pipef = list: list; });

          result = called tree [ ];
          files = self.leafs.result;
          new = empty;
        };
    in
    self;

  empty = build {
    api = { };
    paths = [ ];
    filterf = _: true;
    mapf = value: value;
    initf = null;
    pipef = null;
    lib = null;
  };
in
empty

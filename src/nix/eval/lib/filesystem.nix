# What nixpkgs has in lib/filesystem.nix (26.11): the project's own tree.
lib:
let
  inherit (builtins) attrNames pathExists readDir;
in
rec {
  inherit (builtins)
    baseNameOf
    dirOf
    hashFile
    isPath
    readDir
    readFileType
    ;
  pathType = builtins.readFileType;
  pathIsDirectory = path: pathExists path && pathType path == "directory";
  pathIsRegularFile = path: pathExists path && pathType path == "regular";
  haskellPathsInDir =
    root:
    builtins.listToAttrs (
      builtins.filter (entry: pathExists (entry.value + "/${entry.name}.cabal")) (
        map (name: {
          inherit name;
          value = root + "/${name}";
        }) (attrNames (readDir root))
      )
    );
  locateDominatingFile =
    pattern: file:
    let
      go =
        path:
        let
          matches = builtins.filter (m: m != null) (map (builtins.match pattern) (attrNames (readDir path)));
        in
        if matches != [ ] then
          { inherit path matches; }
        else if toString path == "/" then
          null
        else
          go (dirOf path);
      isDirectory =
        toString file == "/" || (readDir (dirOf file)).${baseNameOf file} or null == "directory";
    in
    go (if isDirectory then file else dirOf file);
  listFilesRecursive =
    directory:
    let
      entries = readDir directory;
    in
    builtins.concatMap (
      name:
      let
        path = directory + "/${name}";
      in
      if entries.${name} == "directory" then listFilesRecursive path else [ path ]
    ) (attrNames entries);
  packagesFromDirectoryRecursive =
    {
      callPackage,
      directory,
      newScope ? throw "packagesFromDirectoryRecursive: newScope was not passed",
    }@args:
    let
      package = directory + "/package.nix";
      within =
        args:
        lib.concatMapAttrs (
          name: type:
          let
            path = directory + "/${name}";
          in
          if type == "directory" then
            { ${name} = packagesFromDirectoryRecursive (args // { directory = path; }); }
          else if type == "regular" && lib.hasSuffix ".nix" name then
            { ${lib.removeSuffix ".nix" name} = args.callPackage path { }; }
          else if type == "regular" then
            { }
          else
            throw "packagesFromDirectoryRecursive: ${toString path} is a ${type}"
        ) (readDir directory);
    in
    if pathExists package then
      callPackage package { }
    else if args ? newScope then
      lib.recurseIntoAttrs (
        lib.makeScope newScope (self: within (args // { inherit (self) callPackage newScope; }))
      )
    else
      within args;
  resolveDefaultNix =
    path:
    if pathIsDirectory path then
      path + "/default.nix"
    else if builtins.isString path && lib.hasSuffix "/" path then
      path + "default.nix"
    else
      path;
}

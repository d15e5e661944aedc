# What nixpkgs has in lib/attrsets.nix (26.11).
lib:
let
  inherit (builtins)
    all
    concatMap
    elemAt
    filter
    foldl'
    head
    length
    ;
in
rec {
  inherit (builtins)
    attrNames
    attrValues
    catAttrs
    getAttr
    hasAttr
    intersectAttrs
    isAttrs
    listToAttrs
    mapAttrs
    removeAttrs
    zipAttrsWith
    ;
  nameValuePair = name: value: { inherit name value; };
  optionalAttrs = condition: set: if condition then set else { };
  attrByPath = builtins."<attrByPath>";
  hasAttrByPath =
    path: set:
    let
      n = length path;
      go = i: set: i == n || (set ? ${elemAt path i} && go (i + 1) set.${elemAt path i});
    in
    go 0 set;
  longestValidPathPrefix =
    path: set:
    let
      n = length path;
      go =
        i: set:
        if i == n then
          path
        else if set ? ${elemAt path i} then
          go (i + 1) set.${elemAt path i}
        else
          lib.take i path;
    in
    go 0 set;
  setAttrByPath =
    path: value:
    let
      n = length path;
      go = i: if i == n then value else { ${elemAt path i} = go (i + 1); };
    in
    go 0;
  getAttrFromPath =
    path: set:
    attrByPath path (abort "cannot find attribute '${lib.concatStringsSep "." path}'") set;
  # The updates of one place are applied in order, after those of what lies below it.
  updateManyAttrsByPath =
    updates: value:
    let
      go =
        depth: exists: value: updates:
        let
          here = lib.partition (update: length update.path == depth) updates;
          below = lib.groupBy (update: elemAt update.path depth) here.wrong;
          inner = set: mapAttrs (name: go (depth + 1) (set ? ${name}) set.${name}) below;
          start =
            if here.wrong == [ ] then
              if exists then
                value
              else
                throw "updateManyAttrsByPath: path '${showAttrPath (head here.right).path}' does not exist in the given value"
            else if !exists then
              inner { }
            else if isAttrs value then
              value // inner value
            else
              throw "updateManyAttrsByPath: path '${
                showAttrPath (lib.take depth (head here.wrong).path)
              }' of the given value is not an attribute set";
        in
        lib.foldl (value: update: update.update value) start here.right;
    in
    go 0 true value updates;
  attrVals = names: set: map (name: set.${name}) names;
  getAttrs = names: set: genAttrs names (name: set.${name});
  filterAttrs = builtins."<filterAttrs>";
  filterAttrsRecursive =
    predicate: set:
    listToAttrs (
      concatMap (
        name:
        let
          value = set.${name};
        in
        if predicate name value then
          [ (nameValuePair name (if isAttrs value then filterAttrsRecursive predicate value else value)) ]
        else
          [ ]
      ) (attrNames set)
    );
  foldlAttrs =
    f: start: set:
    lib.foldl' (result: name: f result name set.${name}) start (attrNames set);
  foldAttrs =
    op: nul: sets:
    lib.foldr (
      set: result:
      lib.foldr (
        name: changed: changed // { ${name} = op set.${name} (result.${name} or nul); }
      ) result (attrNames set)
    ) { } sets;
  collect =
    predicate: set:
    if predicate set then
      [ set ]
    else if isAttrs set then
      concatMap (collect predicate) (attrValues set)
    else
      [ ];
  cartesianProduct =
    sets:
    foldl' (
      partial: name: concatMap (set: map (value: set // { ${name} = value; }) sets.${name}) partial
    ) [ { } ] (attrNames sets);
  mapCartesianProduct = f: sets: map f (cartesianProduct sets);
  mapAttrs' = f: set: listToAttrs (mapAttrsToList f set);
  mapAttrsToList = builtins."<mapAttrsToList>";
  attrsToList = mapAttrsToList nameValuePair;
  concatMapAttrs = f: set: foldl' (a: b: a // b) { } (mapAttrsToList f set);
  mapAttrsRecursive = mapAttrsRecursiveCond (_: true);
  mapAttrsRecursiveCond =
    descend: f: set:
    let
      go =
        path:
        mapAttrs (
          name: value:
          if isAttrs value && descend value then
            go (path ++ [ name ]) value
          else
            f (path ++ [ name ]) value
        );
    in
    go [ ] set;
  mapAttrsToListRecursive = mapAttrsToListRecursiveCond (_: _: true);
  mapAttrsToListRecursiveCond =
    descend: f: set:
    let
      go = path: set: concatMap (name: one (path ++ [ name ]) set.${name}) (attrNames set);
      one = path: value: if isAttrs value && descend path value then go path value else [ (f path value) ];
    in
    go [ ] set;
  genAttrs = builtins."<genAttrs>";
  genAttrs' = xs: f: listToAttrs (map f xs);
  isDerivation = value: value.type or null == "derivation";
  zipAttrsWithNames =
    names: f: sets:
    listToAttrs (
      map (name: {
        inherit name;
        value = f name (catAttrs name sets);
      }) names
    );
  zipAttrs = zipAttrsWith (_: values: values);
  mergeAttrsList = foldl' (a: b: a // b) { };
  recursiveUpdateUntil =
    stop: left: right:
    let
      go =
        path:
        zipAttrsWith (
          name: values:
          let
            here = path ++ [ name ];
          in
          if length values == 1 || stop here (elemAt values 1) (head values) then
            head values
          else
            go here values
        );
    in
    go [ ] [
      right
      left
    ];
  recursiveUpdate = builtins."<recursiveUpdate>";
  matchAttrs =
    pattern: set:
    assert isAttrs pattern;
    all (
      name:
      set ? ${name}
      && (
        if isAttrs pattern.${name} then
          isAttrs set.${name} && matchAttrs pattern.${name} set.${name}
        else
          pattern.${name} == set.${name}
      )
    ) (attrNames pattern);
  overrideExisting = old: new: mapAttrs (name: value: new.${name} or value) old;
  showAttrPath =
    path:
    if path == [ ] then
      "<root attribute path>"
    else
      lib.concatMapStringsSep "." lib.strings.escapeNixIdentifier path;
  getOutput =
    output: package:
    if package ? outputSpecified && package.outputSpecified then
      package
    else
      package.${output} or package.out or package;
  getFirstOutput =
    candidates: package:
    let
      outputs = filter (name: hasAttr name package) candidates;
    in
    if package.outputSpecified or false || outputs == [ ] then package else package.${head outputs};
  getBin = getOutput "bin";
  getLib = getOutput "lib";
  getDev = getOutput "dev";
  getMan = getOutput "man";
  getStatic = getFirstOutput [
    "static"
    "lib"
    "out"
  ];
  getInclude = getFirstOutput [
    "include"
    "dev"
    "out"
  ];
  chooseDevOutputs = map getDev;
  recurseIntoAttrs = set: set // { recurseForDerivations = true; };
  dontRecurseIntoAttrs = set: set // { recurseForDerivations = false; };
  unionOfDisjoint =
    left: right:
    let
      both = intersectAttrs left right;
      names = lib.concatStringsSep " " (attrNames both);
    in
    (left // right)
    // mapAttrs (name: _: throw "unionOfDisjoint: collision on ${name}; complete list: ${names}") both;
}

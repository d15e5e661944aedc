# haumea: a folder of Nix files as a tree of values.
#
# Behaviour read from nix-community/haumea, src/, commit fc881eb4603312ce8624a65ab7294cbc7d3e08ff. A name that begins with `_`
# is seen from inside the tree only, one with `__` only by its neighbours and what lies below them.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (builtins)
    attrValues
    filter
    foldl'
    head
    length
    mapAttrs
    readDir
    removeAttrs
    stringLength
    ;
  inherit (lib)
    concatMapAttrs
    fix
    flatten
    functionArgs
    hasPrefix
    hasSuffix
    isFunction
    removePrefix
    ;

  loaders = rec {
    # Called with what its pattern asks for.
    defaultWith =
      importer: inputs: path:
      let
        value = importer path;
        f = if isFunction value then value else _: value;
      in
      f (mapAttrs (name: _: inputs.${name}) (functionArgs f));
    default = defaultWith import;
    verbatim = _: import;
    path = _: path: path;
    scoped = inputs: defaultWith (builtins.scopedImport inputs) inputs;
    callPackage = inputs: path: lib.callPackageWith inputs path { };
  };

  matchers = rec {
    always = loader: {
      matches = _: true;
      inherit loader;
    };
    extension = extension: loader: {
      matches = file: hasSuffix ".${extension}" file && stringLength file > stringLength extension + 1;
      inherit loader;
    };
    nix = extension "nix";
    json = extension "json" (_: lib.importJSON);
    toml = extension "toml" (_: lib.importTOML);
    regex = regex: f: {
      matches = file: builtins.match regex file != null;
      loader = inputs: path: f (builtins.match regex (baseNameOf path)) inputs path;
    };
  };

  concatMapAttrsWith =
    merge: f: set:
    foldl' merge { } (attrValues (mapAttrs f set));
  # Takes `from` out of every child and hands it up; at the top it is called `to`.
  hoist =
    merge: wrap: from: to: cursor:
    let
      name = if cursor == [ ] then to else from;
    in
    concatMapAttrsWith (merge name) (
      file: value:
      if value ? ${from} then
        {
          ${file} = removeAttrs value [ from ];
          ${name} = wrap file value.${from};
        }
      else
        { ${file} = value; }
    );

  transformers = {
    hoistAttrs = hoist (_: lib.recursiveUpdate) (file: value: { ${file} = value; });
    hoistLists = hoist (
      name: a: b:
      a
      // b
      // {
        ${name} = a.${name} or [ ] ++ b.${name} or [ ];
      }
    ) (_: value: value);
    # The default's attributes go up; a name that both have has no value.
    liftDefault =
      _: set:
      let
        others = removeAttrs set [ "default" ];
        default = set.default or { };
      in
      others
      // default
      // mapAttrs (name: _: throw "haumea: ${name} is also defined by the default") (
        builtins.intersectAttrs others default
      );
    prependUnderscore =
      _:
      lib.mapAttrs' (
        name: value: {
          name = if builtins.match "[A-Za-z_].*" name == null then "_${name}" else name;
          inherit value;
        }
      );
  };

  # The last ending goes; a file may have several dots.
  withoutEnding =
    name:
    let
      parts = builtins.match "(.+)\\.[^.]+" name;
    in
    if parts == null then name else head parts;

  load =
    {
      src,
      loader ? loaders.default,
      inputs ? { },
      transformer ? [ ],
    }:
    assert builtins.all (name: !(inputs ? ${name})) [
      "self"
      "super"
      "root"
    ];
    let
      matching = if isFunction loader then [ (matchers.nix loader) ] else loader;
      transform = cursor: value: foldl' (value: t: t cursor value) value (flatten transformer);

      # What of a node can be seen from `pov`: a path in the tree, or null for the outside.
      view =
        pov: cursor: node:
        if node.isDir then
          transform cursor (
            concatMapAttrs (
              name: child:
              let
                seen =
                  child.hidden == "no"
                  || pov != null
                  && (child.hidden == "outside" || lib.take (length cursor) pov == cursor);
              in
              lib.optionalAttrs seen { ${name} = view pov (cursor ++ [ name ]) child; }
            ) node.children
          )
        else
          node.content;

      children =
        folder: pov:
        let
          entry =
            file: type:
            let
              stripped = removePrefix "_" (removePrefix "_" file);
              hidden =
                if hasPrefix "__" file then
                  "neighbours"
                else if hasPrefix "_" file then
                  "outside"
                else
                  "no";
              matches = filter (matcher: matcher.matches stripped) matching;
              path = folder + "/${file}";
            in
            if stripped == "" then
              [ ]
            else if type == "directory" then
              [
                {
                  name = stripped;
                  value = {
                    isDir = true;
                    inherit hidden;
                    children = children path (pov ++ [ stripped ]);
                  };
                }
              ]
            else if type == "regular" && matches != [ ] then
              [
                {
                  name = withoutEnding stripped;
                  value = {
                    isDir = false;
                    inherit hidden;
                    content = fix (
                      self:
                      let
                        root = view pov [ ] tree;
                      in
                      (head matches).loader (
                        inputs
                        // {
                          inherit self root;
                          super = lib.getAttrFromPath pov root;
                        }
                      ) path
                    );
                  };
                }
              ]
            else
              [ ];
          entries = builtins.concatLists (attrValues (mapAttrs entry (readDir folder)));
        in
        foldl' (
          set: { name, value }:
          if set ? ${name} then
            throw "haumea: two entries of ${toString folder} are called ${name}"
          else
            set // { ${name} = value; }
        ) { } entries;

      tree = {
        isDir = true;
        hidden = "no";
        children = children src [ ];
      };
    in
    view null [ ] tree;
in
{
  lib = {
    inherit
      load
      matchers
      transformers
      ;
    loaders = removeAttrs loaders [ "defaultWith" ];
    loadEvalTests = opaque "haumea's tests" { };
  };
  templates = { };
}

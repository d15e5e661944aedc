# Asks one evaluated host what its options are, and where they were written.
#
#   nix-instantiate --eval --strict --json -E "$(cat nix/ask.nix)" --argstr question '{…}'
#
# The question, as JSON:
#   flake    a flake reference, or null
#   host     the name in nixosConfigurations; null asks for the names alone
#   file     the module to evaluate where there is no flake
#   helper   the path of evaluate.nix, for a machine without nixpkgs
#   ask      option paths, lists of names; "*" stands for all names there are
#   skip     marks of questions that are not to be asked (see `mark`)
#   nonce    what marks on stderr begin with
# The answer: { hosts?, source?, how?, entries? }, each entry
#   { path, value?, why?, priority?, definitions? }
# `value` and `definitions` are JSON within a string, so that each is forced by itself. `tryEval`
# catches `throw` and `assert` only; for all other errors the last mark on stderr says which
# question must be skipped, and the whole is asked again without it.
{ question }:
with builtins;
let
  q = fromJSON question;
  deepest = 40;

  # Says on stderr what is about to be forced.
  mark =
    phase: path: x:
    let
      key = "${phase} ${toJSON path}";
    in
    if elem key q.skip then throw "skipped" else trace "${q.nonce} ${key}" x;
  isSkipped = phase: path: elem "${phase} ${toJSON path}" q.skip;
  attempt = tryEval;
  orElse = default: x: let t = tryEval x; in if t.success then t.value else default;
  # The value of an optional attribute; one that throws counts as absent.
  attrOr = default: name: set: orElse default (set.${name} or default);

  # ---- values as JSON can hold them ----------------------------------------------------------
  # What it cannot hold becomes { "$nix": kind }, and so does what throws, leaf by leaf.
  opaque = kind: { "$nix" = kind; };
  showAttempt =
    depth: private: x:
    let
      t = attempt x;
    in
    if t.success then show depth private t.value else opaque "error";
  # disko keeps its own machinery in names that begin with an underscore.
  visible =
    private: set:
    if private then
      removeAttrs set (filter (n: substring 0 1 n == "_") (attrNames set))
    else
      set;
  show =
    depth: private: v:
    let
      kind = typeOf v;
    in
    if kind == "string" then
      unsafeDiscardStringContext v
    else if kind == "path" then
      { "$nix" = "path"; text = toString v; }
    else if kind == "lambda" then
      opaque "function"
    else if depth == 0 then
      opaque "deep"
    else if kind == "list" then
      map (showAttempt (depth - 1) private) v
    else if kind != "set" then
      v
    # Whether a package is one is told without evaluating it.
    else if v ? outPath || attrOr null "type" v == "derivation" then
      opaque "package"
    else if v ? __functor then
      opaque "function"
    else if isString (attrOr null "_type" v) then
      opaque "typed"
    else
      let
        shown = mapAttrs (_: showAttempt (depth - 1) private) (visible private v);
      in
      if shown ? "$nix" then { "$nix" = "set"; set = shown; } else shown;

  # ---- definitions ---------------------------------------------------------------------------
  # Conditions and properties are taken off: [ { value, priority } ].
  discharge =
    depth: priority: v:
    let
      kind = if isAttrs v then attrOr null "_type" v else null;
      on = discharge (depth - 1);
    in
    if depth == 0 then
      [ ]
    else if kind == "if" then
      if orElse false v.condition then on priority v.content else [ ]
    else if kind == "merge" then
      concatMap (on priority) (orElse [ ] v.contents)
    else if kind == "override" then
      on v.priority v.content
    else if kind == "order" then
      on priority v.content
    else
      [ { value = v; inherit priority; } ];
  plain =
    priority: v:
    let
      t = attempt v;
    in
    if t.success then discharge deepest priority t.value else [ ];
  isPlainSet = v: isAttrs v && !(v ? _type || v ? __functor || v ? outPath);
  placeOf = name: set: unsafeGetAttrPos name set;

  # One definition → its tree: { priority, at, leaf } or { priority, at, set = { name = [ … ]; } }.
  treeOf =
    depth: private: at: d:
    { inherit (d) priority; inherit at; }
    // (
      if depth > 0 && isPlainSet d.value then
        {
          set = mapAttrs (
            n: x: map (treeOf (depth - 1) private (placeOf n d.value)) (plain d.priority x)
          ) (visible private d.value);
        }
      else
        { leaf = show depth private d.value; }
    );
  # The definitions of a path within definitions: [ { value, priority, at, file } ].
  follow =
    path: defs:
    if path == [ ] then
      defs
    else
      let
        n = head path;
        step =
          d:
          if isPlainSet d.value && d.value ? ${n} then
            map (x: x // { inherit (d) file; at = placeOf n d.value; }) (plain d.priority d.value.${n})
          else
            [ ];
      in
      follow (tail path) (concatMap step defs);

  # ---- what is evaluated ---------------------------------------------------------------------
  flake = getFlake q.flake;
  ofFlake =
    let
      system = flake.nixosConfigurations.${q.host};
    in
    {
      config = system.config;
      options = system.options or null;
      definitions = null;
      how = "flake";
    };
  # A file by itself is a NixOS configuration where there is a NixOS, unless it speaks of disks
  # alone: such a file is called as disko's command line calls it.
  nixos = attempt <nixpkgs/nixos>;
  speaksOfDisksAlone =
    let
      file = import q.file;
      called = if isFunction file then file (mapAttrs (_: _: { }) (functionArgs file) // { lib = import <nixpkgs/lib>; }) else file;
    in
    orElse false (attrNames called == [ "disko" ]);
  ofFile =
    if nixos.success && !speaksOfDisksAlone then
      let
        system = import nixos.value { configuration = q.file; };
      in
      { inherit (system) config options; definitions = null; how = "nixos"; }
    else
      let
        raw = import q.helper { root = q.file; raw = true; };
      in
      { inherit (raw) config definitions; options = null; how = "alone"; };
  subject = if q.flake != null then ofFlake else ofFile;

  # ---- one path ------------------------------------------------------------------------------
  # The option that a path leads to or into: { option, inside }, or null.
  optionOf =
    options: path:
    if attrOr null "_type" options == "option" then
      { option = options; inside = path; }
    else if path == [ ] || !isAttrs options || !(options ? ${head path}) then
      null
    else
      orElse null (optionOf options.${head path} (tail path));
  startsOf =
    option:
    concatMap (d: map (x: x // { file = toString d.file; at = null; }) (plain 100 d.value))
      (orElse [ ] option.definitionsWithLocations);
  definitionsOf =
    path:
    let
      found = if subject.options == null then null else optionOf subject.options path;
      all = concatMap (
        d: map (x: x // { file = toString d.file; at = null; }) (plain 100 d.value)
      ) subject.definitions;
    in
    if subject.definitions != null then
      follow path all
    else if found == null then
      [ ]
    else
      follow found.inside (startsOf found.option);

  expand =
    walked: value: pattern:
    let
      t = attempt (mark "walk" walked value);
      n = head pattern;
      next = n: expand (walked ++ [ n ]) t.value.${n} (tail pattern);
    in
    if pattern == [ ] then
      [ { path = walked; inherit value; } ]
    else if !t.success then
      [ { path = walked; value = throw "not known"; why = if isSkipped "walk" walked then "skipped" else "throws"; } ]
    else if !isAttrs t.value then
      [ ]
    else if n == "*" then
      concatMap next (attrNames t.value)
    else if t.value ? ${n} then
      next n
    else
      [ ];
  entryOf =
    { path, value, why ? null }:
    let
      private = head path == "disko";
      shown = attempt (mark "value" path (toJSON (show deepest private value)));
      written = attempt (
        mark "where" path (
          toJSON (map (d: treeOf deepest private d.at d // { inherit (d) file; }) (definitionsOf path))
        )
      );
      found = if subject.options == null then null else optionOf subject.options path;
      priority =
        if found == null || found.inside != [ ] then
          null
        else
          orElse null (mark "rank" path (attrOr null "highestPrio" found.option));
    in
    { inherit path; }
    // (
      if why != null then
        { inherit why; }
      else if shown.success then
        { value = shown.value; }
      else
        { why = if isSkipped "value" path then "skipped" else "throws"; }
    )
    // (if written.success then { definitions = written.value; } else { })
    // (if isInt priority then { inherit priority; } else { });
  entries = concatMap (expand [ ] subject.config) q.ask;
in
if q.flake != null && (q.host == null || !(flake.nixosConfigurations or { } ? ${q.host})) then
  { hosts = attrNames (flake.nixosConfigurations or { }); }
else
  {
    how = mark "host" [ ] subject.how;
    source = if q.flake == null then null else unsafeDiscardStringContext (toString flake.sourceInfo.outPath);
    entries = map entryOf entries;
  }

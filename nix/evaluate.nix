# Evaluates one host of a configuration and prints what it says, without nixpkgs.
#
#   nix-instantiate --eval --strict --json nix/evaluate.nix \
#     --argstr root /abs/path [--argstr host NAME] \
#     [--argstr nixpkgsLib /path/to/nixpkgs/lib --argstr disko /path/to/disko]
#
# `root` is a directory with a flake.nix, or one .nix file. The answer is
#   { config, fileSystems, swapDevices }
# where `config` is the merged configuration: everything the modules define, with what disko
# derives from it, and marker strings for packages, functions and paths. Tests ask this before
# and after an edit and compare. (Nix may print half an answer before it fails: look at its exit
# status.) Options are not checked against NixOS, there is none here, so a misspelt option name
# passes; everything else follows lib/modules.nix: order of definitions, priorities, conflicts.
# With `raw` the answer is { config, definitions } as Nix values, for ask.nix to look into.
# With `nixpkgsLib` and `disko` the real ones do the work instead; both ways must agree, which
# is how this file is checked.
{
  root,
  host ? null,
  nixpkgsLib ? null,
  disko ? null,
  raw ? false,
}:
with builtins;
let
  # ---- the part of nixpkgs' lib that configurations use ------------------------------------
  mkOverride = priority: content: { _type = "override"; inherit priority content; };
  mkOrder = priority: content: { _type = "order"; inherit priority content; };
  mkIf = condition: content: { _type = "if"; inherit condition content; };
  mkMerge = contents: { _type = "merge"; inherit contents; };
  optional = cond: x: if cond then [ x ] else [ ];
  genAttrs = names: f: listToAttrs (map (name: { inherit name; value = f name; }) names);
  remove = gone: filter (x: x != gone);
  subtractLists = gone: filter (x: !elem x gone);
  filterAttrs = pred: set: removeAttrs set (filter (n: !pred n set.${n}) (attrNames set));
  mapAttrsToList = f: set: map (n: f n set.${n}) (attrNames set);
  hasPrefix = p: s: substring 0 (stringLength p) s == p;
  dropLast = n: s: substring 0 (stringLength s - n) s;
  hasSuffix = p: s: stringLength s >= stringLength p && s == dropLast (stringLength p) s + p;
  splitString = sep: s: filter isString (split (replaceStrings [ "." "|" ] [ "[.]" "[|]" ] sep) s);
  flatten = x: if isList x then concatMap flatten x else [ x ];
  recursiveUpdate =
    a: b:
    a // mapAttrs (n: v: if isAttrs v && isAttrs (a.${n} or null) then recursiveUpdate a.${n} v else v) b;
  # A type only remembers its name: `types.str`, and `types.listOf types.str` as a call.
  mkType = kind: { _type = "option-type"; inherit kind; __functor = self: _: self; };

  typeNames =
    "anything attrs attrsOf bool either enum float int lazyAttrsOf lines listOf nonEmptyStr nullOr number oneOf "
    + "package path port raw singleLineStr str strMatching submodule uniq unspecified";

  miniLib = builtins // {
    inherit mkOverride mkOrder mkIf mkMerge optional genAttrs filterAttrs mapAttrsToList remove subtractLists;
    inherit hasPrefix hasSuffix flatten recursiveUpdate;
    version = "25.11";
    mkOptionDefault = mkOverride 1500;
    mkDefault = mkOverride 1000;
    mkForce = mkOverride 50;
    mkVMOverride = mkOverride 10;
    mkBefore = mkOrder 500;
    mkAfter = mkOrder 1500;
    mkOption = attrs: attrs // { _type = "option"; };
    mkEnableOption = _: { _type = "option"; default = false; type = mkType "bool"; };
    mkPackageOption = pkgs: name: _: { _type = "option"; default = pkgs.${name}; };
    types =
      genAttrs (splitString " " typeNames) mkType
      // { ints = genAttrs [ "positive" "unsigned" "between" "u8" "u16" "u32" ] mkType; };
    id = x: x;
    const = x: _: x;
    flip = f: a: b: f b a;
    pipe = foldl' (x: f: f x);
    optionals = cond: xs: if cond then xs else [ ];
    optionalString = cond: s: if cond then s else "";
    optionalAttrs = cond: set: if cond then set else { };
    forEach = xs: f: map f xs;
    imap0 = f: xs: genList (i: f i (elemAt xs i)) (length xs);
    imap1 = f: xs: genList (i: f (i + 1) (elemAt xs i)) (length xs);
    range = from: to: genList (i: from + i) (if to < from then 0 else to - from + 1);
    last = xs: elemAt xs (length xs - 1);
    unique = foldl' (acc: x: if elem x acc then acc else acc ++ [ x ]) [ ];
    nameValuePair = name: value: { inherit name value; };
    mapAttrs' = f: set: listToAttrs (mapAttrsToList f set);
    concatMapAttrs = f: set: foldl' (a: b: a // b) { } (mapAttrsToList f set);
    attrByPath =
      path: default: set:
      foldl' (at: n: if isAttrs at && at ? ${n} then at.${n} else default) set path;
    removePrefix = p: s: if hasPrefix p s then substring (stringLength p) (-1) s else s;
    removeSuffix = p: s: if hasSuffix p s then dropLast (stringLength p) s else s;
    concatStrings = concatStringsSep "";
    concatMapStringsSep = sep: f: xs: concatStringsSep sep (map f xs);
    inherit splitString;
    versionAtLeast = a: b: builtins.compareVersions a b >= 0;
    getExe = package: "${package}/bin/main";
    inherit nixosSystem;
  };

  # ---- how NixOS merges --------------------------------------------------------------------
  kindOf = v: if isAttrs v then v._type or "" else "";
  isPlainSet = v: isAttrs v && !(v ? _type || v ? __functor || v ? outPath);

  # The definitions a value stands for, once its conditions are known.
  discharge =
    v:
    {
      merge = concatMap discharge v.contents;
      "if" = if v.condition then discharge v.content else [ ];
    }
    .${kindOf v} or [ v ];
  # What is inside the properties, conditions unevaluated: `foo = mkIf config.foo.enable { … }`
  # must be taken apart before its condition may be asked.
  inside =
    v:
    {
      merge = concatMap inside v.contents;
      "if" = inside v.content;
      order = inside v.content;
    }
    .${kindOf v} or [ v ];
  # The same, with the properties handed on to the attributes.
  pushDown =
    v:
    let
      pushed = map (mapAttrs (_: content: v // { inherit content; })) (pushDown v.content);
    in
    {
      merge = concatMap pushDown v.contents;
      "if" = pushed;
      order = pushed;
      override = pushed;
    }
    .${kindOf v} or [ v ];

  # Sets whose names are data, not option names: here a name exists only if its condition holds.
  namesAreData = path: elem (head (path ++ [ "" ])) [ "disko" "fileSystems" "swapDevices" "users" ];
  # Submodules are evaluations of their own, whose modules are the definitions: each turns their
  # order round.
  isSubmodule =
    path:
    let
      n = length path;
      name = i: if n > i then elemAt path i else "";
      last = name (n - 1);
    in
    name 0 == "fileSystems" && n == 2
    || name 0 == "disko"
      && name 1 == "devices"
      && (
        n == 2
        || n == 4
        || n > 4 && last == "content"
        || n > 5 && elem (name (n - 2)) [ "partitions" "subvolumes" "lvs" "datasets" "swap" ]
      );
  reverse = xs: genList (i: elemAt xs (length xs - 1 - i)) (length xs);
  # Strings of these options are lines, and several definitions add up.
  isLines =
    path: opts:
    any (o: (o.type.kind or o.type.name or "") == "lines") opts
    || match "extraConfig|extraRules|extraHosts|text|.*(Init|Commands|Setup)" (miniLib.last path) != null;
  isSysctl = path: length path == 4 && concatStringsSep "." path == "boot.kernel.sysctl.${elemAt path 3}";

  # One definition of a value, or several that can be joined.
  mergeLeaf =
    path: opts: values:
    if all isList values then
      map (v: if isPlainSet v then (mergeNode (path ++ [ "*" ]) [ ] [ v ]).value else v) (concatLists values)
    else if length values == 1 then
      head values
    else if isLines path opts && all isString values then
      concatStringsSep "\n" values
    # Even equal ones conflict: nixpkgs types these with mergeOneOption.
    else if !isSysctl path && all (v: v == head values) values then
      head values
    else
      throw "The option `${concatStringsSep "." path}' has conflicting definition values: ${toJSON (map show values)}";

  # All definitions of one path → { defined, value, children? }. `opts` are the option
  # declarations at or below this path.
  mergeNode =
    path: opts: defs:
    let
      declared = filter (o: kindOf o == "option") opts;
      isOption = declared != [ ];
      strict = isOption || namesAreData path;
      withDefault = defs ++ map (o: mkOverride 1500 o.default) (filter (o: o ? default) declared);
      known = if strict then concatMap discharge withDefault else withDefault;
      contents = concatMap inside known;
      isSet =
        (opts != [ ] && !isOption)
        || (contents != [ ] && all isPlainSet contents && !any (v: kindOf v == "override") contents);
      mergeSet =
        from:
        let
          below = zipAttrsWith (_: xs: xs) (if isOption then [ ] else opts);
          ordered = if isSubmodule path then reverse from else from;
          given = zipAttrsWith (_: xs: xs) (concatMap pushDown ordered);
          child = n: mergeNode (path ++ [ n ]) (below.${n} or [ ]) (given.${n} or [ ]);
          nodes = mapAttrs (n: _: child n) (below // given);
          children = if strict then filterAttrs (_: node: node.defined) nodes else nodes;
        in
        {
          inherit children;
          defined = isOption || opts != [ ] || concatMap discharge from != [ ];
          value = mapAttrs (_: node: node.value) children;
        };
      live = concatMap discharge withDefault;
      priorityOf = v: if kindOf v == "override" then v.priority else 100;
      highest = foldl' (a: v: if priorityOf v < a then priorityOf v else a) 9999 live;
      unwrap = kind: v: if kindOf v == kind then v.content else v;
      winners = concatMap discharge (map (unwrap "override") (filter (v: priorityOf v == highest) live));
      orderOf = v: if kindOf v == "order" then v.priority else 1000;
      sorted = map (unwrap "order") (sort (a: b: orderOf a < orderOf b) winners);
      apply = v: foldl' (x: o: if o ? apply then o.apply x else x) v declared;
    in
    if isSet then
      mergeSet known
    else if sorted != [ ] && all isPlainSet sorted then
      mergeSet sorted
    else
      {
        defined = sorted != [ ];
        value =
          if sorted == [ ] then
            throw "The option `${concatStringsSep "." path}' was accessed but has no value defined."
          else
            apply (mergeLeaf path declared sorted);
      };

  # The modules in NixOS's order: breadth first through `imports`, each path once, then reversed,
  # so that what is imported is defined before what imports it.
  evalModules =
    { modules, specialArgs }:
    let
      args = specialArgs // { inherit config; options = { }; lib = miniLib; };
      call =
        m:
        let
          formals = functionArgs (if isFunction m then m else m.__functor m);
        in
        m (args // mapAttrs (name: _: args.${name} or config._module.args.${name}) formals);
      load =
        fallbackKey: m:
        let
          isFile = isPath m || isString m;
          key = if isFile then toString m else m.key or fallbackKey;
          # Modules of nixpkgs itself are not here.
          raw = if !isFile then m else if hasPrefix "<" key then { } else import m;
          applied = if isFunction raw || (isAttrs raw && raw ? __functor) then call raw else raw;
          isConfig = elem (kindOf applied) [ "if" "merge" "override" ];
          shorthand = if isConfig then { config = applied; } else applied;
          body = if isList applied then { imports = applied; } else shorthand;
        in
        {
          inherit key;
          options = body.options or { };
          config =
            if body ? config || body ? options then
              mkMerge (optional (body ? config) body.config)
            else
              removeAttrs body [ "_file" "_class" "key" "imports" "disabledModules" "freeformType" "meta" ];
          imported = loadAll key (body.imports or [ ]);
        };
      loadAll = key: miniLib.imap1 (i: load "${key}:anon-${toString i}");
      closure = builtins.genericClosure {
        startSet = loadAll "top" modules;
        operator = m: m.imported;
      };
      reversed = reverse closure;
      tree = mergeNode [ ] (filter (o: o != { }) (catAttrs "options" reversed)) (catAttrs "config" reversed);
      config = tree.value;
    in
    {
      inherit config tree;
      definitions = map (m: { file = m.key; value = m.config; }) reversed;
    };

  # ---- what disko's module adds ------------------------------------------------------------
  attrsToList = mapAttrsToList (name: value: value // { name = value.name or name; });
  swapsIn =
    mountpoint: c:
    map (file: {
      swapDevices = [
        {
          device = "${mountpoint}/${file.path or file.name}";
          priority = file.priority or null;
          options = file.options or [ "defaults" ];
        }
      ];
    }) (attrsToList (c.swap or { }));
  mountOf =
    device: fsType: extra: c:
    optional (c.mountpoint or null != null) {
      fileSystems.${c.mountpoint} = {
        inherit device fsType;
        options = c.mountOptions or [ "defaults" ] ++ extra;
      };
    };
  partitionDevice =
    parent: p:
    let
      label = p.label or "${parent.type}-${parent.name}-${p.name}";
      short = if stringLength label > 36 then substring 0 36 (builtins.hashString "sha256" label) else label;
    in
    if p.uuid or null != null then
      "/dev/disk/by-partuuid/${p.uuid}"
    else if parent.type == "mdadm" || match "[0-9A-Za-z#+.:=@_/-]*" short == null then
      throw "the device of partition ${short} is not worked out here"
    else
      "/dev/disk/by-partlabel/${short}";
  # One `content` of disko → what it adds to the configuration.
  ofContent =
    parent: default: c:
    let
      device = c.device or default;
      subvolumes = attrsToList (c.subvolumes or { });
      byType = {
        gpt =
          let
            partitions = attrsToList c.partitions;
          in
          # The BIOS boot partition is where grub goes.
          optional (any (p: p.type or "" == "EF02") partitions) { boot.loader.grub.devices = [ device ]; }
          ++ concatMap (p: ofContent c (p.device or (partitionDevice parent p)) (p.content or null)) partitions;
        luks =
          optional (c.initrdUnlock or true) {
            boot.initrd.luks.devices.${c.name} = { inherit device; } // c.settings or { };
          }
          ++ ofContent c "/dev/mapper/${c.name}" (c.content or null);
        btrfs =
          concatMap (s: mountOf device "btrfs" [ "subvol=${s.name}" ] s) subvolumes
          ++ mountOf device "btrfs" [ ] c
          ++ concatMap (s: swapsIn s.mountpoint s) subvolumes
          ++ swapsIn (c.mountpoint or null) c;
        filesystem = mountOf device c.format [ ] c;
        swap = [
          {
            swapDevices = [
              {
                inherit device;
                discardPolicy = c.discardPolicy or null;
                priority = c.priority or null;
                randomEncryption.enable = c.randomEncryption or false;
                randomEncryption.allowDiscards = c.discardPolicy or null != null;
                options = c.mountOptions or [ "defaults" ];
              }
            ];
          }
        ];
        lvm_pv = [ ];
        mdraid = [ ];
      };
    in
    if c == null then [ ] else byType.${c.type} or (throw "disko content of type ${c.type} is not handled here");
  # The volume groups and arrays also name kernel modules; nobody edits those, so they are left out.
  ofDevice = {
    disk =
      d:
      let
        disk = d // { type = "disk"; name = replaceStrings [ "/" ] [ "_" ] d.name; };
      in
      ofContent disk d.device (d.content or null);
    lvm_vg = vg: concatMap (lv: ofContent lv "/dev/${vg.name}/${lv.name}" (lv.content or null)) (attrsToList vg.lvs);
    mdadm = md: ofContent (md // { type = "mdadm"; }) "/dev/md/${md.name}" (md.content or null);
    nodev =
      d:
      let
        special = elem d.fsType [ "proc" "sysfs" "tmpfs" "ramfs" "devtmpfs" "devpts" ];
      in
      mountOf (d.device or (if special then d.fsType else "none")) d.fsType [ ] ({ mountpoint = d.name; } // d);
  };
  miniDisko =
    { config, ... }:
    let
      devices = config.disko.devices or { };
      parts = concatMap (kind: concatMap ofDevice.${kind} (attrsToList devices.${kind})) (attrNames devices);
      adds = key: mkIf (config.disko.enableConfig or true) (mkMerge (catAttrs key parts));
    in
    genAttrs [ "fileSystems" "swapDevices" "boot" ] adds;

  # ---- the real thing, for comparison ------------------------------------------------------
  isReal = nixpkgsLib != null && disko != null;
  realLib = import nixpkgsLib;
  # Undeclared options merge as above: sets by name, lists joined, scalars alone or equal.
  freeform = realLib.mkOptionType {
    name = "freeform";
    merge =
      loc: defs:
      if all (d: isPlainSet d.value) defs then
        (realLib.types.attrsOf freeform).merge loc defs
      else
        mergeLeaf loc [ ] (catAttrs "value" defs);
  };
  evalReal =
    { modules, specialArgs }:
    let
      stage = {
        freeformType = realLib.types.lazyAttrsOf freeform;
        options = genAttrs [ "boot" "system" ] (_: realLib.mkOption { type = freeform; });
        config = { assertions = [ ]; _module.args = { inherit pkgs; }; };
      };
      evaluated = realLib.evalModules {
        modules = [ stage ] ++ modules;
        specialArgs = removeAttrs specialArgs [ "pkgs" ];
      };
    in
    {
      inherit (evaluated) config;
      # disko's own tree is made of its internals; what comes out of it is in `fileSystems`.
      tree.value = removeAttrs evaluated.config [ "_module" "assertions" "disko" "system" "virtualisation" ];
    };

  # ---- stand-ins for what is not here ------------------------------------------------------
  # Every word of the sources is an attribute of every stand-in: `pkgs.linuxPackages_latest`
  # and `with pkgs; [ vim ]` then work without a list of packages.
  sourcesBelow =
    dir:
    let
      ofEntry =
        name: kind:
        if kind == "directory" && !hasPrefix "." name then
          sourcesBelow "${dir}/${name}"
        else
          optional (kind == "regular" && hasSuffix ".nix" name) "${dir}/${name}";
    in
    concatLists (mapAttrsToList ofEntry (readDir dir));
  isFlake = pathExists "${root}/flake.nix";
  sources =
    if isFlake then
      sourcesBelow root
    else
      filter (hasSuffix ".nix") (map (name: "${dirOf root}/${name}") (attrNames (readDir (dirOf root))));
  wordsIn = file: map head (filter isList (split "([a-zA-Z_][a-zA-Z0-9_'-]*)" (readFile file)));
  words = concatMap wordsIn sources;
  wordSet = genAttrs words (word: word);
  standIn =
    name:
    mapAttrs (word: _: standIn "${name}.${word}") wordSet
    // {
      inherit name;
      type = "derivation";
      outPath = "<${name}>";
      __functor = _: arg: standIn "${name} ${if isFunction arg then "f" else toJSON (show arg)}";
    };
  pkgs = standIn "pkgs" // { inherit lib; };

  lib = if isReal then realLib.extend (_: _: { inherit nixosSystem; }) else miniLib;
  evaluate = if isReal then evalReal else evalModules;
  diskoModule = if isReal then "${disko}/module.nix" else miniDisko;
  base.options = {
    fileSystems = lib.mkOption (
      {
        default = { };
      }
      // (
        if isReal then
          { type = lib.types.attrsOf (lib.types.submodule { freeformType = lib.types.lazyAttrsOf freeform; }); }
        else
          { }
      )
    );
    swapDevices = lib.mkOption ({ default = [ ]; } // typed);
  };
  typed = if isReal then { type = freeform; } else { };
  modulesPath = if isReal then "${nixpkgsLib}/../nixos/modules" else "<nixpkgs>/nixos/modules";
  nixosSystem =
    { modules, specialArgs ? { }, ... }:
    evaluate {
      modules = [ base ] ++ modules;
      specialArgs = { inherit pkgs modulesPath; } // specialArgs;
    };

  flake = import "${root}/flake.nix";
  isDisko = name: spec: name == "disko" || match ".*/disko([/?].*)?" (spec.url or "") != null;
  inputOf =
    name: spec:
    standIn name
    // { nixosModules = genAttrs ([ "default" ] ++ words) (_: if isDisko name spec then diskoModule else { }); }
    // (if name == "nixpkgs" then { inherit lib; } else { });
  inputs = mapAttrs inputOf ({ nixpkgs = { }; } // flake.inputs or { });
  self = outputs // { inherit inputs; outPath = root; };
  outputs = flake.outputs (inputs // { inherit self; });
  hosts = outputs.nixosConfigurations or { };
  # A file alone is called as `disko --mode … file.nix` calls it: its formals may have defaults.
  file = import root;
  alone =
    { lib, config, pkgs, modulesPath, ... }@args:
    let
      formals = functionArgs file;
    in
    if isFunction file then file (if formals == { } then args else intersectAttrs formals args) else file;
  onlyHost =
    if length (attrNames hosts) == 1 then head (attrNames hosts) else throw "say which host: ${toString (attrNames hosts)}";
  evaluated =
    if isFlake then
      hosts.${if host != null then host else onlyHost}
    else
      nixosSystem { modules = [ diskoModule alone ]; };

  # ---- the answer --------------------------------------------------------------------------
  # Values as JSON can hold them. The place of the checkout is not part of the answer.
  here = text: replaceStrings [ (toString root) ] [ "<root>" ] (builtins.unsafeDiscardStringContext text);
  show =
    v:
    {
      lambda = "<function>";
      path = "<path ${here (toString v)}>";
      string = here v;
      list = map show v;
      set = if v ? outPath then here "${v.outPath}" else if v ? __functor then "<function>" else mapAttrs (_: show) v;
    }
    .${builtins.typeOf v} or v;
  # Names whose condition is false are in the tree (it is lazy) but not in the answer.
  showNode =
    node:
    if node ? children then
      mapAttrs (_: showNode) (filterAttrs (_: child: child.defined) node.children)
    else
      show node.value;
  fileSystemDefaults = {
    device = null;
    fsType = "auto";
    options = [ "defaults" ];
    neededForBoot = false;
  };
in
if raw then
  { inherit (evaluated) config definitions; }
else
{
  config = removeAttrs (showNode evaluated.tree) [ "_module" ];
  fileSystems = mapAttrs (_: fs: fileSystemDefaults // show fs) evaluated.config.fileSystems;
  swapDevices = show evaluated.config.swapDevices;
}

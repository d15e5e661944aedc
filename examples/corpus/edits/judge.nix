# What the real module system, with nixpkgs' lib and disko's own types, makes of configurations:
# the storage and a few other options of each job, before and after an edit. What needs packages
# or inputs of a flake gets stand-ins; the frameworks that make hosts are this project's own.
#
#   nix-instantiate --eval --strict --json judge.nix --argstr nixpkgsLib … --argstr disko … \
#     --argstr frameworks … --argstr input …
#
# `input` is a file of JSON: { chains, stubs, modules, jobs }, where a job is
# { root, file | host, pieces, assume }, and `stubs` is a directory that holds empty modules.
# The answer is a list with, for each job, a list with { success, value } for each piece.
{
  nixpkgsLib,
  disko,
  frameworks,
  input,
}:
with builtins;
let
  realBuiltins = builtins;
  asked = fromJSON (readFile input);
  realLib = import nixpkgsLib;
  T = realLib.types;

  # ---- stand-ins ---------------------------------------------------------------------------
  package =
    name:
    {
      type = "derivation";
      outPath = "/nix/store/stub-${name}";
      inherit name;
      pname = name;
      version = "1.0";
      meta = { };
      __functor = self: _: self;
      override = _: package name;
      overrideAttrs = _: package name;
      out = package name;
    };
  isModules = n: elem n [ "nixosModules" "nixosModule" "homeManagerModules" "homeModules" "darwinModules" "modules" "flakeModules" "flakeModule" ];
  # A tree out of the attribute chains that the sources use.
  grow =
    leaf: path: chains:
    let
      named = filter (c: c != [ ]) chains;
      by = groupBy head named;
    in
    if named == [ ] then
      leaf path
    else
      (let l = leaf path; in if isAttrs l && !(l ? _type) then l else { })
      // mapAttrs (n: cs: grow leaf (path ++ [ n ]) (map tail cs)) by;
  inputLeaf =
    path:
    let
      last = elemAt path (length path - 1);
    in
    if path == [ ] then
      { }
    else if any isModules path then
      if isModules last && lib.hasSuffix "s" last then { default = { }; } else { }
    else if any (realLib.hasPrefix "overlay") path then
      (_: _: { })
    else if last == "lib" then
      { }
    else
      package (concatStringsSep "." path);
  platform = {
    system = "x86_64-linux";
    isLinux = true;
    isx86_64 = true;
    isDarwin = false;
    isAarch64 = false;
    config = "x86_64-unknown-linux-gnu";
  };
  pkgs =
    grow (path: if path == [ ] then { } else package (concatStringsSep "." path)) [ ] asked.chains.packages
    // {
      inherit lib;
      system = "x86_64-linux";
      config = { };
      hostPlatform = platform;
      stdenv = package "stdenv" // { hostPlatform = platform; inherit (platform) isLinux isDarwin system; };
      formats = genAttrs [ "json" "yaml" "toml" "ini" "keyValue" ] (_: _: { type = T.anything; generate = n: _: package n; });
      callPackage = _: _: package "called";
      extend = _: pkgs;
      appendOverlays = _: pkgs;
      pkgs = pkgs;
    };
  genAttrs = realLib.genAttrs;
  # Sources may use builtins that this Nix does not know yet.
  load = realBuiltins.scopedImport scope;
  scope = {
    import = x: if isAttrs x && x ? __import then x.__import else load x;
    builtins = realBuiltins // {
      inherit (scope) import;
      readFileType = readFileType;
      warn = _: v: v;
      convertHash = x: x.hash;
      addDrvOutputDependencies = x: x;
      unsafeDiscardReferences = x: x;
      parseFlakeRef = _: { };
      flakeRefToString = _: "";
      fetchTree = _: asked.stubs;
      fetchTarball = _: asked.stubs;
      fetchGit = _: { outPath = asked.stubs; };
      getFlake = _: { };
    };
    inherit (scope.builtins) fetchTarball fetchGit;
  };

  # ---- modules -----------------------------------------------------------------------------
  lib = realLib.extend (_: _: { nixosSystem = system; });
  diskoLib = import "${disko}/lib" {
    inherit lib;
    rootMountPoint = "/mnt";
    makeTest = null;
    eval-config = null;
    qemu-common = null;
  };
  isPlainSet = v: isAttrs v && !(v ? _type || v ? __functor || v ? outPath);
  isLines = loc: match "extraConfig|extraRules|extraHosts|text|.*(Init|Commands|Setup)" (lib.last loc) != null;
  freeform = lib.mkOptionType {
    name = "freeform";
    merge =
      loc: defs:
      let
        values = map (d: d.value) defs;
      in
      if all isPlainSet values then
        (T.lazyAttrsOf freeform).merge loc defs
      else if length values == 1 then
        head values
      else if all isList values then
        concatLists values
      else if all isString values && isLines loc then
        concatStringsSep "\n" values
      else if all isFunction values || all (v: v == head values) values then
        head values
      else
        throw "conflicting definitions of ${concatStringsSep "." loc}";
  };
  option = type: default: lib.mkOption { inherit type default; };
  sysctl = lib.mkOptionType { name = "sysctl"; merge = lib.mergeOneOption; };
  base = {
    options = {
      disko = option (T.submodule {
        freeformType = T.lazyAttrsOf freeform;
        options.devices = option diskoLib.toplevel { };
      }) { };
      fileSystems = option (T.attrsOf (
        T.submodule (
          { name, ... }:
          {
            freeformType = T.lazyAttrsOf freeform;
            options = {
              mountPoint = option T.str name;
              device = option (T.nullOr T.str) null;
              label = option (T.nullOr T.str) null;
              fsType = option T.str "auto";
              options = option (T.listOf T.str) [ "defaults" ];
              neededForBoot = option T.bool false;
            };
          }
        )
      )) { };
      swapDevices = option (T.listOf (T.lazyAttrsOf freeform)) [ ];
      boot.kernel.sysctl = option (T.lazyAttrsOf sysctl) { };
      networking.hostName = option T.str "nixos";
      nixpkgs.hostPlatform = option T.anything "x86_64-linux";
      system.stateVersion = option T.anything "24.11";
      users.users = option (T.attrsOf (T.submodule { freeformType = T.lazyAttrsOf freeform; })) { };
      warnings = option T.anything [ ];
      assertions = option T.anything [ ];
    };
    config = {
      _module.freeformType = T.lazyAttrsOf freeform;
      _module.check = false;
      _module.args.pkgs = lib.mkDefault pkgs;
    };
  };
  evaluate =
    arguments:
    (arguments.lib or lib).evalModules {
      class = "nixos";
      modules = arguments.extraModules or [ ] ++ arguments.modules or [ ] ++ [ base ];
      specialArgs = { modulesPath = "${asked.stubs}/nixos/modules"; } // arguments.specialArgs or { };
    };
  system =
    arguments:
    let
      evaluated = evaluate (removeAttrs arguments [ "lib" ]);
    in
    {
      _type = "configuration";
      class = "nixos";
      type = { };
      inherit (evaluated) config options;
      inherit pkgs lib;
      _module = { inherit (arguments) modules; specialArgs = arguments.specialArgs or { }; };
      extendModules = more: system (arguments // { modules = arguments.modules ++ more.modules or [ ]; });
    };

  # ---- a file by itself --------------------------------------------------------------------
  # What is read and nobody defines: a switch is on, a list is empty, all else is a text that says
  # where it comes from.
  markerOf =
    base: path:
    let
      last = elemAt path (length path - 1);
    in
    if path == [ ] || isModules last then
      { }
    else if is "(enable.*|(is|has|use|with)[A-Z_].*)" last then
      true
    else if is ".*([pP]ackages|[mM]odules|[dD]isks|[dD]evices|[dD]rives|[uU]sers|[kK]eys|[aA]rgs|[oO]ptions)" last then
      [ ]
    else
      "@{${concatStringsSep "." ([ base ] ++ path)}}@";
  markers =
    let
      own = [ "disko" "fileSystems" "swapDevices" "networking" "lib" "assertions" "warnings" "_module" ];
      wanted = filter (c: !(elem (head c) own)) asked.chains.config;
      weak = v: if isAttrs v then mapAttrs (_: weak) v else lib.mkOverride 2000 v;
    in
    weak (grow (markerOf "config") [ ] wanted);
  is = pattern: name: match pattern name != null;
  standFor =
    job: name:
    let
      chains = map tail (filter (c: length c > 1 && head c == name) asked.chains.all);
    in
    if name == "lib" then
      lib
    else if name == "pkgs" then
      pkgs
    else if name == "modulesPath" then
      "${asked.stubs}/nixos/modules"
    else if name == "inputs" then
      (grow inputLeaf [ ] chains) // { nixpkgs = { inherit lib; outPath = asked.stubs; __import = _: pkgs; }; self = selfWith job (map tail (filter (c: head c == "self") chains)); }
    else if name == "self" then
      selfWith job chains
    else if chains != [ ] then
      grow (markerOf name) [ ] chains
    else if is "(host|hostname|hostName|host_name|machine|machineName|nodeName)" name then
      job.host or "nixos"
    else if is "(outputs|vars|flake|secrets|nixosModules|modules|customLib|mylib|myLib|variables|settings|globals|my|self'|inputs')" name then
      { }
    else if is "system" name then
      "x86_64-linux"
    else if is ".*([dD]isks|[dD]evices|[dD]rives)" name then
      [ "/dev/vda" "/dev/vdb" "/dev/vdc" "/dev/vdd" ]
    else if is "(with|enable|use|has|is)[A-Z_].*|encrypt.*|impermanence|luks" name then
      true
    else if is ".*([dD]isk|[dD]evice|[dD]rive|dev|ssd|nvme|hdd).*" name then
      "/dev/vda"
    else if is ".*([sS]ize|swap).*" name then
      "8G"
    else
      "standin";
  selfWith = job: chains: grow inputLeaf [ ] (filter (c: c != [ ]) chains) // selfOf job;
  selfOf = job: { outPath = job.root; inherit lib; inputs = { }; };
  callWith =
    job: arguments: f:
    if isFunction f || (isAttrs f && f ? __functor) then
      let
        formals = functionArgs f;
        missing = filter (n: !(arguments ? ${n}) && !formals.${n}) (attrNames formals);
        all = arguments // genAttrs missing (standFor job);
        names = lib.unique (map head (filter (c: c != [ ]) asked.chains.all));
        anything = genAttrs (filter (n: !(arguments ? ${n})) names) (standFor job) // arguments;
      in
      callWith job arguments (f (if formals == { } then anything else intersectAttrs formals all))
    else
      f;
  kinds = [ "disk" "lvm_vg" "mdadm" "nodev" "zpool" "bcachefs_filesystems" ];
  isDevices = v: isAttrs v && v != { } && all (n: elem n kinds) (attrNames v);
  inFragment = content: { disko.devices.disk.fragment = { type = "disk"; device = "/dev/vda"; inherit content; }; };
  asModule =
    v:
    let
      type = v.type or null;
    in
    if v ? _type || v ? disko || v ? config || v ? imports || v ? fileSystems then
      v
    else if v ? devices && isDevices v.devices then
      { disko = { inherit (v) devices; }; }
    else if isDevices v then
      { disko.devices = v; }
    else if type == "disk" then
      { disko.devices.disk.fragment = { device = "/dev/vda"; } // v; }
    else if elem type [ "gpt" "table" "luks" "btrfs" ] then
      inFragment v
    else if v ? subvolumes then
      inFragment ({ type = "btrfs"; } // v)
    else if v ? partitions then
      inFragment ({ type = "gpt"; } // v)
    else
      v;
  # Every condition taken as true.
  assumed =
    depth: v:
    if depth == 0 || !isAttrs v then
      v
    else if v._type or "" == "if" then
      assumed depth v.content
    else if v._type or "" == "merge" then
      v // { contents = map (assumed depth) v.contents; }
    else if v ? _type || v ? outPath then
      v
    else
      mapAttrs (n: x: if elem n [ "options" "imports" ] then x else assumed (depth - 1) x) v;
  resolve = p: if lib.hasSuffix ".nix" (toString p) || readFileType p != "directory" then p else p + "/default.nix";
  readFileType = p: (readDir (dirOf p)).${baseNameOf (toString p)} or "none";
  isHere = job: p: (isPath p || isString p) && lib.hasPrefix job.root (toString p) && pathExists p && pathExists (resolve p);
  fileModule =
    job: source:
    let
      value = if isPath source || isString source then load (resolve source) else source;
      finish =
        v:
        let
          module = asModule v;
          wanted = filter (i: if isPath i || isString i then isHere job i else isAttrs i || isFunction i) (lib.flatten (module.imports or [ ]));
          kept = removeAttrs module [ "_file" "key" "disabledModules" "_class" "meta" "imports" ];
        in
        (if job.assume or false then assumed 14 kept else kept)
        // (if module ? imports then { imports = map (fileModule job) wanted; } else { });
    in
    if isFunction value || (isAttrs value && value ? __functor) then
      lib.setFunctionArgs (
        a:
        finish (
          callWith job {
            inherit lib pkgs;
            inherit (a) config options;
            modulesPath = "${asked.stubs}/nixos/modules";
          } value
        )
      ) { config = false; options = false; }
    else
      finish value;

  # Modules below the names of a framework, or in a library of layouts.
  attempt = e: let t = tryEval (seq e e); in if t.success then t.value else null;
  opened =
    job: v:
    if isFunction v then
      attempt (
        callWith job {
          inherit lib pkgs;
          config = grow (markerOf "config") [ ] asked.chains.config;
          options = { };
          modulesPath = "${asked.stubs}/nixos/modules";
        } v
      )
    else
      v;
  isStorage =
    v:
    let
      type = attempt (v.type or null);
      content = attempt (v.config or null);
      devices = attempt (v.devices or null);
      disko = attempt (v.disko or null);
    in
    isAttrs disko && disko ? devices
    || v ? fileSystems
    || isDevices v
    || isAttrs devices && isDevices devices
    || isString type && elem type [ "disk" "gpt" "luks" "btrfs" ]
    || isAttrs content && (content ? disko || content ? fileSystems || content ? _type);
  foreign = [ "home" "homeManager" "homeModules" "darwin" "environment" "services" "programs" "pkgs" "packages" "meta" "description" "tests" "perSystem" "options" ];
  digs =
    job: depth: path: v:
    let
      set = opened job v;
    in
    if depth == 0 || !isAttrs set || set ? outPath then
      [ ]
    else if isStorage set || set._type or "" == "if" then
      [ path ]
    else if set ? _type then
      [ ]
    else
      concatLists (
        map (n: if elem n foreign then [ ] else digs job (depth - 1) (path ++ [ n ]) (attempt set.${n})) (attrNames set)
      );
  picked = job: path: v: if path == [ ] then v else picked job (tail path) (opened job v).${head path};

  # ---- flakes ------------------------------------------------------------------------------
  opaque = _: set: set;
  loadFramework =
    name:
    let
      f = load "${frameworks}/${name}.nix";
    in
    f (
      intersectAttrs (functionArgs f) {
        inherit opaque;
        # Modules of an input, which declare options, have stand-ins that declare none.
        lib = lib // {
          evalModules = a: lib.evalModules (a // { modules = a.modules ++ [ { _module.check = false; } ]; });
        };
        frameworks = allFrameworks;
        packages = s: s;
        knows = s: n: s ? ${n};
        nixosSystem = system;
        path = asked.stubs;
      }
    );
  allFrameworks = genAttrs (map (lib.removeSuffix ".nix") (filter (lib.hasSuffix ".nix") (attrNames (readDir frameworks)))) loadFramework;
  repositories = asked.repositories;
  everySystem = v: genAttrs [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" "i686-linux" "armv7l-linux" "riscv64-linux" ] (_: v);
  flakeOf =
    job:
    let
      flake = load "${job.root}/flake.nix";
      lock = if pathExists "${job.root}/flake.lock" then fromJSON (readFile "${job.root}/flake.lock") else { nodes.root = { }; root = "root"; };
      locked = lock.nodes.${lock.root}.inputs or { };
      specs = flake.inputs or { };
      ofUrl =
        url:
        let
          m = match "(github|gitlab|sourcehut|codeberg):~?([^/]+)/([^/?]+).*" url;
          w = match ".*://[^/]+/(.*/)?([^/]+)/([^/?]+).*" url;
        in
        if m != null then
          "${elemAt m 1}/${elemAt m 2}"
        else if w != null then
          "${elemAt w 1}/${lib.removeSuffix ".git" (elemAt w 2)}"
        else
          url;
      repositoryOf =
        name:
        let
          node = lock.nodes.${locked.${name}} or { };
          spec = specs.${name} or { };
          url = if isString spec then spec else spec.url or name;
        in
        lib.toLower (
          if isString (locked.${name} or null) && node ? locked.owner then "${node.locked.owner}/${node.locked.repo}" else ofUrl url
        );
      isNixpkgs =
        name: repository:
        lib.hasSuffix "/nixpkgs" repository
        || lib.hasPrefix "nixpkgs" name
        || elem repository [ "nixpkgs" "nix-community/nixpkgs.lib" ]
        || lib.hasPrefix "nixpkgs-" repository;
      plain =
        name:
        {
          _type = "flake";
          outPath = "${asked.stubs}/flake";
          inputs = { };
          sourceInfo = { };
          rev = "0000000000000000000000000000000000000000";
          shortRev = "0000000";
          lastModified = 0;
          lastModifiedDate = "19700101000000";
          nixosModules.default = { };
          nixosModules.disko = { };
          nixosModules.home-manager = { };
        };
      chainsOf =
        name:
        let
          after = c: i: if i >= length c then [ ] else (if elemAt c i == name then [ (lib.drop (i + 1) c) ] else [ ]) ++ after c (i + 1);
        in
        filter (c: c != [ ] && !(elem (head c) [ "url" "follows" "inputs" "outPath" ])) (concatMap (c: after c 0) asked.chains.all);
      known = f: base: over: if isAttrs over && !(over ? __functor) then lib.recursiveUpdateUntil (p: _: b: length p > 1 || !isAttrs b) base over else over;
      inputOf =
        name:
        let
          repository = repositoryOf name;
          framework = repositories.${repository} or null;
          stand = plain name // lib.recursiveUpdate { nixosModules = (plain name).nixosModules; } (grow inputLeaf [ ] (chainsOf name));
        in
        if framework != null && framework != "nixpkgs" && allFrameworks ? ${framework} then
          known null stand allFrameworks.${framework}
        else if allFrameworks.flake-modules ? ${repository} then
          known null stand allFrameworks.flake-modules.${repository}
        else if lib.hasPrefix "nix-systems/" repository then
          allFrameworks.nix-systems.${lib.removePrefix "nix-systems/" repository} or stand
        else if isNixpkgs name repository then
          plain name
          // {
            inherit lib;
            outPath = asked.stubs;
            __import = _: pkgs;
            legacyPackages = everySystem pkgs;
            nixosModules = stand.nixosModules // { notDetected = { }; readOnlyPkgs = { }; };
          }
        else
          stand;
      formals = removeAttrs (functionArgs flake.outputs) [ "self" ];
      names = lib.unique (attrNames specs ++ attrNames locked ++ attrNames formals);
      inputs = genAttrs names inputOf;
      self = outputs // plain "self" // outputs // { inherit inputs outputs; outPath = job.root; sourceInfo.outPath = job.root; };
      outputs = flake.outputs (inputs // { inherit self; });
    in
    outputs;

  # ---- the answer --------------------------------------------------------------------------
  # Only what users write of disko, without its own machinery.
  show =
    job: depth: v:
    let
      here = text: replaceStrings [ job.root ] [ "<root>" ] (unsafeDiscardStringContext text);
      t = tryEval v;
    in
    if !t.success then
      "‹throws›"
    else if depth > 40 then
      "‹deep›"
    else
      {
        lambda = "‹function›";
        path = "‹path ${here (toString v)}›";
        string = here v;
        list = map (show job (depth + 1)) v;
        set =
          if v ? outPath then
            here "‹${v.outPath}›"
          else if v ? __functor then
            "‹function›"
          else
            mapAttrs (_: show job (depth + 1)) (removeAttrs v (filter (lib.hasPrefix "_") (attrNames v)));
      }
      .${typeOf v} or v;
  source = job: picked job (job.pick or [ ]) (load job.file);
  answer =
    job:
    let
      config =
        if job ? file then
          (evaluate {
            modules = [ (fileModule job (source job)) ] ++ lib.optional (job.markers or false) { config = markers; };
          }).config
        else
          (flakeOf job).nixosConfigurations.${job.host}.config;
      own = removeAttrs config [ "_module" "assertions" "warnings" ];
      isOpen = v: isAttrs v && !(v ? outPath || v ? _type || v ? __functor);
      namesOf = v: if isOpen v then mapAttrs (_: _: null) v else null;
      piece =
        path:
        let
          found = lib.attrByPath path null config;
          shown = if path == [ ] then show job 0 own else if path == [ "@names" ] then mapAttrs (_: namesOf) own else show job 0 found;
        in
        tryEval (deepSeq shown shown);
    in
    if job.dig or false then digs job 8 [ ] (load job.file) else map piece job.pieces;
in
map answer asked.jobs

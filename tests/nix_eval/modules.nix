# Options of every type, merged: a function of nixpkgs' lib. What it gives is in modules.json,
# recorded from the lib of nixpkgs 26.11 (commit de42d44212d2).
{ lib }:
let
  inherit (lib) mkOption types mkIf mkMerge mkForce mkDefault mkBefore mkAfter;
  ev = modules: (lib.evalModules { inherit modules; });
  c = modules: removeAttrs (ev modules).config [ "_module" ];
in {
  a = c [ { options.a = mkOption { type = types.listOf types.str; default = [ "d" ]; }; options.l = mkOption { type = types.lines; default = ""; }; }
          { a = [ "x" ]; l = "one"; } { a = mkBefore [ "y" ]; l = mkAfter "two"; } { a = [ "z" ]; l = "three"; } ];
  b = c [ ({ config, lib, ... }: { options.my = { flag = lib.mkEnableOption "x"; n = mkOption { type = types.int; default = 3; apply = x: x + 1; }; };
           config = mkIf config.my.flag { my.n = 7; }; }) { my.flag = true; } ];
  d = c [ { options.hosts = mkOption { type = types.attrsOf (types.submodule ({ name, config, ... }: { options = { host = mkOption { type = types.str; default = name; }; up = mkOption { type = types.bool; default = config.host == "q"; }; tags = mkOption { type = types.listOf types.str; default = [ ]; }; }; })); default = { }; }; }
     { hosts.q.tags = [ "a" ]; hosts.r = { host = "rr"; }; } { hosts.q.tags = [ "b" ]; hosts.no = mkIf false { }; } ];
  e = c [ { options.x = mkOption { type = types.nullOr (types.either types.int types.str); default = null; }; options.y = mkOption { type = types.coercedTo types.int toString types.str; default = 3; }; options.z = mkOption { type = types.enum [ "a" "b" ]; default = "a"; }; } { y = 5; z = mkForce "b"; x = "s"; } { z = "a"; } ];
  f = c [ { freeformType = types.lazyAttrsOf types.anything; options.k.d = mkOption { type = types.int; default = 1; }; } { k.e = { u = [ 1 ]; }; w = 4; v.a = 1; } { v.b = 2; } ];
  g = builtins.length (c [ { options.m = mkOption { type = types.deferredModule; default = { }; }; } { m = { a = 1; }; } { m = { config, ... }: { b = 2; }; } ]).m.imports;
  h = c [ (lib.mkRenamedOptionModule [ "old" "x" ] [ "new" "x" ]) { options.new.x = mkOption { type = types.int; default = 0; }; } { old.x = 9; } ];
  i = c [ { options.a.b = mkOption { type = types.submodule { options.c = mkOption { default = 1; type = types.int; }; freeformType = types.attrsOf types.int; }; default = { }; }; } { a.b.z = 4; } ];
  j = c [ { disabledModules = [ "gone" ]; imports = [ { key = "gone"; a = [ 1 ]; } { key = "k"; a = [ 2 ]; } { key = "k"; a = [ 2 ]; } ]; options.a = mkOption { type = types.listOf types.int; }; } ];
  k = (ev [ ({ options, ... }: { options.p = mkOption { type = types.str; default = "d"; }; options.q = mkOption { default = options.p.isDefined; }; options.r = mkOption { default = options ? nope; }; }) ]).config.q;
  l = c [ ({ extra, ... }: { options.o = mkOption { default = extra; }; }) { _module.args.extra = 12; } ];
  m = (lib.evalModules { specialArgs.sp = 5; modules = [ ({ sp, ... }: { options.o = mkOption { type = types.functionTo types.int; default = x: x + sp; }; }) ]; }).config.o 4;
  n = builtins.tryEval (c [ { options.a = mkOption { type = types.int; }; } { a = 1; } { a = 2; } ]).a;
  o = c [ { options.t = mkOption { type = types.attrsOf types.int; default = { }; apply = lib.mapAttrs (_: v: v * 2); }; } { t = mkMerge [ { a = 1; } (mkIf true { b = 2; }) ]; } { t.c = mkDefault 3; } { t.c = 5; } ];
  p = ((ev [ { options.a = mkOption { type = types.int; default = 1; }; } ]).extendModules { modules = [ { a = 8; } ]; }).config.a;
  q = c [ { options.u = mkOption { type = types.unique { message = "m"; } types.str; default = "x"; }; options.at = mkOption { type = types.attrs; default = { }; }; options.any = mkOption { type = types.anything; }; } { at.a.b = 1; any = { a.b = 1; l = [ 1 ]; }; } { at.a.c = 2; any = { a.c = 2; l = [ 1 ]; }; } ];
  r = c [ { options.s = mkOption { type = types.attrsOf (types.submodule { options.o = mkOption { type = types.listOf types.str; default = [ ]; }; options.p = mkOption { type = types.int; default = 1; }; }); default = { }; }; }
     { s.a.o = [ "first" ]; } { s.a.o = [ "second" ]; s.a.p = mkForce 5; } { imports = [ { s.a.o = [ "imported" ]; } ]; s.a.o = mkBefore [ "before" ]; } { s.a.p = 7; } ];
  t = c [ { options.x.y = mkOption { type = types.submodule { options.a = mkOption { type = types.int; default = 1; }; }; default = { }; }; } { options.x.y = mkOption { type = types.submodule { options.b = mkOption { type = types.int; default = 2; }; }; }; } { x.y.b = 3; } ];
  u = c [ { options.f = mkOption { type = types.attrTag { one = mkOption { type = types.int; }; two = mkOption { type = types.str; }; }; }; } { f.one = 1; } ];
  v = c [ ({ config, ... }: { options.on = mkOption { type = types.bool; default = false; }; options.l = mkOption { type = types.listOf types.str; default = [ ]; };
        config = mkMerge [ { on = true; } (mkIf config.on { l = [ "on" ]; }) (mkIf (!config.on) { l = [ "off" ]; }) ]; }) ];
  w = c [ { options.m = mkOption { type = types.lazyAttrsOf types.int; default = { }; }; } { m.a = mkDefault 1; m.b = mkIf true 2; } { m.a = 4; } ];
  x = c [ { options.e = mkOption { type = types.listOf (types.submodule { options.n = mkOption { type = types.str; }; options.k = mkOption { type = types.int; default = 0; }; }); default = [ ]; }; } { e = [ { n = "a"; } (mkIf false { n = "gone"; }) { n = "b"; k = 1; } ]; } ];
  y = c [ { options.d = mkOption { type = types.oneOf [ types.int types.bool (types.listOf types.str) ]; default = 1; }; options.nn = mkOption { type = types.nullOr (types.listOf types.int); default = null; }; } { d = [ "x" ]; } { d = [ "y" ]; nn = [ 1 ]; } ];
  z = builtins.tryEval (c [ { options.a = mkOption { type = types.enum [ "x" ]; }; } { a = "y"; } ]).a;
  aa = c [ { options.a = mkOption { type = types.ints.between 1 5; default = 3; }; options.s = mkOption { type = types.strMatching "[a-z]+"; default = "abc"; }; options.sep = mkOption { type = types.separatedString ":"; default = ""; }; } { sep = "a"; } { sep = "b"; } ];
  ab = builtins.tryEval (c [ { options.a = mkOption { type = types.ints.between 1 5; default = 3; }; } { a = 9; } ]).a;
  ac = (ev [ { options.a = mkOption { type = types.int; default = 1; description = "d"; }; } { a = mkForce 2; } ]).options.a.highestPrio;
  ad = c [ (lib.mkAliasOptionModule [ "alias" ] [ "real" ]) { options.real = mkOption { type = types.listOf types.int; default = [ ]; }; } { alias = [ 1 ]; } { real = [ 2 ]; } ];
  ae = c [ { options.p = mkOption { type = types.path; default = "/x"; }; options.u = mkOption { type = types.attrsOf types.raw; default = { }; }; } { u.f = [ 1 { a = 2; } ]; } ];
  af = c [ { imports = [ { imports = [ ({ lib, ... }: { options.deep = mkOption { type = types.str; default = lib.concatStrings [ "a" "b" ]; }; }) ]; } ]; } ];
  ag = c [ { options.g = mkOption { type = types.attrsOf (types.attrsOf types.int); default = { }; }; } { g.a.x = 1; } { g.a.y = 2; g.b = { }; } ];
  ah = c [ { options.o = mkOption { default = { }; type = types.submoduleWith { modules = [ { options.q = mkOption { type = types.int; default = 1; }; } ]; specialArgs = { z = 3; }; }; }; } { o = { z, ... }: { q = z; }; } ];
  ai = c [ { options.ro = mkOption { type = types.int; readOnly = true; default = 4; }; } ];
  aj = with lib; with types; c [ { options.w = mkOption { type = listOf str; default = [ "w" ]; }; } ];
}

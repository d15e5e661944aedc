# What nixpkgs has in lib/deprecated/misc.nix (26.11) and configurations still call.
lib: rec {
  maybeAttrNullable = maybeAttr;
  maybeAttr =
    name: default: set:
    set.${name} or default;
  ifEnable =
    condition: value:
    if condition then
      value
    else if builtins.isList value then
      [ ]
    else if builtins.isAttrs value then
      { }
    else if value == true || value == false then
      false
    else
      null;
  nvs = name: value: { ${name} = value; };
  setAttr =
    set: name: value:
    set // { ${name} = value; };
  setAttrMerge =
    name: default: set: f:
    set // { ${name} = f (set.${name} or default); };
  # What only the right one has meets itself.
  mergeAttrsWithFunc =
    f: left: right:
    let
      both = right // left;
    in
    both // builtins.mapAttrs (name: f both.${name}) right;
  mergeAttrsConcatenateValues = mergeAttrsWithFunc (a: b: lib.toList a ++ lib.toList b);
  imap = lib.imap1;
  fakeHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  fakeSha256 = lib.concatStrings (lib.replicate 64 "0");
  fakeSha512 = lib.concatStrings (lib.replicate 128 "0");
}

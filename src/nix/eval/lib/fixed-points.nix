# What nixpkgs has in lib/fixed-points.nix (26.11).
lib: rec {
  fix =
    f:
    let
      x = f x;
    in
    x;
  fix' =
    f:
    let
      x = f x // {
        __unfix__ = f;
      };
    in
    x;
  converge =
    f: x:
    let
      next = f x;
    in
    if next == x then x else converge f next;
  extends =
    overlay: f: final:
    let
      prev = f final;
    in
    prev // overlay final prev;
  composeExtensions =
    first: second: final: prev:
    let
      changed = first final prev;
    in
    changed // second final (prev // changed);
  composeManyExtensions = lib.foldr composeExtensions (_: _: { });
  makeExtensible = makeExtensibleWithCustomName "extend";
  makeExtensibleWithCustomName =
    extender: f:
    fix' (
      self:
      f self
      // {
        ${extender} = overlay: makeExtensibleWithCustomName extender (extends overlay f);
      }
    );
  toExtension =
    f:
    if !lib.isFunction f then
      _: _: f
    else
      final: prev:
      let
        given = f prev;
      in
      if lib.isFunction given then f final prev else given;
}

# What nixpkgs has in lib/customisation.nix (26.11), as far as it needs no package set.
lib:
let
  inherit (lib) functionArgs isFunction mirrorFunctionArgs;
in
rec {
  makeOverridable =
    f:
    let
      mirrored = mirrorFunctionArgs f;
      call =
        args:
        let
          result = f args;
          override = mirrored (
            new: makeOverridable f (args // (if isFunction new then new args else new))
          );
        in
        if builtins.isAttrs result then
          result
          // {
            inherit override;
            overrideDerivation = _: builtins.derivation { };
            ${if result ? overrideAttrs then "overrideAttrs" else null} =
              change: makeOverridable (mirrored (args: (f args).overrideAttrs change)) args;
          }
        else if isFunction result then
          lib.setFunctionArgs result (functionArgs result) // { inherit override; }
        else
          result;
    in
    if builtins.isAttrs f then
      f
      // mirrored call
      // {
        ${if f ? override then "override" else null} = change: makeOverridable (f.override change);
      }
    else
      mirrored call;
  callPackageWith =
    scope: fn: args:
    let
      f = if isFunction fn then fn else import fn;
      formals = functionArgs f;
      given = builtins.intersectAttrs formals scope // args;
      missing = builtins.filter (name: !formals.${name}) (
        builtins.attrNames (removeAttrs formals (builtins.attrNames given))
      );
    in
    if missing == [ ] then
      makeOverridable f given
    else
      abort "callPackageWith: the required argument ${builtins.head missing} is missing";
  callPackagesWith =
    scope: fn: args:
    let
      f = if isFunction fn then fn else import fn;
      mirrored = mirrorFunctionArgs f;
      given = builtins.intersectAttrs (functionArgs f) scope // args;
      packages = f given;
    in
    if lib.isDerivation packages then
      throw "callPackages was called for a single derivation"
    else
      builtins.mapAttrs (
        name: _: makeOverridable (mirrored (args: (f args).${name})) given
      ) packages;
  makeScope =
    newScope: f:
    let
      self = {
        callPackage = self.newScope { };
      }
      // f self
      // {
        newScope = scope: newScope (self // scope);
        overrideScope = overlay: makeScope newScope (lib.extends overlay f);
        packages = f;
      };
    in
    self;
}

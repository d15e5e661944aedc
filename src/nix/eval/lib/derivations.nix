# What nixpkgs has in lib/derivations.nix (26.11), as far as no derivation must be looked into.
lib: {
  inherit (builtins) addDrvOutputDependencies unsafeDiscardOutputDependency;
  optionalDrvAttr = condition: value: if condition then value else null;
}

# nix-systems: flakes whose only content is a list of systems, got by `import inputs.systems`.
#
# Read from nix-systems/default, default.nix and flake.nix, commit da67096a3b9bf56a91d16901293e51ba5b49a27e; the others of
# that organisation are made alike, their names say what they hold. The value here has one attribute a repository, and
# `__import` is what importing the flake's folder gives.
{
  lib,
  frameworks,
  opaque,
}:
builtins.mapAttrs
  (
    _: systems:
    opaque "a flake of nix-systems" {
      __import = systems;
    }
  )
  {
    default = [
      "aarch64-darwin"
      "aarch64-linux"
      "x86_64-darwin"
      "x86_64-linux"
    ];
    default-darwin = [
      "aarch64-darwin"
      "x86_64-darwin"
    ];
    default-linux = [
      "aarch64-linux"
      "x86_64-linux"
    ];
    aarch64-darwin = [ "aarch64-darwin" ];
    aarch64-linux = [ "aarch64-linux" ];
    x86_64-darwin = [ "x86_64-darwin" ];
    x86_64-linux = [ "x86_64-linux" ];
  }

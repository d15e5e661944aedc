# What nixpkgs has in lib/kernel.nix (26.11): answers to the questions of the kernel's configuration.
lib:
let
  answer = tristate: {
    inherit tristate;
    optional = false;
  };
in
{
  option = x: x // { optional = true; };
  yes = answer "y";
  no = answer "n";
  module = answer "m";
  unset = answer null;
  freeform = freeform: {
    inherit freeform;
    optional = false;
  };
  whenHelpers = version: {
    whenAtLeast = least: lib.mkIf (lib.versionAtLeast version least);
    whenOlder = than: lib.mkIf (lib.versionOlder version than);
    whenBetween =
      least: than: lib.mkIf (lib.versionAtLeast version least && lib.versionOlder version than);
  };
}

# What nixpkgs has in lib/asserts.nix (26.11).
lib:
let
  pretty = lib.generators.toPretty { };
in
rec {
  assertMsg = condition: message: condition || throw message;
  assertOneOf =
    name: value: xs:
    assertMsg (lib.elem value xs) "${name} must be one of ${pretty xs}, but is: ${pretty value}";
  assertEachOneOf =
    name: values: xs:
    assertMsg (lib.all (
      value: lib.elem value xs
    ) values) "each element in ${name} must be one of ${pretty xs}, but is: ${pretty values}";
  checkAssertWarn =
    assertions: warnings: value:
    let
      failed = map (a: a.message) (builtins.filter (a: !a.assertion) assertions);
    in
    if failed == [ ] then
      lib.showWarnings warnings value
    else
      throw "\nFailed assertions:\n${lib.concatMapStringsSep "\n" (message: "- ${message}") failed}";
}

# flake-file: modules that describe the flake.nix they are written to; nothing of it reaches a host, except
# that its `dendritic` module brings flake-parts' `flake.modules` and a list of systems.
#
# Behaviour read from vic/flake-file, modules/default.nix (014242310ae3603545654a434112de181c703363) and
# modules/dendritic/{default,dendritic,systems}.nix.
{
  lib,
  frameworks,
  opaque,
}:
let
  default = {
    _file = "flake-file";
    options.flake-file = lib.mkOption {
      type = lib.types.lazyAttrsOf lib.types.anything;
      default = { };
    };
  };
  dendritic =
    { inputs, ... }:
    {
      _file = "flake-file";
      imports = [
        default
      ]
      ++ lib.optional (inputs ? flake-parts) (inputs.flake-parts.flakeModules.modules or { })
      ++ lib.optional (inputs ? flake-parts) {
        systems = lib.mkDefault (
          if inputs ? systems then
            import inputs.systems
          else
            [
              "aarch64-darwin"
              "aarch64-linux"
              "x86_64-darwin"
              "x86_64-linux"
            ]
        );
      };
    };
in
opaque "flake-file" {
  flakeModule = default;
  flakeModules = opaque "flake-file's other modules" {
    inherit default dendritic;
    import-tree = default;
  };
  lib = opaque "flake-file's library" { };
}

# nixpkgs as a flake input: `lib` with what its flake.nix adds to it, and package sets of which only
# `lib` is known.
#
# Behaviour read from NixOS/nixpkgs, flake.nix and nixos/lib/eval-config.nix, release 25.11.
{
  lib,
  opaque,
  packages,
  nixosSystem,
  path,
}:
let
  extended = lib.extend (
    final: _: {
      nixosSystem = arguments: nixosSystem ({ lib = final; } // arguments);
      nixos = opaque "nixpkgs' lib.nixos" {
        evalModules = arguments: nixosSystem ({ lib = final; } // arguments);
        runTest = _: packages { };
      };
    }
  );
  set = system: packages { lib = extended; inherit system; };
in
opaque "this output of nixpkgs" {
  lib = extended;
  outPath = path;
  legacyPackages = lib.genAttrs [
    "aarch64-darwin"
    "aarch64-linux"
    "armv6l-linux"
    "armv7l-linux"
    "i686-linux"
    "powerpc64le-linux"
    "riscv64-linux"
    "x86_64-darwin"
    "x86_64-freebsd"
    "x86_64-linux"
  ] set;
  # `import nixpkgs { … }`
  __import =
    arguments:
    let
      set' =
        if arguments ? system then
          set arguments.system
        else if arguments ? localSystem then
          set (arguments.localSystem.system or arguments.localSystem)
        else
          packages { lib = extended; };
    in
    set';
  # `import (nixpkgs + "/nixos/lib/eval-config.nix") { … }`
  __evalConfig = arguments: nixosSystem ({ lib = extended; } // arguments);
  # `import (nixpkgs + "/nixos") { configuration = …; }`
  __nixos =
    arguments:
    nixosSystem {
      lib = extended;
      modules = [ arguments.configuration ];
      specialArgs = arguments.specialArgs or { };
      system = arguments.system or null;
    };
  __lib = extended;
}

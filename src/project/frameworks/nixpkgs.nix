# nixpkgs as a flake input: `lib` with what its flake.nix adds to it, and package sets of which only
# `lib` is known.
#
# Behaviour read from NixOS/nixpkgs, flake.nix at 025640dc and nixos/lib/eval-config.nix at 02aa3c00.
{
  lib,
  opaque,
  packages,
  nixosSystem,
  path,
}:
let
  of =
    release:
    let
      # A whole system, and the same with more modules.
      system =
        arguments:
        nixosSystem arguments
        // {
          extendModules =
            {
              modules ? [ ],
              specialArgs ? { },
              ...
            }:
            system (
              arguments
              // {
                modules = arguments.modules or [ ] ++ modules;
                specialArgs = arguments.specialArgs or { } // specialArgs;
              }
            );
        };
      extended = lib.extend (
        final: _: {
          nixosSystem = arguments: system ({ lib = final; } // arguments // { __release = release; });
          nixos = opaque "nixpkgs' lib.nixos" {
            evalModules = arguments: system ({ lib = final; } // arguments);
            runTest = _: packages { };
          };
        }
      );
      # Its own tree with patches makes the same systems: patches of modules are not read.
      applyPatches =
        { src, ... }:
        if toString src == toString path then
          packages {
            type = "derivation";
            outPath = path;
          }
        else
          opaque "a patched source" { };
      known = {
        inherit applyPatches;
        lib = extended;
      };
      set = name: packages (known // { system = name; });
    in
    opaque "this output of nixpkgs" {
      lib = extended;
      outPath = path;
      __released = of;
      __release = release;
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
              packages known;
        in
        set';
      # `import (nixpkgs + "/nixos/lib/eval-config.nix") { … }`
      __evalConfig = arguments: system ({ lib = extended; } // arguments // { __release = release; });
      # `import (nixpkgs + "/nixos") { configuration = …; }`
      __nixos =
        arguments:
        system {
          lib = extended;
          modules = [ arguments.configuration ];
          specialArgs = arguments.specialArgs or { };
          system = arguments.system or null;
        };
      __lib = extended;
      # `(import (patched + "/flake.nix")).outputs { … }`
      __flake = {
        inputs = { };
        outputs = _: opaque "this output of nixpkgs" { lib = extended; outPath = path; };
      };
    };
in
of ""

{
  description = "Finds what slows a NixOS machine on btrfs and writes the remedy as proven edits of its Nix files";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;

      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];

      forEachSystem = f: lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});

      packageOf = pkgs: self.packages.${pkgs.stdenv.hostPlatform.system}.default;
    in
    {
      packages = forEachSystem (pkgs: {
        default = pkgs.callPackage ./nix/package.nix { };
      });

      apps = forEachSystem (pkgs: {
        default = {
          type = "app";
          program = lib.getExe (packageOf pkgs);
          meta.description = "Tune a NixOS machine on btrfs";
        };
      });

      overlays.default = final: _prev: {
        btrfs-tune = final.callPackage ./nix/package.nix { };
      };

      nixosModules.default =
        { lib, pkgs, ... }:
        {
          imports = [ ./nix/module.nix ];
          programs.btrfs-tune.package = lib.mkDefault (packageOf pkgs);
        };

      checks = forEachSystem (
        pkgs:
        import ./nix/checks.nix {
          inherit pkgs;
          btrfs-tune = packageOf pkgs;
        }
      );

      devShells = forEachSystem (pkgs: {
        default = pkgs.mkShell {
          inputsFrom = [ (packageOf pkgs) ];
          packages = [
            pkgs.btrfs-progs
            pkgs.cargo-deny
            pkgs.cargo-insta
            pkgs.clippy
            pkgs.rust-analyzer
            pkgs.rustfmt
          ];
        };
      });

      formatter = forEachSystem (pkgs: pkgs.nixfmt-tree);
    };
}

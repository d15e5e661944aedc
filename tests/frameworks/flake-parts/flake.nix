{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    flake-parts.url = "github:hercules-ci/flake-parts";
  };
  outputs =
    inputs@{ flake-parts, ... }:
    flake-parts.lib.mkFlake { inherit inputs; } (
      {
        config,
        lib,
        withSystem,
        ...
      }:
      {
        imports = [
          flake-parts.flakeModules.modules
          ./shared.nix
        ];
        options.machines = lib.mkOption {
          type = lib.types.attrsOf (
            lib.types.submodule { options.level = lib.mkOption { type = lib.types.ints.positive; }; }
          );
        };
        config = {
          systems = [ "x86_64-linux" ];
          machines.oak.level = 3;
          machines.elm.level = 5;
          perSystem =
            { system, ... }:
            {
              legacyPackages.name = "made on ${system}";
            };
          flake.nixosConfigurations = lib.mapAttrs (
            name: machine:
            withSystem "x86_64-linux" (
              { config, ... }:
              inputs.nixpkgs.lib.nixosSystem {
                specialArgs = {
                  inherit name machine;
                  made = config.legacyPackages.name;
                };
                modules = [
                  inputs.self.modules.nixos.storage
                  inputs.self.nixosModules.labels
                ];
              }
            )
          ) config.machines;
        };
      }
    );
}

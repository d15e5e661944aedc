{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    home-manager.url = "github:nix-community/home-manager";
    flake-parts.url = "github:hercules-ci/flake-parts";
    unify.url = "git+https://codeberg.org/quasigod/unify";
  };
  outputs =
    inputs:
    inputs.flake-parts.lib.mkFlake { inherit inputs; } (
      { config, lib, ... }:
      {
        imports = [
          inputs.flake-parts.flakeModules.modules
          inputs.unify.flakeModule
          ./modules.nix
        ];
        systems = [ "x86_64-linux" ];
        unify = {
          options.level = lib.mkOption { type = lib.types.int; };
          nixos = { hostConfig, ... }: { fileSystems."/".device = "/dev/disk/by-label/${hostConfig.name}"; };
          hosts.nixos.oak =
            { name, ... }:
            {
              level = if name == "oak" then 3 else 0;
            };
        };
      }
    );
}

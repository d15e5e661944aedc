{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    flake-utils.url = "github:numtide/flake-utils";
    systems.url = "github:nix-systems/default-linux";
  };
  outputs =
    {
      nixpkgs,
      flake-utils,
      systems,
      ...
    }:
    let
      level.x86_64-linux = 3;
      level.aarch64-linux = 5;
      host = system: name: {
        inherit name;
        value = nixpkgs.lib.nixosSystem {
          inherit system;
          modules = [
            ./storage.nix
            { _module.args = { inherit name; level = level.${system}; }; }
          ];
        };
      };
      inherit (flake-utils.lib.system) x86_64-linux aarch64-linux;
    in
    flake-utils.lib.eachDefaultSystem (system: {
      packages.default = nixpkgs.legacyPackages.${system}.hello;
    })
    // {
      nixosConfigurations = builtins.listToAttrs (
        nixpkgs.lib.zipListsWith host [ x86_64-linux aarch64-linux ] [ "oak" "elm" ]
      );
      checked = flake-utils.lib.eachSystemMap (import systems) (system: level.${system});
    };
}

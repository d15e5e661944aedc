{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    home-manager.url = "github:nix-community/home-manager";
    flake-parts.url = "github:hercules-ci/flake-parts";
    nixos-flake.url = "github:srid/nixos-flake";
  };
  outputs =
    inputs@{ self, ... }:
    inputs.flake-parts.lib.mkFlake { inherit inputs; } {
      systems = [ "x86_64-linux" ];
      imports = [ inputs.nixos-flake.flakeModule ];
      flake = {
        nixosConfigurations.oak = self.nixos-flake.lib.mkLinuxSystem {
          imports = [
            self.nixosModules.home-manager
            self.nixosModules.disks
            ./hosts/oak.nix
          ];
          nixos-flake.sshTarget = "oak";
        };
        # The same tool under its later name.
        nixosConfigurations.elm = self.nixos-unified.lib.mkLinuxSystem { home-manager = true; } ./hosts/elm.nix;
        nixosModules.disks.fileSystems."/".fsType = "btrfs";
      };
    };
}

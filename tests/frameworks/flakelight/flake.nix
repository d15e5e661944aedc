{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    flakelight.url = "github:nix-community/flakelight";
  };
  outputs =
    { flakelight, ... }@inputs:
    flakelight ./. {
      inherit inputs;
      systems = [ "x86_64-linux" ];
      nixosConfigurations.oak =
        { lib, outputs, ... }:
        {
          system = "x86_64-linux";
          specialArgs.level = 3;
          modules = [
            outputs.nixosModules.root
            { fileSystems."/".fsType = lib.mkDefault "btrfs"; }
          ];
        };
      devShell.packages = pkgs: [ pkgs.hello ];
    };
}

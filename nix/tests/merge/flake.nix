# One host that uses every way of defining a value twice. nix/evaluate.nix must answer the same
# with its own module system and with nixpkgs' (see the comment at its top).
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
  inputs.layout.url = "github:nix-community/disko";

  outputs =
    { self, nixpkgs, ... }@inputs:
    {
      nixosConfigurations = nixpkgs.lib.genAttrs [ "merge" ] (
        name:
        nixpkgs.lib.nixosSystem {
          specialArgs = { inherit inputs name; };
          modules = [
            ./host.nix
            inputs.layout.nixosModules.default
            { _module.args.disk = "/dev/disk/by-id/nvme-EXAMPLE_1"; }
          ];
        }
      );
    };
}

{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
  inputs.disko.url = "github:nix-community/disko";
  inputs.private.url = "github:somebody/private";

  outputs =
    inputs:
    let
      machine =
        name: modules:
        inputs.nixpkgs.lib.nixosSystem {
          modules = [
            inputs.disko.nixosModules.disko
            ./machine.nix
            { fileSystems."/".device = "/dev/disk/by-label/${name}"; }
          ]
          ++ modules;
        };
    in
    {
      # Every module of elm is seen, so what none of them defines has nixpkgs' default.
      nixosConfigurations.elm = machine "elm" [ ];
      # What the private module of oak defines is anybody's guess.
      nixosConfigurations.oak = machine "oak" [ inputs.private.nixosModules.default ];
    };
}

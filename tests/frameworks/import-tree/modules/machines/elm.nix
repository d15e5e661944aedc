{ inputs, ... }:
{
  flake.nixosConfigurations.elm = inputs.nixpkgs.lib.nixosSystem {
    modules = [ (inputs.import-tree.filterNot (inputs.nixpkgs.lib.hasInfix "backup") ../../hardware) ];
  };
}

{ flake, inputs, hostName, ... }:
{
  class = "nixos";
  value = inputs.nixpkgs.lib.nixosSystem {
    specialArgs = { inherit hostName; };
    modules = builtins.attrValues flake.modules.nixos;
  };
}

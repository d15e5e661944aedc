{ flake, inputs, perSystem, ... }:
{
  imports = [
    flake.nixosModules.btrfs
    inputs.self.nixosModules.labels
  ];
  nixpkgs.hostPlatform = "x86_64-linux";
  environment.systemPackages = [ perSystem.self.tool ];
}

{ inputs, ... }:
{
  system = "x86_64-linux";
  modules = [
    inputs.self.nixosModules.root
    ({ flake, inputs', ... }: {
      _module.args.level = 5;
      fileSystems."/".fsType = if flake.outputs ? nixosModules then "btrfs" else "ext4";
    })
  ];
}

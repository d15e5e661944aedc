{
  flake.modules.nixos.storage =
    { machine, ... }:
    {
      fileSystems."/" = {
        fsType = "btrfs";
        options = [ "compress=zstd:${toString machine.level}" ];
      };
    };
  flake.nixosModules.labels =
    { name, made, ... }:
    {
      fileSystems."/".device = "/dev/disk/by-label/${name}";
      fileSystems."/".options = if made == "made on x86_64-linux" then [ "noatime" ] else [ ];
    };
}

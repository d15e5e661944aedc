{
  # An aspect that asks for its host, another that asks for the host in the module itself.
  den.aspects.disk =
    { host, ... }:
    {
      nixos.fileSystems."/" = {
        device = "/dev/disk/by-label/${host.label}";
        fsType = "btrfs";
        options = [ "noatime" ];
      };
    };

  frost.storage.provides.quick.nixos =
    { host, ... }:
    {
      fileSystems."/quick/${host.name}" = {
        device = "/dev/disk/by-label/quick";
        fsType = "btrfs";
        options = [ "ssd" ];
      };
    };
}

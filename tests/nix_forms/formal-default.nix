# A formal with a default.
{
  mountOptions ? [ "noatime" "compress=zstd" ],
  extra ? [ "nodev" ] ++ more,
  more ? [ "nosuid" ],
  ...
}:
{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/vda";
    content = {
      type = "gpt";
      partitions.root = {
        size = "100%";
        content = {
          type = "btrfs";
          subvolumes = {
            "/root" = { mountpoint = "/"; mountOptions = mountOptions; };
            "/home" = { mountpoint = "/home"; mountOptions = (mountOptions ++ extra); };
          };
        };
      };
    };
  };
}

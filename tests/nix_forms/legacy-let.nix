# let { body = … } and old-fashioned quoting.
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
            "/root" = { mountpoint = "/"; mountOptions = (let { body = options; options = [ "noatime" ]; }); };
            "/home" = { "mountpoint" = "/home"; "mountOptions" = [ "nodev" ]; };
          };
        };
      };
    };
  };
}

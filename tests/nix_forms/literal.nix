# A literal list, on one line and on several, with comments between the elements.
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
            "/root" = { mountpoint = "/"; mountOptions = [ "noatime" "compress=zstd:2" ]; };
            "/home" = {
              mountpoint = "/home";
              mountOptions = [
                # keeps the laptop quiet
                "noatime"
                /* fast */ "compress=lzo"
                ''ssd''
              ];
            };
          };
        };
      };
    };
  };
}

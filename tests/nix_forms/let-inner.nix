# A name bound around the subvolumes only.
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
          subvolumes =
            let
              mountOptions = [ "noatime" "compress=zstd" ];
            in
            {
              "/root" = { mountpoint = "/"; inherit mountOptions; };
              "/home" = { mountpoint = "/home"; inherit mountOptions; };
            };
        };
      };
    };
  };
}

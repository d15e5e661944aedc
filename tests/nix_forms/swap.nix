# A subvolume for a swap file, and empty ones.
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
            "/root" = { mountpoint = "/"; mountOptions = [ "noatime" ]; };
            "/swap" = { mountpoint = "/.swap"; swap.swapfile.size = "8G"; };
            "/snapshots" = { };
            "/plain".mountpoint = "/plain";
          };
        };
      };
    };
  };
}

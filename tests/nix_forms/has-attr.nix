# ? decides.
let
  table.root.options = [ "nodev" ];
in
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
            "/root" = { mountpoint = "/"; mountOptions = (if table ? root.options then table.root.options else [ ]); };
            "/home" = { mountpoint = "/home"; mountOptions = (if table ? home then [ "wrong" ] else [ "noatime" ]); };
          };
        };
      };
    };
  };
}

# Computed attribute names.
let
  root = "root";
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
            ${root} = { mountpoint = "/"; mountOptions = [ "noatime" ]; };
            "${root}-${toString 2}" = { mountpoint = "/two"; mountOptions = [ "nodev" ]; };
            "/x".${"mount" + "point"} = "/x";
            ${if true then null else "y"} = { };
          };
        };
      };
    };
  };
}

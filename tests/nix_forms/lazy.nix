# What is not needed may be wrong.
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
            "/root" = { mountpoint = "/"; mountOptions = (builtins.head [ [ "noatime" ] (throw "unused") ]); };
            "/home" = { mountpoint = "/home"; mountOptions = (let never = never; in [ "nodev" ]); };
            "/nix" = { mountpoint = "/nix"; mountOptions = ({ a = abort "unused"; b = [ "ro" ]; }.b); };
            "/x" = (x: y: { mountpoint = "/x"; mountOptions = x; }) [ "nosuid" ] (throw "unused");
          };
        };
      };
    };
  };
}

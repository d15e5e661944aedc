# A function given its arguments one by one, and composed.
let
  compose = f: g: x: f (g x);
  make = options: mountpoint: { inherit mountpoint; mountOptions = options; };
  at = make [ "noatime" ];
  quiet = compose (s: s // { mountOptions = s.mountOptions ++ [ "nodev" ]; }) at;
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
            "/root" = at "/" ;
            "/home" = quiet "/home";
          };
        };
      };
    };
  };
}

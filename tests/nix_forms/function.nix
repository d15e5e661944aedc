# A function for each subvolume, plain, curried, with a set of arguments.
let
  base = [ "compress=zstd" ];
  subvolume = mountpoint: mountOptions: { inherit mountpoint mountOptions; };
  named = { mountpoint, extra ? [ "nodev" ] }: { inherit mountpoint; mountOptions = base ++ extra; };
  with-defaults = args@{ mountpoint ? "/srv", mountOptions ? [ "nofail" ], ... }: { inherit mountpoint mountOptions; } // args;
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
            "/root" = subvolume "/" [ "noatime" ];
            "/home" = named { mountpoint = "/home"; };
            "/nix" = named { mountpoint = "/nix"; extra = [ "ro" ]; };
            "/srv" = with-defaults { };
          };
        };
      };
    };
  };
}

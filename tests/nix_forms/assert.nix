# Assertions and tried values.
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
            "/root" = { mountpoint = "/"; mountOptions = (assert 1 < 2; [ "noatime" ]); };
            "/home" = { mountpoint = "/home"; mountOptions = (builtins.tryEval [ "nodev" ]).value; };
            "/nix" = { mountpoint = "/nix"; mountOptions = (builtins.seq 1 (builtins.deepSeq [ 2 ] [ "ro" ])); };
            "/t" = { mountpoint = "/t"; mountOptions = let t = builtins.tryEval (throw "x"); in if t.success then [ "wrong" ] else [ "nofail" ]; };
          };
        };
      };
    };
  };
}

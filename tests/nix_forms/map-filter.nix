# Elements through map, filter, concatMap, sort, foldl, head and elemAt.
let
  words = [ "noatime" "nodev" "nosuid" ];
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
            "/root" = { mountpoint = "/"; mountOptions = (map (x: x) [ "noatime" "nodev" ]); };
            "/home" = { mountpoint = "/home"; mountOptions = (builtins.filter (x: x != "ssd") [ "ssd" "noatime" ]); };
            "/nix" = { mountpoint = "/nix"; mountOptions = (builtins.concatMap (x: [ x ] ++ [ "ro" ]) [ "noatime" ]); };
            "/a" = { mountpoint = "/a"; mountOptions = builtins.sort builtins.lessThan [ "noatime" "compress=zstd" ]; };
            "/b" = { mountpoint = "/b"; mountOptions = builtins.foldl' (all: one: all ++ [ one ]) [ ] [ "nodev" "nosuid" ]; };
            "/c" = { mountpoint = "/c"; mountOptions = [ (builtins.head words) (builtins.elemAt words 1) ] ++ builtins.tail words; };
          };
        };
      };
    };
  };
}

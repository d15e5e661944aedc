# Elements through partition, groupBy, genList, concatLists, attrValues and catAttrs.
let
  all = [ "noatime" "ssd" "nodev" ];
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
            "/root" = { mountpoint = "/"; mountOptions = (builtins.partition (x: x == "ssd") all).wrong; };
            "/home" = { mountpoint = "/home"; mountOptions = (builtins.groupBy (x: builtins.substring 0 2 x) all).no; };
            "/nix" = { mountpoint = "/nix"; mountOptions = (builtins.genList (builtins.elemAt all) 2); };
            "/a" = { mountpoint = "/a"; mountOptions = builtins.concatLists [ [ "ro" ] all ]; };
            "/b" = { mountpoint = "/b"; mountOptions = builtins.attrValues { x = "noatime"; y = "nodev"; }; };
            "/c" = { mountpoint = "/c"; mountOptions = builtins.catAttrs "option" [ { option = "nofail"; } { } { option = "ro"; } ]; };
          };
        };
      };
    };
  };
}

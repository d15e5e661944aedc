# fileSystems: literal, put together, interpolated, and inherited.
{ lib, ... }:
let
  device = "/dev/disk/by-label/pool";
  subvolume = name: { inherit device; fsType = "btrfs"; options = [ "subvol=${name}" "noatime" ]; };
in
{
  fileSystems."/" = { inherit device; fsType = "btrfs"; options = [ "noatime" "compress=zstd" ]; };
  fileSystems."/home" = subvolume "home";
  fileSystems."/nix" = subvolume "nix" // { neededForBoot = true; };
  fileSystems."/srv" = { device = "${device}-2"; fsType = "btrfs"; options = lib.mkMerge [ [ "nofail" ] (lib.mkIf true [ "nodev" ]) ]; };
  fileSystems."/boot" = { device = "/dev/vda1"; fsType = "vfat"; };
}

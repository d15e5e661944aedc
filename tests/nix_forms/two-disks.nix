# Disks made by a function over a list, with the options of each.
{ lib, ... }:
let
  disk = n: mountpoint: {
    name = "d${toString n}";
    value = {
      type = "disk";
      device = "/dev/vd${builtins.elemAt [ "a" "b" ] n}";
      content = {
        type = "gpt";
        partitions.data.content = { type = "btrfs"; inherit mountpoint; mountOptions = [ "noatime" ] ++ lib.optional (n == 1) "nofail"; };
      };
    };
  };
in
{
  disko.devices.disk = builtins.listToAttrs (lib.imap0 disk [ "/" "/data" ]);
}

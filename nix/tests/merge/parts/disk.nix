{ lib, disk, ... }:
let
  base = [ "compress=zstd:1" "noatime" ];
in
{
  disko.devices.disk."a/b" = {
    device = disk;
    type = "disk";
    content.type = "gpt";
    content.partitions = lib.mkMerge [
      { boot = { size = "1M"; type = "EF02"; }; }
      {
        crypt.content = {
          type = "luks";
          name = "crypt";
          settings.allowDiscards = true;
          content = {
            type = "btrfs";
            mountpoint = "/top";
            swap.big = { size = "4G"; priority = 3; };
            subvolumes = lib.genAttrs [ "home" "srv" ] (n: { mountpoint = "/${n}"; mountOptions = base; }) // {
              "@" = { mountpoint = "/"; mountOptions = lib.mkBefore [ "ssd" ]; };
              swap = { mountpoint = "/swap"; swap = { a.size = "1G"; b = { size = "1G"; path = "second"; }; }; };
              unmounted = { };
            };
          };
        };
        a-partition-with-a-name-that-is-too-long.content = { type = "filesystem"; format = "ext4"; mountpoint = "/ext"; };
        paging = { size = "1G"; content = { type = "swap"; discardPolicy = "both"; }; };
        stable = {
          uuid = "00000000-1111-2222-3333-444444444444";
          content = { type = "filesystem"; format = "xfs"; mountpoint = "/xfs"; };
        };
      }
    ];
  };
  disko.devices.nodev."/tmp" = { fsType = "tmpfs"; mountOptions = [ "size=1G" ]; };
}

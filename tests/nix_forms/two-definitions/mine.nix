{ lib, ... }:
{
  imports = [ ./more.nix ];
  fileSystems."/".options = [ "noatime" "compress=zstd" ];
}

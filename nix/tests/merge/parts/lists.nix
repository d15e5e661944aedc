{ lib, ... }:
{
  imports = [ ./deeper.nix ];
  environment.order = lib.mkMerge [
    (lib.mkAfter [ "after" ])
    [ "lists-1" ]
    (lib.mkIf true [ "lists-2" ])
    (lib.mkIf false [ "never" ])
    (lib.mkBefore [ "before" ])
    (lib.mkOrder 1200 [ "later" ])
  ];
  # to both mounts of the disk file: one more option, and a list replaced
  disko.devices.disk."a/b".content.partitions.crypt.content.content.subvolumes = {
    "@".mountOptions = [ "noatime" ];
    srv.mountOptions = lib.mkForce [ "noatime" ];
  };
  services.udev.extraRules = "lists";
  boot.kernel.sysctl."vm.swappiness" = 10;
  boot.kernel.sysctl."vm.page-cluster" = lib.mkDefault 3;
}

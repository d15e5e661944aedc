{ config, lib, name, ... }:
{
  imports = [
    ./parts/disk.nix
    ./parts/lists.nix
    ./parts/options.nix
    ./parts/lists.nix # a second time: counts once
    (import ./parts/applied.nix { level = 3; })
    (lib.mkIf (name == "merge") { networking.domain = "example"; })
  ];

  networking.hostName = name;
  environment.order = [ "host" ];
  fileSystems."/home".options = [ "nodev" ];
  fileSystems."/data" = lib.mkIf config.example.data {
    device = "/dev/sdz1";
    fsType = "btrfs";
  };
  fileSystems."/absent" = lib.mkIf (!config.example.data) { device = "/dev/sdy1"; };
  services.udev.extraRules = "host";
  boot.kernel.sysctl."vm.swappiness" = lib.mkForce 100;
}

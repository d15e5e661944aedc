{ lib, ... }:
{
  environment.order = [ "deeper" ];
  networking.hostName = lib.mkDefault "unnamed";
  boot.kernel.sysctl."vm.page-cluster" = 0;
  services.same = { text = "same"; flag = true; };
}

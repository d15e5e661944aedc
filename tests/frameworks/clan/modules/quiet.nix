{
  boot.kernel.sysctl."vm.swappiness" = 10;
}

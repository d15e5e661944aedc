{
  fileSystems."/".options = [ "nodev" ];
  fileSystems."/".neededForBoot = true;
}

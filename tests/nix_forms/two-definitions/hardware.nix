{
  fileSystems."/" = { device = "/dev/vda"; fsType = "btrfs"; options = [ "subvol=root" ]; };
}

{ fileSystems."/".fsType = "btrfs"; }

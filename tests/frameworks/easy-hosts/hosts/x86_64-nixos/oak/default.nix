{ fileSystems."/".device = "/dev/disk/by-label/oak"; }

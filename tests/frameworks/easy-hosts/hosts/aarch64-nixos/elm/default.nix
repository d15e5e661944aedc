{ fileSystems."/".device = "/dev/disk/by-label/elm"; }

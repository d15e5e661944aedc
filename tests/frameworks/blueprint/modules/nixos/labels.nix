{ hostName, ... }: { fileSystems."/".device = "/dev/disk/by-label/${hostName}"; }

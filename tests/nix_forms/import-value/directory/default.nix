{ warm = [ "nodev" ] ++ import ../options.nix; }

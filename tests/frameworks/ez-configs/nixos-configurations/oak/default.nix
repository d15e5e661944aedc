{ fileSystems."/" = { device = "/dev/disk/by-label/oak"; options = [ "compress=zstd:3" ]; }; }

{ inputs, ... }: { fileSystems."/" = { fsType = "btrfs"; options = [ "compress=zstd:3" ]; }; }

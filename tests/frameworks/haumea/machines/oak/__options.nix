{ root, lib }: lib.singleton "compress=zstd:${toString root.oak.level}"

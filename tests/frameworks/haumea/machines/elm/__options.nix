{ root, lib }: lib.singleton "compress=zstd:${toString root.elm.level}"

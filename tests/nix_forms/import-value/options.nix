[ "noatime" "compress=zstd" ]

{
  # What a user brings to a host: everywhere, and to one host alone.
  den.aspects.gull.nixos.fileSystems."/home/gull" = {
    device = "/dev/disk/by-label/gull";
    fsType = "btrfs";
    options = [ "nodatacow" ];
  };
  den.aspects.tux.provides.igloo.nixos.fileSystems."/home/tux" = {
    device = "/dev/disk/by-label/tux";
    fsType = "btrfs";
    options = [ "compress=lzo" ];
  };
}

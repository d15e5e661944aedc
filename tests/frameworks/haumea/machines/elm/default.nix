{ super }:
{
  module.fileSystems."/" = {
    device = "/dev/disk/by-label/elm";
    fsType = "btrfs";
    options = super.options;
  };
}

{ super }:
{
  module.fileSystems."/" = {
    device = "/dev/disk/by-label/oak";
    fsType = "btrfs";
    options = super.options;
  };
}

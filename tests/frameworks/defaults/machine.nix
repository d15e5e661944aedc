{
  config,
  lib,
  modulesPath,
  ...
}:
{
  imports = [ (modulesPath + "/installer/scan/not-detected.nix") ];
  fileSystems."/" = {
    fsType = "btrfs";
    options = [
      (if config.zramSwap.enable then "noatime" else "compress=${config.zramSwap.algorithm}")
    ]
    ++ lib.optional (config ? boot.tmp.useTmpfs) "ssd";
  };
}

# Escapes and both kinds of strings.
{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/vda";
    content = {
      type = "gpt";
      partitions.root = {
        size = "100%";
        content = {
          type = "btrfs";
          subvolumes = {
            "/root" = { mountpoint = "/"; mountOptions = [ "x-a=\"b\"" "x-\${c}" "x-$$" ]; };
            "/home" = { mountpoint = "/home"; mountOptions = [ ''x-''${d}'' ''x-'''e'' ''x-"f"'' ]; };
          };
        };
      };
    };
  };
}

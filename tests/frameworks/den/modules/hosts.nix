{ lib, ... }:
{
  den.schema.host =
    { host, ... }:
    {
      options.label = lib.mkOption {
        type = lib.types.str;
        default = "${host.name}-root";
      };
    };

  den.hosts.x86_64-linux.igloo.users.tux = { };
  # The system may also be named by the host itself.
  den.hosts.iceberg = {
    system = "x86_64-linux";
    label = "berg";
    users = {
      tux = { };
      gull = { };
    };
  };
  den.hosts.x86_64-linux.shelf = { };
  den.hosts.aarch64-darwin.apple = { };
}

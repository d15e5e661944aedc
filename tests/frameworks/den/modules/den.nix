{
  inputs,
  den,
  ...
}:
{
  systems = [ "x86_64-linux" ];
  imports = [
    inputs.den.flakeModule
    (inputs.den.namespace "frost" false)
  ];
  _module.args.__findFile = den.lib.__findFile;

  den.default = {
    includes = [ den.provides.hostname ];
    nixos.boot.kernel.sysctl."vm.swappiness" = 20;
  };
}

{ lib, ... }:
{
  levelOf = system: if lib.hasPrefix "aarch64" system then 5 else 3;
}

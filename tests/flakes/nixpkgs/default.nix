{ system ? "x86_64-linux", ... }:
{
  lib = import ./lib;
  inherit system;
}

# What nixpkgs has in lib/versions.nix (26.11).
lib:
let
  inherit (builtins) compareVersions concatStringsSep elemAt splitVersion;
in
{
  inherit compareVersions splitVersion;
  major = version: elemAt (splitVersion version) 0;
  minor = version: elemAt (splitVersion version) 1;
  patch = version: elemAt (splitVersion version) 2;
  majorMinor = version: concatStringsSep "." (lib.take 2 (splitVersion version));
  pad =
    n: version:
    let
      numbers = lib.head (lib.splitString "-" version);
    in
    concatStringsSep "." (lib.take n (splitVersion numbers ++ lib.replicate n "0"))
    + lib.removePrefix numbers version;
}

{
  lib,
  rustPlatform,
}:

rustPlatform.buildRustPackage (finalAttrs: {
  pname = "btrfs-tune";
  inherit ((lib.importTOML ../Cargo.toml).package) version;

  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../Cargo.toml
      ../Cargo.lock
      ../src
      # Figures that the program is built with.
      ../data
      # What the oracle asks Nix with; it is part of the program.
      ../nix/ask.nix
      ../nix/evaluate.nix
      # Whole machines, which the unit tests of the rules read.
      ../fixtures
      (lib.fileset.maybeMissing ../README.md)
    ];
  };

  cargoLock.lockFile = ../Cargo.lock;

  # Only the library's own tests. Those in tests/ ask the real Nix for its opinion, mount real
  # btrfs through loop devices as root and read this repository's other files; the build sandbox
  # has none of that. `.ci/run` runs them all.
  doCheck = true;
  cargoTestFlags = [ "--lib" ];
  env.INSTA_UPDATE = "no";

  meta = {
    description = "Finds what slows a NixOS machine on btrfs and writes the remedy as proven edits of its Nix files";
    longDescription = ''
      btrfs-tune ${finalAttrs.version} reads a machine's nixos-facter report, its disko and NixOS
      configuration, what was measured on it and what its people say, and writes what would help as
      a diff of the configuration. It changes files only when told to, and never the running system.
    '';
    license = with lib.licenses; [
      mit
      asl20
    ];
    mainProgram = "btrfs-tune";
    platforms = lib.platforms.linux;
  };
})

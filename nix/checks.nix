# What `nix flake check` builds.
{ pkgs, btrfs-tune }:
let
  inherit (pkgs) lib;

  # The diff for one of the invented machines. They have findings, so the answer is exit 1; it is
  # the same answer every time, and asking changes no file.
  fix =
    host:
    pkgs.runCommand "btrfs-tune-fix-${host}" { nativeBuildInputs = [ btrfs-tune ]; } ''
      cp -r ${../fixtures/hosts}/${host} machine
      chmod -R u+w machine
      cp -r machine before

      ask() {
        local status=0
        btrfs-tune fix --diff machine >"$1" || status=$?
        if [ "$status" != 1 ]; then
          echo "fix --diff on ${host}: exit $status, expected 1" >&2
          cat "$1" >&2
          exit 1
        fi
      }
      ask first.diff
      ask second.diff
      cmp first.diff second.diff
      diff -r before machine

      grep -q '^@@' first.diff
      cp first.diff "$out"
    '';

  hosts = [
    "nas"
    "workstation"
  ];
in
{
  package = btrfs-tune;
}
// lib.listToAttrs (map (host: lib.nameValuePair "fix-${host}" (fix host)) hosts)

# The mounts of every host of a flake as the real Nix evaluates it, with inputs that are not fetched: nixpkgs is the small one
# beside this file, a directory of the flake's own is itself, all others have modules that say nothing.
{ root, ... }:
with builtins;
let
  nixpkgs = import ./nixpkgs { } // {
    lib = import ./nixpkgs/lib;
    outPath = toString ./nixpkgs;
    legacyPackages.x86_64-linux = import ./nixpkgs { };
  };
  unknown = {
    nixosModules = {
      default = { };
      disko = { };
      x = { };
    };
    lib = { };
    outPath = "/nowhere";
  };
  input =
    directory: name: spec:
    let
      url = replaceStrings [ "path:" ] [ "" ] (spec.url or "");
    in
    if match "[.]/.*" url != null then
      flake "${directory}/${url}"
    else if match ".*nixpkgs.*" (name + url + spec.repo or "") != null then
      nixpkgs
    else
      unknown;
  flake =
    directory:
    let
      definition = import "${directory}/flake.nix";
      inputs = mapAttrs (input directory) ({ nixpkgs = { }; } // definition.inputs or { });
      outputs = definition.outputs (inputs // { inherit self; });
      self = outputs // {
        inherit inputs outputs;
        outPath = directory;
        _type = "flake";
      };
    in
    self;
in
mapAttrs (_: host: mapAttrs (_: fileSystem: fileSystem.options) host.config.fileSystems)
  (flake root).nixosConfigurations

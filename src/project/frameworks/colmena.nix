# colmena: a hive, whose attributes are the modules of hosts, and which becomes NixOS systems.
#
# Behaviour read from zhaofengli/colmena, src/nix/hive/eval.nix and options.nix, commit 5bf4ce6a24adba74a5184f4a9bef01d545a09473.
# The services that bring keys to a host are left out. A flake's output `colmena` is a hive that has not been made yet:
# `lib.makeHive` of it has the systems in `nodes`.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (builtins)
    attrNames
    elem
    filter
    isList
    removeAttrs
    toString
    ;
  inherit (lib) mkOption types;

  option = type: default: mkOption { inherit type default; };
  pathText = option (types.nullOr types.path) null // {
    apply = path: if path == null then null else toString path;
  };

  key =
    { name, config, ... }:
    {
      options = {
        name = option types.str name;
        text = option (types.nullOr types.str) null;
        keyFile = pathText;
        keyCommand = option (types.nullOr (types.listOf types.str)) null;
        destDir = option types.path "/run/keys";
        path = option types.path "${config.destDir}/${config.name}";
        user = option types.str "root";
        group = option types.str "root";
        permissions = option types.str "0600";
        uploadAt = option (types.enum [
          "pre-activation"
          "post-activation"
        ]) "pre-activation";
      };
    };
  deployment =
    { name, ... }:
    {
      key = "colmena deployment options";
      options.deployment = {
        targetHost = option (types.nullOr types.str) name;
        targetPort = option (types.nullOr types.ints.unsigned) null;
        targetUser = option (types.nullOr types.str) "root";
        allowLocalDeployment = option types.bool false;
        buildOnTarget = option types.bool false;
        tags = option (types.listOf types.str) [ ];
        keys = option (types.attrsOf (types.submodule key)) { };
        replaceUnknownProfiles = option types.bool true;
        privilegeEscalationCommand = option (types.listOf types.str) [
          "sudo"
          "-H"
          "--"
        ];
        sshOptions = option (types.listOf types.str) [ ];
      };
    };
  metaOptions.options = {
    name = option types.str "hive";
    description = option types.str "A Colmena Hive";
    nixpkgs = option types.unspecified null;
    nodeNixpkgs = option (types.attrsOf types.unspecified) { };
    nodeSpecialArgs = option (types.attrsOf types.unspecified) { };
    specialArgs = option (types.attrsOf types.unspecified) { };
    machinesFile = pathText;
    allowApplyAll = option types.bool true;
  };

  makeHive =
    raw:
    let
      hive = if lib.isFunction raw then raw { } else raw;
      meta =
        (lib.evalModules {
          modules = [
            metaOptions
            (hive.meta or hive.network or { })
          ];
        }).config;
      names = filter (
        name:
        !(elem name [
          "defaults"
          "network"
          "meta"
        ])
      ) (attrNames hive);
      modulesOf = name: if isList hive.${name} then hive.${name} else [ hive.${name} ];

      system =
        name: modules:
        let
          pkgs = meta.nodeNixpkgs.${name} or meta.nixpkgs;
        in
        lib.nixosSystem {
          inherit (pkgs) system;
          modules = [
            {
              nixpkgs.overlays = lib.mkBefore pkgs.overlays;
              nixpkgs.config = lib.mkBefore pkgs.config;
            }
            deployment
            (hive.defaults or { })
          ]
          ++ modules;
          specialArgs = {
            inherit name;
            nodes = unchecked;
          }
          // meta.specialArgs
          // meta.nodeSpecialArgs.${name} or { };
        };
      unchecked = lib.genAttrs names (
        name: system name ([ { _module.check = false; } ] ++ modulesOf name)
      );
      nodes = lib.genAttrs names (name: system name (modulesOf name));
    in
    {
      __schema = "v0.5";
      inherit nodes;
      toplevel = lib.mapAttrs (_: node: node.config.system.build.toplevel) nodes;
      deploymentConfig = lib.mapAttrs (_: node: node.config.deployment) nodes;
      deploymentConfigSelected = wanted: lib.filterAttrs (name: _: elem name wanted) (
        lib.mapAttrs (_: node: node.config.deployment) nodes
      );
      evalSelected = _: opaque "what colmena builds" { };
      evalSelectedDrvPaths = _: opaque "what colmena builds" { };
      metaConfig = lib.getAttrs [
        "name"
        "description"
        "machinesFile"
        "allowApplyAll"
      ] meta;
      introspect =
        f:
        f {
          inherit lib;
          pkgs = meta.nixpkgs;
          nodes = unchecked;
        };
    };
in
{
  lib.makeHive = makeHive;
}

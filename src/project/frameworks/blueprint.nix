# blueprint: the outputs of a flake from its folders; hosts are hosts/<name>, modules are modules/<class>/<name>.
#
# Behaviour read from numtide/blueprint, lib/default.nix, commit 56131e8628f173d24a27f6d27c0215eff57e40dd. Packages, shells,
# checks and templates are not computed, nor which package set a host gets. Its own inputs are nixpkgs and systems.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (builtins)
    attrNames
    elem
    functionArgs
    head
    isFunction
    isList
    isPath
    isString
    listToAttrs
    mapAttrs
    match
    pathExists
    readDir
    ;
  inherit (lib) filterAttrs mkDefault;

  # The folders and Nix files of a folder by name, as { path, type }; a file goes before a folder of its name.
  entriesOf =
    folder:
    let
      here = if pathExists folder then readDir folder else { };
      entry = name: {
        path = folder + "/${name}";
        type = here.${name};
      };
      folders = filterAttrs (_: type: type == "directory") here;
      files = filterAttrs (name: type: type != "directory" && match ".*[.]nix" name != null) here;
      named = name: {
        name = head (match "(.*)[.]nix" name);
        value = entry name;
      };
    in
    mapAttrs (name: _: entry name) folders // listToAttrs (map named (attrNames files));

  make =
    {
      inputs,
      nixpkgs,
      flake,
      src,
      systems,
    }:
    let
      specialArgs = {
        inherit inputs flake;
        self = throw "blueprint calls the flake `flake`";
      };
      # The packages of every input for one system.
      perSystemOf =
        system:
        mapAttrs (
          name: input:
          if name == "self" then
            opaque "the packages of the flake" { }
          else
            input.legacyPackages.${system} or { } // input.packages.${system} or { }
        ) inputs;
      common =
        { config, ... }:
        {
          _module.args.perSystem = perSystemOf config.nixpkgs.hostPlatform.system;
        };

      # hosts/<host>/users/<user>.nix or users/<user>/home-configuration.nix
      homes = filterAttrs (_: users: users != { }) (
        mapAttrs (
          _: host:
          filterAttrs (_: path: path != null) (
            mapAttrs (
              _: user:
              if user.type == "regular" then
                user.path
              else if pathExists (user.path + "/home-configuration.nix") then
                user.path + "/home-configuration.nix"
              else
                null
            ) (entriesOf (host.path + "/users"))
          )
        ) (filterAttrs (_: entry: entry.type == "directory") (entriesOf (src + "/hosts")))
      );
      users =
        name: module:
        lib.optional (homes ? ${name}) {
          imports = [ module ];
          home-manager = {
            extraSpecialArgs = specialArgs;
            users = homes.${name};
            useGlobalPkgs = mkDefault true;
            useUserPackages = mkDefault true;
          };
        };
      home-manager = inputs.home-manager or (throw "homes need the input home-manager");

      arguments = name: path: kind: {
        modules = [
          common
          path
        ]
        ++ users name home-manager.${kind}.default;
        specialArgs = specialArgs // {
          hostName = name;
        };
      };
      host =
        name: entry:
        let
          file = name: entry.path + "/${name}";
        in
        if pathExists (file "default.nix") then
          import (file "default.nix") {
            inherit flake inputs;
            hostName = name;
          }
        else if pathExists (file "configuration.nix") then
          {
            class = "nixos";
            value = inputs.nixpkgs.lib.nixosSystem (arguments name (file "configuration.nix") "nixosModules");
          }
        else if pathExists (file "rpi-configuration.nix") then
          let
            args = arguments name (file "rpi-configuration.nix") "nixosModules";
          in
          {
            class = "nixos";
            value = inputs.nixos-raspberrypi.lib.nixosSystem (
              args
              // {
                specialArgs = args.specialArgs // {
                  inherit (inputs) nixos-raspberrypi;
                };
              }
            );
          }
        else if pathExists (file "darwin-configuration.nix") then
          {
            class = "nix-darwin";
            value = inputs.nix-darwin.lib.darwinSystem (
              arguments name (file "darwin-configuration.nix") "darwinModules"
            );
          }
        else if pathExists (file "system-configuration.nix") then
          {
            class = "system-manager";
            value = opaque "a system of system-manager" { };
          }
        else if homes ? ${name} then
          null
        else
          throw "the host ${name} has no configuration";
      hosts = filterAttrs (_: host: host != null) (mapAttrs host (entriesOf (src + "/hosts")));
      ofClass =
        class: mapAttrs (_: host: host.value) (filterAttrs (_: host: host.class == class) hosts);

      # A module whose function wants nothing but these gets them from the flake that publishes it.
      publisher = { inherit flake inputs; };
      published =
        path:
        let
          module = import path;
        in
        if
          isFunction module
          && builtins.all (name: elem name (attrNames publisher)) (attrNames (functionArgs module))
        then
          lib.setDefaultModuleLocation path (module publisher)
        else
          path;
      folder = src + "/modules";
      classes = filterAttrs (_: type: type == "directory") (
        if pathExists folder then readDir folder else { }
      );
      modules = mapAttrs (
        class: _: mapAttrs (_: entry: published entry.path) (entriesOf (folder + "/${class}"))
      ) classes;

      packages = lib.genAttrs systems (_: opaque "a package of blueprint" { });
    in
    {
      inherit modules packages;
      nixosConfigurations = ofClass "nixos";
      darwinConfigurations = ofClass "nix-darwin";
      systemConfigs = ofClass "system-manager";
      robotnixConfigurations = ofClass "robotnix";
      nixOnDroidConfigurations = ofClass "nix-on-droid";
      nixosModules = modules.nixos or { };
      darwinModules = modules.darwin or { };
      homeModules = modules.home or { };
      lib = if pathExists (src + "/lib") then import (src + "/lib") specialArgs else { };
      legacyPackages = opaque "the homes of blueprint" { };
      formatter = packages;
      devShells = packages;
      checks = packages;
      templates = opaque "the templates of blueprint" { };
      mkPackagesFor = _: opaque "the packages of blueprint" { };
    };

  own = {
    inherit (frameworks) nixpkgs;
    systems = frameworks.nix-systems.default;
  };
  mkBlueprint =
    {
      inputs,
      prefix ? null,
      nixpkgs ? { },
      systems ? inputs.systems or own.systems,
    }:
    make {
      inputs = own // inputs;
      flake = inputs.self;
      inherit nixpkgs;
      src =
        if prefix == null then
          inputs.self
        else if isPath prefix then
          prefix
        else if isString prefix then
          "${inputs.self}/${prefix}"
        else
          throw "a prefix is a path or a string";
      systems = if isList systems then systems else import systems;
    };
in
{
  lib = {
    inherit mkBlueprint;
    __functor = _: mkBlueprint;
  };
  __functor = _: mkBlueprint;
}

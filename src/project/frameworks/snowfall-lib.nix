# snowfall-lib: a flake whose hosts, modules and functions are found in folders: systems/<system>/<host>, modules/nixos/<name>, lib/<name>.
#
# Behaviour read from snowfallorg/lib, flake.nix, snowfall-lib/ and modules/nixos/user, commit 6ee3542cb459ca4b038cfe50ceb8797f05cdabad.
# It builds on flake-utils-plus. Packages, shells, checks and overlays are not computed, nor what it says to home-manager.
{
  lib,
  frameworks,
  opaque,
  knows,
}:
let
  inherit (builtins)
    attrNames
    attrValues
    baseNameOf
    concatMap
    dirOf
    filter
    foldl'
    isAttrs
    mapAttrs
    match
    pathExists
    readDir
    toString
    ;
  inherit (lib)
    hasInfix
    isFunction
    mkOption
    recursiveUpdate
    types
    ;

  attrs = {
    map-concat-attrs-to-list = f: set: lib.flatten (lib.mapAttrsToList f set);
    merge-deep = foldl' recursiveUpdate { };
    merge-shallow = foldl' (a: b: a // b) { };
  };

  path = rec {
    has-any-file-extension = file: match "(.*)\\.(.*)$" (toString file) != null;
    get-file-extension =
      file:
      let
        parts = match "(.*)\\.(.*)$" (toString file);
      in
      if parts == null then "" else lib.last parts;
    has-file-extension =
      extension: file: has-any-file-extension file && extension == get-file-extension file;
    get-parent-directory = file: baseNameOf (dirOf file);
    get-file-name-without-extension =
      file:
      let
        parts = match "(.*)\\.(.*)$" (baseNameOf file);
      in
      if parts == null then baseNameOf file else builtins.head parts;
  };

  filesystem =
    src: root:
    let
      entries =
        kinds: folder:
        let
          here = if pathExists folder then readDir folder else { };
        in
        map (name: {
          kind = here.${name};
          path = "${folder}/${name}";
        }) (filter (name: builtins.elem here.${name} kinds) (attrNames here));
      isNix = path.has-file-extension "nix";
      isDefault = file: baseNameOf file == "default.nix";
    in
    rec {
      is-file-kind = kind: kind == "regular";
      is-symlink-kind = kind: kind == "symlink";
      is-directory-kind = kind: kind == "directory";
      is-unknown-kind = kind: kind == "unknown";

      get-file = path: "${toString src}/${path}";
      get-snowfall-file = path: "${toString root}/${path}";
      safe-read-directory = path: if pathExists path then readDir path else { };

      get-directories = folder: map (entry: entry.path) (entries [ "directory" ] folder);
      get-files = folder: map (entry: entry.path) (entries [ "regular" ] folder);
      get-files-recursive =
        folder:
        concatMap (entry: if entry.kind == "directory" then get-files-recursive entry.path else [ entry.path ])
          (
            entries [
              "regular"
              "directory"
            ] folder
          );
      get-nix-files = folder: filter isNix (get-files folder);
      get-nix-files-recursive = folder: filter isNix (get-files-recursive folder);
      get-default-nix-files = folder: filter isDefault (get-files folder);
      get-default-nix-files-recursive = folder: filter isDefault (get-files-recursive folder);
      get-non-default-nix-files = folder: filter (file: isNix file && !isDefault file) (get-files folder);
      get-non-default-nix-files-recursive =
        folder: filter (file: isNix file && !isDefault file) (get-files-recursive folder);
    };

  # Kinds of images; a folder systems/x86_64-iso holds images, not hosts.
  virtualSystems = [
    "amazon"
    "azure"
    "cloudstack"
    "docker"
    "do"
    "gce"
    "install-iso-hyperv"
    "hyperv"
    "install-iso"
    "iso"
    "kexec"
    "kexec-bundle"
    "kubevirt"
    "proxmox-lxc"
    "lxc-metadata"
    "lxc"
    "openstack"
    "proxmox"
    "qcow"
    "raw-efi"
    "raw"
    "sd-aarch64-installer"
    "sd-aarch64"
    "vagrant-virtualbox"
    "virtualbox"
    "vm-bootloader"
    "vm-nogui"
    "vmware"
    "vm"
  ];
  virtualType = target: lib.findFirst (kind: hasInfix kind target) "" virtualSystems;
  isDarwin = hasInfix "darwin";
  formatOf =
    target:
    if virtualType target != "" then
      virtualType target
    else if isDarwin target then
      "darwin"
    else
      "linux";

  # `snowfallorg.users` of a host.
  userModule =
    { config, lib, ... }:
    {
      key = "snowfall-lib/modules/nixos/user";
      imports = [
        (lib.mkRenamedOptionModule
          [
            "snowfallorg"
            "user"
          ]
          [
            "snowfallorg"
            "users"
          ]
        )
      ];
      options.snowfallorg.users = mkOption {
        default = { };
        type = types.attrsOf (
          types.submodule (
            { name, ... }:
            {
              options = {
                create = mkOption {
                  type = types.bool;
                  default = true;
                };
                admin = mkOption {
                  type = types.bool;
                  default = true;
                };
                home = {
                  enable = mkOption {
                    type = types.bool;
                    default = true;
                  };
                  path = mkOption {
                    type = types.str;
                    default = "/home/${name}";
                  };
                  # Options of home-manager.
                  config = mkOption {
                    type = types.deferredModule;
                    default = { };
                    apply = _: opaque "a home-manager configuration" { };
                  };
                };
              };
            }
          )
        );
      };
      config.users.users = lib.concatMapAttrs (
        name: user:
        lib.optionalAttrs user.create {
          ${name} = {
            isNormalUser = lib.mkDefault true;
            name = lib.mkDefault name;
            home = lib.mkDefault user.home.path;
            group = lib.mkDefault "users";
            extraGroups = lib.optional user.admin "wheel";
          };
        }
      ) config.snowfallorg.users;
    };

  mkLib =
    {
      inputs,
      src,
      snowfall ? { },
    }:
    let
      settings = snowfall // {
        inherit src;
        root = snowfall.root or src;
        namespace = snowfall.namespace or "internal";
        meta = {
          name = snowfall.meta.name or null;
          title = snowfall.meta.title or null;
        };
      };
      inherit (settings) namespace;
      fs = filesystem src settings.root;
      withSource = inputs // {
        inherit src;
      };

      # Every input with a lib puts it into the lib. Whether one has is only asked where nixpkgs uses the name too:
      # of its lib all names are known.
      libs = mapAttrs (
        name: input:
        if knows lib name && !isAttrs (input.lib or null) then lib.${name} else input.lib
      ) (removeAttrs withSource [ "self" "src" ]);

      base =
        lib
        // {
          flake-utils-plus = frameworks.flake-utils-plus.lib;
        }
        // libs
        // {
          inherit mkFlake;
          snowfall = opaque "the functions of snowfall-lib" {
            inherit
              attrs
              path
              fs
              mkFlake
              ;
            module = { inherit create-modules; };
            internal = { inherit system-lib user-lib; };
            system = {
              inherit create-system create-systems;
              is-darwin = isDarwin;
              is-linux = hasInfix "linux";
              is-virtual = target: virtualType target != "";
              get-virtual-system-type = virtualType;
              get-inferred-system-name = nameOfSystem;
            };
            fp = rec {
              compose =
                f: g: x:
                f (g x);
              compose-all = lib.foldr compose (x: x);
              call = f: x: f x;
              apply = x: f: f x;
            };
          };
        };

      user-lib =
        let
          arguments = {
            inputs = removeAttrs inputs [
              "self"
              "src"
            ];
            snowfall-inputs = opaque "the inputs of snowfall-lib" { };
            inherit namespace;
            lib = system-lib;
          };
          part =
            file:
            let
              value = import file;
            in
            if isFunction value then
              value (builtins.intersectAttrs (lib.functionArgs value) arguments)
            else
              value;
        in
        attrs.merge-deep (map part (fs.get-default-nix-files-recursive (fs.get-snowfall-file "lib")));
      system-lib = base // {
        ${namespace} = user-lib;
      };

      create-modules =
        {
          src ? fs.get-snowfall-file "modules/nixos",
          overrides ? { },
          alias ? { },
        }:
        let
          module =
            file: args@{ pkgs, ... }:
            let
              system = args.system or pkgs.stdenv.hostPlatform.system;
              target = args.target or system;
              value = import file;
              called =
                if isFunction value then
                  value (
                    args
                    // {
                      inherit system target namespace;
                      format = formatOf target;
                      virtual = args.virtual or (virtualType target != "");
                      systems = args.systems or { };
                      lib = system-lib;
                      pkgs = inputs.self.pkgs.${system}.nixpkgs;
                      inherit inputs;
                    }
                  )
                else
                  value;
            in
            called // { _file = file; };
          found = builtins.listToAttrs (
            map (file: {
              name = lib.removePrefix "/" (
                builtins.replaceStrings
                  [
                    (toString src)
                    "/default.nix"
                  ]
                  [
                    ""
                    ""
                  ]
                  file
              );
              value = module file;
            }) (fs.get-default-nix-files-recursive src)
          );
        in
        found // mapAttrs (_: name: found.${name}) alias // overrides;

      nameOfSystem =
        file: if path.has-file-extension "nix" file then path.get-parent-directory file else baseNameOf file;

      builderFor =
        target: args:
        let
          formatted = format: module: {
            specialArgs = args.specialArgs // {
              inherit format;
            };
            modules = args.modules ++ [ module ];
          };
          kind = virtualType target;
        in
        if kind != "" then
          inputs.nixos-generators.nixosGenerate (args // { format = kind; } // formatted kind userModule)
        else if isDarwin target then
          inputs.darwin.lib.darwinSystem (
            removeAttrs args [ "system" ] // formatted "darwin" (opaque "snowfall-lib's users on darwin" { })
          )
        else
          (inputs.nixpkgs.lib or lib).nixosSystem (args // formatted "linux" userModule);

      # What a host says to home-manager and of its users.
      homeModules =
        homes:
        let
          folder = fs.get-snowfall-file "homes";
          found = concatMap (
            target:
            map (home: {
              system = baseNameOf target;
              name = baseNameOf home;
            }) (filter (home: pathExists "${home}/default.nix") (fs.get-directories target))
          ) (fs.get-directories folder);
        in
        [ { home-manager = opaque "what snowfall-lib says to home-manager" { }; } ]
        ++ map (
          home:
          let
            parts = lib.splitString "@" home.name;
            user = builtins.head parts;
            wanted = if builtins.length parts > 1 then builtins.elemAt parts 1 else "";
          in
          {
            pkgs,
            host ? "",
            system ? pkgs.stdenv.hostPlatform.system,
            ...
          }:
          {
            config = lib.mkIf (wanted == host || wanted == "" && home.system == system) {
              snowfallorg.users.${user}.home.config = { };
            };
          }
        ) found;

      create-system =
        {
          path,
          target ? "x86_64-linux",
          system ?
            if virtualType target == "" then
              target
            else
              builtins.replaceStrings [ (virtualType target) ] [ "linux" ] target,
          name ? nameOfSystem path,
          modules ? [ ],
          specialArgs ? { },
          channelName ? "nixpkgs",
          builder ? builderFor target,
          output ?
            if virtualType target != "" then
              "${virtualType target}Configurations"
            else if isDarwin target then
              "darwinConfigurations"
            else
              "nixosConfigurations",
          systems ? { },
          homes ? { },
        }:
        {
          inherit
            channelName
            system
            builder
            output
            ;
          modules = [
            path
          ]
          ++ modules
          ++ lib.optionals (inputs ? home-manager) (
            [
              (
                if isDarwin system then
                  inputs.home-manager.darwinModules.home-manager
                else
                  inputs.home-manager.nixosModules.home-manager
              )
            ]
            ++ homeModules homes
          );
          specialArgs = specialArgs // {
            inherit
              target
              system
              systems
              namespace
              inputs
              ;
            lib = system-lib;
            host = name;
            virtual = virtualType target != "";
          };
        };

      create-systems =
        {
          systems ? { },
          homes ? { },
        }:
        let
          shared = kind: attrValues (create-modules { src = fs.get-snowfall-file "modules/${kind}"; });
          nixosModules = shared "nixos";
          darwinModules = shared "darwin";
          found = concatMap (
            target:
            map (host: {
              name = baseNameOf host;
              path = "${host}/default.nix";
              target = baseNameOf target;
            }) (filter (host: pathExists "${host}/default.nix") (fs.get-directories target))
          ) (fs.get-directories (fs.get-snowfall-file "systems"));
          created = foldl' (
            all: host:
            let
              overrides = systems.hosts.${host.name} or { };
              darwin = isDarwin host.target;
            in
            all
            // {
              ${host.name} = create-system (
                overrides
                // host
                // {
                  inherit homes;
                  systems = created;
                  modules =
                    (if darwin then darwinModules else nixosModules)
                    ++ overrides.modules or [ ]
                    ++ (if darwin then systems.modules.darwin or [ ] else systems.modules.nixos or [ ]);
                }
              );
            }
          ) { } found;
        in
        created;

      # Left out: the homes, which are no hosts of NixOS.
      mkFlake =
        options:
        let
          alias = options.alias or { };
          modulesOf =
            kind:
            create-modules {
              src = fs.get-snowfall-file "modules/${kind}";
              overrides = options.modules.${kind} or { };
              alias = alias.modules.${kind} or { };
            };
          systems = options.systems or { };
          outputs = frameworks.flake-utils-plus.lib.mkFlake (
            removeAttrs options [
              "systems"
              "modules"
              "overlays"
              "packages"
              "outputs-builder"
              "outputsBuilder"
              "packagesPrefix"
              "hosts"
              "homes"
              "channels-config"
              "templates"
              "checks"
              "alias"
              "snowfall"
            ]
            // {
              inherit (inputs) self;
              inherit inputs;
              hosts =
                systems.hosts or { }
                // create-systems {
                  inherit systems;
                  homes = options.homes or { };
                };
              lib = user-lib;
              nixosModules = modulesOf "nixos";
              darwinModules = modulesOf "darwin";
              homeModules = modulesOf "home";
              channelsConfig = options.channels-config or { };
              snowfall = {
                config = settings;
                raw-config = options.snowfall or { };
                inherit user-lib;
              };
            }
          );
        in
        outputs
        // {
          overlays = opaque "the overlays of snowfall-lib" (options.extra-exported-overlays or { });
          homeConfigurations = opaque "the homes of snowfall-lib" { };
          templates = opaque "the templates of snowfall-lib" (options.templates or { });
        };
    in
    # recursiveUpdate, which needs no more of nixpkgs' lib than the names that the flake uses too.
    base
    // mapAttrs (
      name: value:
      if knows base name && isAttrs value && isAttrs base.${name} then
        recursiveUpdate base.${name} value
      else
        value
    ) user-lib;
in
{
  inherit mkLib;
  mkFlake =
    options@{
      inputs,
      src,
      snowfall ? { },
      ...
    }:
    (mkLib { inherit inputs src snowfall; }).mkFlake (
      removeAttrs options [
        "inputs"
        "src"
      ]
    );
  nixosModules.user = userModule;
  darwinModules.user = opaque "snowfall-lib's users on darwin" { };
  homeModules.user = opaque "snowfall-lib's user in home-manager" { };
  snowfall = opaque "snowfall-lib's own configuration" { };
}

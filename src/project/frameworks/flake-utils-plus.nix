# flake-utils-plus: hosts and package sets ("channels") of a flake from one set of settings.
#
# Behaviour read from gytis-ivaskevicius/flake-utils-plus, flake.nix and lib/, commit afcb15b845e74ac5e998358709b2b5fe42a948d1.
# Package sets are not known here, so what `outputsBuilder` makes of them is left open, and every input is taken for a channel
# where only its name matters.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (builtins)
    attrValues
    baseNameOf
    foldl'
    functionArgs
    isAttrs
    isFunction
    isList
    isPath
    listToAttrs
    mapAttrs
    removeAttrs
    toString
    ;
  utils = frameworks.flake-utils.lib;

  # Sets and lists that both have are put together, one level deep.
  mergeAny =
    left: right:
    left
    // mapAttrs (
      name: value:
      if isAttrs value then
        left.${name} or { } // value
      else if isList value then
        left.${name} or [ ] ++ value
      else
        value
    ) right;

  # Options that the hosts get beside nixpkgs' own.
  hostOptions =
    {
      lib,
      config,
      inputs,
      ...
    }:
    let
      off = lib.mkOption {
        type = lib.types.bool;
        default = false;
      };
      flakes = lib.filterAttrs (_: input: input ? outputs) inputs;
      cfg = config.nix;
    in
    {
      key = "flake-utils-plus/lib/options.nix";
      options.nix = {
        generateNixPathFromInputs = off;
        generateRegistryFromInputs = off;
        linkInputs = off;
      };
      config = {
        assertions = [
          {
            assertion = !cfg.generateNixPathFromInputs || cfg.linkInputs;
            message = "nix.generateNixPathFromInputs needs nix.linkInputs";
          }
        ];
        nix.registry =
          if cfg.generateRegistryFromInputs then
            mapAttrs (_: flake: { inherit flake; }) flakes
          else
            { self.flake = flakes.self; };
        nix.nixPath = lib.mkIf cfg.generateNixPathFromInputs [ "/etc/nix/inputs" ];
        environment.etc = lib.mkIf (cfg.linkInputs || cfg.generateNixPathFromInputs) (
          lib.mapAttrs' (name: input: {
            name = "nix/inputs/${name}";
            value.source = input.outPath;
          }) inputs
        );
      };
    };

  mkFlake =
    {
      self,
      inputs,
      supportedSystems ? utils.defaultSystems,
      channels ? { },
      channelsConfig ? { },
      sharedOverlays ? [ ],
      hosts ? { },
      hostDefaults ? {
        system = "x86_64-linux";
        modules = [ ];
        extraArgs = { };
      },
      outputsBuilder ? _: { },
      ...
    }@args:
    let
      otherArguments = removeAttrs args [
        "inputs"
        "hosts"
        "hostDefaults"
        "nixosProfiles"
        "channels"
        "channelsConfig"
        "self"
        "sharedOverlays"
        "supportedSystems"
        "outputsBuilder"
      ];

      inputOf = name: channels.${name}.input or inputs.${name};

      pkgsFor =
        system:
        let
          pkgs = opaque "which inputs flake-utils-plus takes for package sets" (
            mapAttrs channel (mergeAny { nixpkgs.input = inputs.nixpkgs; } channels)
          );
          channel =
            name: settings:
            (
              if settings.patches or [ ] == [ ] then
                import settings.input {
                  inherit system;
                  overlays =
                    sharedOverlays
                    ++ (if settings ? overlaysBuilder then settings.overlaysBuilder pkgs else [ ])
                    ++ [ overlay ];
                  config = channelsConfig // settings.config or { };
                }
              else
                opaque "a patched nixpkgs" { }
            )
            // {
              inherit name;
              inherit (settings) input;
            };
        in
        pkgs;

      completed =
        {
          channelName ? "nixpkgs",
          system ? "x86_64-linux",
          output ? "nixosConfigurations",
          builder ? (inputOf channelName).lib.nixosSystem,
          modules ? [ ],
          extraArgs ? { },
          specialArgs ? { },
        }:
        {
          inherit
            channelName
            system
            output
            builder
            extraArgs
            specialArgs
            ;
          modules = modules ++ [ hostOptions ];
        };

      # The name of a host is its DNS name backwards: com.example.host.
      configuration =
        reversed: settings:
        let
          host = completed (mergeAny hostDefaults settings);
          labels = lib.reverseList (lib.splitString "." reversed);
          domain = builtins.tail labels;
          nixpkgs = self.pkgs.${host.system}.${host.channelName};
          isNixos = host.output == "nixosConfigurations";
          isDarwin = host.output == "darwinConfigurations";
          specialArgs = host.specialArgs // {
            channel = nixpkgs;
          };

          naming =
            {
              pkgs,
              lib,
              options,
              ...
            }:
            let
              # Every NixOS declares these; other systems are asked.
              has = declared: isNixos || declared;
            in
            lib.mkMerge [
              (lib.optionalAttrs (has (options ? networking.hostName)) {
                networking.hostName = builtins.head labels;
              })
              (lib.optionalAttrs (has (options ? networking.domain)) {
                networking.domain =
                  if domain == [ ] then lib.mkDefault null else builtins.concatStringsSep "." domain;
              })
              (lib.optionalAttrs (has (options ? nixpkgs.pkgs)) {
                nixpkgs.pkgs = nixpkgs;
                nixpkgs.config = lib.mkForce { };
              })
              (lib.optionalAttrs (has (options ? system.configurationRevision)) {
                system.configurationRevision = lib.mkIf (self ? rev) self.rev;
              })
              (lib.optionalAttrs (has (options ? nix.package)) {
                nix.package = lib.mkDefault pkgs.nixVersions.latest;
              })
              (lib.optionalAttrs (has (options ? nix.extraOptions)) {
                nix.extraOptions = "extra-experimental-features = nix-command flakes";
              })
              {
                _module.args = (if isDarwin then { } else { inherit inputs; }) // host.extraArgs;
              }
            ];
        in
        {
          ${host.output}.${reversed} = host.builder (
            {
              inherit (host) system;
              inherit specialArgs;
              modules = [ naming ] ++ host.modules;
            }
            // lib.optionalAttrs isDarwin {
              inherit inputs;
              pkgs = nixpkgs;
            }
            // lib.optionalAttrs isNixos {
              inherit ((inputOf host.channelName)) lib;
              specialArgs =
                lib.mapAttrs' (name: input: {
                  name = "${name}ModulesPath";
                  value = toString (input + "/nixos/modules");
                }) (inputs // mapAttrs (name: _: inputOf name) channels)
                // specialArgs;
            }
          );
        };

      why = "what outputsBuilder of flake-utils-plus adds";
      left = mapAttrs (_: value: if isAttrs value then opaque why value else value) otherArguments;
      known = {
        pkgs = utils.eachSystemMap supportedSystems pkgsFor;
      }
      // foldl' mergeAny { } (attrValues (mapAttrs configuration hosts));
    in
    opaque why (mergeAny left known);

  overlay = final: prev: {
    __dontExport = true;
    fup-repl = opaque "a package of flake-utils-plus" { };
  };

  # Modules by the names of their files.
  exportModules =
    modules:
    let
      nameOf = file: lib.removeSuffix ".toml" (lib.removeSuffix ".nix" (baseNameOf file));
      called = f: f (functionArgs f);
    in
    listToAttrs (
      map (
        module:
        if isPath module then
          {
            name = lib.removeSuffix ".nix" (baseNameOf module);
            value = import module;
          }
        else
          {
            name = nameOf (if isFunction module then called module else module)._file;
            value = module;
          }
      ) modules
    );
in
{
  inherit overlay;
  nixosModules.autoGenFromInputs = hostOptions;
  darwinModules.autoGenFromInputs = hostOptions;
  lib = utils // {
    inherit mkFlake mergeAny exportModules;
    exportOverlays = _: opaque "overlays exported by flake-utils-plus" { };
    exportPackages = _: _: opaque "packages exported by flake-utils-plus" { };
    genPkgOverlay = _: _: _: _: opaque "an overlay of flake-utils-plus" { };
    patchChannel =
      system: channel: patches:
      if patches == [ ] then channel else opaque "a patched nixpkgs" { };
  };
}

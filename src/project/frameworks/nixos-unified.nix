# nixos-unified: NixOS, nix-darwin and home-manager hosts found in the folders configurations/ and modules/ of a flake-parts flake.
#
# Behaviour read from srid/nixos-unified, flake.nix and nix/modules/, commit 05fd33594509b21dd9d5a782fc0c5650acc55e61.
# Its packages (update, activate) are not computed.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (builtins)
    attrNames
    pathExists
    readDir
    toString
    ;

  # What a host can say to the tool, below the tool's name.
  hostOptions =
    name:
    {
      config,
      flake,
      ...
    }:
    let
      inherit (lib) mkOption types;
      overrides = config.${name}.overrideInputs;
    in
    {
      options.${name} = {
        sshTarget = mkOption {
          type = types.nullOr types.str;
          default = null;
        };
        overrideInputs = mkOption {
          type = types.listOf types.str;
          default = [ ];
        };
        outputs = {
          system = mkOption {
            type = types.str;
            readOnly = true;
            default = config.nixpkgs.hostPlatform.system;
          };
          overrideInputs = mkOption {
            type = types.attrsOf types.path;
            readOnly = true;
            default = lib.genAttrs overrides (input: flake.inputs.${input});
          };
          nixArgs = mkOption {
            type = types.listOf types.str;
            readOnly = true;
            default = lib.concatMap (input: [
              "--override-input"
              input
              "${flake.inputs.${input}}"
            ]) overrides;
          };
        };
      };
    };

  # What mkLinuxSystem and its kin make a host of.
  functions =
    {
      self,
      inputs,
      config,
      ...
    }:
    let
      specialArgsFor = rec {
        common.flake = { inherit self inputs config; };
        nixos = common;
        darwin = common // {
          rosettaPkgs = import inputs.nixpkgs { system = "x86_64-darwin"; };
        };
      };

      homeCommon =
        { config, pkgs, ... }:
        {
          home.homeDirectory = lib.mkDefault "/${
            if pkgs.stdenv.isDarwin then "Users" else "home"
          }/${config.home.username}";
          home.sessionPath = lib.mkIf pkgs.stdenv.isDarwin [
            "/etc/profiles/per-user/$USER/bin"
            "/nix/var/nix/profiles/system/sw/bin"
            "/usr/local/bin"
          ];
        };
      common = {
        imports = [ (hostOptions "nixos-unified") ];
        nix.settings = {
          max-jobs = lib.mkDefault "auto";
          experimental-features = lib.mkDefault "nix-command flakes";
        };
      };
      withHome = homeManager: extraSpecialArgs: {
        imports = [
          homeManager
          {
            home-manager = {
              useGlobalPkgs = true;
              useUserPackages = true;
              inherit extraSpecialArgs;
              sharedModules = [ homeCommon ];
            };
          }
        ];
      };
    in
    {
      flake.nixos-unified.lib = {
        inherit specialArgsFor;

        mkLinuxSystem =
          {
            home-manager ? false,
          }:
          module:
          inputs.nixpkgs.lib.nixosSystem {
            specialArgs = specialArgsFor.nixos;
            modules = [
              common
              module
            ]
            ++ lib.optional home-manager (
              withHome inputs.home-manager.nixosModules.home-manager specialArgsFor.nixos
            );
          };

        mkMacosSystem =
          {
            home-manager ? false,
          }:
          module:
          inputs.nix-darwin.lib.darwinSystem {
            specialArgs = specialArgsFor.darwin;
            modules = [
              common
              module
            ]
            ++ lib.optional home-manager (
              withHome inputs.home-manager.darwinModules.home-manager specialArgsFor.darwin
            );
          };

        mkHomeConfiguration =
          pkgs: module:
          inputs.home-manager.lib.homeManagerConfiguration {
            inherit pkgs;
            extraSpecialArgs = specialArgsFor.common;
            modules = [
              homeCommon
              module
            ];
          };
      };
    };

  packages =
    { flake-parts-lib, ... }:
    {
      options.perSystem = flake-parts-lib.mkPerSystemOption {
        options.nixos-unified.primary-inputs = lib.mkOption {
          type = lib.types.listOf lib.types.str;
          default = [
            "nixpkgs"
            "home-manager"
            "nix-darwin"
          ];
        };
        config.packages = {
          update = opaque "a package of nixos-unified" { };
          activate = opaque "a package of nixos-unified" { };
        };
      };
    };

  # The Nix files of a folder and its folders with a default.nix, by name.
  inFolder =
    folder: f:
    lib.optionalAttrs (pathExists folder) (
      lib.concatMapAttrs (
        entry: type:
        let
          name = lib.removeSuffix ".nix" entry;
          path = "${folder}/${entry}";
        in
        if type == "regular" then
          lib.optionalAttrs (name != entry) { ${name} = f path; }
        else
          lib.optionalAttrs (type == "directory" && pathExists "${path}/default.nix") { ${entry} = f path; }
      ) (readDir folder)
    );

  autoWire =
    { self, ... }:
    let
      made = self.nixos-unified.lib;
    in
    {
      key = "nixos-unified#autoWire";
      flake = {
        nixosConfigurations = inFolder "${self}/configurations/nixos" (
          made.mkLinuxSystem { home-manager = true; }
        );
        darwinConfigurations = inFolder "${self}/configurations/darwin" (
          made.mkMacosSystem { home-manager = true; }
        );
        nixosModules = inFolder "${self}/modules/nixos" (path: path);
        darwinModules = inFolder "${self}/modules/darwin" (path: path);
        homeModules = inFolder "${self}/modules/home" (path: path);
        overlays = inFolder "${self}/overlays" (path: import path made.specialArgsFor.common);
      };
      perSystem =
        { pkgs, ... }:
        {
          legacyPackages.homeConfigurations = inFolder "${self}/configurations/home" (
            made.mkHomeConfiguration pkgs
          );
        };
    };

  flakeModules = {
    default = {
      key = "nixos-unified#default";
      imports = [
        packages
        functions
      ];
    };
    inherit autoWire;
  };
in
{
  inherit flakeModules;
  flakeModule = flakeModules.default;
  # For the same tool by its first name.
  inherit hostOptions;

  # mkFlake of flake-parts, with the first folder of flake modules that exists.
  lib.mkFlake =
    {
      inputs,
      root,
      systems ? [
        "x86_64-linux"
        "x86_64-darwin"
        "aarch64-linux"
        "aarch64-darwin"
      ],
      specialArgs ? { },
    }:
    let
      folders = builtins.filter (folder: pathExists "${toString root}/${folder}") [
        "nix/modules/flake"
        "modules/flake"
        "nix/modules/flake-parts"
        "modules/flake-parts"
      ];
      folder = "${toString root}/${builtins.head folders}";
    in
    inputs.flake-parts.lib.mkFlake { inherit inputs specialArgs; } {
      inherit systems;
      _module.args = { inherit root; };
      imports = map (entry: "${folder}/${entry}") (attrNames (readDir folder));
    };
  templates = { };
}

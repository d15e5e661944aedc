{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    flake-parts.url = "github:hercules-ci/flake-parts";
    clan-core.url = "git+https://git.clan.lol/clan/clan-core";
  };

  outputs =
    inputs@{ flake-parts, self, ... }:
    flake-parts.lib.mkFlake { inherit inputs; } {
      systems = [ "x86_64-linux" ];
      imports = [ inputs.clan-core.flakeModules.default ];

      clan = {
        inherit self;
        meta.name = "frost";
        specialArgs.frostOptions = [ "noatime" ];

        modules.scratch = ./services/scratch.nix;

        inventory = {
          machines.alpha.tags = [ "quiet" ];
          machines.mac.machineClass = "darwin";

          instances.quiet = {
            module.name = "importer";
            roles.default.tags.quiet = { };
            roles.default.extraModules = [ ./modules/quiet.nix ];
          };
          instances.scratch = {
            module = {
              name = "scratch";
              input = "self";
            };
            roles.holder.tags.nixos = { };
            roles.holder.settings.level = 3;
            roles.holder.machines.beta.settings.mountpoint = "/srv/scratch";
          };
          instances.remote = {
            module.name = "sshd";
            module.input = "clan-core";
            roles.server.tags.all = { };
          };
        };

        machines.beta = {
          fileSystems."/" = {
            device = "/dev/disk/by-label/beta";
            fsType = "btrfs";
            options = [ "discard=async" ];
          };
        };
      };
    };
}

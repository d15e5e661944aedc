{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    flake-parts.url = "github:hercules-ci/flake-parts";
    lite-config.url = "github:yelite/lite-config";
  };
  outputs =
    inputs:
    inputs.flake-parts.lib.mkFlake { inherit inputs; } {
      imports = [ inputs.lite-config.flakeModule ];
      lite-config = {
        hostModuleDir = ./hosts;
        systemModules = [ ({ config, ... }: { fileSystems."/".device = "/dev/disk/by-label/${config.networking.hostName}"; }) ];
        hosts.oak.system = "x86_64-linux";
        hosts.apple.system = "aarch64-darwin";
        hosts.elm = {
          system = "aarch64-linux";
          hostModule = { hostPlatform, ... }: {
            fileSystems."/".fsType = "btrfs";
            fileSystems."/".options = if hostPlatform.isLinux then [ "compress=zstd:5" ] else [ ];
          };
        };
      };
    };
}

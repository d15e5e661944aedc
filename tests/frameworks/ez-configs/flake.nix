{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    flake-parts.url = "github:hercules-ci/flake-parts";
    ez-configs.url = "github:ehllie/ez-configs";
  };
  outputs =
    inputs:
    inputs.flake-parts.lib.mkFlake { inherit inputs; } {
      imports = [ inputs.ez-configs.flakeModule ];
      systems = [ "x86_64-linux" ];
      ezConfigs = {
        root = ./.;
        globalArgs = { inherit inputs; };
        earlyModuleArgs.kind = "btrfs";
        nixos.hosts.elm.importDefault = false;
      };
    };
}

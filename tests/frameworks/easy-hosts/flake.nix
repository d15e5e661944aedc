{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    flake-parts.url = "github:hercules-ci/flake-parts";
    easy-hosts.url = "github:tgirlcloud/easy-hosts";
  };
  outputs =
    inputs:
    inputs.flake-parts.lib.mkFlake { inherit inputs; } {
      imports = [ inputs.easy-hosts.flakeModule ];
      systems = [ "x86_64-linux" "aarch64-linux" ];
      easy-hosts = {
        autoConstruct = true;
        path = ./hosts;
        shared.modules = [ { fileSystems."/".fsType = "btrfs"; } ];
        perArch = arch: {
          modules = [ { fileSystems."/".options = [ (if arch == "x86_64" then "compress=zstd:3" else "compress=zstd:5") ]; } ];
        };
      };
    };
}

{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    flake-utils-plus.url = "github:gytis-ivaskevicius/flake-utils-plus";
  };
  outputs =
    inputs@{ self, flake-utils-plus, ... }:
    flake-utils-plus.lib.mkFlake {
      inherit self inputs;
      nixosModules = flake-utils-plus.lib.exportModules [ ./storage.nix ];
      hostDefaults.modules = [ self.nixosModules.storage ];
      hostDefaults.extraArgs.level = 3;
      hosts.oak.modules = [ { fileSystems."/".device = "/dev/disk/by-label/oak"; } ];
      hosts.elm = {
        system = "aarch64-linux";
        extraArgs.level = 5;
        modules = [ { fileSystems."/".device = "/dev/disk/by-label/elm"; } ];
      };
      outputsBuilder = channels: { packages.default = channels.nixpkgs.hello; };
    };
}

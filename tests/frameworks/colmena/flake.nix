{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    colmena.url = "github:zhaofengli/colmena";
  };
  outputs =
    { nixpkgs, colmena, ... }:
    {
      colmenaHive = colmena.lib.makeHive {
        meta.nixpkgs = import nixpkgs { system = "x86_64-linux"; };
        meta.nodeSpecialArgs.elm.level = 5;
        meta.specialArgs.level = 3;
        defaults =
          { name, level, ... }:
          {
            deployment.targetHost = "${name}.example.org";
            fileSystems."/" = {
              device = "/dev/disk/by-label/${name}";
              options = [ "compress=zstd:${toString level}" ];
            };
          };
        oak.fileSystems."/".fsType = "btrfs";
        elm.fileSystems."/".fsType = "btrfs";
      };
    };
}

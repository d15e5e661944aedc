# flake-utils: outputs written as a function of the system.
#
# Behaviour read from numtide/flake-utils, lib.nix, flattenTree.nix, filterPackages.nix and simpleFlake.nix, commit
# b1d9ab70662946ef0850d488da1c9019f3a9752a. Its checks are derivations, so they are not known.
{
  lib,
  frameworks,
  opaque,
}:
let
  inherit (builtins)
    attrNames
    elem
    foldl'
    isAttrs
    isPath
    isString
    listToAttrs
    ;

  defaultSystems = [
    "aarch64-linux"
    "aarch64-darwin"
    "x86_64-darwin"
    "x86_64-linux"
  ];
  # By architecture, what follows the dash.
  known = {
    aarch64 = "darwin genode linux netbsd none";
    aarch64_be = "none";
    arm = "none";
    armv5tel = "linux";
    armv6l = "linux netbsd none";
    armv7a = "darwin linux netbsd";
    armv7l = "linux netbsd";
    avr = "none";
    i686 = "cygwin darwin freebsd13 genode linux netbsd none openbsd windows";
    javascript = "ghcjs";
    m68k = "linux netbsd none";
    microblaze = "linux none";
    microblazeel = "linux none";
    mips64el = "linux";
    mipsel = "linux netbsd";
    mmix = "mmixware";
    msp430 = "none";
    or1k = "none";
    powerpc = "netbsd none";
    powerpc64 = "linux";
    powerpc64le = "linux";
    powerpcle = "none";
    riscv32 = "linux netbsd none";
    riscv64 = "linux netbsd none";
    rx = "none";
    s390 = "linux none";
    s390x = "linux none";
    vc4 = "none";
    wasm32 = "wasi";
    wasm64 = "wasi";
    x86_64 = "cygwin darwin freebsd13 genode linux netbsd none openbsd redox solaris windows";
  };
  allSystems = builtins.sort builtins.lessThan (
    builtins.concatLists (
      builtins.attrValues (
        builtins.mapAttrs (arch: kernels: map (kernel: "${arch}-${kernel}") (lib.splitString " " kernels)) known
      )
    )
  );

  # `f system` gives outputs; in each of them the system becomes the first name.
  eachSystem =
    systems: f:
    foldl' (
      outputs: system:
      let
        these = f system;
      in
      foldl' (
        outputs: name:
        outputs
        // {
          ${name} = outputs.${name} or { } // {
            ${system} = these.${name};
          };
        }
      ) outputs (attrNames these)
    ) { } systems;
  # Outputs as they are, without the system in them.
  eachSystemPassThrough = systems: f: foldl' (outputs: system: outputs // f system) { } systems;
  eachSystemMap =
    systems: f:
    listToAttrs (
      map (system: {
        name = system;
        value = f system;
      }) systems
    );

  isDerivation = value: isAttrs value && value.type or null == "derivation";

  flattenTree =
    tree:
    let
      below =
        path: set:
        foldl' (
          flat: name:
          let
            value = set.${name};
            here = path ++ [ name ];
          in
          if isDerivation value then
            flat // { ${builtins.concatStringsSep "/" here} = value; }
          else if isAttrs value && value.recurseForDerivations or false == true then
            flat // below here value
          else
            flat
        ) { } (attrNames set);
    in
    below [ ] tree;

  filterPackages =
    system: packages:
    removeAttrs packages (
      builtins.filter (
        name:
        let
          package = packages.${name};
          meta = package.meta or { };
        in
        !(
          isDerivation package
          && !(meta.broken or false)
          && elem system (meta.platforms or allSystems)
          && !(elem system (meta.badPlatforms or [ ]))
        )
      ) (attrNames packages)
    );

  maybeImport = value: if isPath value || isString value then import value else value;

  simpleFlake =
    {
      self,
      nixpkgs,
      name,
      config ? { },
      overlay ? null,
      preOverlays ? [ ],
      shell ? null,
      systems ? defaultSystems,
    }:
    eachSystem systems (
      system:
      let
        pkgs = import nixpkgs {
          inherit config system;
          overlays = preOverlays ++ (if overlay == null then [ ] else [ (maybeImport overlay) ]);
        };
        packages = pkgs.${name} or { };
        kept = wanted: if packages ? ${wanted} then { ${wanted} = packages.${wanted}; } else { };
      in
      {
        legacyPackages = packages;
      }
      // kept "defaultPackage"
      // kept "checks"
      // (if shell != null then { devShell = maybeImport shell { inherit pkgs; }; } else kept "devShell")
    );
in
{
  lib = {
    inherit
      allSystems
      defaultSystems
      eachSystem
      eachSystemMap
      eachSystemPassThrough
      filterPackages
      flattenTree
      simpleFlake
      ;
    system = eachSystemMap allSystems (system: system);
    eachDefaultSystem = eachSystem defaultSystems;
    eachDefaultSystemMap = eachSystemMap defaultSystems;
    eachDefaultSystemPassThrough = eachSystemPassThrough defaultSystems;
    meld = inputs: foldl' (outputs: part: lib.recursiveUpdate outputs (import part inputs)) { };
    mkApp =
      {
        drv,
        name ? drv.pname or drv.name,
        exePath ? drv.passthru.exePath or "/bin/${name}",
      }:
      {
        type = "app";
        program = "${drv}${exePath}";
      };
    check-utils = opaque "the checks of flake-utils" { };
  };
  templates = { };
}

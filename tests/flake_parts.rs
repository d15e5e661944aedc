//! Owns: what flake-parts and the flakes that extend it do on the way to a host.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "common/flakes.rs"]
mod flakes;
#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "common/nix.rs"]
mod nix;

use flakes::{Case, hosts, read_all};

/// A flake-parts flake whose module has this text. Its host `a` must have these options.
fn parts(module: &str, files: &[(&'static str, &'static str)], options: &[&str]) -> Case {
    let flake = format!(
        "{{
           inputs = {{
             nixpkgs.url = \"github:NixOS/nixpkgs/nixos-25.11\";
             flake-parts.url = \"github:hercules-ci/flake-parts\";
             disko.url = \"github:nix-community/disko\";
             home-manager.url = \"github:nix-community/home-manager\";
             treefmt-nix.url = \"github:numtide/treefmt-nix\";
             hercules-ci-effects.url = \"github:hercules-ci/hercules-ci-effects\";
             devenv.url = \"github:cachix/devenv\"; agenix.url = \"github:ryantm/agenix\";
             x.url = \"github:somebody/x\"; y.url = \"github:somebody/y\";
           }};
           outputs = inputs@{{ self, nixpkgs, flake-parts, ... }}:
             flake-parts.lib.mkFlake {{ inherit inputs; }} ({module});
         }}"
    );
    (flake, files.to_vec(), hosts(&[("a", options)]))
}

fn check(cases: impl IntoIterator<Item = Case>) {
    read_all(cases, false);
}

#[test]
fn systems_are_made_with_what_is_per_system() {
    let with_system = r#"{ withSystem, lib, ... }: {
      systems = [ "x86_64-linux" "aarch64-linux" ];
      perSystem = { system, ... }: { _module.args.kind = "x-${system}"; legacyPackages.level = 3; };
      flake.nixosConfigurations.a = withSystem "aarch64-linux" ({ config, kind, system, inputs', self', ... }:
        nixpkgs.lib.nixosSystem { modules = [ ./root.nix { fileSystems."/".options = [
          kind "compress=zstd:${toString config.legacyPackages.level}" "x-${toString self'.legacyPackages.level}" "x-${system}" ]; } ]; });
    }"#;
    let module_with_system = r#"{ moduleWithSystem, ... }: {
      systems = [ "x86_64-linux" ];
      perSystem = { ... }: { legacyPackages.level = 3; };
      flake.nixosModules.level = moduleWithSystem (perSystem@{ config }: { ... }: {
        fileSystems."/".options = [ "compress=zstd:${toString perSystem.config.legacyPackages.level}" ]; });
      flake.nixosConfigurations.a = nixpkgs.lib.nixosSystem { modules = [
        ./root.nix self.nixosModules.level { _module.args.system = "x86_64-linux"; } ]; };
    }"#;
    let get_system = r#"{ getSystem, config, ... }: {
      systems = [ "x86_64-linux" ];
      debug = true;
      perSystem.legacyPackages.level = 3;
      flake.nixosConfigurations.a = nixpkgs.lib.nixosSystem { modules = [ ./root.nix { fileSystems."/".options = [
        "compress=zstd:${toString (getSystem "x86_64-linux").legacyPackages.level}"
        "x-${toString config.allSystems.x86_64-linux.legacyPackages.level}" ]; } ]; };
    }"#;
    check([
        parts(
            with_system,
            &[],
            &[
                "noatime",
                "x-aarch64-linux",
                "compress=zstd:3",
                "x-3",
                "x-aarch64-linux",
            ],
        ),
        parts(module_with_system, &[], &["noatime", "compress=zstd:3"]),
        parts(get_system, &[], &["noatime", "compress=zstd:3", "x-3"]),
    ]);
}

#[test]
fn modules_are_published_and_used() {
    let deferred = r#"{ config, ... }: {
      imports = [ flake-parts.flakeModules.modules ./one.nix ./two.nix ];
      systems = [ ];
      flake.nixosConfigurations.a = nixpkgs.lib.nixosSystem {
        modules = [ config.flake.modules.nixos.base self.modules.generic.more ]; };
    }"#;
    let files = [
        (
            "one.nix",
            r#"{ flake.modules.nixos.base = { imports = [ ./root.nix ]; }; }"#,
        ),
        (
            "two.nix",
            r#"{ inputs, ... }: { flake.modules.nixos.base = { lib, ... }: {
        fileSystems."/".options = lib.mkAfter [ "ssd" ]; };
      flake.modules.generic.more = { fileSystems."/".options = [ "lazytime" ]; }; }"#,
        ),
    ];
    let published = r#"{ flake-parts-lib, ... }@top: {
      imports = [ (flake-parts-lib.importApply ./applied.nix { level = 3; inherit (top) config; }) ];
      systems = [ ];
      _module.args.mine = "ssd";
      flake.nixosConfigurations.a = nixpkgs.lib.nixosSystem {
        modules = [ ./root.nix self.nixosModules.x ] ++ builtins.attrValues { inherit (self.nixosModules) y; }; };
    }"#;
    let applied = r#"{ level, config }: { mine, self, ... }: {
      flake.nixosModules.x = { fileSystems."/".options = [ mine "compress=zstd:${toString level}" ]; };
      flake.nixosModules.y = { fileSystems."/".options = [ (if config.systems == [ ] then "x-none" else "x-some") ]; };
    }"#;
    check([
        parts(deferred, &files, &["lazytime", "noatime", "ssd"]),
        parts(
            published,
            &[("applied.nix", applied)],
            &["noatime", "ssd", "compress=zstd:3", "x-none"],
        ),
    ]);
}

#[test]
fn outputs_are_moved_into_partitions_and_overlays() {
    let partitions = r#"{ config, ... }: {
      imports = [ flake-parts.flakeModules.partitions ];
      systems = [ "x86_64-linux" ];
      partitionedAttrs.checks = "dev";
      partitionedAttrs.nixosConfigurations = "hosts";
      partitions.dev.extraInputsFlake = ./dev;
      partitions.dev.module = { perSystem.checks = { }; };
      partitions.hosts.module = { inputs, ... }: {
        flake.nixosConfigurations.a = inputs.nixpkgs.lib.nixosSystem { modules = [ ./root.nix ]; };
      };
    }"#;
    let overlay = r#"{ ... }: {
      imports = [ flake-parts.flakeModules.easyOverlay ];
      systems = [ "x86_64-linux" ];
      perSystem = { config, ... }: { overlayAttrs = { inherit (config.packages) x; }; };
      flake.nixosConfigurations.a = nixpkgs.lib.nixosSystem { modules = [ ./root.nix {
        nixpkgs.overlays = [ self.overlays.default ]; } ]; };
    }"#;
    check([
        parts(partitions, &[], &["noatime"]),
        parts(overlay, &[], &["noatime"]),
    ]);
}

#[test]
fn modules_of_other_flakes_declare_what_they_are_given() {
    let disko = r#"{ ... }: {
      imports = [ inputs.disko.flakeModules.default inputs.home-manager.flakeModules.home-manager
        inputs.treefmt-nix.flakeModule ];
      systems = [ "x86_64-linux" ];
      perSystem.treefmt.programs.nixfmt.enable = true;
      flake.diskoConfigurations.x = import ./layout.nix;
      flake.homeModules.shell = { };
      flake.nixosConfigurations.a = nixpkgs.lib.nixosSystem { modules = [
        inputs.disko.nixosModules.disko self.diskoConfigurations.x ]; };
    }"#;
    let layout = r#"{ disko.devices.disk.main = { device = "/dev/vda";
      content = { type = "btrfs"; mountpoint = "/"; mountOptions = [ "noatime" ]; }; }; }"#;
    let only_disko = r#"{ ... }: {
      imports = [ inputs.disko.flakeModule ];
      systems = [ ];
      flake.diskoConfigurations.a = import ./layout.nix;
    }"#;
    check([disko, only_disko].map(|module| parts(module, &[("layout.nix", layout)], &["noatime"])));
}

#[test]
fn options_of_its_own_become_hosts() {
    let dendritic = r#"{ lib, config, ... }: {
      imports = [ ./machine.nix ];
      config.systems = [ "x86_64-linux" ];
      options.machines = lib.mkOption {
        type = lib.types.attrsOf (lib.types.submodule ({ name, config, ... }: {
          options.module = lib.mkOption { type = lib.types.deferredModule; default = { }; };
          options.level = lib.mkOption { type = lib.types.int; default = 1; };
          config.module = { fileSystems."/".options = lib.mkAfter [ "x-${name}" "compress=zstd:${toString config.level}" ]; };
        }));
        default = { };
      };
      config.flake.nixosConfigurations = lib.mapAttrs (_: machine:
        nixpkgs.lib.nixosSystem { modules = [ machine.module ]; }) config.machines;
    }"#;
    let machine = r#"{ lib, ... }: lib.mkMerge [
      { machines.a.module = ./root.nix; }
      { machines.a.level = lib.mkForce 3; }
      (lib.mkIf false { machines.b = { }; })
    ]"#;
    check([parts(
        dendritic,
        &[("machine.nix", machine)],
        &["noatime", "x-a", "compress=zstd:3"],
    )]);
}

#[test]
fn an_output_may_be_an_option_of_any_name() {
    let flakes = ["meta", "mine", "lib"].map(|name| {
        let module = r#"{ config, lib, ... }: {
          imports = [ { options.flake.NAME = lib.mkOption { type = lib.types.anything; }; }
            { flake.NAME = rec { one = "ssd"; two = one; }; } { flake.NAME.three = "lazytime"; } ];
          systems = [ ];
          flake.nixosConfigurations.a = nixpkgs.lib.nixosSystem { modules = [ ./root.nix {
            fileSystems."/".options = [ config.flake.NAME.two self.NAME.three ]; } ]; };
        }"#;
        parts(
            &module.replace("NAME", name),
            &[],
            &["noatime", "ssd", "lazytime"],
        )
    });
    check(flakes);
}

#[test]
fn modules_that_are_not_known_hide_nothing_that_is() {
    let unknown = r#"{ inputs, ... }: {
      imports = [ inputs.hercules-ci-effects.flakeModule inputs.devenv.flakeModule inputs.x.flakeModules.default
        (inputs.y + "/flake-module.nix") ./hosts.nix ];
      systems = [ "x86_64-linux" ];
      hercules-ci.flake-update.enable = true;
      perSystem = { config, pkgs, inputs', ... }: { devenv.shells.default.packages = [ pkgs.hello ];
        pre-commit.settings.hooks.nixfmt.enable = true; packages.x = inputs'.x.packages.default; };
    }"#;
    let hosts = r#"{ inputs, self, ... }: { flake.nixosConfigurations.a = inputs.nixpkgs.lib.nixosSystem {
      modules = [ ./root.nix inputs.agenix.nixosModules.default ]; specialArgs = { inherit inputs self; }; }; }"#;
    check([parts(unknown, &[("hosts.nix", hosts)], &["noatime"])]);
}

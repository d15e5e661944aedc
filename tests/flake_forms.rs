//! Owns: forms of flakes that no framework makes but many people write, each with the mounts that
//! its hosts have all the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;

use btrfs_tune::model::Found;
use btrfs_tune::project::Project;

const ROOT: &str = r#"{
  fileSystems."/" = {
    device = "/dev/disk/by-label/root";
    fsType = "btrfs";
    options = [ "noatime" ];
  };
}"#;

const DATA: &str = r#"{
  fileSystems."/data" = {
    device = "/dev/disk/by-label/data";
    fsType = "btrfs";
    options = [ "compress=zstd" ];
  };
}"#;

/// The hosts that the flake itself names, as `name: mount point=options …`, and what of each is
/// not known.
fn hosts(outputs: &str, files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir(tree.path().join(".git")).unwrap();
    let flake = format!(
        "{{ inputs.nixpkgs.url = \"github:NixOS/nixpkgs\"; \
         inputs.home-manager.url = \"github:nix-community/home-manager\"; \
         inputs.disko.url = \"github:nix-community/disko\"; \
         inputs.thing.url = \"github:somebody/thing\"; \
         outputs = {{ self, nixpkgs, home-manager, ... }}@inputs: {outputs}; }}"
    );
    let shared = [("root.nix", ROOT), ("data.nix", DATA)];
    for (path, text) in shared.iter().chain(files).chain(&[("flake.nix", &*flake)]) {
        let path = tree.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let project = Project::open(tree.path()).unwrap();
    let sources = project.sources();
    let discovery = project.hosts(&sources);
    assert!(discovery.failure.is_none(), "{:?}", discovery.failure);
    let (mut told, mut unknown) = (Vec::new(), Vec::new());
    for found in &discovery.hosts {
        assert_eq!(found.found, Found::Flake, "{}", found.name.0);
        let host = project.evaluate(&sources, &found.name).unwrap().host();
        let mounts = host.storage.filesystems.iter().flat_map(|f| &f.mounts);
        let mut mounts: Vec<String> = mounts
            .map(|m| {
                let options = m.options.known().expect("the options are known");
                let options: Vec<&str> = options.iter().map(|o| o.value.as_str()).collect();
                format!("{}={}", m.mountpoint, options.join(","))
            })
            .collect();
        mounts.sort();
        told.push(format!("{}: {}", found.name.0, mounts.join(" ")));
        let facts = host.unknown.iter().chain(&host.skipped);
        unknown.extend(facts.map(|f| f.why.clone()));
    }
    (told, unknown)
}

#[test]
fn the_library_of_home_manager_hides_nothing_of_nixpkgs_own() {
    for lib in [
        "nixpkgs.lib // home-manager.lib",
        "nixpkgs.lib.extend (_: _: home-manager.lib)",
        "nixpkgs.lib.extend (_: _: { own = 1; } // home-manager.lib)",
    ] {
        let outputs = format!(
            "let lib = {lib}; in {{ nixosConfigurations.a = \
             lib.nixosSystem {{ modules = [ ./root.nix ]; }}; }}"
        );
        let (told, unknown) = hosts(&outputs, &[]);
        assert_eq!(told, ["a: /=noatime"], "{lib}");
        assert_eq!(unknown, [""; 0], "{lib}");
    }
}

#[test]
fn a_path_after_the_flake_itself_stays_in_its_tree() {
    let outputs = "{ nixosConfigurations.a = nixpkgs.lib.nixosSystem { \
                   modules = [ (self + /root.nix) (import (self + /data.nix)) ]; }; }";
    let (told, unknown) = hosts(outputs, &[]);
    assert_eq!(told, ["a: /=noatime /data=compress=zstd"]);
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn modules_are_chosen_by_the_ends_of_their_paths() {
    let outputs = "let inherit (nixpkgs) lib; in { nixosConfigurations.a = lib.nixosSystem { \
                   modules = lib.filter (lib.hasSuffix \".mod.nix\") \
                   (lib.filesystem.listFilesRecursive ./parts); }; }";
    let parts = [
        ("parts/one.mod.nix", ROOT),
        ("parts/deep/two.mod.nix", DATA),
        ("parts/three.nix", "throw \"no module\""),
        ("parts/note.txt", "no Nix"),
    ];
    let (told, unknown) = hosts(outputs, &parts);
    assert_eq!(told, ["a: /=noatime /data=compress=zstd"]);
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn a_registry_of_all_inputs_costs_nothing() {
    let registry = "{ lib, inputs, ... }: { \
                    nix.registry = lib.mapAttrs (_: flake: { inherit flake; }) inputs; \
                    nix.settings.auto-optimise-store = true; }";
    let outputs = "{ nixosConfigurations.a = nixpkgs.lib.nixosSystem { \
                   specialArgs = { inherit inputs; }; \
                   modules = [ ./registry.nix ./root.nix ]; }; \
                   nixosConfigurations.b = nixpkgs.lib.nixosSystem { \
                   specialArgs = { inherit inputs; }; \
                   modules = [ ./registry.nix ./data.nix ]; }; }";
    let (told, unknown) = hosts(outputs, &[("registry.nix", registry)]);
    assert_eq!(told, ["a: /=noatime", "b: /data=compress=zstd"]);
    // A walk through the flakes in it would spend the budget, which is an unknown too.
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn modules_beside_those_that_are_not_known_are_read() {
    // Whether an input offers a module of that name is not known; what it offers is neither.
    let offered = "builtins.map (input: input.nixosModules.default) (builtins.filter \
                   (input: input ? nixosModules && input.nixosModules ? default) \
                   (builtins.attrValues (removeAttrs inputs [ \"self\" ])))";
    for modules in [
        format!("{offered} ++ [ ./root.nix ]"),
        format!("[ ./root.nix ] ++ {offered}"),
        format!("builtins.concatLists [ ({offered}) [ ./root.nix ] ]"),
        "inputs.thing.lib.modules ++ [ ./root.nix ]".to_owned(),
        "[ ./root.nix ] ++ map (m: m) (inputs.thing.lib.modules ++ [ ])".to_owned(),
        "[ { imports = inputs.thing.lib.modules ++ [ ./root.nix ]; } ]".to_owned(),
    ] {
        let outputs = format!(
            "{{ nixosConfigurations.a = nixpkgs.lib.nixosSystem {{ modules = {modules}; }}; }}"
        );
        let (told, unknown) = hosts(&outputs, &[]);
        assert_eq!(told, ["a: /=noatime"], "{modules}");
        assert!(
            unknown.iter().any(|why| why.contains("flake input")),
            "{modules}: {unknown:?}"
        );
    }
}

#[test]
fn a_hive_alone_makes_hosts() {
    let outputs = "{ colmena = { \
                   meta.nixpkgs = import nixpkgs { system = \"x86_64-linux\"; }; \
                   defaults.imports = [ ./root.nix ]; \
                   a = { }; b = { name, ... }: { imports = [ ./data.nix ]; }; }; }";
    let (told, unknown) = hosts(outputs, &[]);
    assert_eq!(told, ["a: /=noatime", "b: /=noatime /data=compress=zstd"]);
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn a_list_that_is_known_in_part_has_no_length() {
    // The condition is as little known as the list.
    let outputs = "let inherit (nixpkgs) lib; some = inputs.thing.lib.modules ++ [ 1 ]; in { \
                   nixosConfigurations.a = lib.nixosSystem { modules = [ ./root.nix \
                   (lib.mkIf (builtins.length some == 2) { fileSystems.\"/\".options = [ \"ro\" ]; }) \
                   (lib.mkIf (some != [ ]) { fileSystems.\"/\".neededForBoot = true; }) \
                   { networking.hostName = builtins.head some; } ]; }; }";
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir(tree.path().join(".git")).unwrap();
    let flake = format!(
        "{{ inputs.thing.url = \"github:somebody/thing\"; \
         inputs.nixpkgs.url = \"github:NixOS/nixpkgs\"; \
         outputs = {{ nixpkgs, ... }}@inputs: {outputs}; }}"
    );
    fs::write(tree.path().join("flake.nix"), flake).unwrap();
    fs::write(tree.path().join("root.nix"), ROOT).unwrap();
    let project = Project::open(tree.path()).unwrap();
    let sources = project.sources();
    let found = project.hosts(&sources).hosts.clone();
    let host = project.evaluate(&sources, &found[0].name).unwrap().host();
    let mount = &host.storage.filesystems[0].mounts[0];
    assert!(mount.options.known().is_none(), "{:?}", mount.options);
    assert!(host.settings.known("networking.hostName").is_none());
}

#[test]
fn literal_sets_of_one_name_merge_at_any_depth() {
    // Nix up to 2.24 refuses this (NixOS/nix issue 11268), later ones read it.
    let twice = r#"{
      boot.kernel.sysctl = { "vm.swappiness" = 10; };
      fileSystems."/" = { device = "/dev/disk/by-label/root"; fsType = "btrfs"; };
      boot = { kernel = { sysctl = { "vm.dirty_ratio" = 5; }; }; };
      fileSystems = { "/" = { options = [ "noatime" ]; }; };
    }"#;
    let outputs =
        "{ nixosConfigurations.a = nixpkgs.lib.nixosSystem { modules = [ ./twice.nix ]; }; }";
    let (told, unknown) = hosts(outputs, &[("twice.nix", twice)]);
    assert_eq!(told, ["a: /=noatime"]);
    assert_eq!(unknown, [""; 0]);
}

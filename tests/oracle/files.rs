//! Owns: files by themselves, with a NixOS on the machine and without.

use std::rc::Rc;

use btrfs_tune::ingest::oracle as told;
use btrfs_tune::model::Found;
use btrfs_tune::nix::oracle::{Places, Subject, ask};
use btrfs_tune::nix::source::Sources;
use serde_json::{Value as Json, json};

use super::common::project::{Git, Project, have, program, ran};
use super::{asked, project, quick, text, value};

/// `<nixpkgs/nixos>`, of our own.
const NIXOS: &str = r#"{ configuration }:
(import ../lib.nix).nixosSystem { modules = [ configuration ./media.nix ]; }
"#;

#[test]
fn a_file_by_itself_is_asked_about_too() {
    if !have("nix-instantiate", "a_file_by_itself_is_asked_about_too") {
        return;
    }
    let project = project(&[
        ("nixpkgs/nixos/default.nix", NIXOS),
        (
            "nixpkgs/nixos/media.nix",
            r#"{ config, lib, ... }: {
  services.jellyfin.enable = lib.mkIf config.zramSwap.enable true;
}"#,
        ),
        (
            "machine/configuration.nix",
            r#"{ pkgs, ... }: {
  imports = [ ./disks.nix ];
  zramSwap.enable = true;
}"#,
        ),
        (
            "machine/disks.nix",
            r#"{ fileSystems."/" = { device = "/dev/vda"; fsType = "btrfs"; options = [ "noatime" ]; }; }"#,
        ),
        (
            "machine/disko.nix",
            r#"{ disko.devices.disk.a = { device = "/dev/vdz"; content = { type = "btrfs"; mountpoint = "/"; }; }; }"#,
        ),
    ]);
    let nixpkgs = format!("nixpkgs={}", project.path.join("nixpkgs").display());
    let file = |name: &str, nix_path: Vec<String>| Subject::File {
        root: project.path.join("machine"),
        file: project.path.join("machine").join(name),
        nix_path,
    };
    let enable = ["services", "jellyfin", "enable"];
    let options = ["fileSystems", "/", "options"];
    let device = ["disko", "devices", "disk", "a", "device"];
    let paths: [&[&str]; 3] = [&enable, &options, &device];
    // With NixOS its modules have their say.
    let configuration = file("configuration.nix", vec![nixpkgs.clone()]);
    let answer = asked(&configuration, &paths).unwrap();
    assert_eq!(value(&answer, &enable), true);
    assert_eq!(value(&answer, &options), json!(["noatime"]));
    // Without it, what the file and its imports say; also about places.
    let answer = asked(&file("configuration.nix", Vec::new()), &paths).unwrap();
    assert!(!answer.entries.contains_key(&enable.map(str::to_owned)[..]));
    assert_eq!(value(&answer, &options), json!(["noatime"]));
    let sources = Rc::new(Sources::new(project.path.clone()));
    let whole = told::question(None, &[]);
    let answer = ask(&file("configuration.nix", Vec::new()), &whole, &quick()).unwrap();
    let machine = project.path.join("machine");
    let places = Places::new(Rc::clone(&sources), answer.source.clone(), &machine);
    let host = told::host("machine", Found::File, &answer, &places, &sources);
    let (_, root) = host.storage.mount("/").unwrap();
    let option = &root.options.known().unwrap()[0];
    assert_eq!(text(&sources, option.at), r#""noatime""#);
    // Disks alone are no NixOS configuration, whatever is installed.
    for nix_path in [Vec::new(), vec![nixpkgs.clone()]] {
        let answer = asked(&file("disko.nix", nix_path), &paths).unwrap();
        assert_eq!(value(&answer, &device), "/dev/vdz");
        assert_eq!(value(&answer, &options), json!(["defaults"]));
    }
    let mut command = program();
    command
        .env("NIX_PATH", &nixpkgs)
        .current_dir(project.path.join("machine"))
        .args(["fix", "--eval", "--format", "json", "configuration.nix"]);
    let ran = ran(command);
    let report: Json = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    let workloads = report["hosts"][0]["workloads"].as_array().unwrap();
    assert!(
        workloads.iter().any(|w| w["kind"] == "nas"),
        "{workloads:?}"
    );
    let note = report["problems"][0]["message"].as_str().unwrap();
    assert!(
        note.contains("said by (") && note.contains("services.jellyfin.enable"),
        "{note}"
    );
}

#[test]
fn two_subvolumes_at_one_place_are_no_disagreement() {
    let test = "two_subvolumes_at_one_place_are_no_disagreement";
    if !have("nix-instantiate", test) {
        return;
    }
    let project = Project::empty(Git::None);
    project.write(
        "disko.nix",
        r#"{ disko.devices.disk.a = { device = "/dev/vda"; content = { type = "btrfs"; subvolumes = {
  "/root" = { mountpoint = "/"; mountOptions = [ "noatime" ]; };
  "/home" = { mountpoint = "/"; mountOptions = [ "noatime" ]; };
}; }; }; }
"#,
    );
    let ran = project.run(&["fix", "--eval", "--format", "json"]);
    let report: Json = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    let problems = report["problems"].as_array().unwrap();
    assert!(
        problems.iter().all(|p| p["severity"] != "error"),
        "{problems:?}"
    );
}

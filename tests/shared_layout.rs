//! Owns: hosts that share files. One patch changes several hosts where each has the same finding
//! and the patch is exactly its remedy; else only the host that is meant.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::project::{Git, Project, have, is_patch, patch_of};
use serde_json::Value as Json;

const LAYOUT: &str = r#"{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/vda";
    content = {
      type = "gpt";
      partitions.root = {
        size = "100%";
        content = {
          type = "btrfs";
          subvolumes."/root" = {
            mountpoint = "/";
            mountOptions = [ "compress=zstd:1" ];
          };
        };
      };
    };
  };
}
"#;

const OPTIONS: &str =
    "disko.devices.disk.main.content.partitions.root.content.subvolumes.\"/root\".mountOptions";

/// A flake of hosts, each made of these files.
fn flake(hosts: &[(&str, &[&str])]) -> Project {
    let project = Project::empty(Git::Root);
    let hosts: String = hosts
        .iter()
        .map(|(name, files)| {
            let files: String = files.iter().map(|f| format!(" ./{f}")).collect();
            format!(
                "      {name} = nixpkgs.lib.nixosSystem {{\n        system = \"x86_64-linux\";\n        \
                 modules = [ disko.nixosModules.disko{files} ];\n      }};\n"
            )
        })
        .collect();
    project.write(
        "flake.nix",
        format!(
            "{{\n  inputs.nixpkgs.url = \"github:NixOS/nixpkgs\";\n  \
             inputs.disko.url = \"github:nix-community/disko\";\n  \
             outputs =\n    {{ nixpkgs, disko, ... }}:\n    {{\n      nixosConfigurations = {{\n{hosts}      \
             }};\n    }};\n}}\n"
        ),
    );
    project.write("layout.nix", LAYOUT);
    let add = std::process::Command::new("git")
        .args(["add", "--all"])
        .current_dir(&project.root)
        .status();
    assert!(add.unwrap().success());
    project
}

fn atime<'r>(report: &'r Json, host: &str) -> Option<&'r Json> {
    let hosts = report["hosts"].as_array().unwrap();
    let host = hosts.iter().find(|h| h["name"] == host).unwrap();
    let mut all = host["findings"].as_array().unwrap().iter();
    all.find(|r| r["rule"] == "mount/atime")
}

fn changed_files(recommendation: &Json) -> Vec<String> {
    let patch = patch_of(recommendation);
    let names = patch.lines().filter_map(|l| l.strip_prefix("+++ b/"));
    names.map(str::to_owned).collect()
}

#[test]
fn hosts_that_want_the_same_get_one_patch() {
    if !have("git", "hosts_that_want_the_same_get_one_patch") {
        return;
    }
    let project = flake(&[
        ("a", &["layout.nix", "a.nix"]),
        ("b", &["layout.nix"]),
        ("c", &["other.nix"]),
    ]);
    project.write("a.nix", "{ networking.hostName = \"a\"; }\n");
    project.write(
        "other.nix",
        LAYOUT.replace("zstd:1\"", "zstd:1\" \"noatime\""),
    );
    let report = project.report();
    let first = atime(&report, "a").unwrap();
    assert_eq!(changed_files(first), ["layout.nix"]);
    assert_eq!(first["hosts"], serde_json::json!(["a", "b"]));
    assert_eq!(first["shared_with"], serde_json::json!([]));
    let second = atime(&report, "b").unwrap();
    assert!(!is_patch(second), "{second}");
    assert_eq!(second["patched_with"], "a");
    // What is to be run on b is told with b.
    let step = &second["commands"][0];
    assert_eq!(step["machine"], "b");
    assert_eq!(step["run"], first["commands"][0]["run"]);
    assert!(atime(&report, "c").is_none());
    project
        .git_apply(&project.run(&["fix", "--diff"]).out)
        .unwrap();
    let after = project.run(&["fix", "--diff"]);
    assert_eq!(after.code, Some(0), "{after:?}");
}

#[test]
fn a_host_alone_still_consults_the_others() {
    if !have("git", "a_host_alone_still_consults_the_others") {
        return;
    }
    let project = flake(&[("a", &["layout.nix"]), ("b", &["layout.nix"])]);
    let ran = project.run(&["fix", "--host", "b", "--format", "json"]);
    let report: Json = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["hosts"].as_array().unwrap().len(), 1);
    let only = atime(&report, "b").unwrap();
    assert_eq!(changed_files(only), ["layout.nix"]);
    assert_eq!(only["hosts"], serde_json::json!(["a", "b"]));
}

#[test]
fn a_host_that_does_not_want_it_stays_as_it_is() {
    if !have("git", "a_host_that_does_not_want_it_stays_as_it_is") {
        return;
    }
    let project = flake(&[
        ("a", &["layout.nix", "a.nix"]),
        ("b", &["layout.nix", "b.nix"]),
    ]);
    project.write("a.nix", "{\n  networking.hostName = \"a\";\n}\n");
    project.write("b.nix", format!("{{\n  {OPTIONS} = [ \"noatime\" ];\n}}\n"));
    let report = project.report();
    let first = atime(&report, "a").unwrap();
    assert_eq!(first["hosts"], serde_json::json!(["a"]), "{first}");
    assert!(
        !changed_files(first).contains(&"layout.nix".to_owned()),
        "{first}"
    );
    assert!(atime(&report, "b").is_none());
}

#[test]
fn a_file_that_others_read_and_do_not_see_is_told() {
    if !have("git", "a_file_that_others_read_and_do_not_see_is_told") {
        return;
    }
    let project = flake(&[("a", &["layout.nix"]), ("b", &["layout.nix", "b.nix"])]);
    project.write(
        "b.nix",
        format!("{{ lib, ... }}:\n{{\n  {OPTIONS} = lib.mkForce [ \"noatime\" ];\n}}\n"),
    );
    let report = project.report();
    let first = atime(&report, "a").unwrap();
    assert_eq!(changed_files(first), ["layout.nix"]);
    assert_eq!(first["hosts"], serde_json::json!(["a"]));
    assert_eq!(first["shared_with"], serde_json::json!(["b"]));
    let text = project.run(&["fix", "--diff"]).out;
    assert!(
        text.contains("is read by b too; nothing changes there"),
        "{text}"
    );
}

#[test]
fn the_real_nix_confirms_a_patch_of_two_hosts() {
    let test = "the_real_nix_confirms_a_patch_of_two_hosts";
    if !have("git", test) || !have("nix-instantiate", test) {
        return;
    }
    let project = flake(&[("a", &["layout.nix"]), ("b", &["layout.nix"])]);
    let ran = project.run(&["fix", "--verify", "--format", "json"]);
    let report: Json = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let first = atime(&report, "a").unwrap();
    assert_eq!(first["hosts"], serde_json::json!(["a", "b"]));
    // The inputs are in no store here, so it is told what was asked instead.
    let problems = report["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 2, "{problems:?}");
    for problem in problems {
        assert_eq!(problem["severity"], "note", "{problem}");
        assert!(
            problem["message"]
                .as_str()
                .unwrap()
                .contains("without nixpkgs"),
            "{problem}"
        );
    }
}

//! Owns: edits where more than one file speaks of the same thing: beside disko, in another module,
//! or in a module that cannot be read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::rc::Rc;

use btrfs_tune::project::{HostName, Project};
use btrfs_tune::recommend::{Action, MountEdit};
use btrfs_tune::rewrite::Workspace;
use serde_json::{Value as Json, json};

const FLAKE: &str = r#"{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs";
  inputs.disko.url = "github:nix-community/disko";
  outputs = { nixpkgs, disko, ... }: {
    nixosConfigurations.a = nixpkgs.lib.nixosSystem {
      system = "x86_64-linux";
      modules = [ disko.nixosModules.disko ./a.nix ];
    };
  };
}
"#;

const DISKO: &str = r#"{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/vda";
    content = {
      type = "gpt";
      partitions.root.content = {
        type = "btrfs";
        subvolumes.root = { mountpoint = "/"; mountOptions = [ "noatime" "thread_pool=8" ]; };
      };
    };
  };
}
"#;

fn workspace(directory: &Path, files: &[(&str, &str)], entry: &str) -> (Workspace, HostName) {
    for (name, text) in files {
        std::fs::write(directory.join(name), text).unwrap();
    }
    let project = Rc::new(Project::open(&directory.join(entry)).unwrap());
    let sources = project.sources();
    let names = project.hosts(&sources).names();
    let (workspace, failed) = Workspace::open(project, sources, &names);
    assert!(failed.is_empty(), "{failed:?}");
    let [host] = names.as_slice() else {
        panic!("{names:?}");
    };
    (workspace, host.clone())
}

fn path(text: &str) -> Vec<String> {
    text.split('|').map(str::to_owned).collect()
}

fn swappiness() -> Action {
    Action::SetNixosOption {
        path: path("boot|kernel|sysctl|vm.swappiness"),
        value: json!(10),
    }
}

/// What changes, by path.
fn changes(workspace: &Workspace, host: &HostName, action: Action) -> Vec<(String, Json)> {
    let proven = workspace.prove(host, &[action]).expect("a proof");
    let told = |c: &btrfs_tune::nix::module::Change| (c.path.join("|"), c.after.clone().into());
    proven.changes.iter().map(told).collect()
}

#[test]
fn an_option_in_both_lists_of_a_mount_goes_from_both() {
    let directory = tempfile::tempdir().unwrap();
    let beside = "{\n  imports = [ ./disko.nix ];\n  \
                  fileSystems.\"/\".options = [ \"thread_pool=8\" \"lazytime\" ];\n}\n";
    let files = [
        ("flake.nix", FLAKE),
        ("a.nix", beside),
        ("disko.nix", DISKO),
    ];
    let (workspace, host) = workspace(directory.path(), &files, ".");
    let action = |add: &[&str]| Action::EditMountOptions {
        mounts: vec![MountEdit {
            mountpoint: "/".to_owned(),
            remove: vec!["thread_pool=8".to_owned()],
            add: add.iter().map(|a| (*a).to_owned()).collect(),
        }],
    };
    let disko =
        "disko|devices|disk|main|content|partitions|root|content|subvolumes|root|mountOptions";
    assert_eq!(
        changes(&workspace, &host, action(&[])),
        [
            (disko.to_owned(), json!(["noatime"])),
            ("fileSystems|/|options".to_owned(), json!(["lazytime"])),
        ]
    );
    // What takes its place comes once.
    assert_eq!(
        changes(&workspace, &host, action(&["thread_pool=4"])),
        [
            (disko.to_owned(), json!(["noatime", "thread_pool=4"])),
            ("fileSystems|/|options".to_owned(), json!(["lazytime"])),
        ]
    );
}

/// nixpkgs: an importing module is defined after what it imports, and the submodule that each
/// `fileSystems.<name>` is turns that round (measured with `lib.evalModules` of nixpkgs).
#[test]
fn claims_tell_lists_of_submodules_in_the_order_of_nixos() {
    let directory = tempfile::tempdir().unwrap();
    let own = "{\n  imports = [ ./hardware.nix ];\n  \
               fileSystems.\"/\".options = [ \"noatime\" ];\n}\n";
    let hardware = "{\n  fileSystems.\"/\" = {\n    device = \"/dev/vda\";\n    fsType = \"btrfs\";\n    \
                    options = [ \"subvol=root\" ];\n  };\n}\n";
    let files = [
        ("flake.nix", FLAKE),
        ("a.nix", own),
        ("hardware.nix", hardware),
    ];
    let (workspace, host) = workspace(directory.path(), &files, ".");
    let action = Action::EditMountOptions {
        mounts: vec![MountEdit {
            mountpoint: "/".to_owned(),
            remove: vec!["noatime".to_owned()],
            add: vec!["relatime".to_owned()],
        }],
    };
    assert_eq!(
        changes(&workspace, &host, action),
        [(
            "fileSystems|/|options".to_owned(),
            json!(["relatime", "subvol=root"])
        )]
    );
}

#[test]
fn an_option_that_an_unread_module_may_set_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    // A function of a later nixpkgs: what it gives is not known here.
    let unread = "{ lib, ... }:\n{\n  imports = [\n    ./disko.nix\n    \
                  (lib.trivial.notKnownHere ./more)\n  ];\n}\n";
    let files = [
        ("flake.nix", FLAKE),
        ("a.nix", unread),
        ("disko.nix", DISKO),
    ];
    let (workspace, host) = workspace(directory.path(), &files, ".");
    let stuck = workspace.prove(&host, &[swappiness()]).unwrap_err();
    let why = "a module that could not be read may set boot.kernel.sysctl.vm.swappiness too";
    assert!(stuck.why.starts_with(why), "{}", stuck.why);
    assert!(stuck.at.is_some());
}

#[test]
fn what_a_file_by_itself_asks_for_hides_no_import_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let host = "{ ... }:\n{\n  imports = [ ./common.nix ./disko.nix ];\n  \
                networking.hostName = \"a\";\n}\n";
    let common = "{ outputs, ... }:\n{\n  imports = [ ./sysctl.nix ] ++ builtins.attrValues \
                  outputs.nixosModules;\n}\n";
    let sysctl = "{ boot.kernel.sysctl.\"vm.swappiness\" = 60; }\n";
    let files = [
        ("host.nix", host),
        ("common.nix", common),
        ("sysctl.nix", sysctl),
        ("disko.nix", DISKO),
    ];
    let (workspace, host) = workspace(directory.path(), &files, "host.nix");
    let proven = workspace.prove(&host, &[swappiness()]).unwrap();
    let change = &proven.changes[0];
    assert_eq!(
        (&change.before, &change.after),
        (&Some(json!(60)), &Some(json!(10)))
    );
}

//! Owns: `fix --verify` as a whole: what the real Nix confirms stays, what it contradicts is taken
//! back, and it is asked no more often than needed. The flakes have inputs of their own that stand
//! for nixpkgs and disko, locked to directories, so that the question is the one a NixOS is asked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::project::{Git, HOSTS, Project, Ran, SMALL, have, program, ran};
use serde_json::json;
use tempfile::TempDir;

/// What stands for disko: it makes mounts of subvolumes.
const DISKO: &str = r#"{
  outputs = _: {
    nixosModules.disko =
      { config, ... }:
      with builtins;
      let
        all = set: map (name: { inherit name; } // set.${name}) (attrNames set);
        partitions = concatMap (disk: all disk.content.partitions) (all (config.disko.devices.disk or { }));
        mountOf = subvolume: {
          name = subvolume.mountpoint;
          value = {
            device = "/dev/disk/by-partlabel/disk-main-root";
            fsType = "btrfs";
            options = subvolume.mountOptions ++ [ "subvol=${subvolume.name}" ];
          };
        };
      in
      {
        fileSystems = listToAttrs (concatMap (p: map mountOf (all p.content.subvolumes)) partitions);
      };
  };
}
"#;

/// Modules that no static reading sees into.
const SITE: &str = r#"{
  outputs = _: {
    nixosModules.quiet = { };
    # Something else depends on what is edited.
    nixosModules.watching =
      { config, ... }:
      {
        systemd.tmpfiles.rules =
          if builtins.elem "nodatacow" config.fileSystems."/home".options then
            [ "d /home/images 0755 - - - -" ]
          else
            [ ];
      };
    # What is edited is overridden.
    nixosModules.forcing =
      { lib, ... }:
      {
        fileSystems."/data".options = lib.mkForce [ "noatime" "nodiratime" ];
      };
  };
}
"#;

const FLAKE: &str = r#"{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs";
  inputs.disko.url = "github:nix-community/disko";
  inputs.site.url = "github:example/site";
  outputs =
    { nixpkgs, disko, site, ... }:
    {
      nixosConfigurations.box = nixpkgs.lib.nixosSystem {
        modules = [ disko.nixosModules.disko site.nixosModules.BOX ./disks.nix ./box.nix ];
      };
      nixosConfigurations.shelf = nixpkgs.lib.nixosSystem {
        modules = [ site.nixosModules.SHELF ./shelf.nix ];
      };
    };
}
"#;

const BOX: &str = r#"{
  networking.hostName = "box";
}
"#;

const SHELF: &str = r#"{
  networking.hostName = "shelf";

  fileSystems."/" = {
    device = "/dev/vda2";
    fsType = "btrfs";
    options = [ "noatime" "compress=zstd:3" ];
  };

  fileSystems."/data" = {
    device = "/dev/vdb1";
    fsType = "btrfs";
    options = [ "noatime" "nodiratime" "compress=zstd:3" ];
  };
}
"#;

/// A flake with two machines, and the inputs that it is locked to.
struct Flake {
    project: Project,
    _inputs: TempDir,
}

impl Flake {
    /// With these modules of the site in its machines.
    fn with(in_box: &str, in_shelf: &str) -> Flake {
        let inputs = tempfile::tempdir().unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle/nixpkgs");
        let nixpkgs = |name: &str| fs::read_to_string(fixture.join(name)).unwrap();
        for (name, file, text) in [
            ("nixpkgs", "flake.nix", nixpkgs("flake.nix").as_str()),
            ("nixpkgs", "lib.nix", nixpkgs("lib.nix").as_str()),
            ("disko", "flake.nix", DISKO),
            ("site", "flake.nix", SITE),
        ] {
            fs::create_dir_all(inputs.path().join(name)).unwrap();
            fs::write(inputs.path().join(name).join(file), text).unwrap();
        }
        let project = Project::empty(Git::Root);
        let flake = FLAKE.replace("BOX", in_box).replace("SHELF", in_shelf);
        project.write("flake.nix", flake);
        project.write("flake.lock", lock(inputs.path()));
        project.write("disks.nix", SMALL);
        project.write("box.nix", BOX);
        project.write("shelf.nix", SHELF);
        project.commit_all();
        Flake {
            project,
            _inputs: inputs,
        }
    }
}

/// A lock file that takes the inputs from a directory, so that nothing has to be fetched.
fn lock(inputs: &Path) -> String {
    let (mut nodes, mut names) = (serde_json::Map::new(), serde_json::Map::new());
    for (name, owner) in [
        ("nixpkgs", "NixOS"),
        ("disko", "nix-community"),
        ("site", "example"),
    ] {
        let path = inputs.join(name);
        let mut command = Command::new("nix");
        command.args(["--extra-experimental-features", "nix-command"]);
        let hashed = command.args(["hash", "path"]).arg(&path).output().unwrap();
        assert!(hashed.status.success(), "{hashed:?}");
        let hash = String::from_utf8(hashed.stdout).unwrap();
        let node = json!({
            "locked": { "type": "path", "path": path, "narHash": hash.trim() },
            "original": { "type": "github", "owner": owner, "repo": name },
        });
        nodes.insert(name.to_owned(), node);
        names.insert(name.to_owned(), name.into());
    }
    nodes.insert("root".to_owned(), json!({ "inputs": names }));
    json!({ "nodes": nodes, "root": "root", "version": 7 }).to_string()
}

/// A directory for PATH whose `nix-instantiate` notes each evaluation before it is done.
struct Counting {
    directory: TempDir,
}

impl Counting {
    fn new() -> Counting {
        let directory = tempfile::tempdir().unwrap();
        let found = Command::new("sh")
            .args(["-c", "command -v nix-instantiate"])
            .output();
        let real = String::from_utf8(found.unwrap().stdout).unwrap();
        let log = directory.path().join("log");
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in *' --eval '*) echo once >> '{}';; esac\nexec '{}' \"$@\"\n",
            log.display(),
            real.trim()
        );
        let path = directory.path().join("nix-instantiate");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Counting { directory }
    }

    fn run(&self, at: &Path, arguments: &[&str]) -> Ran {
        let mut paths = vec![self.directory.path().to_path_buf()];
        paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        let mut command = program();
        command.env("PATH", std::env::join_paths(paths).unwrap());
        command.current_dir(at).args(arguments);
        ran(command)
    }

    /// How often Nix evaluated since the last time.
    fn evaluations(&self) -> usize {
        let log = self.directory.path().join("log");
        let lines = fs::read_to_string(&log).unwrap_or_default().lines().count();
        let _ = fs::remove_file(log);
        lines
    }
}

const WITHOUT_NIXOS: &str = "Nix was asked what the files alone say";

/// The lines of patches.
fn diff(out: &str) -> Vec<&str> {
    let lines = out.lines();
    lines
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .collect()
}

fn has(tools: &[&str], test: &str) -> bool {
    tools.iter().all(|tool| have(tool, test))
}

#[test]
fn a_nixos_is_asked_twice_about_each_machine() {
    if !has(
        &["nix", "nix-instantiate", "git"],
        "fix --verify of a flake",
    ) {
        return;
    }
    let flake = Flake::with("quiet", "quiet");
    let counting = Counting::new();
    let plain = flake.project.run(&["fix"]);
    let ran = counting.run(&flake.project.path, &["fix", "--verify"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(!ran.out.contains(WITHOUT_NIXOS), "{}", ran.out);
    assert_eq!(diff(&ran.out), diff(&plain.out));
    for removed in ["nodatacow", "nodiratime"] {
        let is_removed = |l: &&str| l.starts_with('-') && l.contains(removed);
        assert!(diff(&ran.out).iter().any(is_removed), "{}", ran.out);
    }
    assert!(ran.out.contains("b/shelf.nix"), "{}", ran.out);
    assert_eq!(counting.evaluations(), 4, "two machines, before and after");
}

#[test]
fn what_else_nix_sees_change_takes_back_the_patches_of_that_machine() {
    if !has(
        &["nix", "nix-instantiate", "git"],
        "fix --verify of a flake",
    ) {
        return;
    }
    let flake = Flake::with("watching", "quiet");
    let counting = Counting::new();
    let ran = counting.run(&flake.project.path, &["fix", "--verify"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let said = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.replace("# ", "")
            .contains("Nix says that systemd.tmpfiles.rules changes too"),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("b/disks.nix"), "{}", ran.out);
    assert!(ran.out.contains("b/shelf.nix"), "{}", ran.out);
    // Two machines before and after; then the other one with what is left.
    assert_eq!(counting.evaluations(), 5);
}

#[test]
fn nothing_that_nix_contradicts_is_written() {
    if !has(
        &["nix", "nix-instantiate", "git"],
        "fix --verify of a flake",
    ) {
        return;
    }
    let flake = Flake::with("quiet", "forcing");
    let before = flake.project.nix_files();
    let ran = flake.project.run(&["fix", "--write", "--verify"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let said = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.replace("# ", "")
            .contains("fileSystems./data.options is said to change"),
        "{}",
        ran.out
    );
    assert_eq!(flake.project.nix_files(), before);
}

#[test]
fn what_nix_confirms_is_written_and_leaves_nothing() {
    if !has(
        &["nix", "nix-instantiate", "git"],
        "fix --verify of a flake",
    ) {
        return;
    }
    let flake = Flake::with("quiet", "quiet");
    let ran = flake.project.run(&["fix", "--write", "--verify"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(flake.project.nix_files() != Flake::with("quiet", "quiet").project.nix_files());
    let again = flake.project.run(&["fix", "--verify"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(diff(&again.out), Vec::<&str>::new());
}

#[test]
fn each_fixture_is_confirmed_by_what_its_files_say() {
    if !has(&["nix-instantiate"], "fix --verify of the fixtures") {
        return;
    }
    for host in HOSTS {
        let project = Project::of(host, Git::Root);
        let plain = project.run(&["fix"]);
        let ran = project.run(&["fix", "--verify"]);
        assert_eq!(ran.code, Some(1), "{host}: {ran:?}");
        let said = ran.out.matches(WITHOUT_NIXOS).count();
        assert_eq!(said, 1, "{host}: it says who was asked: {}", ran.out);
        assert!(!diff(&ran.out).is_empty(), "{host}");
        assert_eq!(diff(&ran.out), diff(&plain.out), "{host}");
    }
}

#[test]
fn files_by_themselves_are_asked_about_twice() {
    if !has(&["nix-instantiate"], "fix --verify of a file") {
        return;
    }
    for (name, text, removed) in [
        ("disko.nix", SMALL, "nodatacow"),
        ("configuration.nix", SHELF, "nodiratime"),
    ] {
        let project = Project::empty(Git::None);
        project.write(name, text);
        let counting = Counting::new();
        let ran = counting.run(&project.path, &["fix", "--verify", name]);
        assert_eq!(ran.code, Some(1), "{name}: {ran:?}");
        assert!(ran.out.contains(WITHOUT_NIXOS), "{name}: {}", ran.out);
        let is_removed = |l: &&str| l.starts_with('-') && l.contains(removed);
        assert!(diff(&ran.out).iter().any(is_removed), "{name}: {}", ran.out);
        assert_eq!(counting.evaluations(), 2, "{name}");
    }
}

#[test]
fn without_nix_it_says_so() {
    let project = Project::small(Git::None, "disko.nix");
    let before = project.nix_files();
    let empty = tempfile::tempdir().unwrap();
    let only_shell = tempfile::tempdir().unwrap();
    let shell: PathBuf = ["/bin/sh", "/run/current-system/sw/bin/sh"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .unwrap();
    symlink(shell, only_shell.path().join("sh")).unwrap();
    for path in [empty.path(), only_shell.path()] {
        for way in ["--diff", "--write"] {
            let mut command = program();
            command.env("PATH", path).current_dir(&project.path);
            command.args(["fix", way, "--verify"]);
            let ran = ran(command);
            assert_eq!(ran.code, Some(2), "{path:?} {way}: {ran:?}");
            assert!(ran.err.contains("cannot be verified"), "{}", ran.err);
            assert!(ran.err.contains("install Nix"), "{}", ran.err);
            assert_eq!(diff(&ran.out), Vec::<&str>::new());
        }
    }
    assert_eq!(project.nix_files(), before);
}

#[test]
fn the_helper_takes_from_lists_as_nixpkgs_does() {
    if !has(&["nix-instantiate"], "lib.remove and lib.subtractLists") {
        return;
    }
    // The examples of nixpkgs' own documentation: lib/lists.nix, release 25.11.
    let project = Project::empty(Git::None);
    project.write(
        "disko.nix",
        "{ lib, ... }: { services.remove = lib.remove 3 [ 1 3 4 3 ]; \
         services.subtract = lib.subtractLists [ 3 2 ] [ 1 2 3 4 5 3 ]; \
         services.none = lib.remove \"x\" [ ]; }",
    );
    let said = project.evaluate().unwrap();
    let expected = json!({ "none": [], "remove": [1, 4], "subtract": [1, 4, 5] });
    assert_eq!(said["config"]["services"], expected);
}

//! Owns: what proposals set and trade on a real machine's files, and a plan that does not settle.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::rc::Rc;

use btrfs_tune::model::{Facts, Host};
use btrfs_tune::project::{HostName, Project};
use btrfs_tune::recommend::action::{Good, Setting, contradiction};
use btrfs_tune::recommend::{Action, DirectoryAttribute, MkfsSetting, MountEdit};
use btrfs_tune::rewrite::{Workspace, realise};

fn workstation() -> (Workspace, HostName) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts/workstation");
    let project = Rc::new(Project::open(&path).unwrap());
    let sources = project.sources();
    let hosts = project.hosts(&sources).names();
    let (workspace, failed) = Workspace::open(project, sources, &hosts);
    assert!(failed.is_empty());
    (workspace, hosts[0].clone())
}

fn host() -> Host {
    let (workspace, name) = workstation();
    workspace.evaluate(&name).unwrap().host()
}

fn edit(mountpoint: &str, remove: &[&str], add: &[&str]) -> Action {
    let texts = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect();
    Action::EditMountOptions {
        mounts: vec![MountEdit {
            mountpoint: mountpoint.to_owned(),
            remove: texts(remove),
            add: texts(add),
        }],
    }
}

#[test]
fn options_of_the_filesystem_contradict_each_other_across_its_mounts() {
    let host = host();
    let filesystem = host.storage.filesystems.first().unwrap();
    let mounts: Vec<&str> = filesystem
        .mounts
        .iter()
        .map(|m| m.mountpoint.as_str())
        .collect();
    let (a, b) = (mounts[0], mounts[1]);
    let against = |one: &Action, other: &Action| {
        let (one, other) = (one.sets(&host), other.sets(&host));
        contradiction(&one, &other).map(|t| t.describe())
    };
    // The filesystem has one compression, whichever mount says so.
    let one = edit(a, &[], &["compress=zstd:1"]);
    assert!(against(&one, &edit(b, &[], &["compress=zstd:3"])).is_some());
    assert_eq!(against(&one, &edit(b, &[], &["compress=zstd:1"])), None);
    // `compress` and `compress-force` are one thing.
    assert!(against(&one, &edit(a, &[], &["compress-force=zstd:1"])).is_some());
    // Each mount has its own access times.
    let noatime = edit(a, &[], &["noatime"]);
    assert_eq!(against(&noatime, &edit(b, &[], &["relatime"])), None);
    assert!(against(&noatime, &edit(a, &[], &["relatime"])).is_some());
    // To take an idle one away from one mount is no contradiction to setting it on another.
    assert_eq!(against(&one, &edit(b, &["compress=zstd:9"], &[])), None);
    assert!(against(&one, &edit(a, &["compress=zstd:9"], &[])).is_some());
    // What is replaced is set, not gone.
    let replaced = edit(a, &["compress=zstd:9"], &["compress=zstd:1"]).sets(&host);
    assert!(
        replaced.iter().all(|s| s.to != Setting::Gone),
        "{replaced:?}"
    );
}

#[test]
fn what_is_traded_away_is_known_by_the_action() {
    let host = host();
    let filesystem = host.storage.filesystems.first().unwrap();
    let at = filesystem.mounts[0].mountpoint.as_str();
    let goods = |action: &Action| -> Vec<Good> {
        action.trades(&host).into_iter().map(|t| t.good).collect()
    };
    assert_eq!(goods(&edit(at, &[], &["noatime"])), []);
    assert_eq!(goods(&edit(at, &[], &["commit=15"])), []);
    assert_eq!(goods(&edit(at, &[], &["commit=120"])), [Good::Durability]);
    assert_eq!(goods(&edit(at, &[], &["nobarrier"])), [Good::Consistency]);
    assert_eq!(goods(&edit(at, &[], &["notreelog"])), [Good::FsyncTime]);
    let cow = goods(&edit(at, &[], &["nodatacow"]));
    assert!(
        cow.contains(&Good::Checksums) && cow.contains(&Good::Compression),
        "{cow:?}"
    );
    let directory = Action::SetDirectoryAttribute {
        directory: format!("{}/x", at.trim_end_matches('/')),
        attribute: DirectoryAttribute::NoCow,
    };
    assert!(goods(&directory).contains(&Good::Checksums));
    let btrfs_tune::model::StorageSource::Disko(path) = &filesystem.source else {
        panic!("the workstation is described by disko");
    };
    let profile = |name: &str| Action::SetMkfs {
        filesystem: path.clone(),
        setting: MkfsSetting::MetadataProfile(name.to_owned()),
    };
    assert_eq!(goods(&profile("single")), [Good::Redundancy]);
    assert_eq!(goods(&profile("dup")), []);
}

#[test]
fn a_plan_that_does_not_settle_is_a_problem() {
    let (workspace, name) = workstation();
    let facts = Facts::default();
    let (settled, realised) = realise(&workspace, &name, &facts, &|_| true);
    assert!(!realised.is_empty());
    assert_eq!(settled.problems(), []);
    let (unsettled, _) =
        btrfs_tune::rewrite::realise::within(1, &workspace, &name, &facts, &|_| true);
    let problems = unsettled.problems();
    assert!(!problems.is_empty());
    assert!(
        problems[0]
            .message
            .contains("did not settle within 1 rounds"),
        "{problems:?}"
    );
}

//! Rules about what mounts do beside their options: when they are made, and what runs.

use serde_json::json;

use super::host::{
    filesystem, findings, options, set, set_kernel, set_mounted, settle, with_mounts,
};
use crate::analyze::Analysis;
use crate::model::{Host, Located, Texts, UnknownFact};
use crate::recommend::{Applicability, Finding, Severity};

fn found(id: &str, host: &Host) -> Vec<Finding> {
    let found = findings(id, host, &Analysis::default());
    found.into_iter().map(|(finding, _)| finding).collect()
}

fn message(id: &str, host: &Host) -> String {
    found(id, host)
        .first()
        .map(|f| f.message.clone())
        .unwrap_or_default()
}

fn unknown(what: &str) -> UnknownFact {
    UnknownFact {
        what: what.to_owned(),
        why: "nobody knows".to_owned(),
        at: None,
    }
}

const NEEDED: &str = "mount/needed-for-boot";

fn persisting(root: &str) -> Host {
    let mut host = with_mounts(&[("/nix", &["noatime"]), ("/persist", &["noatime"])]);
    let directories = format!("environment.persistence.{root}.directories");
    set(&mut host, &directories, json!(["/etc/ssh"]));
    host
}

#[test]
fn a_place_below_a_late_mount_is_found_and_mended() {
    let mut host = persisting("/persist/system");
    assert_eq!(found(NEEDED, &host)[0].severity, Severity::Error);
    assert!(message(NEEDED, &host).contains("gone after the next boot"));
    settle(NEEDED, &mut host, &Analysis::default());
    assert!(host.storage.mount("/persist").unwrap().1.needed_for_boot);
    assert!(message(NEEDED, &persisting("/persist")).contains("cannot be built"));
}

#[test]
fn a_place_that_is_mounted_early_or_not_known_to_be_late_is_left_alone() {
    assert!(found(NEEDED, &persisting("/nix/persist")).is_empty());
    assert!(found(NEEDED, &persisting("/elsewhere")).is_empty());
    let changed = |change: fn(&mut Host)| {
        let mut host = persisting("/persist");
        change(&mut host);
        found(NEEDED, &host).len()
    };
    assert_eq!(changed(|_| {}), 1);
    assert_eq!(changed(|h| h.skipped.push(unknown("a module"))), 0);
    assert_eq!(
        changed(|h| h
            .unknown
            .push(unknown("fileSystems./persist.neededForBoot"))),
        0
    );
    assert_eq!(
        changed(|h| set(h, "environment.persistence./persist.enable", false)),
        0
    );
    assert_eq!(
        changed(|h| set(h, "environment.persistence./persist.directories", json!([]))),
        0
    );
    assert_eq!(
        changed(|h| set(
            h,
            "environment.persistence./persist.persistentStoragePath",
            "/nix/p"
        )),
        0
    );
    let by_hand = |h: &mut Host| {
        let all = Texts::unwritten(&["noatime", "x-initrd.mount"]);
        h.storage.filesystems[0].mounts[1].options = all;
    };
    assert_eq!(changed(by_hand), 0);
}

#[test]
fn preservation_needs_it_for_what_is_in_the_initrd() {
    let mut host = with_mounts(&[("/nix", &["noatime"]), ("/persist", &["noatime"])]);
    let files = "preservation.preserveAt./persist.files";
    set(
        &mut host,
        files,
        json!([{"file": "/etc/machine-id", "inInitrd": true}]),
    );
    assert!(found(NEEDED, &host).is_empty(), "it is not on");
    set(&mut host, "preservation.enable", true);
    assert!(message(NEEDED, &host).contains("not mounted there"));
    set(
        &mut host,
        files,
        json!([{"file": "/etc/machine-id"}, "/etc/adjtime"]),
    );
    assert!(found(NEEDED, &host).is_empty());
}

const NOFAIL: &str = "mount/nofail-on-essential";

#[test]
fn nofail_goes_where_the_system_writes() {
    let mut host = with_mounts(&[("/home", &["noatime", "nofail"]), ("/srv", &["nofail"])]);
    let found = findings(NOFAIL, &host, &Analysis::default());
    assert_eq!(found.len(), 1);
    let remedy = found[0].1.as_ref().unwrap();
    assert_eq!(remedy.applicability, Applicability::Consent);
    settle(NOFAIL, &mut host, &Analysis::default());
    assert_eq!(options(&host, "/home"), ["noatime"]);
    assert_eq!(options(&host, "/srv"), ["nofail"]);
    // A list must not become empty.
    let mut host = with_mounts(&[("/home", &["nofail"])]);
    settle(NOFAIL, &mut host, &Analysis::default());
    assert_eq!(options(&host, "/home"), ["defaults"]);
}

#[test]
fn what_waits_by_itself_may_be_absent() {
    for quiet in [
        ("/home", ["nofail", "x-systemd.automount"]),
        ("/home", ["noauto", "x-systemd.automount"]),
        ("/srv/backup", ["nofail", "noatime"]),
        ("/var/lib/postgresql", ["nofail", "noatime"]),
    ] {
        let host = with_mounts(&[(quiet.0, &quiet.1)]);
        assert!(found(NOFAIL, &host).is_empty(), "{quiet:?}");
    }
    let host = with_mounts(&[("/home", &["noauto", "noatime"])]);
    assert!(message(NOFAIL, &host).contains("not mounted at boot"));
}

#[test]
fn in_the_initrd_it_matters_under_systemd_alone() {
    let mut host = with_mounts(&[("/", &["noatime"]), ("/var/log", &["noatime", "nofail"])]);
    assert!(found(NOFAIL, &host).is_empty());
    set(&mut host, "boot.initrd.systemd.enable", true);
    assert!(message(NOFAIL, &host).contains("the journal"));
}

#[test]
fn a_place_that_persists_is_essential() {
    let mut host = persisting("/persist");
    host.storage.filesystems[0].mounts[1].options = Texts::unwritten(&["nofail"]);
    assert!(message(NOFAIL, &host).contains("what has to persist"));
}

const READ_ONLY: &str = "mount/read-only-subvolume";

#[test]
fn read_only_beside_read_write_is_a_hazard() {
    let host = with_mounts(&[("/srv", &["noatime"]), ("/srv/old", &["noatime", "ro"])]);
    assert_eq!(found(READ_ONLY, &host)[0].severity, Severity::Warning);
    assert!(message(READ_ONLY, &host).contains("/srv turns read-only too"));
    let busy = with_mounts(&[("/", &["noatime"]), ("/old", &["noatime", "ro"])]);
    assert_eq!(found(READ_ONLY, &busy)[0].severity, Severity::Advice);
    assert!(message(READ_ONLY, &busy).contains("EBUSY"));
    let mut swap = host;
    set(
        &mut swap,
        "swapDevices",
        json!([{"device": "/srv/swapfile"}]),
    );
    assert!(message(READ_ONLY, &swap).contains("EBUSY"));
    for quiet in [["ro", "noatime"], ["rw", "noatime"]] {
        let host = with_mounts(&[("/srv", &quiet), ("/srv/old", &quiet)]);
        assert!(found(READ_ONLY, &host).is_empty(), "{quiet:?}");
    }
    let mut unread = with_mounts(&[("/srv", &["noatime"]), ("/srv/old", &["ro"])]);
    unread.storage.filesystems[0].mounts[0].options = Texts::Unknown(unknown("options"));
    assert!(found(READ_ONLY, &unread).is_empty());
}

#[test]
fn a_read_only_mount_that_comes_first_is_told() {
    let order = "take over values and no switches";
    let first = with_mounts(&[("/", &["noatime", "ro"]), ("/home", &["noatime"])]);
    assert!(message(READ_ONLY, &first).contains(order));
    let later = with_mounts(&[("/", &["noatime"]), ("/home", &["noatime", "ro"])]);
    assert!(!message(READ_ONLY, &later).contains(order));
}

const REMOVAL: &str = "mount/removal-needs-negation";
const DRIFT: &str = "mount/drift";

fn runs(configured: &[&str], shown: &[&str]) -> Host {
    let mut host = with_mounts(&[("/", configured)]);
    set_mounted(&mut host, "/", shown);
    host.metrics.mounts[0].value.mount_options = vec!["rw".to_owned(), "relatime".to_owned()];
    set_kernel(&mut host, "6.18.44");
    host
}

#[test]
fn what_nothing_asks_for_stays_until_it_is_taken_back() {
    let host = runs(
        &["compress=zstd"],
        &["compress=zstd:3", "autodefrag", "commit=120"],
    );
    let message = message(REMOVAL, &host);
    assert!(
        message.contains("`autodefrag` and `commit=120` were in force"),
        "{message}"
    );
    assert!(
        message.contains("`mount -o remount,noautodefrag,commit=30 /`"),
        "{message}"
    );
    assert!(found(DRIFT, &host).is_empty(), "the other rule says it");
}

#[test]
fn one_negation_takes_back_two_options_and_some_have_none() {
    let nocow = message(REMOVAL, &runs(&["noatime"], &["nodatasum", "nodatacow"]));
    assert!(nocow.contains("remount,datasum /`"), "{nocow}");
    let none = message(
        REMOVAL,
        &runs(&["compress=no"], &["user_subvol_rm_allowed"]),
    );
    assert!(none.contains("there is no negation"), "{none}");
    assert!(!none.contains("mount -o"), "{none}");
}

#[test]
fn access_times_stay_off_for_a_mount_point() {
    let mut host = runs(&["compress=zstd"], &["compress=zstd:3"]);
    host.metrics.mounts[0].value.mount_options[1] = "noatime".to_owned();
    assert!(message(REMOVAL, &host).contains("`mount -o remount,relatime /`"));
    let mut host = runs(&["noatime"], &[]);
    assert!(found(REMOVAL, &host).is_empty());
    assert!(message(DRIFT, &host).contains("on / `noatime` is asked for"));
    // `noatime` sets all kinds anew.
    host = runs(&["noatime"], &[]);
    host.metrics.mounts[0].value.mount_options =
        ["noatime", "nodiratime"].map(str::to_owned).to_vec();
    assert!(found(REMOVAL, &host).is_empty());
    // nodev is dropped by a switch.
    host = runs(&["relatime"], &[]);
    host.metrics.mounts[0]
        .value
        .mount_options
        .push("nodev".to_owned());
    assert!(found(REMOVAL, &host).is_empty());
}

#[test]
fn what_the_kernel_chooses_is_nobodys() {
    let chosen = ["compress=zstd:3", "ssd", "discard=async", "space_cache=v2"];
    let host = runs(&["compress=zstd"], &chosen);
    assert!(found(REMOVAL, &host).is_empty() && found(DRIFT, &host).is_empty());
    let host = runs(&["compress=zstd"], &["compress=zstd:3", "discard"]);
    assert!(message(REMOVAL, &host).contains("`discard` was in force"));
}

#[test]
fn nothing_is_said_where_it_is_not_certain() {
    let stale = || runs(&["noatime"], &["autodefrag"]);
    let quiet = |change: fn(&mut Host)| {
        let mut host = stale();
        change(&mut host);
        found(REMOVAL, &host).is_empty()
    };
    assert!(!quiet(|_| {}));
    assert!(quiet(|h| set(
        h,
        "boot.kernelParams",
        json!(["rootflags=autodefrag"])
    )));
    assert!(!quiet(|h| set(h, "boot.kernelParams", json!(["quiet"]))));
    assert!(quiet(|h| {
        h.storage.filesystems[0].mounts[0].options = Texts::Unknown(unknown("options"));
    }));
    // The same device under another name.
    assert!(quiet(|h| {
        let mut other = filesystem(&[("/home", &["autodefrag"])]);
        other.device = Ok(Located::new("/dev/disk/by-uuid/1".to_owned(), None));
        h.storage.filesystems.push(other);
        set_mounted(h, "/home", &["autodefrag"]);
    }));
    // Another disk by now.
    assert!(quiet(|h| {
        h.storage.filesystems[0].device = Ok(Located::new("/dev/sdb1".to_owned(), None));
    }));
    assert!(quiet(
        |h| h.metrics.mounts[0].value.fstype = "ext4".to_owned()
    ));
}

#[test]
fn a_wish_that_is_not_in_force_is_drift() {
    let value = runs(&["compress=zstd:9"], &["compress=zstd:3"]);
    let said = message(DRIFT, &value);
    assert!(
        said.contains("`compress=zstd:9` is asked for and `compress=zstd:3` in force"),
        "{said}"
    );
    assert!(said.contains("switch brings it"), "{said}");
    assert!(found(REMOVAL, &value).is_empty());
    let pending = message(DRIFT, &runs(&["noautodefrag"], &["autodefrag"]));
    assert!(
        pending.contains("taken back by the configuration"),
        "{pending}"
    );
    let boot = message(DRIFT, &runs(&["skip_balance"], &["subvol=/other"]));
    assert!(boot.contains("`skip_balance` is asked for"), "{boot}");
    assert!(
        boot.contains("subvolume /other, and root is asked for"),
        "{boot}"
    );
}

#[test]
fn an_absent_mount_is_missed_where_the_whole_table_is_known() {
    let mut host = with_mounts(&[("/", &["noatime"]), ("/home", &["noatime"])]);
    set_mounted(&mut host, "/", &[]);
    host.metrics.mounts[0].value.mount_options = vec!["noatime".to_owned()];
    assert!(found(DRIFT, &host).is_empty());
    for at in ["/proc", "/sys"] {
        set_mounted(&mut host, at, &[]);
        host.metrics.mounts.last_mut().unwrap().value.fstype = at[1..].to_owned();
    }
    assert!(message(DRIFT, &host).contains("/home is not mounted"));
    host.storage.filesystems[0].mounts[1].options = Texts::unwritten(&["noatime", "nofail"]);
    assert!(found(DRIFT, &host).is_empty());
}

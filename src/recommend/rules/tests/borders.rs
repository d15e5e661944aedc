//! Rules about borders of subvolumes: swap files, snapshots, nesting, names and options.

use serde_json::json;

use super::host::{apply, findings, set, settle, with_mounts};
use crate::analyze::Analysis;
use crate::model::metrics::{DfEntry, QuotaState, Sourced};
use crate::model::units::Bytes;
use crate::model::{Bind, Host, Located, Release, Subvolume, SwapFile, Texts, Told, UnknownFact};
use crate::recommend::{Action, Applicability, Finding, Remedy, Severity};

fn found(id: &str, host: &Host) -> Vec<(Finding, Option<Remedy>)> {
    findings(id, host, &Analysis::default())
}

fn quiet(id: &str, host: &Host) {
    let found = found(id, host);
    assert!(found.is_empty(), "{found:#?}");
}

fn comes_to_rest(id: &str, host: &mut Host) {
    settle(id, host, &Analysis::default());
    quiet(id, host);
}

fn unknown() -> UnknownFact {
    UnknownFact {
        what: "it".to_owned(),
        why: "for the test".to_owned(),
        at: None,
    }
}

/// A host with `/` and `/home`, and a subvolume that is mounted nowhere.
fn with_hidden(name: &str) -> Host {
    let mut host = with_mounts(&[("/", &["noatime"]), ("/home", &["noatime"])]);
    host.storage.filesystems[0].subvolumes.push(Subvolume {
        path: vec!["subvolumes".to_owned(), name.to_owned()],
        name: name.to_owned(),
        mountpoint: Ok(None),
        options: Texts::unwritten(&["defaults"]),
        swap: Vec::new(),
        at: None,
    });
    host
}

fn snapped(host: &mut Host, mountpoint: &str) {
    let option = |name: &str| format!("services.snapper.configs.x.{name}");
    set(host, &option("SUBVOLUME"), mountpoint);
    set(host, &option("TIMELINE_CREATE"), true);
    set(host, &option("TIMELINE_CLEANUP"), true);
    set(host, &option("TIMELINE_LIMIT_DAILY"), "7");
}

const SWAP: &str = "layout/swapfile";

fn swapping(file: &str) -> Host {
    let mut host = with_mounts(&[("/", &["noatime"]), ("/data", &["noatime"])]);
    set(
        &mut host,
        "swapDevices",
        json!([{ "device": file, "size": 8192 }]),
    );
    host
}

#[test]
fn a_swap_file_beside_snapshots_gets_its_own_subvolume() {
    let mut host = swapping("/swapfile");
    assert_eq!(
        found(SWAP, &host)[0].0.severity,
        Severity::Advice,
        "nobody takes snapshots"
    );
    snapped(&mut host, "/");
    let all = found(SWAP, &host);
    assert_eq!(all[0].0.severity, Severity::Warning);
    let actions = &all[0].1.as_ref().unwrap().actions;
    assert_eq!(
        actions[1],
        Action::AddSwapSubvolume {
            filesystem: ["disko", "devices", "disk", "main", "content"]
                .map(str::to_owned)
                .to_vec(),
            name: "/swap".to_owned(),
            mountpoint: "/swap".to_owned(),
            file: "swapfile".to_owned(),
            size: Bytes(8 * Bytes::GIB),
        }
    );
    comes_to_rest(SWAP, &mut host);
    assert_eq!(host.settings.known("swapDevices").unwrap().value, json!([]));
}

#[test]
fn a_swap_file_that_may_be_on_its_own_is_left_alone() {
    // The directory may be a subvolume that nobody declares.
    let mut host = swapping("/swap/file");
    snapped(&mut host, "/");
    quiet(SWAP, &host);
    // Nothing says that this subvolume holds anything else.
    quiet(SWAP, &swapping("/data/swapfile"));
    let mut host = swapping("/data/swapfile");
    host.storage.binds.push(Bind {
        at: "/var/lib/x".to_owned(),
        from: "/data/var/lib/x".to_owned(),
    });
    assert_eq!(found(SWAP, &host).len(), 1, "it holds what persists");
    quiet(SWAP, &swapping("/dev/disk/by-label/swap"));
    let mut elsewhere = swapping("/mnt/ext4/swapfile");
    elsewhere.storage.others.push("/mnt/ext4".to_owned());
    quiet(SWAP, &elsewhere);
    let mut encrypted = swapping("/swapfile");
    let element =
        json!([{ "device": "/swapfile", "size": 1, "randomEncryption": { "enable": true } }]);
    set(&mut encrypted, "swapDevices", element);
    quiet(SWAP, &encrypted);
}

#[test]
fn what_the_edit_would_lose_is_advice() {
    for (option, value) in [
        (
            "swapDevices",
            json!([{ "device": "/swapfile", "size": 64, "priority": 3 }]),
        ),
        ("swapDevices", json!([{ "device": "/swapfile" }])),
        ("boot.resumeDevice", json!("/dev/sda2")),
    ] {
        let mut host = swapping("/swapfile");
        set(&mut host, option, value);
        let all = found(SWAP, &host);
        assert!(all.len() == 1 && all[0].1.is_none(), "{option}: {all:?}");
    }
}

#[test]
fn a_swap_file_is_refused_on_raid1_and_by_old_releases() {
    let mut host = swapping("/swap/file");
    host.storage.filesystems[0].mkfs_args = Texts::unwritten(&["-d raid1", "/dev/sdb"]);
    let all = found(SWAP, &host);
    assert!(
        all[0].0.message.contains("raid1") && all[0].1.is_none(),
        "{all:?}"
    );
    let mut host = swapping("/swap/file");
    let release = |value| {
        Some(Told {
            value,
            by: "the test".to_owned(),
        })
    };
    host.release = release(Release::new(22, 5));
    assert!(found(SWAP, &host)[0].0.message.contains("`dd`"));
    host.release = release(Release::new(23, 5));
    quiet(SWAP, &host);
}

#[test]
fn a_swap_file_of_disko_is_found_and_left_to_its_owner() {
    let mut host = with_mounts(&[("/", &["noatime"]), ("/swap", &["compress=zstd"])]);
    let file = SwapFile {
        path: Ok("swapfile".to_owned()),
        size: Ok("8G".to_owned()),
        priority: Ok(None),
        options: Texts::unwritten(&["defaults"]),
    };
    host.storage.filesystems[0].subvolumes[1]
        .swap
        .push(file.clone());
    quiet(SWAP, &host);
    host.storage.filesystems[0].mounts[1].needed_for_boot = true;
    quiet(SWAP, &host);
    host.storage.filesystems[0].subvolumes[0].swap.push(file);
    let all = found(SWAP, &host);
    assert!(all.len() == 1 && all[0].0.subject == "/swapfile" && all[0].1.is_none());
}

const KEPT: &str = "layout/snapshot-retention";

fn hourly(host: &mut Host, cleanup: Option<bool>) {
    let option = |name: &str| format!("services.snapper.configs.home.{name}");
    set(host, &option("SUBVOLUME"), "/home");
    set(host, &option("TIMELINE_CREATE"), true);
    if let Some(cleanup) = cleanup {
        set(host, &option("TIMELINE_CLEANUP"), cleanup);
    }
}

#[test]
fn snapshots_that_nobody_deletes_are_deleted_with_consent() {
    let mut host = with_hidden("x");
    hourly(&mut host, None);
    let all = found(KEPT, &host);
    let remedy = all[0].1.as_ref().unwrap();
    assert_eq!(remedy.applicability, Applicability::Consent);
    let mut unread = with_hidden("x");
    hourly(&mut unread, None);
    unread.skipped.push(unknown());
    quiet(KEPT, &unread);
    comes_to_rest(KEPT, &mut host);
    let mut said = with_hidden("x");
    hourly(&mut said, Some(false));
    assert_eq!(found(KEPT, &said)[0].0.severity, Severity::Warning);
    comes_to_rest(KEPT, &mut said);
}

#[test]
fn ten_years_of_snapshots_are_too_many_only_where_it_hurts() {
    let mut host = with_hidden("x");
    hourly(&mut host, Some(true));
    quiet(KEPT, &host);
    let mut quotas = host.clone();
    quotas.metrics.quotas.push(Sourced {
        value: QuotaState {
            enabled: true,
            groups: 4,
            ..QuotaState::default()
        },
        source: "qgroup".into(),
    });
    assert_eq!(found(KEPT, &quotas).len(), 1);
    let full = |used: u64| {
        let mut host = host.clone();
        host.metrics.filesystems.push(Sourced {
            value: DfEntry {
                device: "/dev/sda2".to_owned(),
                fstype: Some("btrfs".to_owned()),
                size: Some(Bytes(100)),
                used: Some(Bytes(used)),
                available: Some(Bytes(100 - used)),
                mountpoint: "/home".to_owned(),
                approximate: false,
            },
            source: "df".into(),
        });
        host
    };
    quiet(KEPT, &full(70));
    let mut host = full(90);
    let all = found(KEPT, &host);
    assert_eq!(all[0].0.severity, Severity::Advice);
    let Action::SetNixosOption { path, value } = &all[0].1.as_ref().unwrap().actions[0] else {
        panic!("{all:?}");
    };
    assert_eq!(path.last().unwrap(), "TIMELINE_LIMIT_MONTHLY");
    assert_eq!(value, "3", "text, which every release takes");
    host.preferences.set(KEPT, "full_percent", json!(95));
    quiet(KEPT, &host);
    host.preferences.set(KEPT, "full_percent", json!(80));
    comes_to_rest(KEPT, &mut host);
}

#[test]
fn btrbk_keeps_all_unless_it_is_told() {
    let mut host = with_hidden("x");
    let root = "services.btrbk.instances.local.settings";
    set(
        &mut host,
        &format!("{root}.volume./.subvolume.home.snapshot_name"),
        "h",
    );
    let all = found(KEPT, &host);
    assert!(all.len() == 1 && all[0].1.is_none(), "{all:?}");
    set(
        &mut host,
        &format!("{root}.snapshot_preserve_min"),
        "latest",
    );
    quiet(KEPT, &host);
    set(&mut host, &format!("{root}.snapshot_preserve_min"), "all");
    assert_eq!(found(KEPT, &host).len(), 1);
    let option = format!("{root}.volume./.snapshot_preserve_min");
    host.settings.insert(option, Err(unknown()));
    quiet(KEPT, &host);
}

const ALIKE: &str = "layout/merge-alike";

#[test]
fn a_border_without_a_reason_goes() {
    let host = || with_mounts(&[("/", &["noatime"]), ("/var/cache", &["noatime"])]);
    let mut alike = host();
    assert_eq!(found(ALIKE, &alike).len(), 1);
    comes_to_rest(ALIKE, &mut alike);
    let other = |change: &dyn Fn(&mut Host)| {
        let mut host = host();
        change(&mut host);
        quiet(ALIKE, &host);
    };
    other(&|host| snapped(host, "/"));
    other(&|host| snapped(host, "/var/cache"));
    other(&|host| host.skipped.push(unknown()));
    other(&|host| {
        set(
            host,
            "boot.initrd.postResumeCommands",
            "btrfs subvolume delete /mnt/root",
        )
    });
    other(&|host| {
        let mounts = &mut host.storage.filesystems[0].mounts;
        (mounts[0].needed_for_boot, mounts[1].needed_for_boot) = (false, true);
    });
    other(&|host| {
        let element = Located::new("nodev".to_owned(), None);
        host.storage.filesystems[0].mounts[1].options = Texts::Known(vec![element]);
    });
    other(&|host| {
        let rule = json!(["h /var/cache - - - - +C"]);
        set(host, "systemd.tmpfiles.rules", rule);
    });
    other(&|host| {
        host.metrics.quotas.push(Sourced {
            value: QuotaState::default(),
            source: "qgroup".into(),
        })
    });
    quiet(
        ALIKE,
        &with_mounts(&[
            ("/", &["noatime"]),
            ("/nix", &["noatime"]),
            ("/home", &["noatime"]),
        ]),
    );
    // Another filesystem lies between.
    let mut between = with_mounts(&[("/", &["noatime"]), ("/srv/a", &["noatime"])]);
    between.storage.others.push("/srv".to_owned());
    quiet(ALIKE, &between);
}

const NESTED: &str = "layout/nested-subvolumes";

#[test]
fn what_is_within_a_root_that_is_rolled_back_moves_out() {
    let mut host = with_mounts(&[("/", &["noatime"]), ("/home", &["noatime"])]);
    let home = &mut host.storage.filesystems[0].subvolumes[1];
    home.name = "/root/home".to_owned();
    quiet(NESTED, &host);
    for harmless in [
        "btrfs subvolume snapshot /mnt/blank /mnt/root",
        "btrfs subvolume delete /mnt/old_root",
        "mv /mnt/new /mnt/root; btrfs subvolume list /mnt",
    ] {
        set(&mut host, "boot.initrd.postResumeCommands", harmless);
        quiet(NESTED, &host);
    }
    for script in [
        "mount /dev/x /mnt\nbtrfs subvolume delete /mnt/root\nbtrfs subvolume create /mnt/root",
        "  mv /mnt/root \"/mnt/old/$(date)\"\nbtrfs subvolume create /mnt/root",
        "btrfs subvolume delete \"/mnt/root\";",
    ] {
        set(&mut host, "boot.initrd.postResumeCommands", script);
        let all = found(NESTED, &host);
        assert_eq!(all[0].0.severity, Severity::Error, "{script}");
    }
    let script = "mv /mnt/root /mnt/old\nbtrfs subvolume snapshot /mnt/old/home /mnt/root/home";
    let mut named = host.clone();
    set(&mut named, "boot.initrd.postResumeCommands", script);
    assert!(
        found(NESTED, &named)[0].1.is_none(),
        "the script names it too"
    );
    comes_to_rest(NESTED, &mut host);
    assert_eq!(host.storage.filesystems[0].subvolumes[1].name, "/home");
}

#[test]
fn a_hidden_subvolume_is_missing_from_snapshots() {
    let mut host = with_hidden("/home/anna");
    quiet(NESTED, &host);
    snapped(&mut host, "/home");
    let all = found(NESTED, &host);
    assert!(all.len() == 1 && all[0].0.severity == Severity::Warning && all[0].1.is_none());
    let mut kept = with_hidden("/home/.snapshots");
    snapped(&mut kept, "/home");
    quiet(NESTED, &kept);
    let mut beside = with_hidden("/home2/anna");
    snapped(&mut beside, "/home");
    quiet(NESTED, &beside);
    // Whoever mounts it by itself knows what it is.
    let mut mounted = with_mounts(&[("/home", &["noatime"]), ("/home/anna", &["noatime"])]);
    mounted.storage.filesystems[0].subvolumes[1].name = "/home/anna".to_owned();
    snapped(&mut mounted, "/home");
    quiet(NESTED, &mounted);
}

const TWICE: &str = "layout/same-mountpoint-twice";

#[test]
fn a_mount_point_is_told_once() {
    quiet(
        TWICE,
        &with_mounts(&[("/", &["noatime"]), ("/srv", &["noatime"])]),
    );
    let twice = with_mounts(&[("/srv", &["noatime"]), ("/srv", &["noatime"])]);
    let all = found(TWICE, &twice);
    assert!(all.len() == 1 && all[0].0.severity == Severity::Warning && all[0].1.is_none());
    let root = with_mounts(&[("/", &["noatime"]), ("/", &["noatime"])]);
    assert_eq!(found(TWICE, &root)[0].0.severity, Severity::Error);
    let mut two = with_mounts(&[("/srv", &["noatime"])]);
    let mut other = two.storage.filesystems[0].clone();
    other.device = Ok(Located::new("/dev/sdb1".to_owned(), None));
    two.storage.filesystems.push(other);
    let all = found(TWICE, &two);
    assert!(all[0].0.message.contains("conflicting"), "{all:?}");
    two.storage.filesystems[1].device = Err(unknown());
    quiet(TWICE, &two);
    let mut tmpfs = with_mounts(&[("/", &["noatime"])]);
    tmpfs.storage.others.push("/".to_owned());
    assert_eq!(found(TWICE, &tmpfs)[0].0.severity, Severity::Error);
}

const IDLE: &str = "layout/options-without-mountpoint";

#[test]
fn options_of_what_is_not_mounted_go_unless_they_are_meant_for_others() {
    let mut host = with_hidden("/pool");
    quiet(IDLE, &host);
    host.storage.filesystems[0].subvolumes[2].options = Texts::unwritten(&["compress=zstd"]);
    let all = found(IDLE, &host);
    let Action::UnsetNixosOption { path } = &all[0].1.as_ref().unwrap().actions[0] else {
        panic!("{all:?}");
    };
    assert_eq!(path, &["subvolumes", "/pool", "mountOptions"]);
    apply(
        &mut host,
        &Action::UnmountSubvolume {
            subvolume: vec!["subvolumes".to_owned(), "/home".to_owned()],
        },
    );
    assert_eq!(found(IDLE, &host).len(), 1, "/home has disko's default");

    let mut top = with_mounts(&[("/", &["noatime"])]);
    top.storage.filesystems[0].options = Texts::unwritten(&["noatime"]);
    assert!(found(IDLE, &top)[0].1.is_some(), "/ says it too");
    top.storage.filesystems[0].options = Texts::unwritten(&["noatime", "compress=zstd"]);
    let all = found(IDLE, &top);
    assert!(all[0].1.is_none() && all[0].0.message.contains("do not inherit"));
    top.storage.filesystems[0].mountpoint = Ok(Some("/top".to_owned()));
    quiet(IDLE, &top);
    top.storage.filesystems[0].mountpoint = Err(unknown());
    quiet(IDLE, &top);
}

const BARE: &str = "layout/filesystem-without-subvolumes";

#[test]
fn a_system_on_the_top_level_is_told_of() {
    let bare = || {
        let mut host = with_mounts(&[("/", &["noatime"])]);
        let filesystem = &mut host.storage.filesystems[0];
        filesystem.subvolumes.clear();
        filesystem.mounts[0].subvolume = None;
        filesystem.mounts[0].options = Texts::unwritten(&["noatime"]);
        host
    };
    assert_eq!(found(BARE, &bare()).len(), 1);
    quiet(BARE, &with_mounts(&[("/", &["noatime"])]));
    let with = |change: &dyn Fn(&mut crate::model::Mount)| {
        let mut host = bare();
        change(&mut host.storage.filesystems[0].mounts[0]);
        quiet(BARE, &host);
    };
    with(&|mount| mount.options = Texts::unwritten(&["noatime,subvolid=257"]));
    with(&|mount| mount.options = Texts::Unknown(unknown()));
    with(&|mount| mount.mountpoint = "/srv".to_owned());
}

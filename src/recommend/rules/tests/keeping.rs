//! Rules about keeping data whole.

use super::host::{filesystem, findings, host, set, set_mounted, settle, with_mounts};
use crate::analyze::Analysis;
use crate::model::metrics::{
    BlockGroup, BlockGroupKind, BtrfsUsage, DeviceErrors, DfEntry, Maintenance, MaintenanceJob,
    MaintenanceState, QuotaState, Sourced, UsageDevice,
};
use crate::model::units::Bytes;
use crate::model::{Host, Located, Release, Texts, Told, UnknownFact};
use crate::recommend::{Finding, Severity};

const GIB: u64 = Bytes::GIB;

fn found(id: &str, host: &Host) -> Vec<Finding> {
    let found = findings(id, host, &Analysis::default());
    found.into_iter().map(|(finding, _)| finding).collect()
}

fn sourced<T>(value: T) -> Sourced<T> {
    let source = "a file".into();
    Sourced { value, source }
}

fn group(kind: BlockGroupKind, profile: &str, size: u64, used: u64) -> BlockGroup {
    BlockGroup {
        kind,
        profile: profile.to_owned(),
        size: Bytes(size),
        used: Bytes(used),
    }
}

/// A filesystem of 100 GiB, with this much unallocated and in use, in bytes.
fn usage(unallocated: u64, used: u64) -> BtrfsUsage {
    BtrfsUsage {
        mountpoint: Some("/".to_owned()),
        device_size: Some(Bytes(100 * GIB)),
        unallocated: Some(Bytes(unallocated)),
        used: Some(Bytes(used)),
        free_minimum: Some(Bytes(3 * GIB)),
        metadata_ratio: Some(2.0),
        global_reserve: Some(Bytes(GIB / 4)),
        block_groups: vec![
            group(BlockGroupKind::Data, "single", 90 * GIB, 70 * GIB),
            group(BlockGroupKind::Metadata, "DUP", 4 * GIB, 4 * GIB - GIB / 4),
        ],
        ..BtrfsUsage::default()
    }
}

fn with_usage(usage: BtrfsUsage) -> Host {
    let mut host = with_mounts(&[("/", &["noatime"])]);
    host.metrics.usage.push(sourced(usage));
    host
}

fn mkfs(host: &mut Host, arguments: &[&str]) {
    host.storage.filesystems[0].mkfs_args = Texts::unwritten(arguments);
}

fn unknown() -> UnknownFact {
    UnknownFact {
        what: "something".to_owned(),
        why: "nobody knows".to_owned(),
        at: None,
    }
}

#[test]
fn each_kind_of_counter_says_what_it_means() {
    let id = "integrity/device-errors";
    let none = DeviceErrors {
        device: "/dev/sda2".to_owned(),
        ..DeviceErrors::default()
    };
    for (errors, says) in [
        (
            DeviceErrors {
                generation: 1,
                write: 4,
                ..none.clone()
            },
            "lost writes that it had confirmed",
        ),
        (
            DeviceErrors {
                flush: 2,
                ..none.clone()
            },
            "did not take what was written",
        ),
        (
            DeviceErrors {
                read: 2,
                corruption: 1,
                ..none.clone()
            },
            "did not give back",
        ),
        (
            DeviceErrors {
                corruption: 1,
                ..none.clone()
            },
            "the memory",
        ),
    ] {
        let mut host = with_mounts(&[("/", &["noatime"])]);
        set_mounted(&mut host, "/", &[]);
        host.metrics.device_errors.push(sourced(errors));
        let found = found(id, &host);
        assert!(found[0].message.contains(says), "{}", found[0].message);
        assert!(
            found[0].message.contains("scrub start -Bd /`"),
            "{}",
            found[0].message
        );
    }
    let mut host = with_mounts(&[("/", &["noatime"])]);
    host.metrics.device_errors.push(sourced(none));
    assert!(found(id, &host).is_empty());
}

#[test]
fn errors_of_a_device_that_is_no_part_of_the_configuration_are_left_alone() {
    let id = "integrity/device-errors";
    let errors = DeviceErrors {
        device: "/dev/sda2".to_owned(),
        corruption: 3,
        ..DeviceErrors::default()
    };
    let mut host = with_mounts(&[("/", &["noatime"])]);
    host.metrics.device_errors.push(sourced(errors));
    // Nobody knows where it belongs.
    assert!(
        found(id, &host)[0]
            .message
            .contains("scrub start -Bd /dev/sda2`")
    );
    set_mounted(&mut host, "/media/stick", &[]);
    assert!(found(id, &host).is_empty());
    // A member that is not the one that the table of mounts shows.
    let mut pool = usage(0, 0);
    let member = |path: &str| UsageDevice {
        path: path.to_owned(),
        allocated: Bytes(0),
        unallocated: None,
    };
    pool.devices = vec![member("/dev/sdb2"), member("/dev/sda2")];
    host.metrics.usage.push(sourced(pool));
    assert!(found(id, &host)[0].message.contains("of /:"));
    // By now the disk is another one.
    let device = |name: &str| Ok(Located::new(name.to_owned(), None));
    host.storage.filesystems[0].device = device("/dev/sdc2");
    assert!(found(id, &host).is_empty());
    host.storage.filesystems[0].device = device("/dev/disk/by-id/other");
    assert_eq!(found(id, &host).len(), 1, "such a name tells nothing");
}

#[test]
fn a_filesystem_is_nearly_full_from_the_share_that_the_owner_sets() {
    let id = "integrity/nearly-full";
    let mut host = with_usage(usage(0, 96 * GIB));
    let message = found(id, &host)[0].message.clone();
    assert!(
        message.contains("96.0 % full, 3.0 GiB are left"),
        "{message}"
    );
    host.preferences.set(id, "used_percent", 97.into());
    assert!(found(id, &host).is_empty());
    assert!(found(id, &with_usage(usage(0, 94 * GIB))).is_empty());
}

#[test]
fn where_btrfs_was_not_asked_df_tells_how_full_it_is() {
    let id = "integrity/nearly-full";
    let mut host = with_mounts(&[("/", &["noatime"])]);
    let df = |device: &str| DfEntry {
        device: device.to_owned(),
        fstype: None,
        size: Some(Bytes(100 * GIB)),
        used: Some(Bytes(98 * GIB)),
        available: Some(Bytes(GIB)),
        mountpoint: "/".to_owned(),
        approximate: false,
    };
    host.metrics.filesystems.push(sourced(df("/dev/sda2")));
    assert!(found(id, &host).is_empty(), "it may be another filesystem");
    set_mounted(&mut host, "/", &[]);
    assert!(found(id, &host)[0].message.contains("1.0 GiB are left"));
}

#[test]
fn metadata_is_short_only_if_all_three_hold() {
    let id = "integrity/metadata-space";
    let short = || usage(GIB, 80 * GIB);
    let message = found(id, &with_usage(short()))[0].message.clone();
    assert!(message.contains("balance start -dusage=10 /`"), "{message}");
    assert!(!message.contains("dusage=0"), "{message}");
    let none = found(id, &with_usage(usage(0, 80 * GIB)))[0]
        .message
        .clone();
    assert!(
        none.contains("`btrfs balance start -dusage=0 /`, then"),
        "{none}"
    );
    let quiet = |change: fn(&mut BtrfsUsage)| {
        let mut usage = short();
        change(&mut usage);
        found(id, &with_usage(usage)).is_empty()
    };
    assert!(quiet(|u| u.unallocated = Some(Bytes(2 * GIB))));
    assert!(quiet(|u| u.block_groups[1].used = Bytes(3 * GIB)));
    // Full of data: a balance has nothing to give.
    assert!(quiet(|u| u.block_groups[0].used = Bytes(89 * GIB)));
    // A small filesystem has small block groups.
    assert!(quiet(|u| u.device_size = Some(Bytes(40 * GIB))));
    assert!(quiet(|u| u.metadata_ratio = None));
    // What does not say where it was taken is about the only filesystem, or nobody knows about which.
    let mut nameless = short();
    nameless.mountpoint = None;
    let mut host = with_usage(nameless);
    assert_eq!(found(id, &host).len(), 1);
    let other = filesystem(&[("/srv", &["noatime"])]);
    host.storage.filesystems.push(other);
    assert!(found(id, &host).is_empty());
}

#[test]
fn an_unfinished_conversion_is_finished_to_what_mkfs_was_asked_for() {
    let id = "integrity/mixed-profiles";
    let mut mixed = usage(20 * GIB, 50 * GIB);
    mixed
        .block_groups
        .push(group(BlockGroupKind::Data, "RAID1", GIB, GIB));
    let mut host = with_usage(mixed);
    let message = |host: &Host| found(id, host)[0].message.clone();
    assert!(
        message(&host).contains("-dconvert=PROFILE,soft /"),
        "{}",
        message(&host)
    );
    mkfs(&mut host, &["-d raid1", "/dev/sdb"]);
    assert!(
        message(&host).contains("-dconvert=raid1,soft /"),
        "{}",
        message(&host)
    );
    // What it was made with may be what is being left.
    mkfs(&mut host, &["-d single", "/dev/sdb"]);
    assert!(message(&host).contains("PROFILE"), "{}", message(&host));
    let running = Maintenance {
        job: MaintenanceJob::Balance,
        path: None,
        running: true,
        state: MaintenanceState::Running,
        errors: None,
        rate_bytes_s: None,
        done: None,
    };
    host.metrics.maintenance.push(sourced(running));
    assert!(found(id, &host).is_empty());
    assert!(found(id, &with_usage(usage(0, 0))).is_empty());
    // What old versions of mkfs left behind.
    let mut empty = usage(20 * GIB, 50 * GIB);
    empty
        .block_groups
        .push(group(BlockGroupKind::Metadata, "single", 8 * Bytes::MIB, 0));
    assert!(found(id, &with_usage(empty)).is_empty());
}

#[test]
fn without_checksums_copies_are_of_little_use() {
    let id = "integrity/nocow-without-repair";
    let raid1 = ["-d raid1", "-m raid1", "/dev/sdb"];
    let with = |options: &[&str], arguments: &[&str]| {
        let mut host = with_mounts(&[("/", options)]);
        mkfs(&mut host, arguments);
        host
    };
    let severity = |host: &Host| found(id, host).first().map(|f| f.severity);
    assert_eq!(
        severity(&with(&["nodatacow"], &raid1)),
        Some(Severity::Warning)
    );
    assert_eq!(
        severity(&with(&["nodatasum"], &raid1)),
        Some(Severity::Warning)
    );
    assert_eq!(severity(&with(&["nodatacow"], &[])), None);
    // Compression behind it takes it back.
    assert_eq!(
        severity(&with(&["nodatacow", "compress=zstd"], &raid1)),
        None
    );
    let mut host = with(&["noatime"], &raid1);
    assert_eq!(severity(&host), None);
    let rules = |rules: &[&str]| serde_json::json!(rules);
    set(
        &mut host,
        "systemd.tmpfiles.rules",
        rules(&["h /srv/images - - - - +C"]),
    );
    assert_eq!(severity(&host), Some(Severity::Advice));
    set(
        &mut host,
        "systemd.tmpfiles.rules",
        rules(&["h /srv/images - - - - -C"]),
    );
    assert_eq!(severity(&host), None);
    // layout/database-on-cow weighs it there.
    set(&mut host, "services.postgresql.enable", true);
    set(
        &mut host,
        "systemd.tmpfiles.rules",
        rules(&["h /var/lib/postgresql - - - - +C"]),
    );
    assert_eq!(severity(&host), None);
    set(
        &mut host,
        "systemd.tmpfiles.settings.vm./srv/vm.h.argument",
        "+C",
    );
    assert_eq!(severity(&host), Some(Severity::Advice));
}

const ENABLE: &str = "services.btrfs.autoScrub.enable";
const LIST: &str = "services.btrfs.autoScrub.fileSystems";

fn scrubbed(list: &[&str]) -> Host {
    let mut host = with_mounts(&[("/home", &["noatime"]), ("/", &["noatime"])]);
    let mut other = filesystem(&[("/srv", &["noatime"])]);
    other.device = Ok(Located::new("/dev/sdb".to_owned(), None));
    host.storage.filesystems.push(other);
    set(&mut host, ENABLE, true);
    set(&mut host, LIST, serde_json::json!(list));
    host
}

#[test]
fn of_several_mount_points_of_one_filesystem_one_is_scrubbed() {
    let id = "integrity/scrub-per-mount";
    let mut host = scrubbed(&["/home", "/srv", "/"]);
    settle(id, &mut host, &Analysis::default());
    let list = &host.settings.known(LIST).unwrap().value;
    assert_eq!(*list, serde_json::json!(["/srv", "/"]));
    for quiet in [["/", "/srv"].as_slice(), &["/", "/elsewhere"], &["/", "/"]] {
        assert!(found(id, &scrubbed(quiet)).is_empty(), "{quiet:?}");
    }
    let mut off = scrubbed(&["/home", "/"]);
    set(&mut off, ENABLE, false);
    assert!(found(id, &off).is_empty());
}

#[test]
fn the_default_list_is_every_mount_point_on_old_releases_only() {
    let id = "integrity/scrub-per-mount";
    let of = |release: Option<(u8, u8)>| {
        let mut host = with_mounts(&[("/", &["noatime"]), ("/home", &["noatime"])]);
        set(&mut host, ENABLE, true);
        host.release = release.map(|(year, month)| Told {
            value: Release::new(year, month),
            by: "a test".to_owned(),
        });
        host
    };
    for release in [None, Some((24, 5)), Some((25, 11))] {
        assert!(found(id, &of(release)).is_empty(), "{release:?}");
    }
    let mut host = of(Some((23, 11)));
    host.skipped.push(unknown());
    assert!(
        found(id, &host).is_empty(),
        "a module that was not read may set it"
    );
    host.skipped.clear();
    host.settings.insert(LIST.to_owned(), Err(unknown()));
    assert!(found(id, &host).is_empty());
    let mut host = of(Some((23, 11)));
    settle(id, &mut host, &Analysis::default());
    let list = &host.settings.known(LIST).unwrap().value;
    assert_eq!(*list, serde_json::json!(["/"]));
}

#[test]
fn quotas_matter_where_snapshots_are_taken() {
    let id = "integrity/qgroups";
    let quotas = |path: Option<&str>, enabled: bool, limited: bool| QuotaState {
        path: path.map(str::to_owned),
        enabled,
        groups: 7,
        limited,
        ..QuotaState::default()
    };
    let with = |state: QuotaState| {
        let mut host = with_mounts(&[("/", &["noatime"]), ("/home", &["noatime"])]);
        set(
            &mut host,
            "services.snapper.configs.home.SUBVOLUME",
            "/home",
        );
        host.metrics.quotas.push(sourced(state));
        host
    };
    let mut host = with(quotas(Some("/"), true, false));
    let message = found(id, &host)[0].message.clone();
    assert!(message.contains("`btrfs quota disable /`"), "{message}");
    assert!(!message.contains("QGROUP"), "{message}");
    set(&mut host, "services.snapper.configs.home.QGROUP", "1/0");
    assert!(
        found(id, &host)[0]
            .message
            .contains("services.snapper.configs.home.QGROUP rests on")
    );
    let limited = with(quotas(None, true, true));
    assert!(found(id, &limited)[0].message.contains("simple quotas"));
    assert!(found(id, &with(quotas(Some("/"), false, false))).is_empty());
    assert!(
        found(id, &with(quotas(Some("/mnt"), true, false))).len() == 1,
        "/mnt lies on /"
    );
    let mut without = host_without_jobs(quotas(Some("/"), true, false));
    assert!(found(id, &without).is_empty());
    // Of two filesystems, nobody knows which one was asked.
    without = with(quotas(None, true, false));
    without
        .storage
        .filesystems
        .push(filesystem(&[("/srv", &["noatime"])]));
    assert!(found(id, &without).is_empty());
}

fn host_without_jobs(state: QuotaState) -> Host {
    let mut host = host();
    host.storage
        .filesystems
        .push(filesystem(&[("/", &["noatime"])]));
    host.metrics.quotas.push(sourced(state));
    host
}

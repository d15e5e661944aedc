//! Rules about builds, docker, PostgreSQL and bees.

use serde_json::json;

use super::host::{complaint, filesystem, findings, set, set_hardware, settle, with_mounts};
use crate::analyze::{Analysis, WorkloadKind};
use crate::model::hardware::DiskKind;
use crate::model::metrics::{BtrfsUsage, MemInfo, Sourced};
use crate::model::units::Bytes;
use crate::model::{Host, Located, Release, Told, UnknownFact};
use crate::recommend::{Action, Applicability, Severity};

fn none() -> Analysis {
    Analysis::default()
}

fn on_btrfs() -> Host {
    with_mounts(&[("/", &["noatime"])])
}

fn released(host: &mut Host, year: u8, month: u8) {
    host.release = Some(Told {
        value: Release::new(year, month),
        by: "a test".to_owned(),
    });
}

fn memory(host: &mut Host, gib: u64) {
    host.metrics.memory = Some(Sourced {
        value: MemInfo {
            total: Bytes(gib * Bytes::GIB),
            ..MemInfo::default()
        },
        source: "meminfo".into(),
    });
}

fn unknown() -> UnknownFact {
    UnknownFact {
        what: "an option".to_owned(),
        why: "it comes from an input".to_owned(),
        at: None,
    }
}

const TMPFS: &str = "system/tmpfs-for-builds";

fn in_memory() -> Host {
    let mut host = on_btrfs();
    set(&mut host, "boot.tmp.useTmpfs", true);
    memory(&mut host, 8);
    released(&mut host, 24, 5);
    host
}

#[test]
fn builds_leave_a_tmpfs_that_is_too_small() {
    let mut host = in_memory();
    let found = findings(TMPFS, &host, &none());
    assert!(
        found[0].0.message.contains("4.0 GiB"),
        "{}",
        found[0].0.message
    );
    settle(TMPFS, &mut host, &none());
    assert!(findings(TMPFS, &host, &none()).is_empty());
    let place = "systemd.services.nix-daemon.environment.TMPDIR";
    assert_eq!(host.settings.text(place), Some("/var/tmp"));
    // The old names.
    let mut old = on_btrfs();
    set(&mut old, "boot.tmpOnTmpfs", true);
    set(&mut old, "boot.tmpOnTmpfsSize", "10%");
    memory(&mut old, 16);
    released(&mut old, 22, 11);
    assert!(findings(TMPFS, &old, &none())[0].1.is_some());
}

#[test]
fn a_tmpfs_that_nothing_is_built_in_is_left_alone() {
    let quiet = |why: &str, change: &dyn Fn(&mut Host)| {
        let mut host = in_memory();
        change(&mut host);
        assert!(findings(TMPFS, &host, &none()).is_empty(), "{why}");
    };
    quiet("Nix builds in /nix/var", &|h| released(h, 25, 11));
    quiet("perhaps", &|h| released(h, 25, 5));
    quiet("no release", &|h| h.release = None);
    quiet("a place of its own", &|h| {
        set(h, "nix.settings.build-dir", "/var/tmp")
    });
    quiet("read in part", &|h| {
        h.settings
            .insert("nix.settings.build-dir".to_owned(), Err(unknown()))
    });
    quiet("a module is not seen", &|h| h.skipped.push(unknown()));
    quiet("no tmpfs", &|h| set(h, "boot.tmp.useTmpfs", false));
    quiet("large enough", &|h| set(h, "boot.tmp.tmpfsSize", "8G"));
    quiet("a share of much", &|h| memory(h, 16));
    quiet("no size that is known", &|h| {
        set(h, "boot.tmp.tmpfsSize", "half")
    });
    quiet("how much memory", &|h| h.metrics.memory = None);
    quiet("the owner's number", &|h| {
        h.preferences.set(TMPFS, "smallest_gib", json!(2))
    });
}

#[test]
fn a_build_directory_in_tmp_is_taken_back_where_the_default_is_better() {
    let mut host = in_memory();
    set(&mut host, "nix.settings.build-dir", "/tmp/nix");
    let found = findings(TMPFS, &host, &none());
    assert!(found[0].1.is_none(), "before 25.11 the default may be /tmp");
    released(&mut host, 25, 11);
    settle(TMPFS, &mut host, &none());
    assert!(!host.settings.is_defined("nix.settings.build-dir"));
    // Without a disk below /var/tmp there is nothing to propose.
    let mut host = in_memory();
    host.storage.others.push("/var".to_owned());
    assert!(findings(TMPFS, &host, &none())[0].1.is_none());
}

#[test]
fn builds_on_a_hard_disk_move_to_memory_where_there_is_plenty() {
    let slow = complaint(WorkloadKind::Build, "/tmp");
    let mut host = on_btrfs();
    set_hardware(&mut host, DiskKind::Hdd, 64);
    released(&mut host, 23, 11);
    assert!(
        findings(TMPFS, &host, &none()).is_empty(),
        "nobody complains"
    );
    assert_eq!(findings(TMPFS, &host, &slow).len(), 1);
    settle(TMPFS, &mut host, &slow);
    assert!(host.settings.is_true("boot.tmp.useTmpfs"));
    let mut flash = on_btrfs();
    set_hardware(&mut flash, DiskKind::NvmeSsd, 64);
    released(&mut flash, 23, 11);
    assert!(findings(TMPFS, &flash, &slow).is_empty());
}

const OPTIMISE: &str = "system/nix-optimise";

#[test]
fn the_store_is_linked_once() {
    let mut host = on_btrfs();
    set(&mut host, "nix.settings.auto-optimise-store", true);
    assert!(
        findings(OPTIMISE, &host, &none()).is_empty(),
        "it saves space"
    );
    set(&mut host, "nix.optimise.automatic", true);
    settle(OPTIMISE, &mut host, &none());
    assert!(!host.settings.is_true("nix.settings.auto-optimise-store"));
    assert!(host.settings.is_true("nix.optimise.automatic"));
    assert!(findings(OPTIMISE, &host, &none()).is_empty());
}

#[test]
fn a_complaint_about_builds_brings_the_timer() {
    let slow = complaint(WorkloadKind::Build, "/nix");
    for option in ["nix.settings.auto-optimise-store", "nix.autoOptimiseStore"] {
        let mut host = on_btrfs();
        set(&mut host, option, true);
        settle(OPTIMISE, &mut host, &slow);
        assert!(!host.settings.is_true(option), "{option}");
        assert!(host.settings.is_true("nix.optimise.automatic"));
    }
    let mut refused = on_btrfs();
    set(&mut refused, "nix.settings.auto-optimise-store", true);
    set(&mut refused, "nix.optimise.automatic", false);
    let found = findings(OPTIMISE, &refused, &slow);
    assert!(found[0].1.is_none(), "who wants no timer is asked for none");
    refused
        .settings
        .insert("nix.optimise.automatic".to_owned(), Err(unknown()));
    assert!(findings(OPTIMISE, &refused, &slow).is_empty());
}

const DOCKER: &str = "system/docker-driver";

fn docker(option: &str, driver: &str) -> Host {
    let mut host = on_btrfs();
    set(&mut host, "virtualisation.docker.enable", true);
    set(&mut host, option, driver);
    host
}

#[test]
fn the_btrfs_driver_is_replaced_with_consent() {
    for option in [
        "virtualisation.docker.storageDriver",
        "virtualisation.docker.daemon.settings.storage-driver",
    ] {
        let mut host = docker(option, "btrfs");
        let found = findings(DOCKER, &host, &none());
        assert_eq!(found[0].0.severity, Severity::Advice);
        let remedy = found[0].1.as_ref().unwrap();
        assert_eq!(remedy.applicability, Applicability::Consent);
        let slow = complaint(WorkloadKind::Container, "/var/lib/docker");
        assert_eq!(
            findings(DOCKER, &host, &slow)[0].0.severity,
            Severity::Warning
        );
        settle(DOCKER, &mut host, &none());
        assert_eq!(host.settings.text(option), Some("overlay2"));
    }
}

#[test]
fn drivers_that_docker_has_are_left_alone_elsewhere() {
    let option = "virtualisation.docker.storageDriver";
    let quiet = |host: &Host| assert!(findings(DOCKER, host, &none()).is_empty());
    quiet(&docker(option, "overlay2"));
    quiet(&docker(option, "zfs"));
    let mut off = docker(option, "btrfs");
    set(&mut off, "virtualisation.docker.enable", false);
    quiet(&off);
    let mut elsewhere = docker(option, "btrfs");
    elsewhere.storage.others.push("/srv".to_owned());
    set(
        &mut elsewhere,
        "virtualisation.docker.daemon.settings.data-root",
        "/srv/docker",
    );
    quiet(&elsewhere);
    // What is removed hangs on the version.
    let mut old = docker(option, "devicemapper");
    quiet(&old);
    released(&mut old, 24, 5);
    quiet(&old);
    released(&mut old, 25, 5);
    assert_eq!(
        findings(DOCKER, &old, &none())[0].0.severity,
        Severity::Warning
    );
    settle(DOCKER, &mut old, &none());
    let mut pinned = docker(option, "devicemapper");
    released(&mut pinned, 25, 5);
    set(
        &mut pinned,
        "virtualisation.docker.package",
        "/nix/store/x-docker-24",
    );
    quiet(&pinned);
}

const POSTGRES: &str = "system/postgres-on-cow";

fn postgres(mounted: &[&str], settings: &[(&str, serde_json::Value)]) -> Host {
    let mut host = with_mounts(&[("/", mounted)]);
    set(&mut host, "services.postgresql.enable", true);
    for (key, value) in settings {
        set(
            &mut host,
            &format!("services.postgresql.settings.{key}"),
            value.clone(),
        );
    }
    host
}

#[test]
fn torn_pages_are_worst_where_they_are_overwritten() {
    let off = json!("off");
    let mut host = postgres(&["noatime"], &[("full_page_writes", off.clone())]);
    assert_eq!(
        findings(POSTGRES, &host, &none())[0].0.severity,
        Severity::Warning
    );
    settle(POSTGRES, &mut host, &none());
    let option = "services.postgresql.settings.full_page_writes";
    assert_eq!(host.settings.known(option).unwrap().value, json!(true));
    let nocow = postgres(&["nodatacow"], &[("full_page_writes", json!(false))]);
    assert_eq!(
        findings(POSTGRES, &nocow, &none())[0].0.severity,
        Severity::Error
    );
    let mut attribute = postgres(&["noatime"], &[("full_page_writes", json!(0))]);
    let rules = json!(["h /var/lib/postgresql - - - - +C"]);
    set(&mut attribute, "systemd.tmpfiles.rules", rules);
    assert_eq!(
        findings(POSTGRES, &attribute, &none())[0].0.severity,
        Severity::Error
    );

    let quiet = |host: &Host| assert!(findings(POSTGRES, host, &none()).is_empty());
    quiet(&postgres(
        &["noatime"],
        &[("full_page_writes", json!("on"))],
    ));
    quiet(&postgres(
        &["noatime"],
        &[("full_page_writes", off.clone()), ("fsync", off.clone())],
    ));
    let mut zfs = postgres(&["noatime"], &[("full_page_writes", off.clone())]);
    zfs.storage.others.push("/var/lib/postgresql".to_owned());
    quiet(&zfs);
    let mut appended = postgres(&["noatime"], &[("full_page_writes", off)]);
    set(
        &mut appended,
        "services.postgresql.extraConfig",
        "full_page_writes = on",
    );
    quiet(&appended);
}

#[test]
fn new_segments_are_not_filled_for_nothing() {
    let mut host = postgres(&["noatime"], &[("wal_recycle", json!(false))]);
    settle(POSTGRES, &mut host, &none());
    let option = "services.postgresql.settings.wal_init_zero";
    assert_eq!(host.settings.known(option).unwrap().value, json!(false));
    assert!(findings(POSTGRES, &host, &none()).is_empty());
    // In place, filling them is what makes room.
    let nocow = postgres(&["nodatacow"], &[("wal_recycle", json!(false))]);
    assert!(findings(POSTGRES, &nocow, &none()).is_empty());
    let zero = postgres(&["noatime"], &[("wal_init_zero", json!(false))]);
    assert!(findings(POSTGRES, &zero, &none()).is_empty());
}

#[test]
fn a_slow_database_under_snapshots_may_stop_to_recycle() {
    let slow = complaint(WorkloadKind::Database, "/var/lib/postgresql");
    let mut host = postgres(&["noatime"], &[]);
    assert!(
        findings(POSTGRES, &host, &slow).is_empty(),
        "+C is for layout/database-on-cow"
    );
    set(&mut host, "services.snapper.configs.root.SUBVOLUME", "/");
    assert!(
        findings(POSTGRES, &host, &none()).is_empty(),
        "nobody complains"
    );
    assert!(
        findings(POSTGRES, &host, &slow)[0].1.is_none(),
        "an old PostgreSQL would not start"
    );
    released(&mut host, 24, 11);
    settle(POSTGRES, &mut host, &slow);
    assert!(findings(POSTGRES, &host, &slow).is_empty());
    let recycle = host
        .settings
        .known("services.postgresql.settings.wal_recycle")
        .unwrap();
    assert_eq!(recycle.value, json!(false));
}

const BEES: &str = "system/bees-or-dedupe";

fn bees(host: &mut Host, name: &str, spec: &str, table_mib: u64) {
    let root = format!("services.beesd.filesystems.{name}");
    set(host, &format!("{root}.spec"), spec);
    set(host, &format!("{root}.hashTableSizeMB"), table_mib);
}

fn used(host: &mut Host, size_gib: u64, used_gib: u64) {
    host.metrics.usage.push(Sourced {
        value: BtrfsUsage {
            mountpoint: Some("/".to_owned()),
            device_size: Some(Bytes(size_gib * Bytes::GIB)),
            used: Some(Bytes(used_gib * Bytes::GIB)),
            data_ratio: Some(1.0),
            ..BtrfsUsage::default()
        },
        source: "usage".into(),
    });
}

#[test]
fn bees_runs_once_on_a_filesystem() {
    let mut host = with_mounts(&[("/", &["noatime"]), ("/home", &["noatime"])]);
    bees(&mut host, "root", "/", 128);
    bees(&mut host, "home", "/home", 256);
    let found = findings(BEES, &host, &none());
    assert_eq!(found.len(), 1);
    // The larger table stays. (A test's settings have no sets to take away as a whole.)
    let [Action::UnsetNixosOption { path }] = found[0].1.as_ref().unwrap().actions.as_slice()
    else {
        panic!("{:?}", found[0].1);
    };
    assert_eq!(path.join("."), "services.beesd.filesystems.root");
    // The same by the device.
    let mut host = with_mounts(&[("/", &["noatime"])]);
    bees(&mut host, "a", "/", 128);
    bees(&mut host, "b", "PARTLABEL=disk-main-root", 128);
    assert_eq!(findings(BEES, &host, &none()).len(), 1);
    // Another filesystem, and one that nobody knows.
    let mut other = filesystem(&[("/srv", &["noatime"])]);
    other.device = Ok(Located::new("/dev/disk/by-label/srv".to_owned(), None));
    host.storage.filesystems.push(other);
    bees(&mut host, "b", "LABEL=srv", 128);
    assert!(findings(BEES, &host, &none()).is_empty());
    bees(&mut host, "b", "UUID=somewhere", 128);
    assert!(findings(BEES, &host, &none()).is_empty());
}

#[test]
fn bees_finds_nothing_without_checksums() {
    let mut host = with_mounts(&[("/", &["nodatacow"])]);
    bees(&mut host, "root", "/", 128);
    let found = findings(BEES, &host, &none());
    assert!(found[0].0.message.contains("without checksums"));
    assert!(found[0].1.is_none());
}

#[test]
fn the_table_of_bees_fits_the_filesystem() {
    for (table, size, in_use, wanted) in [
        // The default, on a small disk.
        (1024, 128, 60, Some(128)),
        (1024, 512, 60, None),
        (128, 1000, 900, None),
        // 20 TiB.
        (256, 30 * 1024, 20 * 1024, Some(2560)),
        (1024, 30 * 1024, 20 * 1024, None),
        // A stick: not less than the step.
        (64, 4, 2, Some(16)),
    ] {
        let mut host = on_btrfs();
        bees(&mut host, "root", "/", table);
        used(&mut host, size, in_use);
        let found = findings(BEES, &host, &none());
        assert_eq!(
            found.is_empty(),
            wanted.is_none(),
            "{table} {size} {in_use}: {found:?}"
        );
        settle(BEES, &mut host, &none());
        let now = host
            .settings
            .known("services.beesd.filesystems.root.hashTableSizeMB");
        assert_eq!(now.unwrap().value, json!(wanted.unwrap_or(table)));
        assert!(findings(BEES, &host, &none()).is_empty());
    }
}

//! Rules about compression, copy on write, autodefrag and discards.

use super::host::{
    add_luks, findings, options, set, set_hardware, set_kernel, settle, with_mounts,
};
use crate::analyze::{Analysis, Workload, WorkloadKind};
use crate::model::hardware::DiskKind;
use crate::model::metrics::{BlockDevice, CompressionRow, CompressionUse, DfEntry, Sourced};
use crate::model::units::Bytes;
use crate::model::{
    Host, Layer, Located, Release, StorageSource, SwapFile, Texts, Told, UnknownFact,
};
use crate::recommend::{Action, Applicability, LuksSetting, Severity};

const NODATACOW: &str = "mount/nodatacow-mount-option";
const MISSING: &str = "mount/compression-missing";
const LEVEL: &str = "mount/compression-level";
const FORCE: &str = "mount/compress-force";
const AUTODEFRAG: &str = "mount/autodefrag";
const SYNC: &str = "mount/discard-sync";
const TRIM_MISSING: &str = "mount/trim-missing";
const LUKS: &str = "mount/trim-through-luks";
const TWICE: &str = "mount/trim-twice";

fn none() -> Analysis {
    Analysis::default()
}

fn finds(id: &str, host: &Host) -> bool {
    !findings(id, host, &none()).is_empty()
}

/// The written options of all mounts once a rule has nothing more to propose.
fn after(id: &str, mut host: Host) -> Vec<String> {
    settle(id, &mut host, &none());
    assert!(
        findings(id, &host, &none()).is_empty(),
        "{id} is not at rest"
    );
    let mounts = host.storage.filesystems[0].mounts.iter();
    let points: Vec<String> = mounts.map(|m| m.mountpoint.clone()).collect();
    points
        .iter()
        .map(|at| options(&host, at).join(" "))
        .collect()
}

fn on(kind: DiskKind, mounts: &[(&str, &[&str])]) -> Host {
    let mut host = with_mounts(mounts);
    set_hardware(&mut host, kind, 16);
    host
}

fn sized(kind: DiskKind, gibibytes: u64, mounts: &[(&str, &[&str])]) -> Host {
    let mut host = on(kind, mounts);
    let hardware = host.hardware.as_mut().unwrap();
    hardware.disks[0].size = Some(Bytes(gibibytes * Bytes::GIB));
    host
}

fn working(kind: WorkloadKind, path: &str) -> Analysis {
    let workload = Workload {
        paths: vec![path.to_owned()],
        ..Workload::new(kind)
    };
    Analysis {
        workloads: vec![workload],
        diagnoses: Vec::new(),
        ..Analysis::default()
    }
}

fn unknown() -> UnknownFact {
    UnknownFact {
        what: "x".to_owned(),
        why: "a test".to_owned(),
        at: None,
    }
}

fn set_release(host: &mut Host, release: Release) {
    host.release = Some(Told {
        value: release,
        by: "a test".to_owned(),
    });
}

/// Mounts the first filesystem from a container that NixOS opens.
fn open_by_nixos(host: &mut Host, name: &str) {
    let filesystem = &mut host.storage.filesystems[0];
    filesystem.source = StorageSource::FileSystems;
    filesystem.disks.clear();
    filesystem.device = Ok(Located::new(format!("/dev/mapper/{name}"), None));
    let device = format!("boot.initrd.luks.devices.{name}.device");
    set(host, &device, "/dev/disk/by-uuid/0f0f");
}

#[test]
fn nodatacow_goes_from_every_mount_and_comes_to_the_database_alone() {
    let lists: &[(&str, &[&str])] = &[
        ("/", &["nodatacow", "noatime"]),
        ("/home", &["nodatacow,nodatasum"]),
    ];
    let mut host = with_mounts(lists);
    let advice = findings(NODATACOW, &host, &none());
    assert_eq!(advice[0].0.severity, Severity::Warning);
    assert!(advice[0].1.is_none(), "nobody knows what it is for");
    set(&mut host, "services.postgresql.enable", true);
    let (_, remedy) = findings(NODATACOW, &host, &none()).remove(0);
    let remedy = remedy.unwrap();
    assert_eq!(remedy.applicability, Applicability::Consent);
    assert!(matches!(
        &remedy.actions[1],
        Action::SetDirectoryAttribute { directory, .. } if directory == "/var/lib/postgresql"
    ));
    assert_eq!(after(NODATACOW, host), ["noatime", "defaults"]);
}

#[test]
fn snapshots_leave_no_reason_for_the_attribute() {
    let mut host = with_mounts(&[("/", &["noatime", "nodatasum"])]);
    set(&mut host, "services.mysql.enable", true);
    set(&mut host, "services.snapper.configs.root.SUBVOLUME", "/");
    let (finding, remedy) = findings(NODATACOW, &host, &none()).remove(0);
    assert!(
        finding
            .message
            .starts_with("No new file has a checksum or is"),
        "{}",
        finding.message
    );
    assert_eq!(remedy.unwrap().actions.len(), 1);
}

#[test]
fn nodatacow_is_left_alone_where_it_does_nothing_or_what_it_is_for() {
    // A filesystem for a database alone.
    assert!(!finds(
        NODATACOW,
        &with_mounts(&[("/var/lib/mysql", &["nodatacow"])])
    ));
    // Without effect: mount/ineffective-per-subvolume.
    let lists: &[(&str, &[&str])] = &[("/", &["noatime"]), ("/var", &["nodatacow"])];
    assert!(!finds(NODATACOW, &with_mounts(lists)));
    // Undone, or not settled: mount/conflicting-options.
    for list in [
        ["nodatacow", "compress=zstd"],
        ["compress=zstd", "nodatasum"],
    ] {
        assert!(!finds(NODATACOW, &with_mounts(&[("/", &list)])), "{list:?}");
    }
    let mut host = with_mounts(&[("/", &["nodatacow"])]);
    host.storage.filesystems[0].mounts[0].options = Texts::Unknown(unknown());
    assert!(!finds(NODATACOW, &host));
}

#[test]
fn every_mount_asks_for_compression_but_those_for_swap() {
    let lists: &[(&str, &[&str])] = &[
        ("/", &["noatime"]),
        ("/home", &["defaults"]),
        ("/swap", &["noatime"]),
    ];
    let mut host = with_mounts(lists);
    host.storage.filesystems[0].subvolumes[2]
        .swap
        .push(SwapFile {
            path: Ok("swapfile".to_owned()),
            size: Ok("8G".to_owned()),
            priority: Ok(None),
            options: Texts::unwritten(&["defaults"]),
        });
    let expected = ["noatime compress=zstd:1", "compress=zstd:1", "noatime"];
    assert_eq!(after(MISSING, host), expected);
    // Where chance decides all of them have to ask.
    let lists: &[(&str, &[&str])] = &[("/nix", &["noatime"]), ("/home", &["noatime"])];
    let expected = ["noatime compress=zstd:1", "noatime compress=zstd:1"];
    assert_eq!(after(MISSING, with_mounts(lists)), expected);
}

#[test]
fn who_has_said_anything_about_compression_is_not_told_that_it_is_missing() {
    for list in [
        "compress=no",
        "compress=zstd",
        "nodatacow",
        "nodatasum",
        "compression=zstd",
        "ro",
    ] {
        assert!(!finds(MISSING, &with_mounts(&[("/", &[list])])), "{list}");
    }
    let lists: &[(&str, &[&str])] = &[("/", &["noatime"]), ("/home", &["compress=zstd"])];
    assert!(!finds(MISSING, &with_mounts(lists)), "on one of them");
    let mut host = with_mounts(&[("/", &["noatime"]), ("/home", &["noatime"])]);
    host.storage.filesystems[0].mounts[1].options = Texts::Unknown(unknown());
    assert!(!finds(MISSING, &host), "one is not known");
    let mut host = with_mounts(&[("/", &["noatime"])]);
    let rules = serde_json::json!(["h /nix - - - - +c"]);
    set(&mut host, "systemd.tmpfiles.rules", rules);
    assert!(!finds(MISSING, &host), "a directory has it");
}

#[test]
fn compression_is_proposed_where_it_helps() {
    let store: &[(&str, &[&str])] = &[("/", &["noatime"])];
    let films: &[(&str, &[&str])] = &[("/srv/films", &["noatime"])];
    assert!(finds(MISSING, &sized(DiskKind::NvmeSsd, 128, store)));
    assert!(!finds(MISSING, &sized(DiskKind::NvmeSsd, 2048, store)));
    assert!(finds(MISSING, &sized(DiskKind::SdCard, 2048, store)));
    assert!(finds(MISSING, &sized(DiskKind::Hdd, 2048, store)));
    assert!(!finds(MISSING, &sized(DiskKind::Hdd, 2048, films)));
    for special in ["/boot", "/swap"] {
        assert!(!finds(MISSING, &with_mounts(&[(special, &["noatime"])])));
    }
    let mut full = sized(DiskKind::NvmeSsd, 2048, store);
    let entry = DfEntry {
        device: "/dev/sda2".to_owned(),
        fstype: Some("btrfs".to_owned()),
        size: Some(Bytes(100)),
        used: Some(Bytes(90)),
        available: Some(Bytes(10)),
        mountpoint: "/".to_owned(),
        approximate: false,
    };
    full.metrics.filesystems.push(Sourced {
        value: entry,
        source: "df".into(),
    });
    let found = findings(MISSING, &full, &none());
    assert_eq!(found[0].0.severity, Severity::Warning);
    assert!(found[0].0.message.contains("90"), "{}", found[0].0.message);
    // The owner's idea of small and full.
    let mut own = sized(DiskKind::NvmeSsd, 128, store);
    own.preferences
        .set(MISSING, "small_disk_gibibytes", 100.into());
    assert!(!finds(MISSING, &own));
    full.preferences.set(MISSING, "full_percent", 95.into());
    assert!(!finds(MISSING, &full));
}

#[test]
fn a_high_level_is_lowered_on_flash_and_where_people_wait() {
    let lists: &[(&str, &[&str])] = &[
        ("/", &["compress=zstd:15", "noatime"]),
        ("/home", &["compress-force=zstd:15"]),
    ];
    assert!(!finds(
        LEVEL,
        &on(DiskKind::NvmeSsd, &[("/", &["compress=zstd:5"])])
    ));
    let found = findings(LEVEL, &on(DiskKind::NvmeSsd, lists), &none());
    assert_eq!(found[0].0.severity, Severity::Warning);
    let expected = ["compress=zstd:3 noatime", "compress-force=zstd:3"];
    assert_eq!(after(LEVEL, on(DiskKind::NvmeSsd, lists)), expected);
    let six: &[(&str, &[&str])] = &[("/", &["compress=zstd:6"])];
    assert!(finds(LEVEL, &on(DiskKind::SataSsd, six)));
    for slow in [DiskKind::Hdd, DiskKind::Emmc, DiskKind::SdCard] {
        assert!(!finds(LEVEL, &on(slow, six)), "{slow:?}");
    }
    assert!(!finds(LEVEL, &with_mounts(six)), "nothing is known");
    let desktop = working(WorkloadKind::Desktop, "/home");
    assert!(!findings(LEVEL, &with_mounts(six), &desktop).is_empty());
    assert!(findings(LEVEL, &on(DiskKind::Hdd, six), &desktop).is_empty());
    assert!(finds(
        LEVEL,
        &on(DiskKind::Hdd, &[("/", &["compress=zstd:12"])])
    ));
    let archive: &[(&str, &[&str])] = &[("/srv/archive", &["compress=zstd:15"])];
    assert!(!finds(LEVEL, &on(DiskKind::Hdd, archive)));
    let mut own = on(DiskKind::NvmeSsd, &[("/", &["compress=zstd:9"])]);
    assert!(finds(LEVEL, &own));
    own.preferences
        .set(LEVEL, "highest_zstd_level_on_flash", 9.into());
    assert!(!finds(LEVEL, &own));
}

#[test]
fn zlib_gives_way_to_a_zstd_that_packs_as_well() {
    let on_disk = |list: &[&str]| after(LEVEL, on(DiskKind::Hdd, &[("/srv", list)]));
    assert_eq!(on_disk(&["compress"]), ["compress=zstd:3"]);
    assert_eq!(on_disk(&["compress-force"]), ["compress-force=zstd:3"]);
    assert_eq!(on_disk(&["compress=zlib:9"]), ["compress=zstd:6"]);
    // Level 6 would be called too high there.
    let flash = on(DiskKind::NvmeSsd, &[("/", &["compress=zlib:9"])]);
    assert_eq!(after(LEVEL, flash), ["compress=zstd:3"]);
    let bare = findings(LEVEL, &with_mounts(&[("/", &["compress"])]), &none());
    assert_eq!(bare[0].0.severity, Severity::Advice);
    assert!(bare[0].0.message.contains("not zstd"));
    assert!(!finds(LEVEL, &with_mounts(&[("/", &["compress=lzo"])])));
    assert!(!finds(LEVEL, &with_mounts(&[("/", &["noatime"])])));
    // Mounts that do not agree: mount/inconsistent-options.
    let lists: &[(&str, &[&str])] = &[("/", &["compress=zstd:15"]), ("/home", &["compress=lzo"])];
    assert!(!finds(LEVEL, &on(DiskKind::NvmeSsd, lists)));
}

#[test]
fn force_is_questioned_only_over_data_that_does_not_get_smaller() {
    let lists: &[(&str, &[&str])] = &[
        ("/", &["compress-force=zstd:2"]),
        ("/srv", &["compress-force=zstd:2", "noatime"]),
    ];
    let mut host = with_mounts(lists);
    assert!(!finds(FORCE, &host));
    set(
        &mut host,
        "services.borgbackup.repos.home.path",
        "/srv/borg",
    );
    let (_, remedy) = findings(FORCE, &host, &none()).remove(0);
    assert_eq!(remedy.unwrap().applicability, Applicability::Consent);
    assert_eq!(
        after(FORCE, host),
        ["compress=zstd:2", "compress=zstd:2 noatime"]
    );
    let row = |algorithm: &str, disk: u64| CompressionRow {
        algorithm: algorithm.to_owned(),
        disk: Bytes(disk),
        uncompressed: Bytes(disk),
        referenced: Bytes(disk),
    };
    let measured = |raw: u64| {
        let mut host = with_mounts(lists);
        host.metrics.compression.push(Sourced {
            value: CompressionUse {
                path: Some("/srv".to_owned()),
                rows: vec![
                    row("none", raw),
                    row("zstd", 100 - raw),
                    row("prealloc", 900),
                ],
                ..CompressionUse::default()
            },
            source: "compsize".into(),
        });
        host
    };
    assert!(finds(FORCE, &measured(60)));
    assert!(!finds(FORCE, &measured(59)));
    // Elsewhere, or not in force.
    let mut host = with_mounts(&[("/", &["compress=zstd"])]);
    set(&mut host, "services.immich.enable", true);
    assert!(!finds(FORCE, &host));
}

#[test]
fn autodefrag_goes_where_it_does_not_pay() {
    let lists: &[(&str, &[&str])] = &[
        ("/", &["autodefrag", "noatime"]),
        ("/home", &["noatime,autodefrag"]),
    ];
    assert_eq!(
        after(AUTODEFRAG, on(DiskKind::SataSsd, lists)),
        ["noatime"; 2]
    );
    let disk = || on(DiskKind::Hdd, lists);
    assert!(!finds(AUTODEFRAG, &disk()));
    assert!(!finds(AUTODEFRAG, &with_mounts(lists)), "nothing is known");
    assert!(
        findings(
            AUTODEFRAG,
            &disk(),
            &working(WorkloadKind::Desktop, "/home")
        )
        .is_empty()
    );
    let database = working(WorkloadKind::Database, "/var/lib/postgresql");
    assert_eq!(
        findings(AUTODEFRAG, &disk(), &database)[0].0.severity,
        Severity::Warning
    );
    let mut shot = disk();
    set(
        &mut shot,
        "services.snapper.configs.home.SUBVOLUME",
        "/home",
    );
    assert!(finds(AUTODEFRAG, &shot));
    assert_eq!(after(AUTODEFRAG, shot), ["noatime"; 2]);
    // Without effect: mount/ineffective-per-subvolume.
    let idle: &[(&str, &[&str])] = &[("/", &["noatime"]), ("/home", &["autodefrag"])];
    assert!(!finds(AUTODEFRAG, &on(DiskKind::SataSsd, idle)));
}

#[test]
fn synchronous_discards_become_asynchronous_or_go() {
    let lists: &[(&str, &[&str])] = &[("/", &["discard", "noatime"]), ("/home", &["discard=sync"])];
    let expected = ["discard=async noatime", "discard=async"];
    assert_eq!(after(SYNC, with_mounts(lists)), expected);
    let mut host = on(DiskKind::NvmeSsd, lists);
    set_kernel(&mut host, "6.12.58");
    assert_eq!(after(SYNC, host), ["noatime", "defaults"]);
    let mut host = on(DiskKind::NvmeSsd, lists);
    set_kernel(&mut host, "6.1.176");
    assert_eq!(after(SYNC, host), expected);
    assert!(!finds(SYNC, &on(DiskKind::Hdd, lists)));
    let idle: &[(&str, &[&str])] = &[("/", &["discard=async"]), ("/home", &["discard"])];
    assert!(!finds(SYNC, &with_mounts(idle)));
    let mut held = on(DiskKind::NvmeSsd, lists);
    add_luks(&mut held, &[]);
    assert!(finds(SYNC, &held));
    hold_back(&mut held);
    assert!(!finds(SYNC, &held), "nothing reaches the disk");
    let mut opened = with_mounts(lists);
    open_by_nixos(&mut opened, "root");
    assert!(!finds(SYNC, &opened), "nor from where NixOS opens it");
    set(
        &mut opened,
        "boot.initrd.luks.devices.root.allowDiscards",
        true,
    );
    assert!(finds(SYNC, &opened));
}

fn hold_back(host: &mut Host) {
    for layer in &mut host.storage.filesystems[0].layers {
        if let Layer::Luks(luks) = layer {
            luks.allow_discards = Ok(false);
        }
    }
}

#[test]
fn a_solid_state_disk_that_nobody_trims_gets_a_timer() {
    let host = |kernel: &str, list: &[&str]| {
        let mut host = on(DiskKind::SataSsd, &[("/", list)]);
        set_kernel(&mut host, kernel);
        host
    };
    let old = || host("6.1.176", &["noatime"]);
    assert!(!finds(TRIM_MISSING, &old()), "the release is not known");
    let mut told = old();
    set_release(&mut told, Release::new(23, 11));
    let found = findings(TRIM_MISSING, &told, &none());
    assert_eq!(found[0].0.severity, Severity::Warning);
    assert_eq!(
        found[0].1.as_ref().unwrap().applicability,
        Applicability::Safe
    );
    told.skipped.push(unknown());
    assert!(!finds(TRIM_MISSING, &told), "a module may set it");
    let mut newer = old();
    set_release(&mut newer, Release::new(24, 11));
    assert!(!finds(TRIM_MISSING, &newer), "it is the default");
    let off = |mut host: Host| {
        set(&mut host, "services.fstrim.enable", false);
        host
    };
    let (_, remedy) = findings(TRIM_MISSING, &off(old()), &none()).remove(0);
    assert_eq!(remedy.unwrap().applicability, Applicability::Consent);
    after(TRIM_MISSING, off(old()));
    assert!(!finds(TRIM_MISSING, &off(host("6.6.63", &["noatime"]))));
    assert!(!finds(
        TRIM_MISSING,
        &off(host("6.1.176", &["discard=async"]))
    ));
    assert!(finds(TRIM_MISSING, &off(host("6.12.58", &["nodiscard"]))));
    // The kernel is not known, and the option says it all.
    assert!(finds(
        TRIM_MISSING,
        &off(on(DiskKind::SataSsd, &[("/", &["nodiscard"])]))
    ));
    assert!(!finds(
        TRIM_MISSING,
        &off(on(DiskKind::SataSsd, &[("/", &["noatime"])]))
    ));
    assert!(!finds(
        TRIM_MISSING,
        &off(on(DiskKind::Hdd, &[("/", &["nodiscard"])]))
    ));
    let mut held = off(old());
    add_luks(&mut held, &[]);
    assert!(finds(TRIM_MISSING, &held));
    hold_back(&mut held);
    assert!(!finds(TRIM_MISSING, &held), "a timer would not help");
}

#[test]
fn discards_that_are_asked_for_get_through_luks() {
    let mut host = on(DiskKind::NvmeSsd, &[("/", &["discard=async"])]);
    add_luks(&mut host, &[]);
    assert!(!finds(LUKS, &host));
    hold_back(&mut host);
    let (finding, remedy) = findings(LUKS, &host, &none()).remove(0);
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(remedy.unwrap().applicability, Applicability::Consent);
    let mut seen = host.clone();
    seen.metrics.block_devices.push(Sourced {
        value: BlockDevice {
            name: "dm-0".to_owned(),
            kind: Some("crypt".to_owned()),
            discard: Some(true),
            ..BlockDevice::default()
        },
        source: "lsblk".into(),
    });
    assert!(!finds(LUKS, &seen), "the header lets them through");
    for (option, value) in [
        ("allowDiscards", serde_json::json!(true)),
        ("allowDiscards", serde_json::json!(false)),
        ("crypttabExtraOpts", serde_json::json!(["discard"])),
    ] {
        let mut told = host.clone();
        set(
            &mut told,
            &format!("boot.initrd.luks.devices.crypt.{option}"),
            value,
        );
        assert!(!finds(LUKS, &told), "{option} is set");
    }
    for flags in [
        Texts::unwritten(&["--allow-discards"]),
        Texts::unwritten(&["fido2-device=auto", "discard"]),
        Texts::Unknown(unknown()),
    ] {
        let mut made = host.clone();
        for layer in &mut made.storage.filesystems[0].layers {
            if let Layer::Luks(luks) = layer {
                luks.open_flags = flags.clone();
            }
        }
        assert!(!finds(LUKS, &made), "{flags:?}");
    }
    let mut rotating = on(DiskKind::Hdd, &[("/", &["discard=async"])]);
    add_luks(&mut rotating, &[]);
    hold_back(&mut rotating);
    assert!(!finds(LUKS, &rotating));
    after(LUKS, host);
}

#[test]
fn the_timer_is_a_wish_too_and_nixos_opens_containers_itself() {
    let mut host = with_mounts(&[("/", &["noatime"])]);
    open_by_nixos(&mut host, "root");
    assert!(!finds(LUKS, &host), "nobody asks");
    set_release(&mut host, Release::new(25, 5));
    assert!(!finds(LUKS, &host), "the default is no wish");
    set(&mut host, "services.fstrim.enable", true);
    assert!(!finds(LUKS, &host), "the disk may rotate");
    set_hardware(&mut host, DiskKind::NvmeSsd, 16);
    let (finding, remedy) = findings(LUKS, &host, &none()).remove(0);
    assert_eq!(finding.severity, Severity::Advice);
    let expected = Action::SetLuksSetting {
        luks: ["boot", "initrd", "luks", "devices", "root"]
            .map(str::to_owned)
            .to_vec(),
        setting: LuksSetting::AllowDiscards,
        on: true,
    };
    assert_eq!(remedy.unwrap().actions, [expected]);
    set(
        &mut host,
        "boot.initrd.luks.devices.root.allowDiscards",
        true,
    );
    assert!(!finds(LUKS, &host));
}

#[test]
fn a_timer_beside_asynchronous_discards_is_told_where_it_serves_nothing_else() {
    let mut host = on(DiskKind::NvmeSsd, &[("/", &["noatime"])]);
    set_kernel(&mut host, "6.12.58");
    assert!(!finds(TWICE, &host), "nobody wrote it");
    set(&mut host, "services.fstrim.enable", true);
    let found = findings(TWICE, &host, &none());
    assert!(found[0].1.is_none(), "it does no harm");
    host.storage.others = vec!["/boot".to_owned(), "/tmp".to_owned()];
    assert!(finds(TWICE, &host));
    host.storage.others.push("/srv".to_owned());
    assert!(!finds(TWICE, &host), "it serves another filesystem");
    host.storage.others.clear();
    set_kernel(&mut host, "6.1.176");
    assert!(!finds(TWICE, &host));
    set_kernel(&mut host, "6.12.58");
    add_luks(&mut host, &[]);
    assert!(finds(TWICE, &host));
    hold_back(&mut host);
    assert!(!finds(TWICE, &host));
}

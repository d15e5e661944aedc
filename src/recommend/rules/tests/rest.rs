//! Rules about layout, memory, devices and integrity.

use serde_json::json;

use super::host::{
    add_luks, complaint, findings, set, set_hardware, set_mounted, settle, with_mounts,
};
use crate::analyze::{Analysis, WorkloadKind};
use crate::model::hardware::{DiskKind, Virtualisation};
use crate::model::metrics::{DeviceIo, MemInfo, Sourced};
use crate::model::units::{Bytes, Millis};
use crate::model::{Found, Host, Texts};
use crate::recommend::{Action, Applicability, Severity};

fn none() -> Analysis {
    Analysis::default()
}

fn database_host() -> Host {
    let mut host = with_mounts(&[
        ("/", &["compress=zstd:3", "noatime"]),
        ("/persist", &["noatime"]),
    ]);
    set(&mut host, "services.postgresql.enable", true);
    set(
        &mut host,
        "services.postgresql.dataDir",
        "/persist/postgresql/16",
    );
    host
}

const DATABASE: &str = "layout/database-on-cow";

#[test]
fn a_database_that_people_complain_about_gets_its_own_place() {
    let mut host = database_host();
    let analysis = complaint(WorkloadKind::Database, "/persist/postgresql/16");
    let found = findings(DATABASE, &host, &analysis);
    let remedy = found[0].1.as_ref().unwrap();
    assert_eq!(remedy.applicability, Applicability::Consent);
    let Action::SplitSubvolume {
        name,
        mountpoint,
        options,
        ..
    } = &remedy.actions[0]
    else {
        panic!("{:?}", remedy.actions);
    };
    assert_eq!(
        (name.as_str(), mountpoint.as_str()),
        ("/postgresql", "/persist/postgresql")
    );
    assert_eq!(options, &["compress=zstd:3", "noatime"]);
    settle(DATABASE, &mut host, &analysis);
    assert!(findings(DATABASE, &host, &analysis).is_empty());
}

#[test]
fn a_database_is_left_alone_without_need_and_advised_only_beside_snapshots() {
    let mut host = database_host();
    assert!(
        findings(DATABASE, &host, &none()).is_empty(),
        "nobody complains"
    );
    let elsewhere = complaint(WorkloadKind::Database, "/srv/other");
    assert!(findings(DATABASE, &host, &elsewhere).is_empty());
    set_hardware(&mut host, DiskKind::Hdd, 8);
    assert!(
        findings(DATABASE, &host, &none())[0].1.is_some(),
        "a hard disk"
    );
    set(
        &mut host,
        "services.snapper.configs.p.SUBVOLUME",
        "/persist",
    );
    assert!(
        findings(DATABASE, &host, &none())[0].1.is_none(),
        "snapshots"
    );
}

#[test]
fn a_database_that_is_not_copied_on_write_already_is_left_alone() {
    let analysis = complaint(WorkloadKind::Database, "/persist/postgresql");
    let quiet = |host: &Host| assert!(findings(DATABASE, host, &analysis).is_empty());
    let mut host = database_host();
    set(
        &mut host,
        "systemd.tmpfiles.rules",
        json!(["h /persist/postgresql - - - - +C"]),
    );
    quiet(&host);
    let mut host = database_host();
    let option = "systemd.tmpfiles.settings.db./persist/postgresql.h.argument";
    set(&mut host, option, "+C");
    quiet(&host);
    let mut host = with_mounts(&[("/", &["nodatacow"])]);
    set(&mut host, "services.postgresql.enable", true);
    quiet(&host);
    // Another filesystem lies between.
    let mut host = database_host();
    set_mounted(&mut host, "/persist/postgresql", &[]);
    host.metrics.mounts[0].value.fstype = "ext4".to_owned();
    quiet(&host);
}

#[test]
fn a_database_is_looked_for_behind_impermanence() {
    let mut host = with_mounts(&[("/persist", &["compress=zstd"]), ("/", &["compress=zstd"])]);
    set(&mut host, "services.mysql.enable", true);
    set(
        &mut host,
        "environment.persistence./persist.directories",
        json!(["/var/lib/mysql"]),
    );
    let analysis = complaint(WorkloadKind::Database, "/persist/var/lib/mysql");
    let found = findings(DATABASE, &host, &analysis);
    assert_eq!(found[0].0.subject, "/persist/var/lib/mysql");
}

const DIRTY: &str = "system/dirty-limits";

#[test]
fn dirty_limits_need_memory_and_a_sign_of_bursts() {
    let mut host = with_mounts(&[("/", &["noatime"])]);
    set_hardware(&mut host, DiskKind::Hdd, 32);
    assert_eq!(findings(DIRTY, &host, &none()).len(), 1);
    settle(DIRTY, &mut host, &none());
    assert!(findings(DIRTY, &host, &none()).is_empty());

    set_hardware(&mut host, DiskKind::Hdd, 8);
    let mut small = with_mounts(&[("/", &["noatime"])]);
    set_hardware(&mut small, DiskKind::Hdd, 8);
    assert!(findings(DIRTY, &small, &none()).is_empty(), "8 GiB");

    let mut nvme = with_mounts(&[("/", &["noatime"])]);
    set_hardware(&mut nvme, DiskKind::NvmeSsd, 64);
    assert!(
        findings(DIRTY, &nvme, &none()).is_empty(),
        "a fast disk and no complaint"
    );
    assert_eq!(
        findings(DIRTY, &nvme, &complaint(WorkloadKind::Build, "/src")).len(),
        1
    );
    let info = MemInfo {
        total: Bytes(62 * Bytes::GIB),
        dirty: Some(Bytes(Bytes::GIB)),
        ..MemInfo::default()
    };
    nvme.metrics.memory = Some(Sourced {
        value: info,
        source: "meminfo".into(),
    });
    assert_eq!(findings(DIRTY, &nvme, &none()).len(), 1);
    set(&mut nvme, "boot.kernel.sysctl.vm.dirty_ratio", 5);
    assert!(findings(DIRTY, &nvme, &none()).is_empty(), "somebody chose");
}

const ZRAM: &str = "system/zram-sysctls";

#[test]
fn zram_wants_its_own_settings_and_a_low_swappiness_contradicts_it() {
    let mut host = with_mounts(&[("/", &["noatime"])]);
    assert!(findings(ZRAM, &host, &none()).is_empty());
    set(&mut host, "zramSwap.enable", true);
    let found = findings(ZRAM, &host, &none());
    assert_eq!(found[0].0.severity, Severity::Advice);
    assert_eq!(found[0].1.as_ref().unwrap().actions.len(), 4);
    set(&mut host, "boot.kernel.sysctl.vm.swappiness", 10);
    let found = findings(ZRAM, &host, &none());
    assert_eq!(found[0].0.severity, Severity::Warning);
    assert!(found[0].0.message.contains("vm.swappiness = 10"));
    settle(ZRAM, &mut host, &none());
    assert!(findings(ZRAM, &host, &none()).is_empty());
}

#[test]
fn a_high_swappiness_that_somebody_chose_stays() {
    let mut host = with_mounts(&[("/", &["noatime"])]);
    set(&mut host, "zramSwap.enable", true);
    set(&mut host, "boot.kernel.sysctl.vm.swappiness", 133);
    let found = findings(ZRAM, &host, &none());
    assert_eq!(found[0].1.as_ref().unwrap().actions.len(), 3);
    set(&mut host, "boot.kernel.sysctl.vm.page-cluster", 1);
    assert_eq!(
        findings(ZRAM, &host, &none())[0]
            .1
            .as_ref()
            .unwrap()
            .actions
            .len(),
        2
    );
}

const QUEUES: &str = "device/luks-workqueues";

fn luks_host(kind: DiskKind) -> Host {
    let mut host = with_mounts(&[("/", &["noatime"])]);
    add_luks(&mut host, &[]);
    set_hardware(&mut host, kind, 8);
    host
}

#[test]
fn luks_on_a_solid_state_disk_bypasses_the_queues() {
    let mut host = luks_host(DiskKind::NvmeSsd);
    assert_eq!(
        findings(QUEUES, &host, &none())[0].0.severity,
        Severity::Advice
    );
    for (name, wait) in [("dm-0", 6.0), ("sda", 0.6)] {
        let value = DeviceIo {
            name: name.to_owned(),
            w_await_ms: Some(Millis(wait)),
            ..DeviceIo::default()
        };
        host.metrics.devices.push(Sourced {
            value,
            source: "iostat".into(),
        });
    }
    let found = findings(QUEUES, &host, &none());
    assert_eq!(found[0].0.severity, Severity::Warning);
    assert!(
        found[0].0.message.contains("6.0 ms in dm-0"),
        "{}",
        found[0].0.message
    );
    settle(QUEUES, &mut host, &none());
    assert!(findings(QUEUES, &host, &none()).is_empty());
}

#[test]
fn queues_stay_on_hard_disks_without_aes_and_where_they_are_bypassed() {
    assert!(findings(QUEUES, &luks_host(DiskKind::Hdd), &none()).is_empty());
    let mut slow = luks_host(DiskKind::NvmeSsd);
    slow.hardware.as_mut().unwrap().cpu.features = ["fpu".to_owned()].into();
    assert!(findings(QUEUES, &slow, &none()).is_empty());
    let mut done = luks_host(DiskKind::NvmeSsd);
    set(
        &mut done,
        "boot.initrd.luks.devices.crypt.bypassWorkqueues",
        true,
    );
    assert!(findings(QUEUES, &done, &none()).is_empty());
}

const SECTORS: &str = "device/luks-sector-size";

#[test]
fn luks_on_nvme_names_its_sector_size() {
    let mut host = luks_host(DiskKind::NvmeSsd);
    assert_eq!(findings(SECTORS, &host, &none()).len(), 1);
    settle(SECTORS, &mut host, &none());
    assert!(findings(SECTORS, &host, &none()).is_empty());
    assert!(findings(SECTORS, &luks_host(DiskKind::SataSsd), &none()).is_empty());
    let mut native = luks_host(DiskKind::NvmeSsd);
    native.hardware.as_mut().unwrap().disks[0].logical_sector = Some(4096);
    assert!(findings(SECTORS, &native, &none()).is_empty());
    let mut old = with_mounts(&[("/", &["noatime"])]);
    add_luks(&mut old, &["--type luks1"]);
    set_hardware(&mut old, DiskKind::NvmeSsd, 8);
    assert!(findings(SECTORS, &old, &none()).is_empty());
}

const SCRUB: &str = "integrity/scrub-missing";

#[test]
fn a_scrub_is_missed_more_where_it_can_repair() {
    let mut host = with_mounts(&[("/srv/a", &["noatime"]), ("/srv/b", &["noatime"])]);
    assert_eq!(
        findings(SCRUB, &host, &none())[0].0.severity,
        Severity::Advice
    );
    host.storage.filesystems[0].mkfs_args = Texts::unwritten(&["-d raid1 /dev/sdb"]);
    let found = findings(SCRUB, &host, &none());
    assert_eq!(found[0].0.severity, Severity::Warning);
    let Action::SetNixosOption { value, .. } = &found[0].1.as_ref().unwrap().actions[1] else {
        panic!("not an option");
    };
    assert_eq!(value, &json!(["/srv/a"]), "one mount for each filesystem");
    settle(SCRUB, &mut host, &none());
    assert!(findings(SCRUB, &host, &none()).is_empty());
}

#[test]
fn who_decided_on_scrubs_or_has_no_disks_is_left_alone() {
    let mut host = with_mounts(&[("/", &["noatime"])]);
    set(&mut host, "services.btrfs.autoScrub.enable", false);
    assert!(findings(SCRUB, &host, &none()).is_empty());
    let mut guest = with_mounts(&[("/", &["noatime"])]);
    set_hardware(&mut guest, DiskKind::Hdd, 2);
    guest.hardware.as_mut().unwrap().virtualisation = Virtualisation::Kvm;
    assert!(findings(SCRUB, &guest, &none()).is_empty());
}

#[test]
fn a_file_by_itself_does_not_tell_what_is_set_nowhere() {
    let mut host = with_mounts(&[("/", &["noatime"])]);
    set(&mut host, "zramSwap.enable", true);
    host.found = Found::File;
    for id in ["integrity/scrub-missing", "system/zram-sysctls"] {
        assert!(findings(id, &host, &none()).is_empty(), "{id}");
    }
    // A swappiness that stands beside zram is seen, whatever the rest of the machine says.
    set(&mut host, "boot.kernel.sysctl.vm.swappiness", 10);
    assert_eq!(findings("system/zram-sysctls", &host, &none()).len(), 1);
    // The file that makes a machine tells.
    set(&mut host, "system.stateVersion", "25.05");
    assert_eq!(findings("integrity/scrub-missing", &host, &none()).len(), 1);
}

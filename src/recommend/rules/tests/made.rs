//! Rules about what mkfs made of disks, and about disks themselves.

use serde_json::json;

use super::device::{first_disk, found, mkfs, none, on, sourced};
use super::host::{findings, set_kernel, settle, with_mounts};
use crate::analyze::WorkloadKind;
use crate::model::hardware::{DiskKind, Medium, Virtualisation};
use crate::model::metrics::{
    BlockGroup, BlockGroupKind, BtrfsUsage, DeviceErrors, Maintenance, MaintenanceJob,
    MaintenanceState, Sourced, UsageDevice,
};
use crate::model::units::Bytes;
use crate::model::{Host, Layer};
use crate::recommend::{Action, MkfsSetting, Severity};

/// Two disks below one filesystem.
fn over_two(arguments: &[&str]) -> Host {
    let mut host = on(DiskKind::Hdd);
    let mut second = first_disk(&mut host).clone();
    second.kernel_name = "sdb".to_owned();
    second.names = vec!["/dev/disk/by-id/second".to_owned()];
    host.hardware.as_mut().unwrap().disks.push(second);
    let mut all = arguments.to_vec();
    all.push("/dev/disk/by-id/second-part1");
    mkfs(&mut host, &all);
    host
}

#[test]
fn metadata_over_two_disks_is_kept_as_well_as_the_data() {
    let of = |arguments: &[&str]| {
        let mut host = over_two(arguments);
        let severity = found("profiles", &host).first().map(|(s, _)| *s);
        settle("device/profiles", &mut host, &none());
        assert_eq!(found("profiles", &host), [], "{arguments:?}");
        severity
    };
    assert_eq!(of(&[]), None);
    assert_eq!(of(&["-d", "raid1"]), None);
    assert_eq!(of(&["-d", "raid1", "-m", "raid1"]), None);
    assert_eq!(of(&["-d", "single", "-m", "raid10"]), None);
    assert_eq!(of(&["-d", "raid0"]), None);
    assert_eq!(
        of(&["-d", "raid1", "-m", "single"]),
        Some(Severity::Warning)
    );
    assert_eq!(of(&["-d", "raid1", "-m", "dup"]), Some(Severity::Warning));
    assert_eq!(of(&["-m", "single"]), Some(Severity::Warning));
    assert_eq!(of(&["-m", "dup"]), Some(Severity::Advice));
    assert_eq!(of(&["-d", "raid0", "-m", "raid0"]), Some(Severity::Advice));
    assert_eq!(of(&["-d", "raid5", "-m", "raid5"]), Some(Severity::Warning));
}

#[test]
fn more_disks_may_be_lost_where_there_are_more() {
    let of = |arguments: &[&str]| {
        let mut host = over_two(arguments);
        let mut all: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        all.extend(["/dev/sdb1", "/dev/sdc1", "/dev/sdd1"].map(str::to_owned));
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        mkfs(&mut host, &all);
        let found = findings("device/profiles", &host, &none());
        let (finding, remedy) = found.into_iter().next()?;
        let Action::SetMkfs {
            setting: MkfsSetting::MetadataProfile(profile),
            ..
        } = &remedy?.actions[0]
        else {
            return None;
        };
        Some((finding.severity, profile.clone()))
    };
    let warning = |p: &str| Some((Severity::Warning, p.to_owned()));
    let advice = |p: &str| Some((Severity::Advice, p.to_owned()));
    assert_eq!(of(&["-d", "raid6", "-m", "raid6"]), warning("raid1c3"));
    assert_eq!(of(&["-d", "raid6", "-m", "raid1"]), advice("raid1c3"));
    assert_eq!(of(&["-d", "raid1c4", "-m", "raid1"]), advice("raid1c4"));
    assert_eq!(of(&["-d", "raid6", "-m", "raid1c3"]), None);
    assert_eq!(of(&["-d", "raid5", "-m", "raid5"]), warning("raid1"));
    assert_eq!(of(&["-d", "raid1", "-m", "raid1c4"]), None);
    // A word that is not understood may say anything.
    assert_eq!(of(&["-d", "raid1", "-m", "single", "--new-option"]), None);
}

fn usage(groups: &[(BlockGroupKind, &str, u64)], devices: &[&str]) -> Sourced<BtrfsUsage> {
    sourced(BtrfsUsage {
        mountpoint: Some("/".to_owned()),
        block_groups: groups
            .iter()
            .map(|(kind, profile, used)| BlockGroup {
                kind: *kind,
                profile: (*profile).to_owned(),
                size: Bytes(Bytes::GIB),
                used: Bytes(*used),
            })
            .collect(),
        devices: devices
            .iter()
            .map(|path| UsageDevice {
                path: (*path).to_owned(),
                allocated: Bytes(0),
                unallocated: None,
            })
            .collect(),
        ..BtrfsUsage::default()
    })
}

#[test]
fn what_the_machine_shows_wins_over_what_was_asked_of_mkfs() {
    use BlockGroupKind::{Data, Metadata};
    let two = ["/dev/sda1", "/dev/sdb1"];
    let mut host = over_two(&["-m", "single"]);
    let converted = [
        (Data, "RAID1", 9),
        (Metadata, "RAID1", 9),
        (Metadata, "single", 0),
    ];
    host.metrics.usage = vec![usage(&converted, &two)];
    assert_eq!(found("profiles", &host), []);

    let mut host = over_two(&[]);
    host.metrics.usage = vec![usage(&[(Data, "RAID1", 9), (Metadata, "DUP", 9)], &two)];
    let all = findings("device/profiles", &host, &none());
    assert!(all[0].0.message.contains("balance start -mconvert=raid1 /"));
    assert!(all[0].1.is_none(), "mkfs is told the right thing already");
    // Half converted, or on the way.
    let halves = [
        (Data, "RAID1", 9),
        (Metadata, "DUP", 9),
        (Metadata, "RAID1", 9),
    ];
    host.metrics.usage = vec![usage(&halves, &two)];
    assert_eq!(found("profiles", &host), []);
    host.metrics.usage = vec![usage(&[(Data, "RAID1", 9), (Metadata, "DUP", 9)], &two)];
    host.metrics.maintenance.push(sourced(Maintenance {
        job: MaintenanceJob::Balance,
        path: None,
        running: true,
        state: MaintenanceState::Running,
        errors: None,
        rate_bytes_s: None,
        done: None,
    }));
    assert_eq!(found("profiles", &host), []);
}

#[test]
fn one_copy_on_one_disk_is_told_where_the_disk_is_not_to_be_trusted() {
    use BlockGroupKind::{Data, Metadata};
    let of = |kind: DiskKind| {
        let mut host = on(kind);
        mkfs(&mut host, &["-m", "single"]);
        host
    };
    assert_eq!(found("profiles", &of(DiskKind::SataSsd)), []);
    assert_eq!(found("profiles", &of(DiskKind::NvmeSsd)), []);
    for kind in [DiskKind::Hdd, DiskKind::SdCard, DiskKind::Usb] {
        let mut host = of(kind);
        assert_eq!(found("profiles", &host)[0].0, Severity::Advice);
        let mut stacked = host.clone();
        let array = Layer::Mdraid {
            name: "array".to_owned(),
        };
        stacked.storage.filesystems[0].layers.push(array);
        assert_eq!(found("profiles", &stacked), []);
        settle("device/profiles", &mut host, &none());
        assert_eq!(found("profiles", &host), []);
    }
    let mut host = of(DiskKind::SataSsd);
    let single = [(Data, "single", 9), (Metadata, "single", 9)];
    host.metrics.usage = vec![usage(&single, &["/dev/sda2"])];
    host.metrics.device_errors.push(sourced(DeviceErrors {
        device: "/dev/sda2".to_owned(),
        corruption: 3,
        ..DeviceErrors::default()
    }));
    assert_eq!(found("profiles", &host)[0].0, Severity::Warning);
    host.hardware.as_mut().unwrap().virtualisation = Virtualisation::Kvm;
    assert_eq!(found("profiles", &host), []);
}

fn large(terabytes: u64) -> Host {
    let mut host = on(DiskKind::Hdd);
    first_disk(&mut host).size = Some(Bytes(terabytes * Bytes::TIB));
    set_kernel(&mut host, "6.12.43");
    host.metrics.btrfs_progs = Some(sourced("6.17".to_owned()));
    host
}

#[test]
fn a_block_group_tree_is_for_large_hard_disks_that_have_none() {
    const RULE: &str = "block-group-tree";
    assert_eq!(found(RULE, &large(3)), []);
    let mut host = large(4);
    assert_eq!(found(RULE, &host)[0].0, Severity::Advice);
    let quiet = |change: &dyn Fn(&mut Host)| {
        let mut host = large(8);
        change(&mut host);
        assert_eq!(found(RULE, &host), []);
    };
    quiet(&|host| set_kernel(host, "5.15.1"));
    quiet(&|host| host.metrics.btrfs_progs = None);
    quiet(&|host| host.metrics.btrfs_progs = Some(sourced("6.19.1".to_owned())));
    quiet(&|host| mkfs(host, &["-O", "bgt"]));
    quiet(&|host| mkfs(host, &["-O", "^block-group-tree"]));
    quiet(&|host| mkfs(host, &["-O", "^no-holes"]));
    quiet(&|host| first_disk(host).kind = DiskKind::SataSsd);
    quiet(&|host| {
        host.storage.filesystems[0]
            .disks
            .push("/dev/other".to_owned())
    });
    quiet(&|host| host.hardware.as_mut().unwrap().virtualisation = Virtualisation::Kvm);
    quiet(&|host| {
        let own = json!(16);
        host.preferences
            .set("device/block-group-tree", "large_tebibytes", own);
    });
    settle("device/block-group-tree", &mut host, &none());
    assert_eq!(found(RULE, &host), []);
}

#[test]
fn slow_checksums_are_those_without_instructions() {
    let of = |kind: DiskKind, checksum: &str, features: &[&str]| {
        let mut host = on(kind);
        mkfs(&mut host, &["--csum", checksum]);
        let cpu = &mut host.hardware.as_mut().unwrap().cpu;
        cpu.features = features.iter().map(|f| (*f).to_owned()).collect();
        let severity = found("checksum", &host).first().map(|(s, _)| *s);
        settle("device/checksum", &mut host, &none());
        assert_eq!(found("checksum", &host), []);
        severity
    };
    let plain: &[&str] = &["sse4_2", "avx2"];
    assert_eq!(
        of(DiskKind::NvmeSsd, "sha256", plain),
        Some(Severity::Warning)
    );
    assert_eq!(of(DiskKind::Hdd, "sha256", plain), Some(Severity::Advice));
    assert_eq!(of(DiskKind::NvmeSsd, "sha256", &["sha_ni"]), None);
    assert_eq!(of(DiskKind::NvmeSsd, "sha256", &[]), None);
    assert_eq!(
        of(DiskKind::NvmeSsd, "blake2", plain),
        Some(Severity::Advice)
    );
    assert_eq!(of(DiskKind::SataSsd, "blake2", plain), None);
    assert_eq!(of(DiskKind::NvmeSsd, "xxhash", plain), None);
    assert_eq!(of(DiskKind::NvmeSsd, "crc32c", plain), None);
}

#[test]
fn small_nodes_are_told_unless_something_asks_for_them() {
    let of = |arguments: &[&str]| {
        let mut host = with_mounts(&[("/", &[])]);
        mkfs(&mut host, arguments);
        let count = found("nodesize", &host).len();
        settle("device/nodesize", &mut host, &none());
        assert_eq!(found("nodesize", &host), []);
        count
    };
    assert_eq!(of(&["-n", "4096"]), 1);
    assert_eq!(of(&["--nodesize=8k"]), 1);
    assert_eq!(of(&["-n16k"]), 0);
    assert_eq!(of(&["-n", "32k"]), 0);
    assert_eq!(of(&["-M", "-n", "4k"]), 0);
    assert_eq!(of(&["-s", "8k", "-n", "8k"]), 0);
}

#[test]
fn slow_disks_are_told_with_the_work_on_them_and_shingled_ones_by_their_model() {
    let mut host = on(DiskKind::SdCard);
    assert_eq!(found("slow-medium", &host), [], "no work");
    let analysis = super::host::complaint(WorkloadKind::Nas, "/home/files");
    assert_eq!(findings("device/slow-medium", &host, &analysis).len(), 1);
    first_disk(&mut host).kind = DiskKind::Usb;
    assert_eq!(findings("device/slow-medium", &host, &analysis).len(), 1);
    first_disk(&mut host).named_medium = Medium::SolidState;
    assert_eq!(findings("device/slow-medium", &host, &analysis).len(), 0);
    // A name that only cards have is enough.
    host.hardware = None;
    host.storage.filesystems[0].disks = vec!["/dev/mmcblk0".to_owned()];
    assert_eq!(findings("device/slow-medium", &host, &analysis).len(), 1);
    mkfs(&mut host, &["-m", "single"]);
    assert_eq!(found("profiles", &host).len(), 1);
    host.storage.filesystems[0].disks = vec!["/dev/sda".to_owned()];
    assert_eq!(findings("device/slow-medium", &host, &analysis).len(), 0);
    assert_eq!(found("profiles", &host), []);
    let model = |model: &str| {
        let mut host = on(DiskKind::Hdd);
        first_disk(&mut host).model = Some(model.to_owned());
        found("slow-medium", &host).len()
    };
    assert_eq!(model("WDC WD40EFAX-68J"), 1);
    assert_eq!(model("ST8000DM004-2CX1"), 1);
    assert_eq!(model("WDC WD40EFRX-68W"), 0);
    assert_eq!(model("WDC WD80EFAX-68K"), 0);
    assert_eq!(model("ST8000VN004-2M21"), 0);
}

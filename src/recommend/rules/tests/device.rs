//! Rules about disks: schedulers, queues, copies, and what mkfs made.

use std::path::Path;

use serde_json::json;

use super::host::{findings, set, set_hardware, set_kernel, settle, with_mounts};
use crate::analyze::{Analysis, WorkloadKind};
use crate::ingest::{facter, metrics};
use crate::model::hardware::{Disk, DiskKind, Medium, Virtualisation};
use crate::model::metrics::{
    BlockDevice, BlockGroup, BlockGroupKind, BtrfsUsage, DeviceErrors, Maintenance, MaintenanceJob,
    Sourced, UsageDevice,
};
use crate::model::units::Bytes;
use crate::model::{Host, Layer, Release, Texts, Told};
use crate::project::Project;
use crate::recommend::rules::RULES;
use crate::recommend::{Action, Applicability, MkfsSetting, Severity};

const OWN: [&str; 10] = [
    "block-group-tree",
    "checksum",
    "elevator",
    "nodesize",
    "profiles",
    "queue-depth",
    "read-policy",
    "readahead",
    "scheduler",
    "slow-medium",
];

fn none() -> Analysis {
    Analysis::default()
}

fn sourced<T>(value: T) -> Sourced<T> {
    Sourced {
        value,
        source: "metrics".into(),
    }
}

/// A host on one disk of a kind, `/dev/sda` or `/dev/nvme0n1`.
fn on(kind: DiskKind) -> Host {
    let mut host = with_mounts(&[("/", &[]), ("/home", &[])]);
    set_hardware(&mut host, kind, 8);
    if kind == DiskKind::NvmeSsd {
        let disk = first_disk(&mut host);
        disk.kernel_name = "nvme0n1".to_owned();
        disk.names = vec!["/dev/nvme0n1".to_owned()];
        host.storage.filesystems[0].disks = vec!["/dev/nvme0n1".to_owned()];
    }
    host
}

fn first_disk(host: &mut Host) -> &mut Disk {
    &mut host.hardware.as_mut().unwrap().disks[0]
}

fn mkfs(host: &mut Host, arguments: &[&str]) {
    host.storage.filesystems[0].mkfs_args = Texts::unwritten(arguments);
}

fn udev(host: &mut Host, rules: &str) {
    set(host, "services.udev.extraRules", rules);
}

fn found(rule: &str, host: &Host) -> Vec<(Severity, String)> {
    let all = findings(&format!("device/{rule}"), host, &none());
    all.into_iter()
        .map(|(f, _)| (f.severity, f.message))
        .collect()
}

fn load(directory: &str) -> Host {
    let project = Project::open(Path::new(directory)).unwrap();
    let sources = project.sources();
    let hosts = project.hosts(&sources).names();
    let mut host = project.evaluate(&sources, &hosts[0]).unwrap().host();
    if let Ok(report) = std::fs::read(format!("{directory}/facter.json")) {
        host.hardware = Some(facter::read("facter.json", &report).0);
    }
    let measured = format!("{directory}/metrics");
    if Path::new(&measured).is_dir() {
        host.metrics = metrics::read_dir(Path::new(&measured)).unwrap().0;
    }
    host
}

#[test]
fn each_fires_on_its_fixture_which_is_its_example_and_not_on_the_near_miss() {
    for name in OWN {
        let id = format!("device/{name}");
        let of = |kind: &str| {
            let directory = format!("fixtures/rules/device/{name}/{kind}");
            let host = load(&directory);
            let analysis = Analysis::of(&host);
            findings(&id, &host, &analysis).len()
        };
        assert_eq!(of("fires"), 1, "{id}");
        assert_eq!(of("quiet"), 0, "{id}");
        let path = format!("fixtures/rules/device/{name}/fires/configuration.nix");
        let example = std::fs::read_to_string(path).unwrap();
        let rule = RULES.iter().find(|r| r.meta().id == id).unwrap();
        let block = format!("Before:\n\n```nix\n{example}```");
        assert!(rule.meta().page.contains(&block), "{id}");
    }
}

fn shown(host: &mut Host, name: &str, scheduler: &str) {
    host.metrics.block_devices.push(sourced(BlockDevice {
        name: name.to_owned(),
        scheduler: Some(scheduler.to_owned()),
        ..BlockDevice::default()
    }));
}

#[test]
fn a_hard_disk_without_a_scheduler_gets_one_by_the_means_of_its_release() {
    let mut host = on(DiskKind::Hdd);
    shown(&mut host, "sda", "mq-deadline");
    assert_eq!(found("scheduler", &host), []);
    host.metrics.block_devices.clear();
    shown(&mut host, "sda", "none");
    let remedy = |host: &Host, analysis: &Analysis| {
        let mut all = findings("device/scheduler", host, analysis);
        all.remove(0).1.map(|r| r.actions[0].clone())
    };
    let Some(Action::AppendNixosLines { lines, .. }) = remedy(&host, &none()) else {
        panic!("no release is known");
    };
    assert!(lines[0].contains("\"mq-deadline\""), "{lines:?}");
    let mut old = host.clone();
    settle("device/scheduler", &mut old, &none());
    assert_eq!(found("scheduler", &old), []);

    host.release = Some(Told {
        value: Release::new(25, 5),
        by: "test".to_owned(),
    });
    let desktop = super::host::complaint(WorkloadKind::Desktop, "/home");
    let Some(Action::SetNixosOption { path, value }) = remedy(&host, &desktop) else {
        panic!("25.05 has hardware.block");
    };
    assert_eq!(path.last().unwrap(), "defaultSchedulerRotational");
    assert_eq!(value, json!("bfq"));
    settle("device/scheduler", &mut host, &desktop);
    assert_eq!(found("scheduler", &host), []);
}

#[test]
fn nvme_behind_a_scheduler_is_advice_that_needs_consent() {
    let mut host = on(DiskKind::NvmeSsd);
    assert_eq!(found("scheduler", &host), []);
    for quiet in ["none", "kyber", "adios"] {
        set(&mut host, "hardware.block.defaultScheduler", quiet);
        assert_eq!(found("scheduler", &host), [], "{quiet}");
    }
    set(&mut host, "hardware.block.defaultScheduler", "bfq");
    let all = findings("device/scheduler", &host, &none());
    assert_eq!(all[0].0.severity, Severity::Advice);
    let remedy = all[0].1.as_ref().unwrap();
    assert_eq!(remedy.applicability, Applicability::Consent);
    settle("device/scheduler", &mut host, &none());
    assert!(
        host.settings
            .is_defined("hardware.block.scheduler.nvme[0-9]*")
    );
    assert_eq!(found("scheduler", &host), []);
    // What is for disks that rotate alone does not reach it.
    let mut host = on(DiskKind::NvmeSsd);
    set(
        &mut host,
        "hardware.block.defaultSchedulerRotational",
        "bfq",
    );
    assert_eq!(found("scheduler", &host), []);
    // What does not come true is not believed.
    set(&mut host, "hardware.block.scheduler.nvme*", "bfq");
    assert_eq!(found("scheduler", &host).len(), 1);
    shown(&mut host, "nvme0n1", "none");
    assert_eq!(found("scheduler", &host), []);
}

#[test]
fn in_a_virtual_machine_nothing_is_said_of_schedulers() {
    let mut host = on(DiskKind::Hdd);
    set(&mut host, "hardware.block.defaultScheduler", "none");
    assert_eq!(found("scheduler", &host).len(), 1);
    host.hardware.as_mut().unwrap().virtualisation = Virtualisation::Kvm;
    assert_eq!(found("scheduler", &host), []);
}

#[test]
fn udev_rules_are_read_with_their_conditions() {
    let of = |rules: &str| {
        let mut host = on(DiskKind::Hdd);
        udev(&mut host, rules);
        found("scheduler", &host).len()
    };
    let none = "ATTR{queue/scheduler}=\"none\"";
    assert_eq!(of(&format!("KERNEL==\"sd[a-z]*\", {none}")), 1);
    assert_eq!(of(&format!("KERNEL==\"vd?|sd[!x]\",  {none}")), 1);
    assert_eq!(of(&format!("KERNEL==\"sd[b-z]\", {none}")), 0);
    assert_eq!(of(&format!("# KERNEL==\"sd*\", {none}")), 0);
    let add = "ACTION==\"add|change\", SUBSYSTEM==\"block\", KERNEL!=\"loop*\"";
    assert_eq!(
        of(&format!(
            "{add}, \\\n  ATTR{{queue/rotational}}==\"1\", {none}"
        )),
        1
    );
    assert_eq!(
        of(&format!("{add}, ATTR{{queue/rotational}}==\"0\", {none}")),
        0
    );
    assert_eq!(of(&format!("ACTION==\"remove\", {none}")), 0);
    // What cannot be decided says nothing, nor does what jumps or is no rule.
    assert_eq!(of(&format!("ATTRS{{model}}==\"ST4000*\", {none}")), 0);
    assert_eq!(of(&format!("KERNEL==\"sda\", {none}\nGOTO=\"end\"\n")), 0);
    assert_eq!(of(&format!("KERNEL==sda, {none}")), 0);
    // The last one counts.
    let bfq = "KERNEL==\"sda\", ATTR{queue/scheduler}=\"bfq\"";
    assert_eq!(of(&format!("KERNEL==\"sd*\", {none}\n{bfq}")), 0);
    assert_eq!(of(&format!("{bfq}\nKERNEL==\"sd*\", {none}")), 1);
}

#[test]
fn udev_rules_win_over_options_and_unknown_ones_silence() {
    let mut host = on(DiskKind::Hdd);
    set(&mut host, "hardware.block.defaultScheduler", "none");
    assert_eq!(found("scheduler", &host).len(), 1);
    udev(&mut host, "KERNEL==\"sd*\", ATTR{queue/scheduler}=\"bfq\"");
    assert_eq!(found("scheduler", &host), []);
    let unknown = crate::model::UnknownFact {
        what: "services.udev.extraRules".to_owned(),
        why: "test".to_owned(),
        at: None,
    };
    host.settings
        .insert("services.udev.extraRules".to_owned(), Err(unknown));
    assert_eq!(found("scheduler", &host), []);
}

#[test]
fn elevator_is_taken_out_where_no_kernel_heeds_it() {
    let mut host = with_mounts(&[("/", &[])]);
    set(
        &mut host,
        "boot.kernelParams",
        json!(["quiet", "elevator=bfq"]),
    );
    assert_eq!(found("elevator", &host).len(), 1);
    let mut old = host.clone();
    set_kernel(&mut old, "4.19.320");
    assert_eq!(found("elevator", &old), []);
    // A list without a place was put together from several.
    let all = findings("device/elevator", &host, &none());
    assert!(all[0].1.is_none());
    let loaded = load("fixtures/rules/device/elevator/fires");
    let all = findings("device/elevator", &loaded, &none());
    let Action::EditNixosList { remove, add, .. } = &all[0].1.as_ref().unwrap().actions[0] else {
        panic!("{all:?}");
    };
    assert_eq!(
        (remove.as_slice(), add.len()),
        ([json!("elevator=noop")].as_slice(), 0)
    );
    set(&mut host, "boot.kernelParams", json!(["quiet"]));
    assert_eq!(found("elevator", &host), []);
}

#[test]
fn a_queue_takes_what_the_kernel_takes() {
    let of = |kind: DiskKind, value: u32| {
        let mut host = on(kind);
        udev(
            &mut host,
            &format!("KERNEL==\"sd*|nvme*\", ATTR{{queue/nr_requests}}=\"{value}\""),
        );
        host
    };
    assert_eq!(found("queue-depth", &of(DiskKind::Hdd, 2048)), []);
    assert_eq!(found("queue-depth", &of(DiskKind::Hdd, 2049)).len(), 1);
    assert_eq!(found("queue-depth", &of(DiskKind::NvmeSsd, 1023)), []);
    assert_eq!(found("queue-depth", &of(DiskKind::NvmeSsd, 1024)).len(), 1);
    let mut deep = of(DiskKind::NvmeSsd, 2048);
    set(&mut deep, "hardware.block.defaultScheduler", "kyber");
    assert_eq!(found("queue-depth", &deep), []);
    let mut deep = of(DiskKind::NvmeSsd, 2048);
    set(
        &mut deep,
        "boot.kernelParams",
        json!(["nvme.io_queue_depth=4095"]),
    );
    assert_eq!(found("queue-depth", &deep), []);
    // The queue of a SATA disk without a scheduler is the controller's.
    let mut bare = of(DiskKind::Hdd, 4096);
    set(&mut bare, "hardware.block.defaultScheduler", "none");
    assert_eq!(found("queue-depth", &bare), []);
}

#[test]
fn read_ahead_is_told_only_where_btrfs_is_alone() {
    let mut host = on(DiskKind::Hdd);
    udev(
        &mut host,
        "KERNEL==\"sd*\", ATTR{queue/read_ahead_kb}=\"4096\"",
    );
    host.storage.others = vec!["/boot/efi".to_owned(), "/tmp".to_owned()];
    assert_eq!(found("readahead", &host).len(), 1);
    host.storage.others.push("/srv/ext4".to_owned());
    assert_eq!(found("readahead", &host), []);
}

#[test]
fn a_read_policy_is_told_unless_it_is_the_ordinary_one() {
    let mut host = with_mounts(&[("/", &[])]);
    let file = |policy: &str| json!([format!("w /sys/fs/btrfs/*/read_policy - - - - {policy}")]);
    set(&mut host, "systemd.tmpfiles.rules", file("pid"));
    assert_eq!(found("read-policy", &host), []);
    set(&mut host, "systemd.tmpfiles.rules", file("round-robin:256"));
    assert_eq!(found("read-policy", &host)[0].0, Severity::Advice);
    set_kernel(&mut host, "6.12.1");
    assert!(
        found("read-policy", &host)[0]
            .1
            .contains("this kernel has no")
    );
}

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
        errors: None,
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

//! What people write in sentences, under commands and as options becomes typed facts too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use btrfs_tune::ingest::facts::{self, Ended};
use btrfs_tune::model::hardware::{DiskKind, FormFactor, Medium};
use btrfs_tune::model::metrics::{KernelEventKind, Metrics, ProcessState};
use btrfs_tune::model::units::Bytes;
use btrfs_tune::model::{Facts, Host};
use serde_json::{Value, json};

fn of(facts: Value) -> Facts {
    let text = json!({ "facts": facts }).to_string();
    facts::read("f", text.as_bytes()).0
}

fn metrics(value: Value) -> Metrics {
    of(json!({ "metrics": value })).metrics
}

/// What became of the only value.
fn ended(value: Value) -> Ended {
    let text = json!({ "facts": { "metrics": value } }).to_string();
    let (_, _, leaves) = facts::read_each("f", text.as_bytes());
    assert_eq!(leaves.len(), 1);
    leaves[0].ended
}

#[test]
fn keys_that_count_lines_count_subvolumes() {
    let told = metrics(json!({"btrfs subvolume list /data | wc -l": 512}));
    let count = &told.subvolumes[0];
    assert_eq!((count.total, count.snapshots), (512, None));
    assert_eq!(count.path.as_deref(), Some("/data"));
    let told = metrics(json!({"sudo btrfs sub list -s / | wc -l": "81"}));
    assert_eq!(told.subvolumes[0].snapshots, Some(81));
    let told = metrics(json!({"ls /var/lib/docker/btrfs/subvolumes | wc -l": 903}));
    assert_eq!(told.subvolumes[0].total, 903);
    assert_eq!(told.docker_driver.unwrap().value, "btrfs");
    // What else is counted is no number of subvolumes.
    for key in [
        "ls /srv | wc -l",
        "btrfs subvolume list / | grep home | wc -l",
        "lsof | wc -l",
    ] {
        assert!(metrics(json!({ key: 12 })).subvolumes.is_empty(), "{key}");
    }
}

#[test]
fn commands_and_files_of_the_kernel_are_keys() {
    let told = metrics(json!({
        "uname -r": "6.1.0-13-amd64",
        "cat /sys/block/sda/queue/scheduler": "[none] mq-deadline",
        "/sys/fs/btrfs/*/read_policy": "[pid] round-robin",
        "uptime": "10:01 up 3 days, load average: 31.5, 30, 28",
        "df -h /srv": "2.0T 1.5T 500G 75% /srv",
    }));
    assert_eq!(told.kernel.unwrap().value, "6.1.0-13-amd64");
    let device = &told.block_devices[0];
    assert_eq!(
        (device.name.as_str(), device.scheduler.as_deref()),
        ("sda", Some("none"))
    );
    assert_eq!(told.states[0].read_policy.as_deref(), Some("pid"));
    assert_eq!(told.load.unwrap().one, 31.5);
    let df = &told.filesystems[0];
    assert_eq!(
        (df.mountpoint.as_str(), df.available),
        ("/srv", Some(Bytes(500 << 30)))
    );
    let facts = of(json!({"metrics": {"nproc": 6}}));
    assert_eq!(facts.hardware.unwrap().cpu.threads, Some(6));
    assert!(
        metrics(json!({"uptime": "a few hours a day"}))
            .uptime_s
            .is_none()
    );
    assert_eq!(
        metrics(json!({"loadavg": "0,08 0,07 0,02"}))
            .load
            .unwrap()
            .five,
        0.07
    );
}

#[test]
fn figures_of_disks_stand_in_sentences() {
    let told = metrics(json!({"iostat": "sda 97 % util, w_await 850 ms; sdb %util 0.05"}));
    let [sda, sdb] = &told.devices[..] else {
        panic!("{:?}", told.devices)
    };
    assert_eq!(
        (sda.name.as_str(), sda.util_percent.unwrap().0),
        ("sda", 97.0)
    );
    assert_eq!(sda.w_await_ms.unwrap().0, 850.0);
    assert_eq!(
        (sdb.name.as_str(), sdb.util_percent.unwrap().0),
        ("sdb", 0.05)
    );
    let told = metrics(json!({"iostat": {"sda": "98 %", "sdb": "%util 3, 1 MB/s"}}));
    assert_eq!(told.devices.len(), 2);
    assert_eq!(told.devices[0].util_percent.unwrap().0, 98.0);
    let told = metrics(json!({"iostat": "all disks below 8 %util"}));
    let util = told.devices[0].util_percent.unwrap().0;
    assert!((7.99..8.0).contains(&util));
    let told = metrics(json!({"iostat": "r/s 120 w/s 4"}));
    assert_eq!(
        (told.devices[0].r_per_s, told.devices[0].w_per_s),
        (Some(120.0), Some(4.0))
    );
    // A wish is no measurement.
    assert!(
        metrics(json!({"iostat": "util should be 10 %"}))
            .devices
            .is_empty()
    );
    assert!(
        metrics(json!({"iostat": "sda w/s 40 instead of 400"}))
            .devices
            .is_empty()
    );
    let told = metrics(json!({"vmstat": "si 4000 so 5200, r 3"}))
        .vm
        .unwrap()
        .value;
    assert_eq!(told.swap_in_bytes_s, Some(4_096_000.0));
    assert_eq!(
        (told.swap_out_bytes_s, told.runnable),
        (Some(5_324_800.0), Some(3.0))
    );
}

#[test]
fn health_stands_in_sentences() {
    let told = metrics(json!({"smartctl sdd": "PASSED, reallocated 3, pending 0, UDMA_CRC 12"}));
    let smart = &told.smart[0];
    assert_eq!(smart.device, "/dev/sdd");
    assert_eq!((smart.passed, smart.reallocated), (Some(true), Some(3)));
    assert_eq!((smart.pending, smart.interface_errors), (Some(0), Some(12)));
    let told = metrics(json!({"smart": "0 errors, 7% used"}));
    assert_eq!(
        (told.smart[0].passed, told.smart[0].wear_percent),
        (Some(true), Some(7))
    );
    let told = metrics(
        json!({"device stats": {"/dev/sdd1": "corruption_errs 31, generation_errs 2", "/dev/sda1": 0}}),
    );
    let mut errors: Vec<_> = told
        .device_errors
        .iter()
        .map(|e| (e.device.as_str(), e.total()))
        .collect();
    errors.sort();
    assert_eq!(errors, [("/dev/sda1", 0), ("/dev/sdd1", 33)]);
    assert_eq!(
        metrics(json!({"device stats": "all zero"})).device_errors[0].total(),
        0
    );
    assert!(
        metrics(json!({"device stats": "not looked at"}))
            .device_errors
            .is_empty()
    );
    let told = metrics(json!({"scrub": "running, 12 MB/s, 40 %"}));
    let scrub = &told.maintenance[0];
    assert_eq!(
        (scrub.running, scrub.rate_bytes_s, scrub.done.unwrap().0),
        (true, Some(12e6), 40.0)
    );
    let told = metrics(json!({"scrub": "csum=31 corrected=31"}));
    assert!(told.maintenance[0].errors.is_some() && !told.maintenance[0].running);
}

#[test]
fn lines_of_the_log_are_known_without_their_times() {
    for (text, kind, subject) in [
        (
            "task btrfs-transacti blocked for more than 120 seconds",
            KernelEventKind::HungTask,
            Some("btrfs-transacti"),
        ),
        (
            "ata5.00: exception Emask 0x10 SAct 0x0",
            KernelEventKind::AtaError,
            Some("ata5"),
        ),
        (
            "repeated nvme nvme1: I/O tag timeout at boot",
            KernelEventKind::NvmeTimeout,
            Some("nvme1"),
        ),
    ] {
        let told = metrics(json!({"dmesg": [text]}));
        let event = &told.kernel_events[0];
        assert_eq!(
            (event.kind, event.subject.as_deref()),
            (kind, subject),
            "{text}"
        );
    }
    let quoted = "It stops, and then: BTRFS error (device sdb1): parent transid verify failed on 1 wanted 2 found 3";
    let told = of(json!({"observations": quoted}));
    assert_eq!(
        told.metrics.kernel_events[0].kind,
        KernelEventKind::ChecksumError
    );
    for denied in ["clean, no nvme nvme0: timeout", "nothing of usb 2-1: reset"] {
        assert!(
            metrics(json!({"dmesg": denied})).kernel_events.is_empty(),
            "{denied}"
        );
    }
}

#[test]
fn space_and_profiles_are_read_as_tools_shorten_them() {
    let told = metrics(
        json!({"btrfs fi usage": {"Data,RAID1": "Size:10.00GiB Used:9.00GiB", "Metadata,DUP": "total=2.00GiB, used=1.00GiB"}}),
    );
    let groups = &told.usage[0].block_groups;
    assert_eq!(groups.len(), 2);
    assert_eq!(
        (groups[0].profile.as_str(), groups[0].used),
        ("RAID1", Bytes(9 << 30))
    );
    let told = metrics(json!({"btrfs filesystem usage": "unallocated 1.00MiB, metadata 98%"}));
    let usage = &told.usage[0];
    assert_eq!(usage.unallocated, Some(Bytes(1 << 20)));
    assert_eq!(usage.told[0].used_percent.unwrap().0, 98.0);
    let told = metrics(json!({"data": {"profile": "single", "size": "4GiB", "used": "1GiB"}}));
    assert_eq!(told.usage[0].block_groups[0].profile, "single");
    let told = metrics(json!({"profile": "Data RAID1, Metadata RAID1C3"}));
    let profiles: Vec<_> = told.usage[0]
        .told
        .iter()
        .filter_map(|g| g.profile.as_deref())
        .collect();
    assert_eq!(profiles, ["RAID1", "RAID1C3"]);
}

#[test]
fn mounts_are_read_with_what_they_have() {
    for (line, at, fstype, options, whole) in [
        (
            "/srv/x btrfs rw,relatime,space_cache=v2",
            "/srv/x",
            "btrfs",
            vec!["rw", "relatime"],
            vec!["space_cache=v2"],
        ),
        (
            "/nix btrfs noatime,compress=zstd",
            "/nix",
            "btrfs",
            vec!["noatime"],
            vec!["compress=zstd"],
        ),
        (
            "nas:/m on /var/lib/m nfs4",
            "/var/lib/m",
            "nfs4",
            vec![],
            vec![],
        ),
        ("/dev/mapper/crypt / btrfs", "/", "btrfs", vec![], vec![]),
        ("/v exfat on iSCSI", "/v", "exfat", vec![], vec![]),
        (
            "/ btrfs compress=zstd:1, swapfile of its own, discard wanted",
            "/",
            "btrfs",
            vec![],
            vec!["compress=zstd:1"],
        ),
    ] {
        let told = of(json!({"mounts": [line]})).metrics;
        let mount = &told.mounts[0];
        assert_eq!(
            (mount.mountpoint.as_str(), mount.fstype.as_str()),
            (at, fstype),
            "{line}"
        );
        assert_eq!(
            (&mount.mount_options[..], &mount.super_options[..]),
            (
                &options.iter().map(|o| (*o).to_owned()).collect::<Vec<_>>()[..],
                &whole.iter().map(|o| (*o).to_owned()).collect::<Vec<_>>()[..]
            ),
            "{line}"
        );
    }
    let told = of(json!({"mounts": {"/games": "fuse.bindfs", "/d": "ext4 (rw,relatime)"}})).metrics;
    let mut seen: Vec<_> = told.mounts.iter().map(|m| m.fstype.as_str()).collect();
    seen.sort_unstable();
    assert_eq!(seen, ["ext4", "fuse.bindfs"]);
}

#[test]
fn programs_are_read_of_sentences() {
    let told = metrics(json!({"top": "btrfs device remove: 100% of one core, all system time"}));
    let process = &told.processes[0];
    assert_eq!(process.command.as_deref(), Some("btrfs device remove"));
    assert_eq!(process.cpu.unwrap().0, 100.0);
    let told = metrics(json!({"top": "btrfs-transacti 95%, kworker/u8:1 30%"}));
    assert_eq!(told.processes.len(), 2);
    let told = metrics(json!({"htop": {"btrfs-endio": "high"}}));
    assert_eq!(told.processes[0].state, Some(ProcessState::Running));
    let told = metrics(json!({"top": ["three kworkers at 60 %"]}));
    assert_eq!(
        (
            told.processes[0].name.as_str(),
            told.processes[0].cpu.unwrap().0
        ),
        ("kworker", 60.0)
    );
    assert!(metrics(json!({"top": "nothing"})).processes.is_empty());
}

#[test]
fn shares_of_memory_count_where_the_whole_is_known() {
    let told = of(json!({"hardware": {"ram_gib": 8}, "metrics": {"ram_used": "75%"}}));
    assert_eq!(told.metrics.memory.unwrap().available, Some(Bytes(2 << 30)));
    let told = of(
        json!({"hardware": {"ram_gib": 8}, "metrics": {"sar": {"12:00": "ram 50%", "12:10": "ram 75%, cpu 9%"}}}),
    );
    assert_eq!(told.metrics.memory.unwrap().available, Some(Bytes(2 << 30)));
    assert!(metrics(json!({"ram_used": "75%"})).memory.is_none());
    let told = metrics(json!({"memory": "available 512 MiB of 8 GiB"}))
        .memory
        .unwrap()
        .value;
    assert_eq!(
        (told.total, told.available),
        (Bytes(8 << 30), Some(Bytes(512 << 20)))
    );
    assert_eq!(
        metrics(json!({"oom_kills": 0})).vm.unwrap().oom_kills,
        Some(0)
    );
}

#[test]
fn quotas_and_snapshots_are_read_of_sentences() {
    let on = |value: Value| metrics(value).quotas.first().map(|q| q.enabled);
    assert_eq!(on(json!({"qgroups": "enabled by snapper"})), Some(true));
    assert_eq!(on(json!({"quota": "off since March"})), Some(false));
    assert_eq!(
        on(json!({"btrfs qgroup show /": "0/5 0/257 0/258"})),
        Some(true)
    );
    assert_eq!(
        on(json!({"btrfs qgroup show /": "ERROR: quotas not enabled"})),
        Some(false)
    );
    let told = metrics(json!({"btrfs quota rescan -s /": "in progress"}));
    assert_eq!(told.quotas[0].inconsistent, Some(true));
    let count = |value: &str| {
        metrics(json!({"snapshots": value}))
            .subvolumes
            .first()
            .map(|s| (s.snapshots, s.at_least))
    };
    assert_eq!(count("daily, 120 kept"), Some((Some(120), false)));
    assert_eq!(count("20 hosts x 24"), Some((Some(480), false)));
    assert_eq!(count("a few hundred"), Some((Some(100), true)));
    assert_eq!(count("daily, should be 5 kept"), None);
}

#[test]
fn options_of_nixos_are_settings_of_the_host() {
    let facts = of(json!({
        "metrics": {
            "nix.gc.automatic": true,
            "nix": {"auto-optimise-store": true},
            "services.snapper.configs.home.TIMELINE_CLEANUP": true,
            "snapper": {"NUMBER_LIMIT": "50"},
            "sysctl": {"vm.dirty_ratio": 20},
        },
        "services": ["services.fstrim.enable = false;", {"name": "postgresql"}],
    }));
    let host = Host::told("told", &facts);
    let is = |path: &str, value: Value| {
        assert_eq!(
            host.settings.known(path).map(|s| &s.value),
            Some(&value),
            "{path}"
        );
    };
    is("nix.gc.automatic", json!(true));
    is("nix.settings.auto-optimise-store", json!(true));
    is(
        "services.snapper.configs.home.TIMELINE_CLEANUP",
        json!(true),
    );
    is("services.snapper.configs.root.NUMBER_LIMIT", json!(50));
    is("boot.kernel.sysctl.vm.dirty_ratio", json!(20));
    is("services.fstrim.enable", json!(false));
    // A list of services is no list of options.
    let facts = of(json!({"services": {"snapper": {"state": "running"}}}));
    assert_eq!(facts.settings.iter().count(), 0);
}

#[test]
fn the_machine_is_read_of_a_sentence() {
    let facts = of(json!({"hardware": "laptop, 16 GB RAM, main disk is an SSD"}));
    let hardware = facts.hardware.unwrap();
    assert_eq!(hardware.form_factor, Some(FormFactor::Laptop));
    assert_eq!(hardware.memory.unwrap().bytes, Bytes(16 << 30));
    assert_eq!(hardware.disks[0].named_medium, Medium::SolidState);
    let facts = of(
        json!({"hardware": {"cpu": "16 Xeon cores", "disks": ["sdb: Kingston SA400S37 fw SBFK71", "8 TB 5400rpm"]}}),
    );
    let hardware = facts.hardware.unwrap();
    assert_eq!(hardware.cpu.cores, Some(16));
    let [ssd, hdd] = &hardware.disks[..] else {
        panic!("{:?}", hardware.disks)
    };
    assert_eq!(
        (ssd.kernel_name.as_str(), ssd.kind),
        ("sdb", DiskKind::SataSsd)
    );
    assert_eq!((hdd.kind, hdd.model.as_deref()), (DiskKind::Hdd, None));
    assert_eq!(facts.metrics.smart[0].firmware.as_deref(), Some("SBFK71"));
}

#[test]
fn a_sentence_that_says_more_is_heard_too() {
    assert_eq!(
        ended(json!({"iostat": "sda 97 % util while it freezes"})),
        Ended::Typed
    );
    let facts = of(json!({"metrics": {"iostat": "sda 97 % util while the desktop freezes"}}));
    assert!(!facts.observations.is_empty());
}

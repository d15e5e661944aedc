//! Facts files: what someone knows of a machine that is not at hand, in many shapes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use btrfs_tune::ingest::facts::{self, Ended, Leaf};
use btrfs_tune::ingest::problem::Problem;
use btrfs_tune::model::hardware::{DiskKind, FormFactor, KindBasis, Medium, VirtualDriver};
use btrfs_tune::model::metrics::{
    BlockGroupKind, KernelEventKind, MaintenanceJob, ProcessState, QuotaMode,
};
use btrfs_tune::model::observation::Unit;
use btrfs_tune::model::units::Bytes;
use btrfs_tune::model::{Facts, Found, Host};
use proptest::prelude::*;
use serde_json::{Value, json};

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

struct Read {
    facts: Facts,
    problems: Vec<Problem>,
    leaves: Vec<Leaf>,
}

fn read(value: &Value) -> Read {
    let text = value.to_string();
    let (facts, problems, leaves) = facts::read_each("facts.json", text.as_bytes());
    Read {
        facts,
        problems,
        leaves,
    }
}

fn of(facts: Value) -> Read {
    read(&json!({ "facts": facts }))
}

fn metrics(value: Value) -> Read {
    of(json!({ "metrics": value }))
}

impl Read {
    fn ended(&self, path: &str) -> Ended {
        let path = format!("facts.{path}");
        let leaf = self.leaves.iter().find(|leaf| leaf.path == path);
        leaf.unwrap_or_else(|| panic!("{path} of {:?}", self.leaves))
            .ended
    }

    fn all_typed(&self) {
        let other: Vec<_> = self
            .leaves
            .iter()
            .filter(|l| l.ended != Ended::Typed)
            .collect();
        assert!(other.is_empty(), "{other:?}");
    }

    fn quantity(&self, what: &str) -> (f64, Unit) {
        let all = self.facts.observations.iter().flat_map(|o| &o.quantities);
        let found = all.clone().find(|q| q.what.as_deref() == Some(what));
        let found = found.unwrap_or_else(|| panic!("{what} of {:?}", all.collect::<Vec<_>>()));
        (found.value, found.unit)
    }
}

#[test]
fn processor_and_memory_are_read_under_any_name() {
    for (hardware, threads, cores, gib) in [
        (
            json!({"cpu_model": "EPYC 7302P", "cpu_threads": 32, "ram_gib": 64}),
            Some(32),
            None,
            64,
        ),
        (
            json!({"cpu": "Ryzen 5 3600 (6 cores, 12 threads)", "memory": "16 GB"}),
            Some(12),
            Some(6),
            16,
        ),
        (
            json!({"cpu": {"model": "N100", "cores": 4, "threads": 4}, "ram": "8G"}),
            Some(4),
            Some(4),
            8,
        ),
        (
            json!({"cpus": 2, "memory": {"total": "4 GiB"}}),
            Some(2),
            None,
            4,
        ),
        (json!({"cpu": 8, "ram_gb": "32"}), Some(8), None, 32),
        (json!({"vcpus": "4", "ram_mb": 2048}), Some(4), None, 2),
        (
            json!({"processor": "i5-8250U, 4C/8T", "mem_total": "15.5 GiB"}),
            Some(8),
            Some(4),
            15,
        ),
    ] {
        let read = of(json!({ "hardware": hardware }));
        let found = read.facts.hardware.as_ref().unwrap();
        assert_eq!(
            (found.cpu.threads, found.cpu.cores),
            (threads, cores),
            "{hardware}"
        );
        assert_eq!(found.memory.unwrap().bytes.0 / GIB, gib, "{hardware}");
        read.all_typed();
    }
}

#[test]
fn disks_are_objects_or_names() {
    let kinds = |disks: Value| {
        let read = of(json!({"hardware": {"disks": disks}}));
        let disks = read.facts.hardware.unwrap().disks;
        disks
            .iter()
            .map(|d| (d.kind, d.size.map(|s| s.0)))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        kinds(json!(["2x 4TB WD Red"])),
        [(DiskKind::Hdd, Some(4_000_000_000_000)); 2]
    );
    assert_eq!(
        kinds(
            json!([{"kind": "nvme", "size_gb": 500}, {"type": "hdd", "size": "8 TB", "count": 2}])
        ),
        [
            (DiskKind::NvmeSsd, Some(500_000_000_000)),
            (DiskKind::Hdd, Some(8_000_000_000_000)),
            (DiskKind::Hdd, Some(8_000_000_000_000)),
        ]
    );
    assert_eq!(
        kinds(json!("Crucial MX500 1TB and two 3TB hard disks")),
        [
            (DiskKind::SataSsd, Some(1_000_000_000_000)),
            (DiskKind::Hdd, Some(3_000_000_000_000)),
            (DiskKind::Hdd, Some(3_000_000_000_000)),
        ]
    );
    assert_eq!(
        kinds(json!({"root": "eMMC", "data": "usb hdd"})),
        [(DiskKind::Emmc, None), (DiskKind::Usb, None)]
    );
    for (word, kind) in [
        ("sata-ssd", DiskKind::SataSsd),
        ("virtio", DiskKind::Virtual(VirtualDriver::VirtioBlk)),
        ("sd", DiskKind::SdCard),
        ("smr hdd", DiskKind::Hdd),
        ("emmc", DiskKind::Emmc),
        ("usb", DiskKind::Usb),
    ] {
        assert_eq!(kinds(json!([{ "kind": word }])), [(kind, None)], "{word}");
    }
}

#[test]
fn a_disk_keeps_its_model_firmware_and_what_is_remarked() {
    let read = of(json!({"hardware": {"disks": [
        {"kind": "nvme", "model": "Kioxia BG4 (DRAM-less), fw AEDA0102", "device": "/dev/nvme0n1"},
        {"transport": "usb", "medium": "hdd"},
        {"rotational": true, "vendor": "Seagate", "model": "Expansion"},
    ]}}));
    let disks = &read.facts.hardware.as_ref().unwrap().disks;
    assert_eq!(disks[0].model.as_deref(), Some("Kioxia BG4"));
    assert_eq!(disks[0].kernel_name, "nvme0n1");
    assert_eq!(disks[0].basis, KindBasis::Told);
    assert_eq!(
        (disks[1].kind, disks[1].medium()),
        (DiskKind::Usb, Medium::Rotational)
    );
    assert_eq!(
        (disks[2].kind, disks[2].model.as_deref()),
        (DiskKind::Hdd, Some("Seagate Expansion"))
    );
    assert_eq!(
        read.facts.metrics.smart[0].firmware.as_deref(),
        Some("AEDA0102")
    );
    read.all_typed();
}

#[test]
fn the_sort_of_machine_is_read() {
    let read =
        of(json!({"hardware": {"machine": "laptop", "virtualisation": "none", "arch": "x86_64"}}));
    let hardware = read.facts.hardware.as_ref().unwrap();
    assert_eq!(hardware.form_factor, Some(FormFactor::Laptop));
    assert!(!hardware.virtualisation.is_virtual());
    read.all_typed();
    let guest =
        of(json!({"hardware": {"hypervisor": "Proxmox (kvm)", "disks": [{"kind": "nvme"}]}}));
    let hardware = guest.facts.hardware.unwrap();
    assert!(hardware.virtualisation.is_virtual());
    assert_eq!(
        hardware.disks[0].kind,
        DiskKind::Virtual(VirtualDriver::Nvme)
    );
}

#[test]
fn the_kernel_that_runs_is_read_and_no_other() {
    for (kernel, expected) in [
        (json!("6.10.3-arch1-2"), Some("6.10.3-arch1-2")),
        (json!("~5.4 (5.4.17 on the twin)"), Some("5.4")),
        (json!("after update from 6.5 to 6.6"), Some("6.6")),
        (
            json!({"running": "6.1.90", "previous": "5.15"}),
            Some("6.1.90"),
        ),
        (json!(6.12), Some("6.12")),
        // 6.10 and 6.1 are one number.
        (json!(6.1), None),
        (json!("latest"), None),
    ] {
        let read = of(json!({ "kernel": kernel }));
        let found = read.facts.metrics.kernel.as_ref().map(|k| k.value.as_str());
        assert_eq!(found, expected, "{kernel}");
    }
    let read = of(json!({"notes": {"tried": ["6.1.0", "6.6.3"]}}));
    assert!(read.facts.metrics.kernel.is_none());
}

#[test]
fn mounts_are_read_in_five_shapes() {
    let expect = (vec!["noatime"], vec!["compress=zstd:3", "subvol=/@home"]);
    for mounts in [
        json!([{"mountpoint": "/home", "options": ["noatime", "compress=zstd:3", "subvol=/@home"]}]),
        json!([{"target": "/home", "opts": "noatime,compress=zstd:3", "subvol": "@home", "fstype": "btrfs"}]),
        json!({"/home": "noatime,compress=zstd:3,subvol=/@home"}),
        json!({"/home": {"options": {"noatime": true, "compress": "zstd:3"}, "subvol": "@home"}}),
        json!("/dev/sda2 /home btrfs noatime,compress=zstd:3,subvol=/@home 0 0"),
        json!(
            "# fstab\nUUID=1-2 / ext4 defaults 0 1\nUUID=3-4 /home btrfs noatime,compress=zstd:3,subvol=/@home 0 2"
        ),
        json!(["/dev/sda2 on /home type btrfs (noatime,compress=zstd:3,subvol=/@home)"]),
    ] {
        let read = of(json!({ "mounts": mounts }));
        let mount = read
            .facts
            .metrics
            .mounts
            .iter()
            .find(|m| m.mountpoint == "/home");
        let mount = mount.unwrap_or_else(|| panic!("{mounts}"));
        assert_eq!(mount.fstype, "btrfs", "{mounts}");
        let found = (&mount.mount_options, &mount.super_options);
        assert_eq!(
            found,
            (
                &expect.0.iter().map(|o| (*o).to_owned()).collect(),
                &expect.1.iter().map(|o| (*o).to_owned()).collect()
            ),
            "{mounts}"
        );
        read.all_typed();
    }
    // Options that other filesystems have too do not make it btrfs.
    let read = of(json!({"mounts": {"/data": "noatime,discard"}}));
    assert_eq!(read.facts.metrics.mounts[0].fstype, "");
    // What a configuration asks for is not yet so.
    let read = metrics(json!({"disko": {"mountOptions": ["nodatacow"]}}));
    assert!(read.facts.metrics.mounts.is_empty());
}

#[test]
fn quotas_are_on_or_off_however_it_is_said() {
    for (value, enabled, limited, mode) in [
        (
            json!({"qgroups": {"enabled": true, "limits_set": 0}}),
            true,
            false,
            None,
        ),
        (json!({"quota": "enabled, no limits"}), true, false, None),
        (json!({"quotas": false}), false, false, None),
        (json!({"quota_enabled": "no"}), false, false, None),
        (
            json!({"qgroups": {"count": 120, "limited": 3}}),
            true,
            true,
            None,
        ),
        (
            json!({"quota": {"mode": "simple"}}),
            true,
            false,
            Some(QuotaMode::Simple),
        ),
        (json!({"qgroups": 0}), false, false, None),
    ] {
        let read = metrics(value.clone());
        let quota = &read.facts.metrics.quotas[0];
        assert_eq!(
            (quota.enabled, quota.limited, quota.mode),
            (enabled, limited, mode),
            "{value}"
        );
    }
    let read = metrics(json!({"qgroups": {"limits_set": 0}}));
    assert!(
        read.facts.metrics.quotas.is_empty(),
        "whether they are on is not said"
    );
}

#[test]
fn snapshots_are_counted_with_their_bounds() {
    let count = |value: Value| {
        let read = metrics(value);
        let found = read.facts.metrics.subvolumes.first().unwrap();
        (found.snapshots, found.total, found.at_least)
    };
    assert_eq!(count(json!({"snapshots": 12})), (Some(12), 12, false));
    assert_eq!(
        count(json!({"snapshots": {"count": "200-300"}})),
        (Some(200), 200, true)
    );
    assert_eq!(
        count(json!({"snapshots": "more than 1,500", "subvolumes": 1600})),
        (Some(1500), 1600, true)
    );
    assert_eq!(count(json!({"subvolume_count": "~40"})), (None, 40, false));
    let read = metrics(json!({"snapshots": {"kept": "hourly for a week", "deleted_in_burst": 9}}));
    assert!(read.facts.metrics.subvolumes.is_empty());
    assert_eq!(
        read.quantity("snapshots deleted in burst"),
        (9.0, Unit::Count)
    );
}

#[test]
fn space_is_read_in_any_key_and_unit() {
    for value in [
        json!({"btrfs_usage": {"data_total_gib": 20, "data_used_gib": "19.5", "data_profile": "single", "unallocated_mib": 512}}),
        json!({"filesystem_usage": {"data": {"size": "20 GiB", "used": "19.5GiB", "profile": "single"}, "unallocated": "512 MiB"}}),
        json!({"usage": {"/srv": {"data": "19.5 of 20 GiB", "profile_data": "single", "device_unallocated": "512MiB"}}}),
        json!({"data_total_gib": 20, "data_used_gib": 19.5, "data_profile": "single", "unallocated": "512 MiB"}),
    ] {
        let read = metrics(value.clone());
        let usage = &read.facts.metrics.usage[0];
        assert_eq!(usage.unallocated, Some(Bytes(512 * MIB)), "{value}");
        let data = usage.of_kind(BlockGroupKind::Data);
        assert_eq!(
            data,
            Some((Bytes(20 * GIB), Bytes(39 * GIB / 2))),
            "{value}"
        );
        assert_eq!(usage.block_groups[0].profile, "single");
        read.all_typed();
    }
    let read = metrics(
        json!({"btrfs_usage": {"profile_metadata": "DUP", "metadata_used_pct": 97, "unallocated": "<1 GiB", "device_size": 4}}),
    );
    let usage = &read.facts.metrics.usage[0];
    assert_eq!(usage.told[0].profile.as_deref(), Some("DUP"));
    assert_eq!(usage.told[0].used_percent.map(|p| p.0), Some(97.0));
    assert!(usage.unallocated.is_some_and(|u| u.0 <= GIB));
    assert_eq!(usage.device_size, None, "four of what?");
    assert_eq!(
        read.ended("metrics.btrfs_usage.device_size"),
        Ended::NotUnderstood
    );
    let read = metrics(json!({"btrfs_usage": {"unallocated": 0}}));
    assert_eq!(read.facts.metrics.usage[0].unallocated, Some(Bytes(0)));
}

#[test]
fn df_is_sizes_or_a_share() {
    let read = metrics(json!({"df": {"/": {"size_gib": 100, "used_gib": 96, "avail": "1 GiB"}}}));
    let df = &read.facts.metrics.filesystems[0];
    assert_eq!(
        (df.mountpoint.as_str(), df.size, df.available),
        ("/", Some(Bytes(100 * GIB)), Some(Bytes(GIB)))
    );
    for value in [
        json!({"df": "98% full"}),
        json!({"used_percent": 98}),
        json!({"disk_usage": {"/": "98%"}}),
    ] {
        let read = metrics(value.clone());
        let usage = &read.facts.metrics.usage[0];
        assert_eq!(usage.used_percent.map(|p| p.0), Some(98.0), "{value}");
        read.all_typed();
    }
}

#[test]
fn figures_of_devices_are_read() {
    let read = metrics(
        json!({"iostat": {"sda": {"util": 99.5, "r_await": "12 ms", "w_await": 340, "rkB/s": 2048, "w_s": 80, "aqu-sz": 7.5}}}),
    );
    let io = &read.facts.metrics.devices[0];
    assert_eq!(io.name, "sda");
    assert_eq!(io.util_percent.map(|u| u.0), Some(99.5));
    assert_eq!(io.r_await_ms.map(|m| m.0), Some(12.0));
    assert_eq!(io.w_await_ms.map(|m| m.0), Some(340.0));
    assert_eq!(io.read_bytes_s, Some(2048.0 * 1024.0));
    assert_eq!((io.w_per_s, io.aqu_sz), (Some(80.0), Some(7.5)));
    read.all_typed();
    let read = metrics(json!({"disk_util": "100%", "write_latency_ms": 250}));
    let io = &read.facts.metrics.devices[0];
    assert_eq!(
        (io.util_percent.map(|u| u.0), io.w_await_ms.map(|m| m.0)),
        (Some(100.0), Some(250.0))
    );
    // A share or a percentage?
    let read = metrics(json!({"disk_util": 0.98}));
    assert!(read.facts.metrics.devices.is_empty());
}

#[test]
fn pressure_and_load_are_read() {
    let read = metrics(json!({"psi_io": "~95%", "loadavg": ">20"}));
    let io = read.facts.metrics.pressure.io.as_ref().unwrap();
    assert_eq!((io.some.avg10.0, io.some.avg300.0), (95.0, 95.0));
    assert_eq!(read.facts.metrics.load.as_ref().unwrap().one, 20.0);
    let read = metrics(
        json!({"pressure": {"io": {"some_avg10": 80, "full avg10": "61.5"}, "memory": {"full": 12}}, "load": [3.5, 2, 1]}),
    );
    let pressure = &read.facts.metrics.pressure;
    let io = pressure.io.as_ref().unwrap();
    assert_eq!((io.some.avg10.0, io.full.unwrap().avg10.0), (80.0, 61.5));
    let memory = pressure.memory.as_ref().unwrap();
    assert_eq!(
        (memory.some.avg10.0, memory.full.unwrap().avg10.0),
        (12.0, 12.0)
    );
    let load = read.facts.metrics.load.as_ref().unwrap();
    assert_eq!((load.one, load.five, load.fifteen), (3.5, 2.0, 1.0));
    read.all_typed();
}

#[test]
fn memory_is_known_with_its_total() {
    let read = metrics(
        json!({"free": {"used_gib": 3, "free_mib": 512, "buff_cache_mib": 512, "available_mib": 700}, "swap": "none"}),
    );
    let memory = read.facts.metrics.memory.as_ref().unwrap();
    assert_eq!(
        (memory.total, memory.available),
        (Bytes(4 * GIB), Some(Bytes(700 * MIB)))
    );
    assert_eq!(
        read.facts.metrics.swaps.as_ref().map(|s| s.value.len()),
        Some(0)
    );
    read.all_typed();
    let read = of(
        json!({"hardware": {"ram_gib": 8}, "metrics": {"mem_available_mib": 200, "swap_total_gib": 4, "swap_used_gib": 3}}),
    );
    let memory = read.facts.metrics.memory.as_ref().unwrap();
    assert_eq!(memory.total, Bytes(8 * GIB));
    assert_eq!(
        (memory.swap_total, memory.swap_free),
        (Some(Bytes(4 * GIB)), Some(Bytes(GIB)))
    );
    let read = metrics(json!({"mem_available_mib": 200}));
    assert!(read.facts.metrics.memory.is_none(), "of how much?");
}

#[test]
fn programs_are_read_wherever_they_stand() {
    for value in [
        json!({"metrics": {"top": {"btrfs-cleaner": "100% of one core"}}}),
        json!({"metrics": {"threads": ["[btrfs-cleaner] at 100% CPU"]}}),
        json!({"metrics": {"ps": [{"comm": "btrfs-cleaner", "%cpu": 100, "stat": "R"}]}}),
        json!({"anything": {"btrfs-cleaner": "uses a full core"}}),
        json!({"observations": "While it lasts btrfs-cleaner sits at 100 % CPU."}),
    ] {
        let read = of(value.clone());
        let process = &read.facts.metrics.processes[0];
        assert_eq!(process.name, "btrfs-cleaner", "{value}");
        assert_eq!(process.cpu.map(|c| c.0), Some(100.0), "{value}");
    }
    let read = metrics(json!({"d_state": ["btrfs-transaction", "many kworkers", "postgres"]}));
    let names: Vec<_> = read
        .facts
        .metrics
        .processes
        .iter()
        .map(|p| (p.name.as_str(), p.state))
        .collect();
    let waits = Some(ProcessState::Uninterruptible);
    assert_eq!(
        names,
        [
            ("btrfs-transaction", waits),
            ("kworker", waits),
            ("postgres", waits)
        ]
    );
    let read =
        metrics(json!({"d_state": 14, "iotop": {"rsync": "25 MB/s write", "total_read_mb_s": 3}}));
    assert_eq!(read.facts.metrics.processes[0].write_bytes_s, Some(25e6));
    let vm = read.facts.metrics.vm.as_ref().unwrap();
    assert_eq!((vm.blocked, vm.block_in_bytes_s), (Some(14.0), Some(3e6)));
    let read = of(json!({"observations": "I have heard of btrfs-cleaner. It is not busy here."}));
    assert!(read.facts.metrics.processes.is_empty());
}

#[test]
fn the_kernels_log_is_classified() {
    let read = metrics(json!({"dmesg": [
        "nvme nvme1: I/O 12 QID 3 timeout, aborting",
        "INFO: task btrfs-transacti:412 blocked for more than 120 seconds.",
    ]}));
    let kinds: Vec<_> = read
        .facts
        .metrics
        .kernel_events
        .iter()
        .map(|e| e.kind)
        .collect();
    assert!(kinds.contains(&KernelEventKind::NvmeTimeout), "{kinds:?}");
    assert!(kinds.contains(&KernelEventKind::HungTask), "{kinds:?}");
}

#[test]
fn outputs_of_tools_are_read_where_they_stand() {
    let read = of(json!({
        "df -T": "Filesystem     Type  1K-blocks     Used Available Use% Mounted on\n/dev/sda2      btrfs 104857600 99614720   4194304  96% /\n",
        "metrics": {"mem": ["MemTotal:       8000000 kB", "MemAvailable:    500000 kB"]},
    }));
    assert_eq!(read.facts.metrics.filesystems[0].mountpoint, "/");
    assert_eq!(
        read.facts.metrics.memory.as_ref().unwrap().total,
        Bytes(8_000_000 * 1024)
    );
    read.all_typed();
}

#[test]
fn extents_and_compression_are_read() {
    for value in [
        json!({"filefrag": [{"file": "/vm/win.img", "extents": 180_000}]}),
        json!({"filefrag": {"/vm/win.img": "180000 extents"}}),
        json!({"fragmentation": {"/vm/win.img": {"extents": ">180,000"}}}),
    ] {
        let read = metrics(value.clone());
        let file = &read.facts.metrics.fragmentation[0];
        assert_eq!(
            (file.path.as_str(), file.extents),
            ("/vm/win.img", 180_000),
            "{value}"
        );
    }
    let read = metrics(json!({"extents": "<=128 KiB each"}));
    assert!(read.facts.metrics.fragmentation.is_empty());
    let read = metrics(
        json!({"compsize": {"path": "/nix", "perc": 50, "uncompressed_gib": 8, "algorithm": "zstd"}, "ratio": 2.5}),
    );
    let row = &read.facts.metrics.compression[0].rows[0];
    assert_eq!(
        (row.disk, row.uncompressed),
        (Bytes(4 * GIB), Bytes(8 * GIB))
    );
    assert_eq!(read.quantity("ratio"), (2.5, Unit::Count));
}

#[test]
fn health_is_read() {
    let read = metrics(json!({
        "smart": {"device": "/dev/sda", "status": "PASSED", "reallocated_sectors": 8, "wear_percent": 91, "tb_written": 400, "tb_written_7_days": 12},
        "device_stats": {"/dev/sda": {"corruption_errs": 5, "write_io_errs": 1}},
    }));
    let smart = &read.facts.metrics.smart[0];
    assert_eq!(
        (smart.passed, smart.reallocated, smart.wear_percent),
        (Some(true), Some(8), Some(91))
    );
    assert_eq!(smart.written, Some(Bytes(400_000_000_000_000)));
    let errors = &read.facts.metrics.device_errors[0];
    assert_eq!(
        (errors.device.as_str(), errors.corruption, errors.write),
        ("/dev/sda", 5, 1)
    );
    assert_eq!(read.quantity("smart written 7 days"), (12e12, Unit::Bytes));
    let read = metrics(json!({"smart": "FAILED", "smart_media_errors": 3}));
    let smart = &read.facts.metrics.smart[0];
    assert_eq!((smart.passed, smart.media_errors), (Some(false), Some(3)));
}

#[test]
fn jobs_are_read() {
    let read = metrics(
        json!({"scrub": {"mib_s": 20, "before_mib_s": 90, "errors": 0}, "balance": "paused"}),
    );
    let scrub = &read.facts.metrics.maintenance[0];
    assert_eq!(
        (scrub.job, scrub.running, scrub.errors.as_deref()),
        (MaintenanceJob::Scrub, true, None)
    );
    assert_eq!(scrub.rate_bytes_s, Some((20 * MIB) as f64));
    let balance = &read.facts.metrics.maintenance[1];
    assert_eq!(
        (balance.job, balance.running),
        (MaintenanceJob::Balance, false)
    );
    assert_eq!(
        read.quantity("scrub before"),
        ((90 * MIB) as f64, Unit::BytesPerSecond)
    );
}

#[test]
fn services_are_names_or_sentences() {
    let names = |services: Value| {
        let read = of(json!({ "services": services }));
        let services = read.facts.metrics.services;
        services.into_iter().map(|s| s.value).collect::<Vec<_>>()
    };
    assert_eq!(
        names(json!(["Snapper", "PostgreSQL 15", "btrfs-scrub.timer"])),
        ["snapper", "postgresql", "btrfs-scrub"]
    );
    assert_eq!(
        names(json!({"docker": true, "nginx": false, "mysql": {"memory": "2 GB"}})),
        ["docker", "mysql"]
    );
    assert_eq!(
        names(json!("docker, postgres and nginx")),
        ["docker", "postgres", "nginx"]
    );
    assert_eq!(
        names(
            json!([{"name": "bees", "state": "running"}, {"name": "snapper", "state": "stopped"}])
        ),
        ["bees"]
    );
    assert!(names(json!("nothing unusual runs on this little machine")).is_empty());
    let read =
        metrics(json!({"docker": {"storage_driver": "overlay2"}, "nix": {"gc.automatic": true}}));
    assert_eq!(
        read.facts.metrics.docker_driver.as_ref().unwrap().value,
        "overlay2"
    );
    let names: Vec<_> = read
        .facts
        .metrics
        .services
        .iter()
        .map(|s| s.value.as_str())
        .collect();
    assert_eq!(names, ["docker", "nix-gc"]);
}

#[test]
fn measured_numbers_keep_what_they_measure() {
    let read = metrics(json!({
        "timings": {"mount_s": ">30", "boot": "~4 min", "login": "half a minute"},
        "write_mb_s": {"none": 500, "zstd:9": "12"},
        "read": "1.2 GiB/s", "x": 5, "rate_m": 3,
    }));
    assert_eq!(read.quantity("mount"), (30.0, Unit::Seconds));
    assert_eq!(read.quantity("boot"), (240.0, Unit::Seconds));
    assert_eq!(read.quantity("login"), (30.0, Unit::Seconds));
    assert_eq!(read.quantity("write zstd 9"), (12e6, Unit::BytesPerSecond));
    assert_eq!(read.ended("metrics.x"), Ended::NotUnderstood);
    assert_eq!(read.ended("metrics.rate_m"), Ended::NotUnderstood);
}

#[test]
fn words_are_heard_with_their_place() {
    let read = read(&json!({
        "complaint": "The database is slow.",
        "facts": {"metrics": {"note": "It freezes for seconds."}, "remarks": ["Nothing special.", {"more": "hangs"}]},
    }));
    let places: Vec<_> = read
        .facts
        .observations
        .iter()
        .map(|o| o.source.as_str())
        .collect();
    assert!(places.contains(&"facts.json: complaint"), "{places:?}");
    assert!(places.contains(&"facts.json: metrics.note"), "{places:?}");
    assert!(
        places.contains(&"facts.json: remarks[1].more"),
        "{places:?}"
    );
    assert!(read.facts.observations.iter().all(|o| !o.text.is_empty()));
}

#[test]
fn what_is_not_understood_is_listed_with_its_place() {
    let read = metrics(json!({"zorb": {"flux": "quux"}}));
    assert_eq!(read.ended("metrics.zorb.flux"), Ended::NotUnderstood);
    let text: Vec<String> = read.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        ["facts.json: note: facts.metrics.zorb.flux: not understood: `quux`"]
    );
}

#[test]
fn what_may_be_something_else_is_no_fact() {
    for value in [
        json!({"quota_gib": 5}),
        json!({"quota_limits": "none"}),
        json!({"kernel_before": "5.15"}),
        json!({"kernel_cpu_pct": 4.5}),
        json!({"db_write_latency_ms": 40}),
        json!({"write_latency_p99_ms": 40}),
        json!({"swap": "none but zram"}),
        json!({"data_size_gib": 500}),
        json!({"loadavg": "high"}),
        json!({"util": "much"}),
        json!({"retention": {"snapshots": "every 15 min"}}),
        json!({"ram": "80% used"}),
        json!({"snapshots_per_hour": 4}),
        json!({"uptime": 40}),
        json!({"scrub": {"before_mib_s": 40}}),
        json!({"df": {"fstype": "ext4", "used_percent": 99}}),
    ] {
        let read = metrics(value.clone());
        assert!(
            read.leaves.iter().all(|l| l.ended != Ended::Typed),
            "{value}: {:?}",
            read.facts
        );
        assert_eq!(read.facts.metrics, Default::default(), "{value}");
    }
    // A name that promises something else does not hide what stands below it.
    let read = metrics(json!({"docker": {"while building": {"top": {"kswapd0": "40%"}}}}));
    assert_eq!(read.facts.metrics.processes[0].name, "kswapd0");
}

#[test]
fn conclusions_are_no_facts() {
    let read = read(
        &json!({"complaint": "It is slow.", "root_cause": "qgroups", "fix": {"how": "btrfs quota disable"}, "facts": {}}),
    );
    assert!(read.facts.metrics.quotas.is_empty());
    assert_eq!(read.facts.observations.len(), 1);
    assert_eq!(read.problems.len(), 2, "{:?}", read.problems);
}

#[test]
fn what_is_no_facts_file_is_refused_whole() {
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let many = format!("{{\"a\": [{}1]}}", "1,".repeat(20_000));
    let large = format!("{{\"a\": \"{}\"}}", "x".repeat(5 << 20));
    for bytes in ["", "[]", "{\"a\":", "null", "\u{0}", &deep, &many, &large] {
        let (facts, problems, leaves) = facts::read_each("f", bytes.as_bytes());
        assert!(facts.observations.is_empty() && leaves.is_empty());
        assert_eq!(problems.len(), 1);
    }
    let (_, problems) = facts::read("f", b"\xff\xfe{}");
    assert_eq!(problems.len(), 1);
    let (_, problems) = facts::read("f", "\u{feff}{\"complaint\": \"slow\"}".as_bytes());
    assert!(problems.is_empty());
    // Within bounds, what lies too deep is listed.
    let nested = format!("{{\"a\": {}1{}}}", "[".repeat(60), "]".repeat(60));
    let (_, problems, leaves) = facts::read_each("f", nested.as_bytes());
    assert_eq!((leaves.len(), leaves[0].ended), (1, Ended::NotUnderstood));
    assert!(problems[0].message.contains("too deep"));
}

#[test]
fn a_host_is_made_of_facts_alone() {
    let read = of(json!({"kernel": "6.6.1", "hardware": {"ram_gib": 4}}));
    let host = Host::told("somebody's", &read.facts);
    assert_eq!(
        (host.name.as_str(), host.found),
        ("somebody's", Found::Facts)
    );
    assert!(host.storage.filesystems.is_empty() && host.files.is_empty() && !host.is_whole());
    assert_eq!(
        host.kernel_told().map(|k| k.value.to_string()).as_deref(),
        Some("6.6.1")
    );
}

/// The schema is kept in the repository. `UPDATE_SCHEMA=1 cargo test --test ingest_facts` writes it.
#[test]
fn the_schema_is_current_and_loose() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/facts-1.json");
    let schema = facts::schema();
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "run UPDATE_SCHEMA=1 cargo test --test ingest_facts"
    );
    let validator = jsonschema::validator_for(&schema).unwrap();
    for good in [
        json!({}),
        json!({"complaint": "slow", "facts": {"free": {"keys": [1, true]}, "mounts": {"/": "ssd"}}}),
        json!({"facts": {"hardware": {"disks": ["2x 4TB", {"kind": "hdd", "colour": "red"}]}, "kernel": "6.1", "services": "none"}}),
    ] {
        assert!(validator.is_valid(&good), "{good}");
    }
    for bad in [
        json!([]),
        json!({"complaint": 5}),
        json!({"facts": {"hardware": 4}}),
    ] {
        assert!(!validator.is_valid(&bad), "{bad}");
    }
}

/// Values with keys and texts that the readers look for, and any others.
fn values() -> impl Strategy<Value = Value> {
    let keys = prop_oneof![
        prop::sample::select(vec![
            "hardware",
            "metrics",
            "kernel",
            "mounts",
            "services",
            "observations",
            "btrfs_usage",
            "df",
            "data_used_gib",
            "metadata_profile",
            "unallocated",
            "top",
            "d_state",
            "iostat",
            "util",
            "psi_io",
            "pressure",
            "io",
            "some_avg10",
            "loadavg",
            "free",
            "used_mib",
            "swap_total",
            "dmesg",
            "filefrag",
            "extents",
            "file",
            "compsize",
            "perc",
            "uncompressed_mib",
            "smart",
            "wear_percent",
            "device_stats",
            "scrub",
            "mib_s",
            "docker",
            "driver",
            "nix",
            "gc.automatic",
            "timings",
            "mount_s",
            "disks",
            "kind",
            "model",
            "size_gb",
            "cpu",
            "ram_gb",
            "snapshots",
            "count",
            "qgroups",
            "enabled",
            "btrfs-cleaner",
            "/home",
            "options",
            "mountpoint",
            "name",
            "iotop",
            "features",
            "lsattr",
            "vmstat",
            "uptime_s",
            "write_mb_s",
            "note",
            "",
            "a.b",
            "é…",
            "$schema",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,12}",
    ];
    let leaves = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            ">30",
            "~4 min",
            "40-50",
            "<1 GiB",
            "99.3%",
            "1,234",
            "none",
            "enabled",
            "2x 4TB WD Red",
            "noatime,compress=zstd:3",
            "busy",
            "D state",
            "13 of 14 GiB",
            "a\nb",
            "MemTotal: 5 kB\nx",
            "after update from 5.15 to 5.16",
            "RAID1",
            "100% of one core",
            "half a minute",
            "-",
            ">",
            "40-",
            "1,",
            "\u{0}",
            "9e999",
            "5 %",
            "kworkers",
        ])
        .prop_map(Value::from),
        "\\PC{0,30}".prop_map(Value::from),
    ];
    leaves.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn count(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::String(text) => usize::from(!text.trim().is_empty()),
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 1,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_value_ends_in_one_place(complaint in "\\PC{0,40}", facts in values()) {
        let file = json!({"complaint": complaint, "facts": facts});
        let read = read(&file);
        prop_assert_eq!(read.leaves.len(), count(&file));
        let paths: BTreeSet<&str> = read.leaves.iter().map(|l| l.path.as_str()).collect();
        prop_assert_eq!(paths.len(), read.leaves.len());
        let lost = read.leaves.iter().filter(|l| l.ended == Ended::NotUnderstood).count();
        let told = read.problems.len();
        prop_assert!(told >= lost.min(100), "{} of {}", told, lost);
        // What is said stands in an observation or a process, by its place.
        for leaf in read.leaves.iter().filter(|l| l.ended == Ended::Said) {
            let place = leaf.path.strip_prefix("facts.").unwrap_or(&leaf.path);
            let begin: String = place.chars().filter(|c| !c.is_control()).take(40).collect();
            let holds = |source: &str| source.chars().filter(|c| !c.is_control()).collect::<String>().contains(&begin);
            prop_assert!(read.facts.observations.iter().any(|o| holds(&o.source)), "{}", leaf.path);
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (_, problems) = facts::read("f", &bytes);
        prop_assert!(problems.len() < 110);
    }

    #[test]
    fn a_cut_file_is_refused_and_never_half_read(cut in 1usize..60) {
        let text = json!({"complaint": "slow", "facts": {"metrics": {"loadavg": 30, "df": "99%"}}}).to_string();
        let end = text.len().saturating_sub(cut);
        let (facts, problems) = facts::read("f", &text.as_bytes()[..end]);
        prop_assert_eq!(problems.len(), 1);
        prop_assert!(facts.metrics.load.is_none());
    }
}

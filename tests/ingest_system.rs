//! What the system's own tools print, and the facts that are read from it.
//!
//! `fixtures/ingest/metrics` holds outputs of a test machine of this project;
//! `fixtures/ingest/system` holds outputs written for these tests in forms that machine cannot make.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use btrfs_tune::ingest::metrics::{read_bytes, read_dir};
use btrfs_tune::ingest::problem::{Problem, Severity};
use btrfs_tune::model::hardware::Medium;
use btrfs_tune::model::metrics::{
    BlockDevice, DeviceIo, KernelEventKind, Metrics, Process, ProcessState, Smart,
};
use btrfs_tune::model::units::{Bytes, Millis, Percent};
use serde_json::Value;

const KIB: f64 = 1024.0;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/ingest")
        .join(name)
}

fn text(name: &str) -> String {
    let path = [folder("metrics"), folder("system")]
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("no fixture {name}"));
    fs::read_to_string(path).unwrap()
}

fn read_named(name: &str, content: &str) -> (Metrics, Vec<Problem>) {
    let mut metrics = Metrics::default();
    let problems = read_bytes(name, content.as_bytes(), &mut metrics);
    (metrics, problems)
}

fn read(content: &str) -> (Metrics, Vec<Problem>) {
    read_named("metrics.txt", content)
}

/// What a fixture holds, when all of it is understood.
fn sound(name: &str) -> Metrics {
    let (metrics, problems) = read_named(name, &text(name));
    assert_eq!(problems, [], "{name}");
    metrics
}

fn load<'m>(metrics: &'m Metrics, name: &str) -> &'m DeviceIo {
    let found = metrics.devices.iter().find(|d| d.name == name);
    &found.unwrap_or_else(|| panic!("no {name}")).value
}

fn process<'m>(metrics: &'m Metrics, pid: u64, name: &str) -> &'m Process {
    let mut found = metrics.processes.iter();
    let found = found.find(|p| p.pid == Some(pid) && p.name == name);
    &found.unwrap_or_else(|| panic!("no {pid} {name}")).value
}

fn block<'m>(metrics: &'m Metrics, name: &str) -> &'m BlockDevice {
    let found = metrics.block_devices.iter().find(|d| d.name == name);
    &found.unwrap_or_else(|| panic!("no {name}")).value
}

/// Every fixture of this folder that is an output of the system, not of btrfs.
fn system_fixtures() -> Vec<String> {
    let mut names: Vec<String> = [folder("metrics"), folder("system")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            !["btrfs", "compsize", "lsattr", "sysfs-fs", "filefrag"]
                .iter()
                .any(|p| name.starts_with(p))
        })
        .collect();
    names.sort();
    names
}

// ---- every sample

/// Samples that hold a remark of their tool, or counters that nothing times.
const REMARKED: [(&str, &str); 8] = [
    ("iostat-interrupted.json", "ends early"),
    (
        "nvme-list-v.json",
        "the tool said: `Failed to scan topology",
    ),
    ("nvme-list.json", "the tool said: `Failed to scan topology"),
    ("proc-diskstats.txt", "counts since boot without a time"),
    (
        "smartctl-ata-hdd.json",
        "smartctl said: `Warning: This result",
    ),
    (
        "smartctl-vda.json",
        "smartctl said: `/dev/vda: Unable to detect device type`",
    ),
    ("sysfs-block-queue.txt", "nothing names"),
    ("vmstat-d.txt", "counts since boot without a time"),
];

#[test]
fn every_sample_is_recognised_without_a_line_left_over() {
    let mut silent = Vec::new();
    for name in system_fixtures() {
        let (metrics, problems) = read_named(&name, &text(&name));
        let remark = REMARKED
            .iter()
            .find(|(of, _)| *of == name)
            .map(|(_, says)| says);
        for problem in &problems {
            assert_eq!(problem.severity, Severity::Note, "{problem}");
            let timeless = problem.message.contains("counts since boot");
            let expected = remark.is_some_and(|says| problem.message.contains(says));
            assert!(expected || timeless, "{problem}");
        }
        if let Some(says) = remark {
            assert!(
                problems.iter().any(|p| p.message.contains(says)),
                "{name}: {says}"
            );
        }
        if facts(&metrics).is_empty() {
            silent.push(name);
        }
    }
    // Counters without a time, a tool that found nothing, and a host without swap.
    let nothing = [
        "nvme-list-v.json",
        "nvme-list.json",
        "proc-diskstats.txt",
        "proc-swaps.txt",
        "smartctl-vda.json",
        "vmstat-d.txt",
    ];
    assert_eq!(silent, nothing);
    assert_eq!(sound("proc-swaps.txt").swaps.unwrap().value, []);
}

#[test]
fn a_folder_of_samples_makes_rates_of_counters_whatever_the_order_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["proc-diskstats.txt", "proc-uptime.txt", "proc-vmstat.txt"] {
        fs::write(folder.path().join(name), text(name)).unwrap();
    }
    let (metrics, problems) = read_dir(folder.path()).unwrap();
    assert_eq!(problems, []);
    let vda = load(&metrics, "vda");
    assert!(vda.since_boot);
    // 31778 reads of 16166 ms and 12765 writes of 31697 ms in 969.23 s.
    assert_eq!((vda.r_per_s, vda.w_per_s), (Some(32.79), Some(13.17)));
    assert_eq!(
        (vda.r_await_ms, vda.w_await_ms),
        (Some(Millis(0.51)), Some(Millis(2.48)))
    );
    assert_eq!(vda.read_bytes_s, Some(1_821_058.72));
    assert_eq!(
        (vda.f_per_s, vda.f_await_ms),
        (Some(1.57), Some(Millis(0.07)))
    );
    assert_eq!(
        (vda.util_percent, vda.aqu_sz),
        (Some(Percent(1.13)), Some(0.05))
    );
    let vm = metrics.vm.as_ref().unwrap();
    assert!(vm.since_boot);
    assert_eq!(vm.file_refaults_s, Some(229.26));
    assert_eq!(
        metrics.devices.iter().filter(|d| d.name == "zram0").count(),
        0,
        "never used"
    );
}

// ---- samples with a time

#[test]
fn two_samples_of_counters_are_rates_between_them() {
    let metrics = sound("samples.txt");
    let disk = load(&metrics, "nvme0n1");
    assert_eq!((disk.r_per_s, disk.w_per_s), (Some(200.0), Some(100.0)));
    assert_eq!(disk.read_bytes_s, Some(8_192_000.0));
    assert_eq!(disk.write_bytes_s, Some(10_240_000.0));
    assert_eq!(
        (disk.r_await_ms, disk.w_await_ms),
        (Some(Millis(5.0)), Some(Millis(20.0)))
    );
    assert_eq!(
        (disk.f_per_s, disk.f_await_ms),
        (Some(2.0), Some(Millis(10.0)))
    );
    assert_eq!(
        (disk.aqu_sz, disk.util_percent),
        (Some(5.0), Some(Percent(75.0)))
    );
    assert_eq!((disk.util_peak, disk.samples), (Some(Percent(100.0)), 2));
    assert!(!disk.since_boot);
    assert!(
        metrics.devices.iter().all(|d| d.name != "nvme0n1p1"),
        "counted in its disk"
    );
    let cpu = metrics.cpu.as_ref().unwrap();
    assert_eq!(
        (cpu.iowait, cpu.idle, cpu.user),
        (Percent(46.15), Percent(30.77), Percent(15.38))
    );
    let vm = metrics.vm.as_ref().unwrap();
    assert_eq!(vm.swap_in_bytes_s, Some(100.0 * 4096.0));
    assert_eq!(vm.swap_out_bytes_s, Some(500.0 * 4096.0));
    assert_eq!(vm.block_in_bytes_s, Some(10_000.0 * KIB));
    assert_eq!(
        (vm.major_faults_s, vm.file_refaults_s),
        (Some(20.0), Some(5000.0))
    );
    assert_eq!(
        (vm.oom_kills, vm.blocked, vm.runnable),
        (Some(3), Some(6.0), Some(3.0))
    );
    let io = metrics.pressure.io_stall.as_ref().unwrap();
    assert_eq!(
        (io.some, io.full, io.seconds),
        (Percent(50.0), Some(Percent(25.0)), 10.0)
    );
}

#[test]
fn samples_over_several_files_are_put_together() {
    let whole = text("samples.txt");
    let mut metrics = Metrics::default();
    let parts: Vec<&str> = whole.split_inclusive("oom_kill 1\n").collect();
    for (name, part) in ["one", "two"].iter().zip(&parts) {
        assert_eq!(read_bytes(name, part.as_bytes(), &mut metrics), []);
    }
    assert_eq!(values(&metrics), values(&sound("samples.txt")));
}

#[test]
fn a_counter_that_fell_tells_nothing() {
    let (metrics, _) = read(
        "## /proc/diskstats t=1\n8 0 sda 100 0 80 100 9 0 9 9 0 100 100\n\
         ## /proc/diskstats t=2\n8 0 sda 10 0 80 110 10 0 17 19 0 90 100\n",
    );
    let sda = load(&metrics, "sda");
    assert_eq!(
        (sda.r_per_s, sda.r_await_ms, sda.util_percent),
        (None, None, None)
    );
    assert_eq!(
        (sda.w_per_s, sda.w_await_ms),
        (Some(1.0), Some(Millis(10.0)))
    );
    assert_eq!((sda.d_per_s, sda.f_per_s), (None, None), "Linux 4.17");
}

#[test]
fn larger_pages_are_known_by_the_free_memory() {
    let files = "MemTotal: 16000000 kB\nMemFree: 1600000 kB\n\
                 ## /proc/vmstat t=0\nnr_free_pages 100000\npswpin 0\n\
                 ## /proc/vmstat t=1\nnr_free_pages 100100\npswpin 10\n";
    let (metrics, problems) = read(files);
    assert_eq!(problems, []);
    assert_eq!(metrics.vm.unwrap().swap_in_bytes_s, Some(10.0 * 16.0 * KIB));
}

#[test]
fn what_was_watched_stands_before_the_average_since_boot() {
    let since_boot = format!("{}{}", text("proc-uptime.txt"), text("proc-stat.txt"));
    for files in [
        format!("{since_boot}## iostat\n{}", text("iostat-x.txt")),
        format!("## iostat\n{}\n## rest\n{since_boot}", text("iostat-x.txt")),
    ] {
        let (metrics, _) = read(&files);
        let cpu = metrics.cpu.unwrap();
        assert_eq!((cpu.user, cpu.since_boot), (Percent(82.17), false));
    }
}

// ---- iostat

#[test]
fn iostat_of_every_version_gives_the_same_quantities() {
    let old = sound("iostat-11.4.txt");
    let sda = load(&old, "sda");
    assert_eq!((sda.r_per_s, sda.w_per_s), (Some(10.0), Some(90.0)));
    assert_eq!(
        (sda.read_bytes_s, sda.write_bytes_s),
        (Some(160.0 * KIB), Some(3600.0 * KIB))
    );
    assert_eq!(
        (sda.r_await_ms, sda.w_await_ms),
        (Some(Millis(20.0)), Some(Millis(129.33)))
    );
    assert_eq!(
        (sda.await_ms, sda.aqu_sz),
        (Some(Millis(118.4)), Some(12.5))
    );
    assert_eq!(
        (sda.util_percent, sda.since_boot),
        (Some(Percent(99.0)), false)
    );
    let middle = sound("iostat-12.0.txt");
    let nvme = load(&middle, "nvme0n1");
    assert_eq!(
        (nvme.r_per_s, nvme.read_bytes_s),
        (Some(500.0), Some(8000.0 * KIB))
    );
    assert_eq!((nvme.aqu_sz, nvme.since_boot), (Some(0.3), false));
    let discards = sound("iostat-12.2-discards.txt");
    let sdb = load(&discards, "sdb");
    assert_eq!(
        (sdb.d_per_s, sdb.discard_bytes_s),
        (Some(4.0), Some(128.0 * KIB * KIB))
    );
    assert_eq!((sdb.d_await_ms, sdb.f_per_s), (Some(Millis(250.0)), None));
    assert_eq!(
        (sdb.read_bytes_s, sdb.since_boot),
        (Some(0.5 * KIB * KIB), true)
    );
    let posix = sound("iostat-posix.txt");
    let sdb = load(&posix, "sdb");
    assert_eq!(
        (sdb.read_bytes_s, sdb.per_s),
        (Some(200.0 * 512.0), Some(10.0))
    );
    let timed = sound("iostat-dxk-t.txt");
    let loop2 = load(&timed, "loop2");
    assert_eq!(
        (loop2.f_per_s, loop2.f_await_ms),
        (Some(30.0), Some(Millis(1.53)))
    );
    assert_eq!((loop2.r_per_s, loop2.samples), (Some(200.0), 1));
    let short = sound("iostat-dx-s.txt");
    let vda = load(&short, "vda");
    assert_eq!(
        (vda.per_s, vda.bytes_s),
        (Some(185.0), Some(18_692.0 * KIB))
    );
    assert_eq!((vda.await_ms, vda.r_await_ms), (Some(Millis(0.67)), None));
}

#[test]
fn an_interrupted_json_gives_its_complete_reports() {
    let whole = sound("iostat-x.json");
    let (cut, problems) = read_named("cut", &text("iostat-interrupted.json"));
    assert!(
        problems[0]
            .message
            .contains("its complete reports were read"),
        "{problems:?}"
    );
    // Of two reports only that since boot is whole.
    assert!(load(&cut, "loop1").since_boot && !load(&whole, "loop1").since_boot);
    assert_eq!(load(&cut, "loop0").w_await_ms, Some(Millis(26.26)));
    let (nothing, problems) = read(&text("iostat-x.json")[..200]);
    assert_eq!(nothing.devices, []);
    assert!(problems[0].message.contains("ends early"), "{problems:?}");
}

#[test]
fn two_runs_of_iostat_are_two_runs() {
    let both = text("iostat-11.4.txt").repeat(2);
    let (metrics, problems) = read(&both);
    assert_eq!(problems, []);
    assert_eq!(metrics.devices.len(), 2);
    assert!(
        metrics.devices.iter().all(|d| d.r_per_s == Some(10.0)),
        "no report since boot"
    );
}

// ---- processes

#[test]
fn both_iotops_tell_who_reads_and_writes() {
    let python = sound("iotop-py.txt");
    let fio = process(&python, 29400, "fio");
    // 337.26 and 818.86 K/s; 337.26 K/s and 2.42 M/s, over two reports.
    assert_eq!(fio.read_bytes_s, Some(591_933.44));
    assert_eq!(fio.write_bytes_s, Some(1_441_454.08));
    assert_eq!((fio.io_wait, fio.samples), (None, 2));
    assert!(
        fio.command
            .as_deref()
            .unwrap()
            .starts_with("fio --name=t --directory=/mnt/tune/@")
    );
    let worker = process(&python, 5275, "kworker/u8:4-btrfs-endio");
    assert_eq!(
        (worker.write_bytes_s, &worker.command),
        (Some(1_090_519.04), &None)
    );

    let quiet = sound("iotop-py-qqq.txt");
    assert_eq!(
        process(&quiet, 14165, "kworker/u8:8-writeback").write_bytes_s,
        Some(4_793_630.72)
    );
    assert_eq!(
        process(&quiet, 29438, "sync").command.as_deref(),
        Some("sync -f m")
    );

    let c = sound("iotop-c.txt");
    let rustc = process(&c, 29665, "rustc");
    assert_eq!(
        (rustc.read_bytes_s, rustc.write_bytes_s),
        (Some(3_827_302.4), Some(0.0))
    );
    assert_eq!(
        rustc.io_wait, None,
        "0.00 % without delay accounting is not a measurement"
    );

    let added_up = sound("iotop-c-k-P-a.txt");
    let fio = process(&added_up, 29400, "fio");
    assert_eq!(
        (fio.read_total, fio.write_total),
        (Some(Bytes(847_872)), Some(Bytes(2_269_184)))
    );
    assert_eq!((fio.read_bytes_s, fio.write_bytes_s), (None, None));
}

#[test]
fn iotop_is_known_with_commas_marks_and_shares() {
    let (metrics, problems) = read(
        "06:47:41 Total DISK READ :       0,00 B/s | Total DISK WRITE :       1,50 M/s\n\
         06:47:41 Actual DISK READ:       0,00 B/s | Actual DISK WRITE:       0,00 B/s\n\
         \x20  TIME  TID  PRIO  USER     DISK READ  DISK WRITE  SWAPIN      IO>    COMMAND\n\
         06:47:41  431 be/4 root        0,00 B/s    1,50 M/s  0.00 % 97,25 % [btrfs-transacti]\n",
    );
    assert_eq!(problems, []);
    let task = process(&metrics, 431, "btrfs-transacti");
    assert_eq!(
        (task.io_wait, task.write_bytes_s),
        (Some(Percent(97.25)), Some(1.5 * KIB * KIB))
    );
    let (metrics, _) =
        read("$ iotop-c -b --si\n 12 be/4 root 0.00 B/s 2.00 K/s 0.00 % 5.00 % dd\n");
    assert_eq!(process(&metrics, 12, "dd").write_bytes_s, Some(2000.0));
}

#[test]
fn pidstat_gives_its_own_averages() {
    let metrics = sound("pidstat-d.txt");
    let fio = process(&metrics, 29400, "fio");
    assert_eq!(
        (fio.read_bytes_s, fio.samples),
        (Some(799.61 * KIB).map(rounded), 2)
    );
    let json = sound("pidstat.json");
    let postgres = process(&json, 900, "postgres");
    assert_eq!(
        (postgres.read_bytes_s, postgres.write_bytes_s),
        (Some(200.0 * KIB), Some(3000.0 * KIB))
    );
    assert_eq!(postgres.resident, Some(Bytes(204_800 << 10)));
    assert_eq!(
        process(&json, 431, "btrfs-transacti").cpu,
        Some(Percent(62.0))
    );
    assert_eq!(
        process(&json, 77, "firefox").read_bytes_s,
        None,
        "-1 is unreadable"
    );
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[test]
fn pidstat_is_known_with_h_threads_and_a_clock_of_twelve_hours() {
    let (metrics, problems) = read(
        "Linux 6.18.1 (nas) \t11/23/26 \t_x86_64_\t(2 CPU)\n\n\
         # Time        UID      TGID       TID    %usr %system  %guest   %wait    %CPU   CPU   kB_rd/s   kB_wr/s kB_ccwr/s iodelay  Command\n\
         06:47:34 PM     0       431         -    1,00   61,00    0,00    0,00   62,00     1      0,00   1024,00      0,00      12  btrfs transacti\n\
         06:47:34 PM     0         -       432    1,00    2,00    0,00    0,00    3,00     1      0,00     16,00      0,00      12  |__worker\n",
    );
    assert_eq!(problems, []);
    let first = process(&metrics, 431, "btrfs");
    assert_eq!(first.command.as_deref(), Some("btrfs transacti"));
    assert_eq!(
        (first.cpu, first.write_bytes_s),
        (Some(Percent(62.0)), Some(1024.0 * KIB))
    );
    assert_eq!(
        process(&metrics, 432, "worker").write_bytes_s,
        Some(16.0 * KIB)
    );
    let (metrics, problems) = read(
        "06:47:34 AM   UID       PID   kB_rd/s   kB_wr/s kB_ccwr/s  Command\n\
         06:47:35 AM  1000        12      0.00     10.00      0.00  a\n\
         Moyenne:     UID       PID   kB_rd/s   kB_wr/s kB_ccwr/s  Command\n\
         Moyenne:    1000        12      0.00      8.00      0.00  a\n",
    );
    assert_eq!(problems, []);
    assert_eq!(process(&metrics, 12, "a").write_bytes_s, Some(8.0 * KIB));
}

#[test]
fn ps_and_top_tell_what_tasks_do() {
    let ps = sound("ps-aux.txt");
    let commit = process(&ps, 431, "btrfs-transacti");
    assert_eq!(
        (commit.cpu, commit.state),
        (Some(Percent(98.7)), Some(ProcessState::Uninterruptible))
    );
    assert_eq!(
        process(&ps, 910, "postgres").resident,
        Some(Bytes(40_960 << 10))
    );
    assert_eq!(
        process(&ps, 2001, "firefox").state,
        Some(ProcessState::Sleeping)
    );
    assert_eq!(
        process(&ps, 2002, "less").command.as_deref(),
        Some("less {\"a\": 1}")
    );
    let wchan = sound("ps-wchan.txt");
    let waits = process(&wchan, 431, "btrfs-transacti");
    assert_eq!(waits.wchan.as_deref(), Some("btrfs_commit_transaction"));
    assert_eq!(process(&wchan, 2100, "sh").wchan, None);
    let top = sound("top.txt");
    assert_eq!(
        process(&top, 431, "btrfs-transacti").cpu,
        Some(Percent(98.0)),
        "not of the first report"
    );
    assert_eq!(
        process(&top, 900, "postgres").resident,
        Some(Bytes(204_800 << 10))
    );
    let cpu = top.cpu.unwrap();
    assert_eq!(
        (cpu.user, cpu.system, cpu.iowait),
        (Percent(7.0), Percent(3.4), Percent(31.1))
    );
    assert_eq!(top.vm.unwrap().blocked, Some(1.0));
    assert_eq!(top.load.unwrap().one, 8.35);
}

// ---- vmstat and /proc

#[test]
fn vmstat_leaves_out_the_row_since_boot() {
    let vm = sound("vmstat-gu.txt").vm.unwrap();
    assert_eq!(
        (vm.blocked, vm.runnable, vm.samples),
        (Some(8.0), Some(2.0), 2)
    );
    assert_eq!(vm.swap_in_bytes_s, Some(384.0 * KIB));
    assert_eq!(vm.swap_out_bytes_s, Some(2048.0 * KIB));
    assert_eq!(vm.block_out_bytes_s, Some(6144.0 * KIB));
    let metrics = sound("vmstat.txt");
    let (cpu, vm) = (metrics.cpu.unwrap(), metrics.vm.unwrap());
    assert_eq!(
        (cpu.system, cpu.idle, cpu.samples),
        (Percent(2.5), Percent(96.0), 2)
    );
    assert_eq!((vm.runnable, vm.since_boot), (Some(1.5), false));
    assert_eq!(sound("vmstat-w.txt").vm.unwrap().samples, 1);
}

#[test]
fn the_unit_of_swapping_is_told_or_the_rate_is_not() {
    let table = "procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----\n \
                 r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st\n \
                 1  0      0    190      8    755    0    0   930  1919  185  405  2  4 91  1  1\n \
                 1  0      0    190      8    755    3    0   100   200  448  787  1  4 94  0  1\n";
    let (metrics, _) = read(&format!("$ vmstat -S M 1 2\n{table}"));
    assert_eq!(metrics.vm.unwrap().swap_in_bytes_s, Some(3.0 * KIB * KIB));
    let (metrics, problems) = read(table);
    let vm = metrics.vm.unwrap();
    assert_eq!((vm.swap_in_bytes_s, vm.swap_out_bytes_s), (None, Some(0.0)));
    assert_eq!(
        vm.block_in_bytes_s,
        Some(100.0 * KIB),
        "never in the unit of -S"
    );
    assert!(problems[0].message.contains("in a unit that nothing tells"));
}

#[test]
fn counters_of_vmstat_are_counters() {
    let (metrics, problems) = read(&format!(
        "{}\n{}",
        text("proc-uptime.txt"),
        text("vmstat-d.txt")
    ));
    assert_eq!(problems, []);
    assert_eq!(load(&metrics, "vda").r_per_s, Some(32.78));
    assert_eq!(load(&metrics, "vda").r_await_ms, Some(Millis(0.51)));
    let summary = sound("vmstat-s.txt");
    assert_eq!(summary.memory.unwrap().total, Bytes(24_684_096 << 10));
    assert_eq!(summary.cpu.unwrap().idle, Percent(91.36));
}

#[test]
fn files_of_proc_are_read() {
    let load = sound("proc-loadavg.txt").load.unwrap();
    assert_eq!((load.one, load.five, load.fifteen), (1.23, 0.58, 0.26));
    assert_eq!(sound("proc-uptime.txt").uptime_s.unwrap().value, 969.23);
    let cpu = sound("proc-cpuinfo.txt").cpu_info.unwrap();
    assert_eq!(
        (cpu.model.as_deref(), cpu.threads, cpu.cores),
        (Some("AMD EPYC"), Some(2), Some(2))
    );
    assert!(cpu.features.contains("sse4_2") && cpu.features.contains("sha_ni"));
    let arm = sound("cpuinfo-arm.txt").cpu_info.unwrap();
    assert_eq!(
        (arm.threads, arm.cores),
        (Some(2), None),
        "cores are not told on ARM"
    );
    assert!(arm.features.contains("crc32"));
    let stat = sound("proc-stat.txt").cpu.unwrap();
    assert_eq!(
        (stat.user, stat.steal, stat.since_boot),
        (Percent(10.68), Percent(1.94), true)
    );
    let memory = sound("proc-meminfo.txt").memory.unwrap();
    assert_eq!(memory.free, Some(Bytes(24_366_804_992)));
    assert_eq!(memory.zswapped, Some(Bytes(0)));
    let (metrics, problems) =
        read("processor\t: 0\nsiblings\t: 4\nphysical id\t: 0\ncore id\t: 0\n");
    assert_eq!(metrics.cpu_info.unwrap().threads, None, "a part of a file");
    assert!(problems[0].message.contains("fewer processors"));
}

// ---- devices

#[test]
fn smart_tells_the_health_but_never_the_serial_number() {
    let only = |name: &str| -> Smart {
        let (metrics, _) = read_named(name, &text(name));
        let shown = format!("{metrics:?}{}", serde_json::to_string(&metrics).unwrap());
        assert!(!shown.contains("SECRET"), "{name}");
        metrics.smart[0].value.clone()
    };
    let hdd = only("smartctl-ata-hdd.json");
    assert_eq!(
        (hdd.reallocated, hdd.pending, hdd.uncorrectable),
        (Some(4712), Some(16), Some(8))
    );
    assert_eq!(
        (hdd.interface_errors, hdd.rotation_rpm, hdd.trim),
        (Some(3), Some(5425), Some(true))
    );
    assert_eq!(
        (hdd.written, hdd.passed),
        (Some(Bytes(50_000_000_000_000)), Some(true))
    );
    assert_eq!(hdd.failed, ["Airflow_Temperature_Cel (past)"]);
    let nvme = only("smartctl-nvme.json");
    assert_eq!(
        (nvme.wear_percent, nvme.spare_percent),
        (Some(63), Some(97))
    );
    assert_eq!(
        (nvme.written, nvme.media_errors),
        (Some(Bytes(61_440_000_000_000)), Some(5))
    );
    let sas = only("smartctl-scsi.json");
    assert_eq!(
        (sas.passed, sas.media_errors, sas.reallocated),
        (Some(false), Some(9), Some(140))
    );
    assert_eq!(
        (sas.model.as_deref(), sas.rotation_rpm),
        (Some("EXAMPLE SAS12TB"), Some(7200))
    );
    let log = only("nvme-smart-log.txt");
    assert_eq!(
        (log.device.as_str(), log.critical_warning),
        ("/dev/nvme1", Some(4))
    );
    assert_eq!((log.temperature_c, log.wear_percent), (Some(42), Some(104)));
    for (name, sector) in [("nvme-list-2.10.json", 512), ("nvme-list-2.11.json", 4096)] {
        let metrics = sound(name);
        let disk = block(&metrics, "nvme0n1");
        assert_eq!(disk.size, Some(Bytes(1_000_204_886_016)), "{name}");
        assert_eq!(
            (disk.logical_sector, disk.firmware.as_deref()),
            (Some(sector), Some("7B2QGXA7"))
        );
        assert!(!format!("{metrics:?}").contains("SECRET"));
    }
    let (metrics, problems) = read(&text("scrapes.prom"));
    assert!(!format!("{metrics:?}{problems:?}").contains("SECRET"));
}

#[test]
fn queues_are_read_from_sysfs_and_lsblk() {
    let sysfs = sound("sysfs-grep.txt");
    let sda = block(&sysfs, "sda");
    assert_eq!(
        (sda.scheduler.as_deref(), sda.queue_depth),
        (Some("bfq"), Some(64))
    );
    assert_eq!((sda.medium, sda.discard), (Medium::Rotational, Some(false)));
    assert_eq!(
        (sda.read_ahead, sda.write_back),
        (Some(Bytes(128 << 10)), Some(true))
    );
    assert_eq!(
        (sda.physical_sector, sda.logical_sector),
        (Some(4096), Some(512))
    );
    let nvme = block(&sysfs, "nvme0n1");
    assert_eq!(
        (nvme.scheduler.as_deref(), nvme.write_back),
        (Some("none"), Some(false))
    );
    let old = sound("lsblk-old.json");
    let sda = block(&old, "sda");
    assert_eq!(
        (sda.medium, sda.discard, sda.queue_depth),
        (Medium::Rotational, Some(false), Some(128))
    );
    assert_eq!(
        (sda.read_ahead, sda.firmware.as_deref()),
        (Some(Bytes(128 << 10)), Some("0001"))
    );
    let crypt = block(&old, "dm-0");
    assert_eq!(
        (crypt.mapper.as_deref(), crypt.parent.as_deref()),
        (Some("cryptroot"), Some("sda"))
    );
    let new = sound("lsblk.json");
    let vda = block(&new, "vda");
    assert_eq!(
        (vda.read_ahead, vda.queue_depth),
        (Some(Bytes(8192 << 10)), Some(256))
    );
    let (metrics, _) = read(&format!(
        "## /sys/block/vda\n{}",
        text("sysfs-block-queue.txt")
    ));
    let named = block(&metrics, "vda");
    assert_eq!(
        (named.size, named.scheduler.as_deref()),
        (Some(Bytes(274_877_906_944)), Some("mq-deadline"))
    );
    // Two sources of one device are one device.
    let (both, _) = read(&format!(
        "{}\n{}",
        text("sysfs-grep.txt"),
        text("lsblk-old.json")
    ));
    let sda = block(&both, "sda");
    assert_eq!(
        (sda.scheduler.as_deref(), sda.kind.as_deref()),
        (Some("bfq"), Some("disk"))
    );
    assert_eq!(both.block_devices.len(), 3);
}

#[test]
fn fio_tells_rates_and_waits_in_their_units() {
    let metrics = sound("fio.json");
    let job = &metrics.fio[0];
    assert_eq!(
        (job.name.as_str(), job.pattern.as_deref()),
        ("t", Some("randrw"))
    );
    assert_eq!(
        (job.block_size, job.path.as_deref()),
        (Some(Bytes(4096)), Some("/mnt/tune/@"))
    );
    let read_ = job.read.unwrap();
    assert_eq!((read_.per_s, read_.bytes_s), (199.985_715, 819_141.0));
    assert_eq!(read_.p99, Some(Millis(5.537_792)));
    assert_eq!(job.sync_mean.map(|m| rounded(m.0)), Some(4.16));
    let (metrics, problems) = read(&format!(
        "fio: this platform does not support x\n{}",
        text("fio.json")
    ));
    assert_eq!((metrics.fio.len(), problems.len()), (1, 1));
}

// ---- node_exporter

#[test]
fn a_scrape_gives_the_state_and_averages_since_boot() {
    let metrics = sound("node_exporter-full-1.5.0.prom");
    let vda = load(&metrics, "vda");
    assert!(vda.since_boot);
    assert_eq!(
        (vda.r_per_s, vda.r_await_ms),
        (Some(110.85), Some(Millis(0.42)))
    );
    assert_eq!(metrics.uptime_s.as_ref().unwrap().value, 1205.65);
    let io = metrics.pressure.io_stall.as_ref().unwrap();
    assert_eq!(
        (io.some, io.full, io.since_boot),
        (Percent(7.58), Some(Percent(3.6)), true)
    );
    let usage = &metrics.usage[1];
    assert_eq!(usage.mountpoint.as_deref(), Some("/mnt/tune"));
    assert_eq!(usage.device_size, Some(Bytes(943_718_400)));
    assert_eq!(usage.unallocated, Some(Bytes(572_522_496)));
    assert_eq!(
        (usage.data_ratio, usage.metadata_ratio),
        (Some(1.0), Some(2.0))
    );
    assert_eq!(usage.block_groups[1].profile, "RAID1");
    assert_eq!(metrics.states[1].label.as_deref(), Some("tunetest"));
    assert_eq!(metrics.device_errors.len(), 3);
    let cpu = metrics.cpu.as_ref().unwrap();
    assert_eq!((cpu.idle, cpu.since_boot), (Percent(77.06), true));
    let root = metrics
        .filesystems
        .iter()
        .find(|f| f.mountpoint == "/")
        .unwrap();
    assert_eq!(
        (root.size, root.fstype.as_deref()),
        (Some(Bytes(270_553_174_016)), Some("ext4"))
    );
    assert_eq!(metrics.kernel.as_ref().unwrap().value, "6.18.44-fc-v595");
}

#[test]
fn two_scrapes_are_rates() {
    let metrics = sound("scrapes.prom");
    let sda = load(&metrics, "sda");
    assert_eq!(
        (sda.r_per_s, sda.read_bytes_s),
        (Some(100.0), Some(409_600.0))
    );
    assert_eq!(
        (sda.r_await_ms, sda.util_percent),
        (Some(Millis(20.0)), Some(Percent(100.0)))
    );
    assert!(!sda.since_boot);
    let io = metrics.pressure.io_stall.as_ref().unwrap();
    assert_eq!(
        (io.some, io.full, io.seconds),
        (Percent(80.0), Some(Percent(20.0)), 15.0)
    );
    let commits = metrics.states[0].commits.unwrap();
    assert_eq!((commits.commits, commits.max), (10, Some(Millis(9500.0))));
    assert_eq!(block(&metrics, "sda").medium, Medium::Rotational);
    assert_eq!(metrics.nixos.unwrap().value, "25.11.717.abcdef (Xantusia)");
}

// ---- log and services

#[test]
fn the_kernel_log_is_counted_by_trouble_and_device() {
    let events = |metrics: &Metrics| -> Vec<(KernelEventKind, Option<String>, u64)> {
        metrics
            .kernel_events
            .iter()
            .map(|e| (e.kind, e.subject.clone(), e.count))
            .collect()
    };
    let of = |name: &str| Some(name.to_owned());
    let log = sound("dmesg.txt");
    assert_eq!(log.kernel.as_ref().unwrap().value, "6.18.1");
    let expected = [
        (KernelEventKind::DeviceError, of("nvme0n1p2"), 2),
        (KernelEventKind::NvmeTimeout, of("nvme0"), 3),
        (KernelEventKind::HungTask, of("btrfs-transacti"), 1),
        (KernelEventKind::ChecksumError, of("nvme0n1p2"), 1),
        (KernelEventKind::OutOfMemory, of("cc1plus"), 1),
    ];
    assert_eq!(events(&log), expected);
    let journal = sound("journal.txt");
    let expected = [
        (KernelEventKind::AtaError, of("ata3"), 3),
        (KernelEventKind::AtaError, of("sdb"), 1),
        (KernelEventKind::IoError, of("sdb"), 1),
        (KernelEventKind::ForcedReadOnly, of("sdb1"), 1),
    ];
    assert_eq!(events(&journal), expected);
    // The same log in the other forms of dmesg.
    let bare = |line: &str| line.split_once("] ").unwrap().1.to_owned();
    let forms: [fn(&str) -> String; 5] = [
        |line| format!("[Mon Nov 23 06:30:34 2026] {line}"),
        |line| format!("kern  :warn  : [  345.000001] {line}"),
        |line| format!("[Nov23 06:30] {line}"),
        |line| format!("2026-11-23T06:30:34,000001+00:00 {line}"),
        |line| format!("<4>[  345.000001] {line}"),
    ];
    for form in forms {
        let lines: Vec<String> = text("dmesg.txt")
            .lines()
            .map(|line| form(&bare(line)))
            .collect();
        let (metrics, problems) = read(&format!("{}\n", lines.join("\n")));
        assert_eq!(
            (events(&metrics), problems),
            (events(&log), vec![]),
            "{}",
            lines[0]
        );
    }
    let lines: Vec<String> = text("dmesg.txt").lines().skip(3).map(bare).collect();
    let (metrics, problems) = read(&lines.join("\n"));
    assert_eq!(events(&metrics), events(&log));
    assert!(
        problems.iter().all(|p| p.severity == Severity::Note),
        "{problems:?}"
    );
}

#[test]
fn services_and_the_driver_of_docker_are_known() {
    let names: Vec<String> = sound("systemctl.txt")
        .services
        .into_iter()
        .map(|s| s.value)
        .collect();
    assert_eq!(names, ["docker", "postgresql"]);
    assert_eq!(
        sound("docker-info.txt").docker_driver.unwrap().value,
        "btrfs"
    );
}

// ---- everything survives

/// The facts of metrics without the names of their sources.
fn values(metrics: &Metrics) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.remove("source");
                fields.values_mut().for_each(strip);
            }
            Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(metrics).unwrap();
    strip(&mut value);
    value
}

/// Every number and word of the metrics with the path to it; elements of lists go by their names.
fn facts(metrics: &Metrics) -> BTreeSet<String> {
    fn walk(path: &str, value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    if !matches!(
                        key.as_str(),
                        "samples" | "since_boot" | "count" | "approximate"
                    ) {
                        walk(&format!("{path}.{key}"), value, found);
                    }
                }
            }
            Value::Array(list) => {
                for (index, element) in list.iter().enumerate() {
                    let inner = element.get("value").unwrap_or(element);
                    let name = [
                        "name",
                        "device",
                        "mountpoint",
                        "uuid",
                        "path",
                        "pid",
                        "kind",
                        "subject",
                        "profile",
                    ]
                    .iter()
                    .filter_map(|key| inner.get(*key))
                    .map(Value::to_string)
                    .collect::<Vec<_>>()
                    .join("/");
                    let name = if name.is_empty() && !inner.is_string() {
                        index.to_string()
                    } else {
                        name
                    };
                    walk(&format!("{path}[{name}]"), element, found);
                }
            }
            Value::Number(_) | Value::String(_) => {
                found.insert(format!("{path}={value}"));
            }
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    walk("", &values(metrics), &mut found);
    found
}

#[test]
fn no_format_takes_the_lines_of_another() {
    let names = system_fixtures();
    let mut apart = Metrics::default();
    let mut together = String::new();
    for name in &names {
        if name == "iostat-interrupted.json" {
            // What breaks off has no end that others could begin after.
            continue;
        }
        let content = text(name);
        let headed = format!("## {name}\n{content}");
        read_bytes("all", headed.as_bytes(), &mut apart);
        together.push_str(&headed);
        if !together.ends_with('\n') {
            together.push('\n');
        }
    }
    let (together, _) = read_named("all", &together);
    let (apart, together) = (values(&apart), values(&together));
    for (field, value) in apart.as_object().unwrap() {
        assert_eq!(Some(value), together.get(field), "{field}");
    }
    assert_eq!(apart, together);
}

#[test]
fn formats_part_without_a_heading_too() {
    // In the order of the alphabet and against it, so that each meets others before and after it.
    let one_of_a_sort = [
        "cpuinfo-arm.txt",
        "df-P.txt",
        "dmesg.txt",
        "docker-info.txt",
        "fio.json",
        "iotop-c.txt",
        "lsblk-old.json",
        "pidstat-d.txt",
        "proc-loadavg.txt",
        "proc-meminfo.txt",
        "proc-mounts.txt",
        "proc-stat.txt",
        "proc-swaps.txt",
        "proc-uptime.txt",
        "ps-aux.txt",
        "smartctl-nvme.json",
        "sysfs-grep.txt",
        "systemctl.txt",
        "vmstat-gu.txt",
        "node_exporter.prom",
        "proc-self-mountinfo.txt",
        "iostat-12.0.txt",
        "top.txt",
        "proc-diskstats.txt",
    ];
    for reverse in [false, true] {
        let mut names = one_of_a_sort.to_vec();
        if reverse {
            names.reverse();
        }
        let mut apart = Metrics::default();
        let mut all = String::new();
        for name in &names {
            let content = text(name);
            read_bytes("all", content.as_bytes(), &mut apart);
            all.push_str(&content);
            if !all.ends_with('\n') {
                all.push('\n');
            }
        }
        let (together, problems) = read_named("all", &all);
        let left: Vec<_> = problems
            .iter()
            .filter(|p| p.severity > Severity::Note)
            .collect();
        assert_eq!(left, Vec::<&Problem>::new());
        let (apart, together) = (values(&apart), values(&together));
        for (field, value) in apart.as_object().unwrap() {
            assert_eq!(
                Some(value),
                together.get(field),
                "{field}, reverse: {reverse}"
            );
        }
    }
}

#[test]
fn line_ends_colours_and_prompts_change_nothing() {
    for name in system_fixtures() {
        let content = text(&name);
        let (plain, _) = read_named("x", &content);
        let dos = format!("\u{feff}{}", content.replace('\n', "\r\n"));
        assert_eq!(values(&read_named("x", &dos).0), values(&plain), "{name}");
        if !name.ends_with(".json") {
            let coloured: String = content
                .split_inclusive('\n')
                .map(|line| format!("\u{1b}[1;32m{}\u{1b}[0m\n", line.trim_end_matches('\n')))
                .collect();
            assert_eq!(
                values(&read_named("x", &coloured).0),
                values(&plain),
                "{name}"
            );
        }
        let prompted = format!("ann@nas:~$ tool\n{content}");
        assert_eq!(
            values(&read_named("x", &prompted).0),
            values(&plain),
            "{name}"
        );
    }
}

/// Files whose facts are averages over their reports: with fewer reports they are others.
const AVERAGED: [&str; 16] = [
    "iostat-11.4.txt",
    "iostat-12.0.txt",
    "iostat-dxk-t.txt",
    "iostat-x.txt",
    "iostat.txt",
    "iotop-c.txt",
    "iotop-py.txt",
    "iotop-py-qqq.txt",
    "iotop-c-k-P-a.txt",
    "pidstat-d.txt",
    "samples.txt",
    "scrapes.prom",
    "top.txt",
    "vmstat-gu.txt",
    "vmstat-w.txt",
    "vmstat.txt",
];

/// Places at which a file is cut: each of a small one, a spread over a large one.
fn cuts(content: &str) -> impl Iterator<Item = usize> + '_ {
    let step = (content.len() / 150).max(1);
    (1..content.len())
        .step_by(step)
        .filter(|at| content.is_char_boundary(*at))
}

#[test]
fn a_number_of_a_file_that_breaks_off_is_that_of_the_whole_or_absent() {
    let mut checked = 0;
    for name in system_fixtures() {
        // Names of mountpoints at the end of a line may be cut; iostat's JSON has two reports.
        let exempt =
            name.starts_with("df-") || name.starts_with("iostat-") && name.ends_with(".json");
        let content = text(&name);
        let (whole, _) = read_named("x", &content);
        let known = facts(&whole);
        for at in cuts(&content) {
            let (part, _) = read_named("x", &content[..at]);
            if exempt || AVERAGED.contains(&name.as_str()) {
                continue;
            }
            for fact in facts(&part) {
                let number = fact.rsplit('=').next().unwrap().parse::<f64>().is_ok();
                assert!(
                    !number || known.contains(&fact),
                    "{name} cut at {at}: {fact}"
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 10_000, "{checked}");
}

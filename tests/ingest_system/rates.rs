//! Every sample, counters that become rates, `iostat` and node_exporter.

use super::*;

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
    assert_eq!(vda.read_bytes_s, Some(1_821_058.75));
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

//! Processes, files of `/proc`, devices, logs and services.

use super::*;

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
        (Some(800.00 * KIB), 2)
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
    let (summary, _) = read(&text("vmstat-s.txt"));
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
        read("processor\t: 0\nsiblings\t: 4\nphysical id\t: 0\ncore id\t: 0\npower management:\n");
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

// ---- live

#[test]
#[cfg(target_os = "linux")]
fn the_files_of_this_machine_are_understood() {
    let files = [
        "/proc/diskstats",
        "/proc/stat",
        "/proc/vmstat",
        "/proc/loadavg",
        "/proc/uptime",
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/swaps",
        "/proc/self/mountinfo",
        "/proc/pressure/io",
        "/proc/pressure/cpu",
        "/proc/pressure/memory",
    ];
    let mut bundle = String::new();
    for path in files {
        // A kernel may lack pressure, a sandbox may hide the rest.
        match fs::read_to_string(path) {
            Ok(content) => bundle.push_str(&format!("## {path}\n{content}")),
            Err(error) => eprintln!("skipped {path}: {error}"),
        }
    }
    let (metrics, problems) = read(&bundle);
    let lost: Vec<_> = problems
        .iter()
        .filter(|p| p.severity > Severity::Note)
        .collect();
    assert_eq!(lost, Vec::<&Problem>::new());
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let total = meminfo
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap();
    assert_eq!(metrics.memory.unwrap().total, Bytes(total * 1024));
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap();
    let threads = cpuinfo
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    if let Some(known) = metrics.cpu_info.unwrap().threads {
        assert_eq!(known as usize, threads);
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert_eq!(metrics.mounts.len(), mounts.lines().count());
}

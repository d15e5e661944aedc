//! What the series of node_exporter (1.5 and later) tell of a host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Reading;
use super::counters::bytes;
use super::prometheus::{Scrape, Series};
use super::text::Block;
use super::usage::add_group;
use crate::model::hardware::Medium;
use crate::model::metrics::{
    BlockDevice, BtrfsUsage, Clock, CommitStats, CpuCounters, DeviceErrors, DfEntry, DiskCounters,
    FilesystemState, InodeUse, LoadAverage, MemInfo, Metrics, Sample, Sourced, StallCounters,
    UsageDevice, VmCounters,
};
use crate::model::units::{Bytes, Millis};

/// Keeps what a scrape counts, with its time.
pub(super) fn counters(reading: &mut Reading<'_>, scrape: &Scrape<'_>, block: &Block<'_, '_>) {
    let clock = scrape.at().map(|at| (Clock::Unix, at));
    let at = clock.or(block.context.at_s.map(|at| (Clock::Bundle, at)));
    let boot = scrape.one("node_boot_time_seconds");
    let uptime_s = scrape
        .at()
        .zip(boot)
        .map(|(now, boot)| now - boot)
        .filter(|s| *s > 0.0);
    if let Some(uptime) = uptime_s
        && reading.metrics.uptime_s.is_none()
    {
        let up = (uptime * 100.0).round() / 100.0;
        reading.metrics.uptime_s = Some(reading.sourced(up));
    }
    let source = Arc::from(&*reading.source);
    let kept = &mut reading.metrics.counters;
    let disks = disks(scrape);
    if !disks.is_empty() {
        kept.disks.push(sample(at, uptime_s, &source, disks));
    }
    if let Some(cpu) = cpu(scrape) {
        kept.cpu.push(sample(at, uptime_s, &source, cpu));
    }
    let one = |name: &str| scrape.one(name);
    let vm = VmCounters {
        read_bytes: one("node_vmstat_pgpgin").map(|kib| kib * 1024.0),
        write_bytes: one("node_vmstat_pgpgout").map(|kib| kib * 1024.0),
        swap_in_pages: one("node_vmstat_pswpin"),
        swap_out_pages: one("node_vmstat_pswpout"),
        major_faults: one("node_vmstat_pgmajfault"),
        file_refaults: one("node_vmstat_workingset_refault_file"),
        oom_kills: one("node_vmstat_oom_kill").and_then(bytes).map(|n| n.0),
        free_pages: one("node_vmstat_nr_free_pages"),
    };
    if vm != VmCounters::default() {
        kept.vm.push(sample(at, uptime_s, &source, vm));
    }
    for (samples, resource) in [
        (&mut kept.io, "io"),
        (&mut kept.processor, "cpu"),
        (&mut kept.memory, "memory"),
    ] {
        let total = |sort: &str| {
            one(&format!("node_pressure_{resource}_{sort}_seconds_total")).map(|s| s * 1e6)
        };
        if let Some(some_us) = total("waiting") {
            let full_us = total("stalled");
            samples.push(sample(
                at,
                uptime_s,
                &source,
                StallCounters { some_us, full_us },
            ));
        }
    }
}

fn sample<T>(
    at: Option<(Clock, f64)>,
    uptime_s: Option<f64>,
    source: &Arc<str>,
    value: T,
) -> Sample<T> {
    Sample {
        at,
        uptime_s,
        source: Arc::clone(source),
        value,
    }
}

fn disks(scrape: &Scrape<'_>) -> BTreeMap<String, DiskCounters> {
    type Set = fn(&mut DiskCounters, f64);
    const SECTOR: f64 = 512.0;
    let fields: [(&str, Set); 13] = [
        ("reads_completed_total", |c, n| c.reads = Some(n)),
        ("read_bytes_total", |c, n| c.read_bytes = Some(n)),
        ("read_time_seconds_total", |c, n| {
            c.read_ms = Some(n * 1000.0)
        }),
        ("writes_completed_total", |c, n| c.writes = Some(n)),
        ("written_bytes_total", |c, n| c.write_bytes = Some(n)),
        ("write_time_seconds_total", |c, n| {
            c.write_ms = Some(n * 1000.0)
        }),
        ("discards_completed_total", |c, n| c.discards = Some(n)),
        ("discarded_sectors_total", |c, n| {
            c.discard_bytes = Some(n * SECTOR)
        }),
        ("discard_time_seconds_total", |c, n| {
            c.discard_ms = Some(n * 1000.0)
        }),
        ("flush_requests_total", |c, n| c.flushes = Some(n)),
        ("flush_requests_time_seconds_total", |c, n| {
            c.flush_ms = Some(n * 1000.0)
        }),
        ("io_time_seconds_total", |c, n| c.busy_ms = Some(n * 1000.0)),
        ("io_time_weighted_seconds_total", |c, n| {
            c.queue_ms = Some(n * 1000.0)
        }),
    ];
    let mut disks: BTreeMap<String, DiskCounters> = BTreeMap::new();
    for (name, set) in fields {
        for series in scrape.all(&format!("node_disk_{name}")) {
            if let Some(device) = series.label("device") {
                set(disks.entry(device.to_owned()).or_default(), series.value);
            }
        }
    }
    disks
}

fn cpu(scrape: &Scrape<'_>) -> Option<CpuCounters> {
    let mut cpu = CpuCounters::default();
    let series = scrape.all("node_cpu_seconds_total");
    for one in series {
        let place = match one.label("mode")? {
            "user" | "nice" => &mut cpu.user,
            "system" | "irq" | "softirq" => &mut cpu.system,
            "iowait" => &mut cpu.iowait,
            "steal" => &mut cpu.steal,
            "idle" => &mut cpu.idle,
            _ => continue,
        };
        *place += one.value;
    }
    cpu.blocked = scrape.one("node_procs_blocked");
    cpu.runnable = scrape.one("node_procs_running");
    let whole = !scrape.ends_with("node_cpu_seconds_total");
    (!series.is_empty() && whole).then_some(cpu)
}

/// How much was known before the first scrape of a block: what stands behind is of an earlier
/// scrape, and a later one replaces it.
pub(super) struct Before {
    filesystems: usize,
    inodes: usize,
    usage: usize,
    states: usize,
    errors: usize,
}

impl Before {
    pub(super) fn of(metrics: &Metrics) -> Self {
        Before {
            filesystems: metrics.filesystems.len(),
            inodes: metrics.inodes.len(),
            usage: metrics.usage.len(),
            states: metrics.states.len(),
            errors: metrics.device_errors.len(),
        }
    }
}

/// Adds a fact in place of the same one of an earlier scrape.
fn put<T>(list: &mut Vec<Sourced<T>>, before: usize, fact: Sourced<T>, same: impl Fn(&T) -> bool) {
    let earlier = list
        .iter_mut()
        .skip(before)
        .find(|known| same(&known.value));
    match earlier {
        Some(known) => *known = fact,
        None => list.push(fact),
    }
}

/// Takes what a scrape tells of the moment, in place of what an earlier scrape told.
pub(super) fn facts(reading: &mut Reading<'_>, scrape: &Scrape<'_>, before: &Before) {
    filesystems(reading, scrape, before);
    btrfs(reading, scrape, before);
    devices(reading, scrape);
    let size = |name: &str| {
        scrape
            .one(&format!("node_memory_{name}_bytes"))
            .and_then(bytes)
    };
    if let Some(total) = size("MemTotal") {
        let memory = MemInfo {
            total,
            available: size("MemAvailable"),
            dirty: size("Dirty"),
            writeback: size("Writeback"),
            swap_total: size("SwapTotal"),
            swap_free: size("SwapFree"),
            free: size("MemFree"),
            cached: size("Cached"),
            reclaimable: size("SReclaimable"),
            zswap: size("Zswap"),
            zswapped: size("Zswapped"),
        };
        reading.metrics.memory = Some(reading.sourced(memory));
    }
    let loads = ["node_load1", "node_load5", "node_load15"].map(|name| scrape.one(name));
    if let [Some(one), Some(five), Some(fifteen)] = loads {
        let load = LoadAverage { one, five, fifteen };
        reading.metrics.load = Some(reading.sourced(load));
    }
    let label = |series: &str, label: &str| {
        scrape
            .all(series)
            .first()
            .and_then(|s| s.label(label))
            .map(str::to_owned)
    };
    if let (Some(release), None) = (label("node_uname_info", "release"), &reading.metrics.kernel) {
        reading.metrics.kernel = Some(reading.sourced(release));
    }
    if label("node_os_info", "id").as_deref() == Some("nixos")
        && reading.metrics.nixos.is_none()
        && let Some(version) =
            label("node_os_info", "build_id").or_else(|| label("node_os_info", "version_id"))
    {
        // `build_id` is the full version; the code name stands in brackets as nixos-version has it.
        let name = label("node_os_info", "version_codename").unwrap_or_default();
        let mut letters = name.chars();
        let name: String = letters
            .next()
            .map(|c| c.to_ascii_uppercase())
            .into_iter()
            .chain(letters)
            .collect();
        let version = if name.is_empty() {
            version
        } else {
            format!("{version} ({name})")
        };
        reading.metrics.nixos = Some(reading.sourced(version));
    }
}

fn filesystems(reading: &mut Reading<'_>, scrape: &Scrape<'_>, before: &Before) {
    for size in scrape.all("node_filesystem_size_bytes") {
        let (Some(device), Some(mountpoint)) = (size.label("device"), size.label("mountpoint"))
        else {
            continue;
        };
        let of = |name: &str| {
            let series = scrape.all(name).iter();
            series
                .clone()
                .find(|s| {
                    s.label("device") == Some(device) && s.label("mountpoint") == Some(mountpoint)
                })
                .and_then(|s| bytes(s.value))
        };
        let total = bytes(size.value);
        let free = of("node_filesystem_free_bytes");
        let entry = DfEntry {
            device: device.to_owned(),
            fstype: size.label("fstype").map(str::to_owned),
            size: total,
            used: total
                .zip(free)
                .and_then(|(t, f)| t.0.checked_sub(f.0))
                .map(Bytes),
            available: of("node_filesystem_avail_bytes"),
            mountpoint: mountpoint.to_owned(),
            approximate: false,
        };
        let entry = reading.sourced(entry);
        put(
            &mut reading.metrics.filesystems,
            before.filesystems,
            entry,
            |e| e.device == device && e.mountpoint == mountpoint,
        );
        let inodes = of("node_filesystem_files").zip(of("node_filesystem_files_free"));
        if let Some((total, free)) = inodes {
            let entry = InodeUse {
                device: device.to_owned(),
                total: total.0,
                used: total.0.saturating_sub(free.0),
                mountpoint: mountpoint.to_owned(),
            };
            let entry = reading.sourced(entry);
            put(&mut reading.metrics.inodes, before.inodes, entry, |e| {
                e.device == device && e.mountpoint == mountpoint
            });
        }
    }
}

fn btrfs(reading: &mut Reading<'_>, scrape: &Scrape<'_>, before: &Before) {
    let uuids: BTreeSet<&str> = ["node_btrfs_info", "node_btrfs_size_bytes"]
        .iter()
        .flat_map(|name| scrape.all(name))
        .filter_map(|s| s.label("uuid"))
        .collect();
    for uuid in uuids {
        let of = |name: &str| -> Vec<&Series<'_>> {
            scrape
                .all(name)
                .iter()
                .filter(|s| s.label("uuid") == Some(uuid))
                .collect()
        };
        let one = |name: &str| of(name).first().map(|s| s.value);
        let mut usage = BtrfsUsage {
            global_reserve: one("node_btrfs_global_rsv_size_bytes").and_then(bytes),
            ..BtrfsUsage::default()
        };
        for size in of("node_btrfs_size_bytes") {
            let (Some(kind), Some(mode)) = (size.label("block_group_type"), size.label("mode"))
            else {
                continue;
            };
            let same = |s: &&Series<'_>| {
                s.label("block_group_type") == Some(kind) && s.label("mode") == Some(mode)
            };
            let value = |name: &str| of(name).into_iter().find(same).map(|s| s.value);
            let used = value("node_btrfs_used_bytes").and_then(bytes);
            if let (Some(size), Some(used)) = (bytes(size.value), used) {
                let mut letters = kind.chars();
                let word: String = letters
                    .next()
                    .map(|c| c.to_ascii_uppercase())
                    .into_iter()
                    .chain(letters)
                    .collect();
                let word = if kind == "mixed" {
                    "Data+Metadata".to_owned()
                } else {
                    word
                };
                // As `btrfs filesystem usage` writes it.
                let profile = if mode == "single" {
                    mode.to_owned()
                } else {
                    mode.to_uppercase()
                };
                add_group(&mut usage, &word, &profile, size, used);
            }
            let ratio = value("node_btrfs_allocation_ratio");
            match kind {
                "data" => usage.data_ratio = ratio,
                "metadata" => usage.metadata_ratio = ratio,
                _ => {}
            }
        }
        let mut names = Vec::new();
        let (mut whole, mut free) = (0.0, 0.0);
        for size in of("node_btrfs_device_size_bytes") {
            let Some(device) = size.label("device") else {
                continue;
            };
            let unused = of("node_btrfs_device_unused_bytes")
                .into_iter()
                .find(|s| s.label("device") == Some(device))
                .map(|s| s.value);
            names.push(device.to_owned());
            if let Some(unused) = unused {
                whole += size.value;
                free += unused;
                if let Some(allocated) = bytes(size.value - unused) {
                    usage.devices.push(UsageDevice {
                        path: format!("/dev/{device}"),
                        allocated,
                        unallocated: bytes(unused),
                    });
                }
            }
        }
        if usage.devices.len() == names.len() && !names.is_empty() {
            usage.device_size = bytes(whole);
            usage.unallocated = bytes(free);
            usage.allocated = bytes(whole - free);
        }
        usage.mountpoint = mountpoint(scrape, &names);
        errors(reading, before, &of("node_btrfs_device_errors_total"));
        let label = of("node_btrfs_info")
            .first()
            .and_then(|s| s.label("label"))
            .map(str::to_owned);
        let seconds = |name: &str| one(name).map(|s| Millis(s * 1000.0));
        let commits = one("node_btrfs_commits_total")
            .and_then(bytes)
            .map(|n| CommitStats {
                commits: n.0,
                last: seconds("node_btrfs_last_commit_seconds"),
                max: seconds("node_btrfs_max_commit_seconds"),
                total: seconds("node_btrfs_commit_seconds_total"),
            });
        let state = FilesystemState {
            uuid: uuid.to_owned(),
            label,
            commits,
            devices: names,
            block_groups: usage.block_groups.clone(),
            ..FilesystemState::default()
        };
        let state = reading.sourced(state);
        put(&mut reading.metrics.states, before.states, state, |s| {
            s.uuid == uuid
        });
        if !usage.block_groups.is_empty() {
            let paths = |usage: &BtrfsUsage| -> Vec<String> {
                usage.devices.iter().map(|d| d.path.clone()).collect()
            };
            let own = paths(&usage);
            let usage = reading.sourced(usage);
            put(&mut reading.metrics.usage, before.usage, usage, |u| {
                !own.is_empty() && paths(u) == own
            });
        }
    }
}

/// Where a filesystem with one of these devices is mounted first.
fn mountpoint(scrape: &Scrape<'_>, devices: &[String]) -> Option<String> {
    // A device of the mapper is shown by its name where it is mounted.
    let mapped: BTreeMap<&str, &str> = scrape
        .all("node_disk_device_mapper_info")
        .iter()
        .filter_map(|s| s.label("device").zip(s.label("name")))
        .collect();
    let names: Vec<String> = devices
        .iter()
        .flat_map(|device| {
            let mapper = mapped
                .get(device.as_str())
                .map(|name| format!("/dev/mapper/{name}"));
            [Some(format!("/dev/{device}")), mapper]
        })
        .flatten()
        .collect();
    let mounts = scrape.all("node_filesystem_size_bytes").iter();
    let mut mountpoints: Vec<&str> = mounts
        .filter(|s| {
            s.label("device")
                .is_some_and(|d| names.iter().any(|n| n == d))
        })
        .filter_map(|s| s.label("mountpoint"))
        .collect();
    mountpoints.sort_by_key(|path| path.len());
    mountpoints.first().map(|&path| path.to_owned())
}

fn errors(reading: &mut Reading<'_>, before: &Before, series: &[&Series<'_>]) {
    let mut devices: BTreeMap<&str, DeviceErrors> = BTreeMap::new();
    for one in series {
        let (Some(device), Some(count)) = (one.label("device"), bytes(one.value)) else {
            continue;
        };
        let errors = devices.entry(device).or_insert_with(|| DeviceErrors {
            device: format!("/dev/{device}"),
            ..DeviceErrors::default()
        });
        match one.label("type") {
            Some("write") => errors.write = count.0,
            Some("read") => errors.read = count.0,
            Some("flush") => errors.flush = count.0,
            Some("corruption") => errors.corruption = count.0,
            Some("generation") => errors.generation = count.0,
            _ => {}
        }
    }
    for (_, errors) in devices {
        let device = errors.device.clone();
        let errors = reading.sourced(errors);
        put(
            &mut reading.metrics.device_errors,
            before.errors,
            errors,
            |e| e.device == device,
        );
    }
}

/// `node_disk_info`: model and medium, without the serial number.
fn devices(reading: &mut Reading<'_>, scrape: &Scrape<'_>) {
    for info in scrape.all("node_disk_info") {
        let Some(name) = info.label("device") else {
            continue;
        };
        let model = info.label("model").map(str::to_owned);
        let rpm = scrape
            .all("node_disk_ata_rotation_rate_rpm")
            .iter()
            .find(|s| s.label("device") == Some(name))
            .map(|s| s.value > 0.0);
        let rotational = match info.label("rotational") {
            Some("1") => Some(true),
            Some("0") => Some(false),
            _ => rpm,
        };
        if model.is_none() && rotational.is_none() {
            continue;
        }
        let device = BlockDevice {
            name: name.to_owned(),
            model,
            firmware: info.label("revision").map(str::to_owned),
            medium: match rotational {
                Some(true) => Medium::Rotational,
                Some(false) => Medium::SolidState,
                None => Medium::Unknown,
            },
            ..BlockDevice::default()
        };
        super::lsblk::add(reading, device);
    }
}

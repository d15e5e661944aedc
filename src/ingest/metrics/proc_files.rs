//! Files of `/proc`: diskstats, stat, vmstat, loadavg, uptime, cpuinfo. Those that only count are
//! kept as samples; [`super::counters`] makes rates of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use procfs_core::DiskStat;

use super::Reading;
use super::size::decimal;
use super::system::is_integer;
use super::text::Block;
use crate::ingest::problem::quoted;
use crate::model::metrics::{
    Clock, CpuCounters, CpuInfo, DiskCounters, LoadAverage, Sample, VmCounters,
};

/// A sample of a block's counters, with the time of its heading.
pub(super) fn sample<T>(reading: &Reading<'_>, block: &Block<'_, '_>, value: T) -> Sample<T> {
    Sample {
        at: block.context.at_s.map(|at| (Clock::Bundle, at)),
        uptime_s: None,
        // A name of its own: what is computed of counters is told by it from what was read.
        source: Arc::from(&*reading.source),
        value,
    }
}

/// Numbers in a line of diskstats by kernel: up to 4.17, up to 5.4, and later.
const COUNTS: [usize; 3] = [11, 15, 17];

/// `254  0 vda 31778 7498 …`
pub(super) fn is_diskstats(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.len() >= 3 + COUNTS[0]
        && is_integer(words[0])
        && is_integer(words[1])
        && words[2].starts_with(|c: char| c.is_ascii_alphabetic())
        && words[3..].iter().all(|word| is_integer(word))
}

pub(super) fn read_diskstats(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut disks = BTreeMap::new();
    for line in &block.lines {
        let count = line.words().count().saturating_sub(3);
        // A line that breaks off must not pass for one of an older kernel.
        let whole = reading.cut != line.number;
        let stat = (is_diskstats(line.text) && (COUNTS.contains(&count) || count > COUNTS[2]))
            .then(|| DiskStat::from_line(line.text).ok())
            .flatten();
        let Some(stat) = stat else {
            let message = format!(
                "not a line of diskstats: `{}`; passed over",
                quoted(line.text)
            );
            reading.doubt(line.number, message);
            continue;
        };
        let number = |n: u64| Some(n as f64);
        let optional = |n: Option<u64>| n.map(|n| n as f64);
        // Sectors are of 512 bytes here whatever the device has (Documentation/ABI/stable/sysfs-block).
        let sectors = |n: Option<u64>| n.map(|n| n as f64 * 512.0);
        let counters = DiskCounters {
            reads: number(stat.reads),
            read_bytes: sectors(Some(stat.sectors_read)),
            read_ms: number(stat.time_reading),
            writes: number(stat.writes),
            write_bytes: sectors(Some(stat.sectors_written)),
            write_ms: number(stat.time_writing),
            discards: optional(stat.discards),
            discard_bytes: sectors(stat.sectors_discarded),
            discard_ms: optional(stat.time_discarding).filter(|_| whole || count > COUNTS[1]),
            flushes: optional(stat.flushes),
            flush_ms: optional(stat.time_flushing).filter(|_| whole),
            busy_ms: number(stat.time_in_progress),
            queue_ms: number(stat.weighted_time_in_progress).filter(|_| whole || count > COUNTS[0]),
        };
        disks.insert(stat.name, counters);
    }
    if !disks.is_empty() {
        let sample = sample(reading, block, disks);
        reading.metrics.counters.disks.push(sample);
    }
}

/// `cpu  4705 0 8192 177404 1012 0 148 2723 0 0`
pub(super) fn is_stat(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("cpu ") else {
        return false;
    };
    rest.split_whitespace().count() >= 4 && rest.split_whitespace().all(is_integer)
}

pub(super) fn read_stat(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut cpu = CpuCounters::default();
    let mut whole = false;
    for line in &block.lines {
        let mut words = line.words();
        let key = words.next().unwrap_or_default();
        let numbers: Vec<f64> = words
            .filter_map(|w| w.parse::<u64>().ok())
            .map(|n| n as f64)
            .collect();
        let cut = reading.cut == line.number;
        match key {
            "cpu" => {
                let at = |index: usize| numbers.get(index).copied().unwrap_or(0.0);
                // Times of guests are in those of programs already.
                cpu.user = at(0) + at(1);
                cpu.system = at(2) + at(5) + at(6);
                cpu.idle = at(3);
                cpu.iowait = at(4);
                cpu.steal = at(7);
                whole = !cut;
            }
            "procs_running" if !cut => cpu.runnable = numbers.first().copied(),
            "procs_blocked" if !cut => cpu.blocked = numbers.first().copied(),
            "intr" | "ctxt" | "btime" | "processes" | "softirq" | "procs_running"
            | "procs_blocked" => {}
            key if key.starts_with("cpu") => {}
            _ => {
                let message = format!(
                    "not a line of /proc/stat: `{}`; passed over",
                    quoted(line.text)
                );
                reading.doubt(line.number, message);
            }
        }
    }
    if whole {
        let sample = sample(reading, block, cpu);
        reading.metrics.counters.cpu.push(sample);
    }
}

/// Keys with which `/proc/vmstat`, or a part of it, begins.
pub(super) fn is_vmstat(line: &str) -> bool {
    let Some((key, value)) = line.split_once(' ') else {
        return false;
    };
    let known = [
        "nr_",
        "pgpg",
        "pswp",
        "pgfault",
        "pgmajfault",
        "workingset_",
        "oom_kill",
        "pgsteal_",
        "pgscan_",
        "allocstall",
    ];
    is_integer(value) && known.iter().any(|prefix| key.starts_with(prefix))
}

pub(super) fn read_vmstat(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut vm = VmCounters::default();
    for line in &block.lines {
        let number = match line.text.split_once(' ') {
            Some((key, value)) if is_integer(value) => value.parse::<u64>().ok().map(|n| (key, n)),
            _ => None,
        };
        let Some((key, number)) = number else {
            let message = format!(
                "not a line of /proc/vmstat: `{}`; passed over",
                quoted(line.text)
            );
            reading.doubt(line.number, message);
            continue;
        };
        if reading.cut == line.number {
            continue;
        }
        let count = number as f64;
        match key {
            // Counted in KiB, unlike all the others (vm_events in mm/vmstat.c).
            "pgpgin" => vm.read_bytes = Some(count * 1024.0),
            "pgpgout" => vm.write_bytes = Some(count * 1024.0),
            "pswpin" => vm.swap_in_pages = Some(count),
            "pswpout" => vm.swap_out_pages = Some(count),
            "pgmajfault" => vm.major_faults = Some(count),
            // One counter for files alone until Linux 5.9, two since.
            "workingset_refault" | "workingset_refault_file" => vm.file_refaults = Some(count),
            "oom_kill" => vm.oom_kills = Some(number),
            "nr_free_pages" => vm.free_pages = Some(count),
            _ => {}
        }
    }
    if vm != VmCounters::default() {
        let sample = sample(reading, block, vm);
        reading.metrics.counters.vm.push(sample);
    }
}

/// `1.23 0.58 0.26 2/110 14492`, or `uptime`.
pub(super) fn is_load(line: &str) -> bool {
    loadavg(line).is_some()
        || line.contains(" up ") && uptime_load(line).is_some() && !line.starts_with("top ")
}

fn loadavg(line: &str) -> Option<LoadAverage> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [one, five, fifteen, tasks, last] = words[..] else {
        return None;
    };
    let (runnable, all) = tasks.split_once('/')?;
    let integers = is_integer(runnable) && is_integer(all) && is_integer(last);
    integers.then(|| load([one, five, fifteen])).flatten()
}

/// Three numbers with two decimals each, as the kernel prints them.
fn load(words: [&str; 3]) -> Option<LoadAverage> {
    let number = |word: &str| {
        let (_, decimals) = word.split_once(['.', ','])?;
        decimal(word).filter(|n| *n >= 0.0 && decimals.len() == 2)
    };
    Some(LoadAverage {
        one: number(words[0])?,
        five: number(words[1])?,
        fifteen: number(words[2])?,
    })
}

/// `… load average: 0.86, 1.20, 1.43`, as `uptime`, `w` and `top` print it.
pub(super) fn uptime_load(line: &str) -> Option<LoadAverage> {
    let (_, rest) = line.split_once("load average")?;
    let words: Vec<&str> = rest
        .trim_start_matches('s')
        .trim_start_matches(':')
        .split_whitespace()
        .map(|word| word.trim_end_matches(','))
        .collect();
    let [one, five, fifteen] = words[..] else {
        return None;
    };
    load([one, five, fifteen])
}

pub(super) fn read_load(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    for line in &block.lines {
        match loadavg(line.text).or_else(|| uptime_load(line.text)) {
            Some(load) => reading.metrics.load = Some(reading.sourced(load)),
            None => {
                let message = format!("not a load average: `{}`; passed over", quoted(line.text));
                reading.doubt(line.number, message);
            }
        }
    }
}

/// `969.23 1776.03`
pub(super) fn is_uptime(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    let seconds = |word: &str| {
        word.split_once('.')
            .is_some_and(|(whole, rest)| is_integer(whole) && is_integer(rest) && rest.len() == 2)
    };
    matches!(words[..], [up, idle] if seconds(up) && seconds(idle))
}

pub(super) fn read_uptime(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    for line in &block.lines {
        let up = line.words().next().and_then(decimal);
        // Two loads of a `/proc/loadavg` that breaks off look the same.
        let sure = reading.cut != line.number
            || block.context.label.contains("uptime")
            || up.is_some_and(|up| up >= 1000.0);
        match up.filter(|_| sure && is_uptime(line.text)) {
            Some(up) => reading.metrics.uptime_s = Some(reading.sourced(up)),
            None => {
                let message = format!(
                    "not a line of /proc/uptime: `{}`; passed over",
                    quoted(line.text)
                );
                reading.doubt(line.number, message);
            }
        }
    }
}

/// `processor : 0`
pub(super) fn is_cpuinfo(line: &str) -> bool {
    let Some((key, value)) = line.split_once(':') else {
        return false;
    };
    let (key, value) = (key.trim_end(), value.trim());
    key == "processor" && is_integer(value)
        // A Raspberry Pi's kernel of 32 bits names the board first.
        || key == "Processor" && value.starts_with("ARM")
}

/// The last key of a processor on x86, ARM and RISC-V: without it the list breaks off.
const LAST: [&str; 4] = ["power management", "CPU revision", "mimpid", "hart isa"];

/// (`procfs-core` reads cpuinfo too, but loses what differs between blocks of one file, and panics
/// on an empty one.)
pub(super) fn read_cpuinfo(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut info = CpuInfo::default();
    let mut threads = 0_u32;
    let mut cores = BTreeSet::new();
    // Package → hardware threads that it says it has.
    let mut siblings: BTreeMap<&str, u32> = BTreeMap::new();
    let mut package = "";
    let mut broken = false;
    // Lines of the first processor, and of the one that is read.
    let (mut first, mut this, mut ended) = (0_usize, 0_usize, false);
    for line in &block.lines {
        let Some((key, value)) = line.text.split_once(':') else {
            broken |= reading.cut == line.number;
            if reading.cut != line.number {
                let message = format!(
                    "not a line of cpuinfo: `{}`; passed over",
                    quoted(line.text)
                );
                reading.doubt(line.number, message);
            }
            continue;
        };
        let value = value.trim();
        if reading.cut == line.number && !LAST.contains(&key.trim_end()) {
            broken = true;
            continue;
        }
        if key.trim_end() == "processor" && is_integer(value) {
            if threads == 1 {
                first = this;
            }
            (threads, this, ended) = (threads.saturating_add(1), 0, false);
        }
        this += 1;
        ended |= LAST.contains(&key.trim_end());
        match key.trim_end() {
            "model name" if info.model.is_none() => info.model = Some(value.to_owned()),
            "physical id" => package = value,
            "core id" => {
                cores.insert((package, value));
            }
            "siblings" => {
                siblings.insert(package, value.parse().unwrap_or(0));
            }
            // x86; ARM; and only what all processors have, as far as they are told apart.
            "flags" | "Features" => {
                let features: BTreeSet<String> =
                    value.split_whitespace().map(str::to_owned).collect();
                match info.features.is_empty() {
                    true => info.features = features,
                    false => info.features.retain(|feature| features.contains(feature)),
                }
            }
            _ => {}
        }
    }
    let told: u32 = siblings.values().fold(0, |sum, n| sum.saturating_add(*n));
    let whole = this >= first && ended && (siblings.is_empty() && !broken || told == threads);
    if threads > 0 && whole {
        info.threads = Some(threads);
        info.cores = u32::try_from(cores.len()).ok().filter(|n| *n > 0);
    } else if told > threads {
        let line = block.lines.last().map_or(0, |line| line.number);
        reading.note(
            line,
            "cpuinfo lists fewer processors than it says there are; they are not counted",
        );
    }
    reading.metrics.cpu_info = Some(reading.sourced(info));
}

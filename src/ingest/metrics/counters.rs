//! Rates out of counters: of two readings and the time between them, or of one reading and the
//! time since boot. Runs after each file, because the second reading (or the uptime) may come later.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ingest::problem::Problem;
use crate::model::metrics::{
    Clock, Counters, CpuCounters, CpuUse, DeviceIo, DiskCounters, Metrics, Sample, Sourced, Stall,
    StallCounters, VmActivity, VmCounters,
};
use crate::model::units::{Bytes, Millis, Percent};

/// A time by which no two readings differ: rounding of it would make rates of noise.
const SHORTEST_S: f64 = 0.05;

/// Milliseconds at which counters of time wrap: the kernel prints them as 32-bit numbers
/// (`diskstats_show` in block/genhd.c).
const WRAP_MS: f64 = 4_294_967_296.0;

/// Computes what the counters tell, in place of what they told before.
pub(super) fn settle(metrics: &mut Metrics) {
    let counters = std::mem::take(&mut metrics.counters);
    let uptime = metrics.uptime_s.as_ref().map(|uptime| uptime.value);
    disks(metrics, &counters, uptime);
    if let Some(span) = Span::of(&counters.cpu, None, true) {
        let made = cpu(&span);
        offer_cpu(metrics, Sourced::of(made, span.last()));
    }
    let page = page_size(metrics, &counters);
    if let Some(span) = Span::of(&counters.vm, uptime, false) {
        let made = vm(&span, page);
        offer_vm(metrics, Sourced::of(made, span.last()));
    } else if let Some(sample) = counters.vm.last().filter(|s| s.value.oom_kills.is_some()) {
        // Without a time there are no rates, but what was killed is counted all the same.
        let only = VmActivity {
            oom_kills: sample.value.oom_kills,
            since_boot: true,
            samples: 1,
            ..VmActivity::default()
        };
        offer_vm(metrics, Sourced::of(only, sample));
    }
    if let Some(blocked) = tasks(&counters.cpu) {
        offer_vm(metrics, blocked);
    }
    let pressure = &mut metrics.pressure;
    for (samples, stall) in [
        (&counters.io, &mut pressure.io_stall),
        (&counters.processor, &mut pressure.cpu_stall),
        (&counters.memory, &mut pressure.memory_stall),
    ] {
        if let Some(span) = Span::of(samples, uptime, false) {
            *stall = self::stall(&span).map(|made| Sourced::of(made, span.last()));
        }
    }
    metrics.counters = counters;
}

/// What is said of a file that counts from an unknown time on.
const TIMELESS: &str = "counts since boot without a time; no rates were made of them";

/// Says of a file's counters that nothing came of them yet.
pub(super) fn doubt(source: &Arc<str>, metrics: &Metrics) -> Option<Problem> {
    let counters = &metrics.counters;
    let own = |at: &Arc<str>| **at == **source;
    let disks = counters.disks.iter().any(|s| own(&s.source));
    let vm = counters.vm.iter().any(|s| own(&s.source));
    let uptime = metrics.uptime_s.as_ref().map(|uptime| uptime.value);
    let idle = disks && Span::of(&counters.disks, uptime, false).is_none()
        || vm && Span::of(&counters.vm, uptime, false).is_none();
    idle.then(|| {
        Problem::note(source, TIMELESS)
            .help("add /proc/uptime, or a second sample: `## /proc/diskstats t=SECONDS` above each")
    })
}

/// Whether a problem is one that files read later can solve, and have.
pub(super) fn solved(problem: &Problem, metrics: &Metrics) -> bool {
    let uptime = metrics.uptime_s.as_ref().map(|uptime| uptime.value);
    let counters = &metrics.counters;
    problem.message == TIMELESS
        && (counters.disks.is_empty() || Span::of(&counters.disks, uptime, false).is_some())
        && (counters.vm.is_empty() || Span::of(&counters.vm, uptime, false).is_some())
}

impl<T> Sourced<T> {
    fn of<S>(value: T, sample: &Sample<S>) -> Self {
        Sourced {
            value,
            source: Arc::clone(&sample.source),
        }
    }
}

/// Readings that can be compared: those of one clock in the order of time, or a single one against
/// the boot.
struct Span<'c, T> {
    samples: Vec<&'c Sample<T>>,
    /// From the first (or the boot) to the last.
    seconds: f64,
    since_boot: bool,
}

impl<'c, T> Span<'c, T> {
    fn of(samples: &'c [Sample<T>], uptime: Option<f64>, timeless: bool) -> Option<Self> {
        let last = samples.last()?;
        for clock in [Clock::Bundle, Clock::Unix] {
            let mut timed: Vec<(f64, &Sample<T>)> = samples
                .iter()
                .filter_map(|s| s.at.filter(|at| at.0 == clock).map(|at| (at.1, s)))
                .collect();
            timed.sort_by(|a, b| a.0.total_cmp(&b.0));
            timed.dedup_by(|next, kept| next.0 - kept.0 < SHORTEST_S);
            if let [first, .., end] = timed[..] {
                return Some(Span {
                    seconds: end.0 - first.0,
                    samples: timed.into_iter().map(|(_, s)| s).collect(),
                    since_boot: false,
                });
            }
        }
        let uptime = last.uptime_s.or(uptime).filter(|s| *s >= 1.0);
        Some(Span {
            samples: vec![last],
            seconds: match uptime {
                Some(seconds) => seconds,
                None if timeless => 0.0,
                None => return None,
            },
            since_boot: true,
        })
    }

    fn last(&self) -> &'c Sample<T> {
        self.samples[self.samples.len() - 1]
    }

    /// The first and the last reading; against the boot there is no first.
    fn ends(&self) -> (Option<&'c T>, &'c T) {
        let first = (!self.since_boot).then(|| &self.samples[0].value);
        (first, &self.last().value)
    }

    fn count(&self) -> u32 {
        u32::try_from(self.samples.len().saturating_sub(1).max(1)).unwrap_or(u32::MAX)
    }
}

/// How far a counter rose; unknown where it fell (the device was plugged anew, or it wrapped).
fn rise(first: Option<f64>, last: f64) -> Option<f64> {
    let rise = last - first.unwrap_or(0.0);
    (rise >= 0.0 && rise.is_finite()).then_some(rise)
}

/// The rise of one field between two readings.
fn risen<T>((first, last): (Option<&T>, &T), field: impl Fn(&T) -> Option<f64>) -> Option<f64> {
    match first {
        // A counter that was not there at first has no rise.
        Some(first) => rise(Some(field(first)?), field(last)?),
        None => rise(None, field(last)?),
    }
}

fn disks(metrics: &mut Metrics, counters: &Counters, uptime: Option<f64>) {
    // What was computed before stands under the sources of the counters themselves.
    let own: Vec<&Arc<str>> = counters.disks.iter().map(|s| &s.source).collect();
    metrics
        .devices
        .retain(|d| !own.iter().any(|source| Arc::ptr_eq(source, &d.source)));
    let Some(span) = Span::of(&counters.disks, uptime, false) else {
        return;
    };
    for (name, last) in &span.last().value {
        let first = match span.since_boot {
            true => None,
            // A device that was not there at first.
            false => match span.samples[0].value.get(name) {
                Some(first) => Some(first),
                None => continue,
            },
        };
        if is_partition(name, &span.last().value) || never_used(last) {
            continue;
        }
        if span.since_boot
            && metrics
                .devices
                .iter()
                .any(|d| d.name == *name && !d.since_boot)
        {
            continue;
        }
        let peaks = span.samples.windows(2).filter_map(|pair| {
            let (Some((_, from)), Some((_, to))) = (pair[0].at, pair[1].at) else {
                return None;
            };
            let busy = |sample: &Sample<BTreeMap<String, DiskCounters>>| {
                sample.value.get(name).and_then(|c| c.busy_ms)
            };
            let rise = rise(Some(busy(pair[0])?), busy(pair[1])?)?;
            Some(share(rise, (to - from) * 1000.0))
        });
        let peak = peaks.reduce(f64::max);
        let mut device = disk(name, (first, last), &span);
        device.util_peak = peak.map(Percent).or(device.util_percent);
        metrics.devices.push(Sourced::of(device, span.last()));
    }
}

fn disk(
    name: &str,
    ends: (Option<&DiskCounters>, &DiskCounters),
    span: &Span<'_, BTreeMap<String, DiskCounters>>,
) -> DeviceIo {
    let milliseconds = span.seconds * 1000.0;
    let rate = |field: fn(&DiskCounters) -> Option<f64>| {
        risen(ends, field).map(|rise| rounded(rise / span.seconds))
    };
    // Since boot, a counter of milliseconds may have begun anew.
    let sure = !span.since_boot || milliseconds < WRAP_MS;
    let wait = |time: fn(&DiskCounters) -> Option<f64>, count: fn(&DiskCounters) -> Option<f64>| {
        let (time, count) = (risen(ends, time)?, risen(ends, count)?);
        (count > 0.0 && sure).then(|| Millis(rounded(time / count)))
    };
    DeviceIo {
        name: name.to_owned(),
        r_per_s: rate(|c| c.reads),
        w_per_s: rate(|c| c.writes),
        read_bytes_s: rate(|c| c.read_bytes),
        write_bytes_s: rate(|c| c.write_bytes),
        r_await_ms: wait(|c| c.read_ms, |c| c.reads),
        w_await_ms: wait(|c| c.write_ms, |c| c.writes),
        f_per_s: rate(|c| c.flushes),
        f_await_ms: wait(|c| c.flush_ms, |c| c.flushes),
        d_per_s: rate(|c| c.discards),
        discard_bytes_s: rate(|c| c.discard_bytes),
        d_await_ms: wait(|c| c.discard_ms, |c| c.discards),
        per_s: None,
        bytes_s: None,
        await_ms: None,
        aqu_sz: risen(ends, |c| c.queue_ms)
            .filter(|_| sure)
            .map(|time| rounded(time / milliseconds)),
        util_percent: risen(ends, |c| c.busy_ms)
            .filter(|_| sure)
            .map(|busy| Percent(share(busy, milliseconds))),
        util_peak: None,
        samples: span.count(),
        since_boot: span.since_boot,
    }
}

/// A part of a whole in percent, to two decimals; clocks that tick apart never make it more.
fn share(part: f64, whole: f64) -> f64 {
    rounded((part / whole * 100.0).clamp(0.0, 100.0))
}

/// Whether a device is a partition of another in the list, which counts the same requests.
fn is_partition(name: &str, all: &BTreeMap<String, DiskCounters>) -> bool {
    let disk = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if disk.len() == name.len() || name.starts_with("dm-") {
        return false;
    }
    all.contains_key(disk)
        || disk.strip_suffix('p').is_some_and(|disk| {
            disk.ends_with(|c: char| c.is_ascii_digit()) && all.contains_key(disk)
        })
}

fn never_used(counters: &DiskCounters) -> bool {
    [
        counters.reads,
        counters.writes,
        counters.discards,
        counters.flushes,
    ]
    .iter()
    .all(|count| count.unwrap_or(0.0) == 0.0)
}

fn cpu(span: &Span<'_, CpuCounters>) -> CpuUse {
    let ends = span.ends();
    let field = |field: fn(&CpuCounters) -> f64| risen(ends, |c| Some(field(c))).unwrap_or(0.0);
    let (user, system) = (field(|c| c.user), field(|c| c.system));
    let (iowait, steal, idle) = (field(|c| c.iowait), field(|c| c.steal), field(|c| c.idle));
    let all = user + system + iowait + steal + idle;
    let percent = |part: f64| Percent(if all > 0.0 { share(part, all) } else { 0.0 });
    CpuUse {
        user: percent(user),
        system: percent(system),
        iowait: percent(iowait),
        steal: percent(steal),
        idle: percent(idle),
        samples: span.count(),
        since_boot: span.since_boot,
    }
}

/// Takes processor shares, unless better ones are known: what was watched is better than the
/// average since boot, and a finer tool better than a coarse one (`steal: 0` of whole numbers).
pub(super) fn offer_cpu(metrics: &mut Metrics, offered: Sourced<CpuUse>) {
    let better = metrics
        .cpu
        .as_ref()
        .is_none_or(|known| known.since_boot || !offered.since_boot);
    if better {
        metrics.cpu = Some(offered);
    }
}

fn vm(span: &Span<'_, VmCounters>, page: f64) -> VmActivity {
    let ends = span.ends();
    let rate = |field: fn(&VmCounters) -> Option<f64>, unit: f64| {
        risen(ends, field).map(|rise| rounded(rise * unit / span.seconds))
    };
    VmActivity {
        swap_in_bytes_s: rate(|c| c.swap_in_pages, page),
        swap_out_bytes_s: rate(|c| c.swap_out_pages, page),
        block_in_bytes_s: rate(|c| c.read_bytes, 1.0),
        block_out_bytes_s: rate(|c| c.write_bytes, 1.0),
        runnable: None,
        blocked: None,
        major_faults_s: rate(|c| c.major_faults, 1.0),
        file_refaults_s: rate(|c| c.file_refaults, 1.0),
        oom_kills: ends.1.oom_kills,
        samples: span.count(),
        since_boot: span.since_boot,
    }
}

/// Tasks that ran or waited at the moments of several readings.
fn tasks(samples: &[Sample<CpuCounters>]) -> Option<Sourced<VmActivity>> {
    let [_, .., last] = samples else { return None };
    let mean = |field: fn(&CpuCounters) -> Option<f64>| {
        let values: Vec<f64> = samples.iter().filter_map(|s| field(&s.value)).collect();
        (!values.is_empty()).then(|| rounded(values.iter().sum::<f64>() / values.len() as f64))
    };
    let made = VmActivity {
        runnable: mean(|c| c.runnable),
        blocked: mean(|c| c.blocked),
        samples: u32::try_from(samples.len()).unwrap_or(u32::MAX),
        since_boot: false,
        ..VmActivity::default()
    };
    (made.runnable.is_some() || made.blocked.is_some()).then(|| Sourced::of(made, last))
}

/// Takes paging activity. What was watched replaces the average since boot; two sources of the same
/// sort complete each other. Counts since boot are taken from any.
pub(super) fn offer_vm(metrics: &mut Metrics, offered: Sourced<VmActivity>) {
    let Some(known) = &mut metrics.vm else {
        metrics.vm = Some(offered);
        return;
    };
    let kills = known.oom_kills.max(offered.oom_kills);
    if known.since_boot && !offered.since_boot {
        *known = offered;
    } else if known.since_boot == offered.since_boot {
        let (old, new) = (&mut known.value, &offered.value);
        for (old, new) in [
            (&mut old.swap_in_bytes_s, new.swap_in_bytes_s),
            (&mut old.swap_out_bytes_s, new.swap_out_bytes_s),
            (&mut old.block_in_bytes_s, new.block_in_bytes_s),
            (&mut old.block_out_bytes_s, new.block_out_bytes_s),
            (&mut old.runnable, new.runnable),
            (&mut old.blocked, new.blocked),
            (&mut old.major_faults_s, new.major_faults_s),
            (&mut old.file_refaults_s, new.file_refaults_s),
        ] {
            *old = old.or(new);
        }
    }
    known.value.oom_kills = kills;
}

/// Bytes of a page: 4096, unless `MemFree` and the number of free pages say that pages are larger
/// (ARM has pages of 16 and 64 KiB).
fn page_size(metrics: &Metrics, counters: &Counters) -> f64 {
    let free = metrics
        .memory
        .as_ref()
        .and_then(|m| m.free)
        .map(|b| b.0 as f64);
    let pages = counters.vm.iter().find_map(|s| s.value.free_pages);
    match free.zip(pages) {
        Some((free, pages)) if pages > 0.0 && free > 0.0 => match free / pages {
            // Both change from moment to moment; the sizes differ by a factor of four.
            size if size < 8192.0 => 4096.0,
            size if size < 32_768.0 => 16_384.0,
            _ => 65_536.0,
        },
        _ => 4096.0,
    }
}

fn stall(span: &Span<'_, StallCounters>) -> Option<Stall> {
    let ends = span.ends();
    let whole = span.seconds * 1e6;
    Some(Stall {
        some: Percent(share(risen(ends, |c| Some(c.some_us))?, whole)),
        full: risen(ends, |c| c.full_us).map(|time| Percent(share(time, whole))),
        seconds: rounded(span.seconds),
        since_boot: span.since_boot,
    })
}

/// To two decimals: an average must not pretend to more.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// A count of bytes as a number to compute with.
pub(super) fn bytes(value: f64) -> Option<Bytes> {
    (0.0..18_446_744_073_709_551_616.0)
        .contains(&value)
        .then(|| Bytes(value.round() as u64))
}

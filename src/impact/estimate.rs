//! Owns: what an effect comes to on one host.

use super::compressibility::{self, Compressibility};
use super::cost::{Demand, Demands, Spread, Traits, Vector, Workload};
use super::device::{self, DeviceClass, Devices};
use super::time::Change;
use super::{Basis, Expectation, Figure, Impact, Interval, Load, Quantity, literature, time};
use crate::analyze::{Analysis, Cause, Confidence, Diagnosis, WorkloadKind, facts};
use crate::model::observation::Unit;
use crate::model::{Filesystem, Host};
use crate::recommend::Effect;

/// Above this share of software in the time of a job, no gain of time is promised.
const SOFTWARE_BOUND: f64 = 0.5;
/// Below this share of a filesystem left unallocated, the interval is doubled: fullness was not
/// measured.
const HARDLY_UNALLOCATED: f64 = 0.10;
/// By which the processor time of kernel threads differed between runs (median of 25 jobs).
const PROCESSOR_SPREAD: f64 = 1.31;

/// What was counted of an effect: job, configuration before, configuration after.
pub(super) fn counted(effect: Effect) -> &'static [(&'static str, &'static str, &'static str)] {
    match effect {
        Effect::NoAccessTimes => &[("scan", "base", "noatime"), ("dirscan", "base", "noatime")],
        Effect::Compression => &[
            ("untar", "base", "zstd1"),
            ("untar", "base", "zstd3"),
            ("scan", "base", "zstd1"),
            ("scan", "base", "zstd3"),
            ("dbrand", "base", "zstd1"),
            ("pg", "base", "zstd1"),
            ("compile", "base", "zstd1"),
        ],
        Effect::LowerCompression => &[("untar", "zstd9", "zstd3")],
        Effect::NoCow => &[
            ("pg", "base", "nocow"),
            ("dbrand", "base", "nocow"),
            ("seqfrag", "base", "nocow"),
            ("sqlite", "base", "nocow"),
            ("snapow", "base", "nocow"),
        ],
        Effect::Correctness
        | Effect::Clarity
        | Effect::EarlierWriteback
        | Effect::ZramTuning
        | Effect::BypassWorkqueues
        | Effect::LuksSectorSize
        | Effect::Scrub
        | Effect::Trim
        | Effect::Scheduling
        | Effect::Readahead
        | Effect::Swapping
        | Effect::SnapshotSpace
        | Effect::MountTime
        | Effect::FewerRewrites
        | Effect::Space
        | Effect::LessMaintenance
        | Effect::Deduplication
        | Effect::InMemory
        | Effect::Redundancy
        | Effect::Placement
        | Effect::Containers
        | Effect::Format => &[],
    }
}

/// A job of the table, before and after an effect.
struct Pair {
    workload: &'static Workload,
    before: &'static Demand,
    after: &'static Demand,
    /// What is set before and after, by the names of the table.
    names: (&'static str, &'static str),
}

impl Pair {
    fn change(&self) -> Change<'static> {
        Change {
            before: self.before,
            after: self.after,
            traits: [self.names.0, self.names.1].map(Traits::of),
            request_spread: self.workload.request_spread.unwrap_or(Spread::REQUESTS),
        }
    }
}

/// What an effect comes to on a filesystem of a host; `None` where it is about no filesystem.
///
/// Every impact has a figure with a basis, or says why it has none.
pub fn estimate(
    effect: Effect,
    filesystem: Option<&Filesystem>,
    host: &Host,
    analysis: &Analysis,
) -> Impact {
    let speed = !matches!(
        effect,
        Effect::Correctness
            | Effect::Clarity
            | Effect::Scrub
            | Effect::Redundancy
            | Effect::SnapshotSpace
            | Effect::Space
    );
    if speed && let Some(limit) = hardware_limit(filesystem, host, analysis) {
        return Impact {
            limit: Some(limit),
            ..Impact::default()
        };
    }
    let waiting = waiting_share(host);
    if let Some(mut known) = literature::of(effect, filesystem, host) {
        for figure in &mut known.figures {
            bound(figure, waiting.as_ref());
        }
        if let (Some((_, said)), false) = (&waiting, known.figures.is_empty()) {
            known.assumptions.push(said.clone());
        }
        return known;
    }
    let pairs = pairs(effect, filesystem, host, analysis);
    let devices = filesystem.and_then(|f| device::below(f, host));
    let mut impact = Impact::default();
    for pair in &pairs {
        impact.loads.extend(loads(pair));
    }
    let (Some(filesystem), Some(devices)) = (filesystem, devices) else {
        add_note(
            &mut impact,
            "no time: the device is not known (a facter report tells)".into(),
        );
        return impact;
    };
    if !devices.promises() {
        impact.limit = Some(untested(&devices));
        return impact;
    }
    let mut bound_by_software = Vec::new();
    let compressed =
        (effect == Effect::Compression).then(|| compressibility::of(filesystem, host, analysis));
    for pair in &pairs {
        match ratio_of_pair(pair, compressed.as_ref(), &devices, filesystem, host) {
            Computed::Ratio(time_ratio) => {
                let mut figure = Figure {
                    operation: operation(pair),
                    time_ratio,
                    basis: Basis::Computed(basis(pair, &devices)),
                    expectation: None,
                };
                bound(&mut figure, waiting.as_ref());
                figure.expectation = expectation(&figure, pair, filesystem, host);
                impact.figures.push(figure);
            }
            Computed::Software => bound_by_software.push(pair.workload.job.as_str()),
            Computed::Unknown => {}
        }
    }
    bound_by_software.dedup();
    if impact.figures.is_empty() {
        impact.limit = Some(format!(
            "software, not the device: on a {} no reliable gain of time; what it saves the device \
             is counted",
            devices.description.name
        ));
    } else if !bound_by_software.is_empty() {
        let jobs = bound_by_software.join("; ");
        add_note(
            &mut impact,
            format!("bound by software, not by the device, so no time: {jobs}"),
        );
    }
    if !impact.figures.is_empty() {
        impact.assumptions = assumptions(&devices, filesystem, host, waiting);
        let said = compressed.into_iter().map(|c| c.said);
        impact.assumptions.extend(said);
    }
    impact
}

/// The ratio of a pair, over what its data may compress to.
fn ratio_of_pair(
    pair: &Pair,
    compressed: Option<&Compressibility>,
    devices: &Devices,
    filesystem: &Filesystem,
    host: &Host,
) -> Computed {
    let known = compressed.and_then(|c| c.ratio.zip(pair.workload.data_bytes));
    let Some((range, data_bytes)) = known else {
        return ratio(&pair.change(), devices, filesystem, host);
    };
    let mut ends = Vec::new();
    for end in [range.low, range.high] {
        let Some(after) = pair.after.at_ratio(pair.before, data_bytes, end) else {
            continue;
        };
        let change = Change {
            after: &after,
            ..pair.change()
        };
        match ratio(&change, devices, filesystem, host) {
            Computed::Ratio(interval) => ends.extend([interval.low, interval.high]),
            other => return other,
        }
    }
    Interval::hull(ends).map_or(Computed::Unknown, Computed::Ratio)
}

/// What figures of a filesystem take for granted.
pub(super) fn assumptions(
    devices: &Devices,
    filesystem: &Filesystem,
    host: &Host,
    waiting: Option<Waiting>,
) -> Vec<String> {
    let mut assumptions = remarks(devices, filesystem, host);
    assumptions.push(waiting.map_or_else(
        || "how much of the work waits for the device is not known, so the gain may be none".into(),
        |(_, said)| said,
    ));
    assumptions
}

fn add_note(impact: &mut Impact, text: String) {
    match &mut impact.note {
        Some(note) => {
            note.push_str(". ");
            note.push_str(&text);
        }
        None => impact.note = Some(text),
    }
}

/// What a device at its limit means, if this one is: the filesystem itself, or a disk below it.
fn hardware_limit(
    filesystem: Option<&Filesystem>,
    host: &Host,
    analysis: &Analysis,
) -> Option<String> {
    let here = |d: &Diagnosis| {
        let Some(filesystem) = filesystem else {
            return true;
        };
        let disks = facts::disks(host, filesystem).into_iter();
        let loads = facts::loads(host, filesystem).into_iter();
        let below: Vec<&str> = disks
            .map(|d| d.kernel_name.as_str())
            .chain(loads.map(|l| l.name.as_str()))
            .collect();
        let mut devices = d.about.iter().chain(&d.also);
        d.is_about(filesystem.name())
            || devices.any(|d| below.contains(&facts::disk_name(&format!("/dev/{d}")).as_str()))
    };
    let diagnosis = analysis.diagnoses.iter().find(|d| {
        d.cause == Cause::HardwareLimit && d.confidence >= Confidence::Medium && here(d)
    })?;
    let seen = diagnosis
        .pieces
        .iter()
        .find(|p| p.weight > 0.0)
        .map(|p| p.statement.as_str())
        .unwrap_or_default();
    Some(format!(
        "the device is at its limit, and no setting changes that: {seen}"
    ))
}

fn untested(devices: &Devices) -> String {
    let name = &devices.description.name;
    match devices.class {
        DeviceClass::Nvme => format!(
            "an {name} is faster than the fastest device the predictions were tested on: no time \
             is promised, only what it saves the device"
        ),
        DeviceClass::Virtual => format!(
            "what stands behind a {name} is not known: no time is promised, only what it saves \
             the device"
        ),
        _ => format!(
            "the predictions were not tested on a {name}: no time is promised, only what it saves \
             the device"
        ),
    }
}

/// A share of time with how it is said.
pub(super) type Waiting = (Interval, String);

/// The share of time that work on this machine waits for I/O (0 to 1), with how it is said: from
/// `full` (everything waited) to `some` (something did).
pub(super) fn waiting_share(host: &Host) -> Option<Waiting> {
    let psi = host.metrics.pressure.io.as_ref()?;
    let windows = |shares: &crate::model::metrics::PsiShares| {
        [shares.avg10.0, shares.avg60.0, shares.avg300.0]
    };
    let some = windows(&psi.some);
    let full = psi.full.as_ref().map_or([0.0; 3], windows);
    let all = full
        .into_iter()
        .chain(some)
        .map(|percent| (percent / 100.0).clamp(0.0, 1.0));
    let share = Interval::hull(all)?;
    let said = format!(
        "bounded by the share of time that work waited for I/O, {:.0} to {:.0} % ({})",
        share.low * 100.0,
        share.high * 100.0,
        psi.source
    );
    Some((share, said))
}

/// Bounds a figure by the share of waiting; unknown means from none to all.
pub(super) fn bound(figure: &mut Figure, waiting: Option<&Waiting>) {
    let share = waiting.map_or(
        Interval {
            low: 0.0,
            high: 1.0,
        },
        |(share, _)| *share,
    );
    figure.time_ratio = figure.time_ratio.of_share(share);
}

/// The pairs of an effect, those that this machine does first: what people complain of on this
/// filesystem, then what is done on it, then what is done elsewhere.
fn pairs(
    effect: Effect,
    filesystem: Option<&Filesystem>,
    host: &Host,
    analysis: &Analysis,
) -> Vec<Pair> {
    let table = Demands::table();
    let rank = |kind: WorkloadKind| {
        let Some(workload) = analysis.workload(kind) else {
            return 4;
        };
        let here = filesystem.is_some_and(|f| {
            let holds = |path: &String| {
                host.storage
                    .holding(path)
                    .is_some_and(|(holder, _)| holder.name() == f.name())
            };
            workload.paths.iter().any(holds)
        });
        match (here, workload.complained_about) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        }
    };
    let mut pairs: Vec<(u8, Pair)> = counted(effect)
        .iter()
        .filter_map(|(name, before, after)| {
            let workload = table.workload(name)?;
            let rank = workload.kinds.iter().map(|k| rank(*k)).min().unwrap_or(4);
            let pair = Pair {
                workload,
                before: table.of(name, before)?,
                after: table.of(name, after)?,
                names: (before, after),
            };
            Some((rank, pair))
        })
        .collect();
    pairs.sort_by_key(|(rank, _)| *rank);
    pairs.into_iter().map(|(_, pair)| pair).collect()
}

fn operation(pair: &Pair) -> String {
    let level = match pair.names.1 {
        "zstd1" => ", at zstd:1",
        "zstd3" => ", at zstd:3",
        _ => "",
    };
    format!("{}{level}", pair.workload.job)
}

fn basis(pair: &Pair, devices: &Devices) -> String {
    let (before, after) = pair.names;
    let counted = Demands::table().citation(&pair.workload.name, before, after);
    let device = match &devices.measured_iops {
        Some((iops, source)) => format!(
            "a {} of {:.0} to {:.0} requests/s, measured ({source})",
            devices.description.name, iops.low, iops.high
        ),
        None => format!("a {} by its class", devices.description.name),
    };
    format!("{counted}, on {device}")
}

/// What is counted of a vector.
type Count = fn(&Vector) -> f64;

pub(super) enum Computed {
    Ratio(Interval),
    Software,
    Unknown,
}

/// Time after ÷ time before on the devices below a filesystem, unless software is what takes the time.
pub(super) fn ratio(
    change: &Change<'_>,
    devices: &Devices,
    filesystem: &Filesystem,
    host: &Host,
) -> Computed {
    let threads = host.hardware.as_ref().and_then(|h| h.cpu.threads);
    let processors = threads.unwrap_or(Demands::table().processors);
    let corners = devices.corners();
    let share = |demand: &Demand| {
        let shares: Vec<f64> = corners
            .iter()
            .filter_map(|c| time::software_share(demand, c, processors))
            .collect();
        let count = shares.len();
        (count > 0).then(|| shares.iter().sum::<f64>() / count as f64)
    };
    let (Some(before), Some(after)) = (share(change.before), share(change.after)) else {
        return Computed::Unknown;
    };
    if before.max(after) > SOFTWARE_BOUND {
        return Computed::Software;
    }
    let Some(mut ratio) = time::ratio(change, &corners, processors).map(|r| r.interval) else {
        return Computed::Unknown;
    };
    if is_hardly_unallocated(filesystem, host) {
        ratio = ratio.widened(2.0);
    }
    if devices.count > 1 {
        ratio = ratio.widened(time::MARGIN.powi(2));
    }
    Computed::Ratio(ratio)
}

fn is_hardly_unallocated(filesystem: &Filesystem, host: &Host) -> bool {
    facts::usage(host, filesystem)
        .and_then(|u| u.unallocated?.fraction_of(u.device_size?))
        .is_some_and(|share| share < HARDLY_UNALLOCATED)
}

/// What the figures do not cover.
fn remarks(devices: &Devices, filesystem: &Filesystem, host: &Host) -> Vec<String> {
    let mut remarks = Vec::new();
    if devices.count > 1 {
        remarks.push(format!(
            "counted on one device, and this filesystem has {}: the interval is wider for it",
            devices.count
        ));
    }
    if is_hardly_unallocated(filesystem, host) {
        remarks.push(
            "the filesystem is almost wholly allocated, which was not measured: the interval is \
             twice as wide for it"
                .to_owned(),
        );
    }
    remarks
}

/// What a pair changes in the load of the device, and for compression of the processor.
fn loads(pair: &Pair) -> Vec<Load> {
    let operations = f64::from(pair.workload.operations.max(1));
    let per = |demand: &Demand, of: Count| {
        Interval::between(of(&demand.instant), of(&demand.queued)).scaled(1.0 / operations)
    };
    let seconds = |demand: &Demand| {
        let seconds = demand.background_seconds / operations;
        Interval {
            low: seconds / PROCESSOR_SPREAD,
            high: seconds * PROCESSOR_SPREAD,
        }
    };
    let (before, after) = pair.names;
    let load = |of, before_, after_| Load {
        operation: format!("{} ({})", pair.workload.operation, operation(pair)),
        of,
        before: before_,
        after: after_,
        basis: Basis::Computed(Demands::table().citation(&pair.workload.name, before, after)),
    };
    let counts: [(Quantity, Count); 3] = [
        (Quantity::Requests, |v| v.requests()),
        (Quantity::Bytes, |v| v.bytes()),
        (Quantity::Flushes, |v| v.flushes),
    ];
    let mut loads: Vec<Load> = counts
        .into_iter()
        .map(|(of, pick)| load(of, per(pair.before, pick), per(pair.after, pick)))
        .collect();
    if before.starts_with("zstd") || after.starts_with("zstd") {
        let (before, after) = (seconds(pair.before), seconds(pair.after));
        loads.push(load(Quantity::ProcessorSeconds, before, after));
    }
    loads.retain(|l| is_different(l.before, l.after));
    loads
}

/// Whether a count changed by more than it differs between runs (4 % for nine jobs of ten).
fn is_different(before: Interval, after: Interval) -> bool {
    const SPREAD: f64 = 0.04;
    let far = |a: f64, b: f64| (a - b).abs() > SPREAD * a.abs().max(b.abs());
    far(before.low, after.low) || far(before.high, after.high)
}

/// What people measured of this job, and what the figure makes of it.
fn expectation(
    figure: &Figure,
    pair: &Pair,
    filesystem: &Filesystem,
    host: &Host,
) -> Option<Expectation> {
    let kinds = &pair.workload.kinds;
    let words = &pair.workload.words;
    host.observations.iter().find_map(|observation| {
        let hinted = observation
            .workloads
            .iter()
            .any(|h| kinds.contains(&WorkloadKind::from(*h)));
        let text = observation.text.to_lowercase();
        let named = words.iter().any(|word| text.contains(word.as_str()));
        let here = observation.paths.iter().any(|path| {
            host.storage
                .holding(path)
                .is_some_and(|(f, _)| f.name() == filesystem.name())
        });
        if !(hinted && named && here) {
            return None;
        }
        observation.quantities.iter().find_map(|quantity| {
            let ratio = figure.time_ratio;
            let (after, unit) = match quantity.unit {
                Unit::Seconds => (ratio.scaled(quantity.value), "s"),
                // A rate grows as the time shrinks.
                Unit::BytesPerSecond if ratio.low > 0.0 => (
                    Interval::between(quantity.value / ratio.high, quantity.value / ratio.low),
                    "B/s",
                ),
                _ => return None,
            };
            Some(Expectation {
                before: quantity.value,
                after,
                unit: unit.to_owned(),
                said: observation.text.clone(),
            })
        })
    })
}

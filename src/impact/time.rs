//! Owns: the arithmetic between a demand and a device.
//!
//! Times are in seconds, bandwidth in bytes per second. Where a constant comes from stands beside
//! it; none was fitted to a row.

use super::Interval;
use super::cost::{Demand, Traits, Vector};
use super::steady::{Side, steady};

/// How a device serves requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// A fixed cost for each request, and one for each byte (SSD, eMMC, SD).
    Linear,
    /// Independent caps on requests and on bytes (a cloud volume).
    Capped,
    /// A throttle that counts before requests are merged, reads and writes apart (a cgroup, a
    /// hypervisor); it charges nothing for flushes.
    Throttled,
    /// Platters: a cost for each seek, and one for each byte.
    Seek,
}

/// One device, by its numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Numbers {
    /// How it serves.
    pub service: Service,
    /// Requests a second, 4 KiB each, with a deep queue.
    pub iops: f64,
    /// Bytes a second.
    pub bandwidth: f64,
    /// Seconds for one 4 KiB request, alone.
    pub latency: f64,
    /// Seconds for a cache flush.
    pub flush: f64,
}

/// What is compared: a job before and after, with what its configurations mean.
#[derive(Debug, Clone, Copy)]
pub struct Change<'d> {
    /// What the job asks before.
    pub before: &'d Demand,
    /// What it asks after.
    pub after: &'d Demand,
    /// What is set before and after.
    pub traits: [Traits; 2],
    /// By which the number of write requests differs between runs; see
    /// [`super::cost::Workload::request_spread`].
    pub request_spread: f64,
}

/// Time after ÷ time before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Between all overlap and none.
    pub point: f64,
    /// Over all forms of the model, widened by its margin.
    pub interval: Interval,
}

/// Half a turn of a disk of 7200 a minute: what a request waits for its sector on average.
const HALF_TURN: f64 = 60.0 / 7200.0 / 2.0;
/// The part of the rest of a full seek that a short one takes: within one file or one tree the arm
/// hardly moves. Reads of one fragmented file and of one directory tree took 5.3 to 6.4 ms a jump on
/// a disk of 8.3 ms a random request.
const SHORT_STROKE: f64 = 0.3;
/// From this ratio of far jumps on, one side's file is taken to lie in more places than the other's.
const FEWER_JUMPS: f64 = 1.25;
/// Writes of metadata are one node each before they are merged; `mkfs.btrfs` default.
const NODE: f64 = 16_384.0;
/// By which model and measurement of jobs that take long differ, as a factor: four of five
/// calibration rows lie within.
pub(super) const MARGIN: f64 = 1.16;
/// By which the time of a job differs from run to run however short it is, in seconds: wake-ups and
/// timers. Jobs of a tenth of a second were measured 1.5 to 1.8 times apart.
const JITTER: f64 = 0.05;
/// A job with at most so many flushes streams: what it writes is written back when it suits the
/// kernel. One with more is a chain of commits.
pub(super) const STREAM_FLUSHES: f64 = 10.0;

/// Which jumps of reads are short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Short,
    Full,
}

/// Seconds that a device needs for what reaches it.
fn device_seconds(side: &Side, device: &Numbers, reach: Reach) -> f64 {
    let vector = &side.vector;
    let bytes_seconds = vector.bytes() / device.bandwidth;
    let busy = match device.service {
        Service::Linear => {
            let each = (1.0 / device.iops - 4096.0 / device.bandwidth).max(0.0);
            side.requests() * each + bytes_seconds
        }
        Service::Capped => (side.requests() / device.iops).max(bytes_seconds),
        Service::Throttled => {
            let bytes = vector.read_bytes.max(vector.write_bytes);
            (side.reads.max(side.unmerged_writes) / device.iops).max(bytes / device.bandwidth)
        }
        Service::Seek => {
            let full = 1.0 / device.iops;
            let short = match reach {
                Reach::Full => full,
                Reach::Short => full.min(HALF_TURN + SHORT_STROKE * (full - HALF_TURN).max(0.0)),
            };
            side.far_reads * short
                + side.far_writes * full
                + bytes_seconds
                + vector.near_bytes / device.bandwidth
        }
    };
    let (flush, latency) = match device.service {
        Service::Linear | Service::Capped => {
            (device.flush, (device.latency - 1.0 / device.iops).max(0.0))
        }
        Service::Throttled => (0.0, 0.0),
        Service::Seek => (device.flush, 0.0),
    };
    let waits = (side.rounds - vector.flushes).max(0.0);
    vector.flushes * flush + waits * latency + busy
}

/// The forms of the model: nothing overlaps; the kernel's work overlaps the device; it is spread over
/// the processors; and it is waited for, as a sync waits for what is compressed.
fn forms(side: &Side, device: f64, processors: f64) -> [f64; 4] {
    let foreground = side.foreground;
    [
        side.software + device,
        side.software.max(foreground + device),
        foreground + (side.background / processors).max(device),
        (foreground + side.background).max(foreground + device),
    ]
}

/// Between no overlap and all of it.
fn middle(forms: &[f64; 4]) -> f64 {
    (forms[0] * forms[1]).sqrt()
}

/// The vectors that a device may get: disks always sort and merge.
fn regimes(service: Service) -> &'static [fn(&Demand) -> &Vector] {
    match service {
        Service::Seek => &[|d| &d.queued],
        _ => &[|d| &d.instant, |d| &d.queued],
    }
}

/// Seconds of a job on a device, as one number: between all overlap and none.
pub fn seconds(demand: &Demand, device: &Numbers, processors: u32) -> Option<f64> {
    let vector = regimes(device.service).first().map(|pick| pick(demand))?;
    let side = Side::of(demand, vector, false);
    let device = device_seconds(&side, device, Reach::Short);
    Some(middle(&forms(&side, device, f64::from(processors.max(1)))))
}

/// The share of a job's time that no device can take away (0 to 1).
pub fn software_share(demand: &Demand, device: &Numbers, processors: u32) -> Option<f64> {
    Some(demand.software_seconds / seconds(demand, device, processors)?)
}

/// Time after ÷ time before on each of some devices, over all forms of the model and both ways
/// in which requests reach a device, widened by its margin; `None` without a device.
pub fn ratio(change: &Change<'_>, devices: &[Numbers], processors: u32) -> Option<Ratio> {
    let processors = f64::from(processors.max(1));
    let (mut points, mut ends) = (Vec::new(), Vec::new());
    for device in devices {
        for pick in regimes(device.service) {
            // Where near jumps were not told apart, all may be near and none.
            for all_near in [false, true] {
                let one = one_ratio(change, *pick, device, processors, all_near);
                points.push(one.point);
                ends.extend([one.interval.low, one.interval.high]);
            }
        }
    }
    let between = Interval::hull(points)?;
    Some(Ratio {
        point: (between.low * between.high).sqrt(),
        interval: Interval::hull(ends)?,
    })
}

fn one_ratio(
    change: &Change<'_>,
    pick: fn(&Demand) -> &Vector,
    device: &Numbers,
    processors: f64,
    all_near: bool,
) -> Ratio {
    let mut before = Side::of(change.before, pick(change.before), all_near);
    let mut after = Side::of(change.after, pick(change.after), all_near);
    steady(
        &mut before,
        &mut after,
        change.traits,
        change.request_spread,
    );
    unmerged(&mut before, &mut after, change.traits);
    let times = |reach: [Reach; 2]| {
        let one = device_seconds(&before, device, reach[0]);
        let other = device_seconds(&after, device, reach[1]);
        [
            forms(&before, one, processors),
            forms(&after, other, processors),
        ]
    };
    let [one, other] = times([Reach::Short; 2]);
    let mut ratios: Vec<f64> = one
        .iter()
        .zip(other)
        .map(|(one, other)| other / one)
        .collect();
    if device.service == Service::Seek
        && let Some(reach) = scattered(&before, &after, change.traits)
    {
        let [one, other] = times(reach);
        ratios.extend(one.iter().zip(other).map(|(one, other)| other / one));
    }
    let point = middle(&other) / middle(&one);
    let jitter = JITTER * (1.0 / middle(&one)).hypot(1.0 / middle(&other));
    let margin = MARGIN.ln().hypot(jitter).exp();
    let hull = Interval::hull(ratios).unwrap_or(Interval::exactly(point));
    Ratio {
        point,
        interval: Interval {
            low: hull.low / margin,
            high: hull.high * margin,
        },
    }
}

/// Where one side jumps less because part of its file was written anew elsewhere, the jumps that it
/// still has go between the two places.
fn scattered(before: &Side, after: &Side, traits: [Traits; 2]) -> Option<[Reach; 2]> {
    if !traits.iter().any(|t| t.relocates) {
        return None;
    }
    match (before.far_reads, after.far_reads) {
        (one, other) if one > FEWER_JUMPS * other => Some([Reach::Short, Reach::Full]),
        (one, other) if other > FEWER_JUMPS * one => Some([Reach::Full, Reach::Short]),
        _ => None,
    }
}

/// What a throttle counts: requests before they are merged. The two copies of a node are never
/// merged with one another, while neighbouring nodes are where there is one copy: so a side with one
/// copy has as many as the other, less those of the second copies.
fn unmerged(before: &mut Side, after: &mut Side, traits: [Traits; 2]) {
    let (twice, once) = match traits.map(|t| t.single_metadata) {
        [false, true] => (before, after),
        [true, false] => (after, before),
        _ => return,
    };
    let copies = (twice.vector.write_bytes - once.vector.write_bytes).max(0.0) / NODE;
    once.unmerged_writes = (twice.unmerged_writes - copies).max(once.unmerged_writes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impact::cost::Demands;

    const DISK: Numbers = Numbers {
        service: Service::Seek,
        iops: 120.0,
        bandwidth: 140e6,
        latency: 1.0 / 120.0,
        flush: 0.008,
    };

    fn side(workload: &str, configuration: &str) -> Side {
        let demand = Demands::table().of(workload, configuration).unwrap();
        Side::of(demand, &demand.queued, false)
    }

    #[test]
    fn jumps_within_a_file_cost_a_disk_less_than_jumps_across_it() {
        let read = side("seqfrag", "base");
        let short = device_seconds(&read, &DISK, Reach::Short);
        let full = device_seconds(&read, &DISK, Reach::Full);
        // Measured: 4.29 s.
        assert!((4.0..4.6).contains(&short), "{short}");
        assert!(full > 6.0, "{full}");
    }

    #[test]
    fn a_throttle_counts_copies_of_metadata_before_they_are_merged() {
        let table = Demands::table();
        let of = |configuration: &str| {
            let demand = table.of("dbrand", configuration).unwrap();
            Side::of(demand, &demand.instant, false)
        };
        let (mut twice, mut once) = (of("base"), of("single"));
        let traits = [Traits::of("base"), Traits::of("single")];
        unmerged(&mut twice, &mut once, traits);
        // Counted before merging: 2771 and 1626.
        assert!((twice.unmerged_writes - 2771.0).abs() < 2.0);
        assert!(
            (once.unmerged_writes - 1626.0).abs() < 5.0,
            "{}",
            once.unmerged_writes
        );
    }

    #[test]
    fn a_faster_device_never_takes_longer() {
        let demand = Demands::table().of("dbrand", "base").unwrap();
        let of = |iops| {
            let device = Numbers {
                iops,
                latency: 1.0 / iops,
                ..DISK
            };
            seconds(demand, &device, 2).unwrap()
        };
        assert!(of(60.0) > of(120.0) && of(120.0) > of(240.0));
    }
}

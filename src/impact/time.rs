//! Owns: the arithmetic between a demand and a device.
//!
//! Every formula and constant is one of the experiment that `data/demands.json` names. Times are
//! in seconds, bandwidth in bytes per second.

use super::Interval;
use super::cost::{Demand, Demands, Vector};

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

/// Seconds that a device needs for what reaches it. `near` says whether jumps that were not told
/// apart count as near ones.
fn device_seconds(vector: &Vector, device: &Numbers, near: bool) -> Option<f64> {
    let bytes_seconds = vector.bytes() / device.bandwidth;
    let busy = match device.service {
        Service::Linear => {
            let each = (1.0 / device.iops - 4096.0 / device.bandwidth).max(0.0);
            vector.requests() * each + bytes_seconds
        }
        Service::Capped => (vector.requests() / device.iops).max(bytes_seconds),
        Service::Throttled => {
            let (reads, writes) = vector.reads_and_writes()?;
            let bytes = vector.read_bytes.max(vector.write_bytes);
            (reads.max(writes) / device.iops).max(bytes / device.bandwidth)
        }
        Service::Seek => {
            let near = vector
                .near_jumps
                .unwrap_or(if near { vector.seeks } else { 0.0 });
            let seeks = (vector.seeks - near).max(0.0);
            seeks / device.iops + bytes_seconds + vector.near_bytes / device.bandwidth
        }
    };
    let (flush, latency) = match device.service {
        Service::Linear | Service::Capped => {
            (device.flush, (device.latency - 1.0 / device.iops).max(0.0))
        }
        Service::Throttled => (0.0, 0.0),
        Service::Seek => (device.flush, 0.0),
    };
    let waits = (vector.rounds - vector.flushes).max(0.0);
    Some(vector.flushes * flush + waits * latency + busy)
}

/// The forms of the model: nothing overlaps; the kernel's work overlaps the device; and the
/// kernel's work is spread over the processors.
fn forms(demand: &Demand, device: f64, processors: f64) -> [f64; 3] {
    let foreground = demand.foreground_seconds;
    [
        demand.software_seconds + device,
        demand.software_seconds.max(foreground + device),
        foreground + (demand.background_seconds / processors).max(device),
    ]
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
    let device = device_seconds(vector, device, false)?;
    let [none, all, _] = forms(demand, device, f64::from(processors.max(1)));
    Some((none * all).sqrt())
}

/// The share of a job's time that no device can take away (0 to 1).
pub fn software_share(demand: &Demand, device: &Numbers, processors: u32) -> Option<f64> {
    Some(demand.software_seconds / seconds(demand, device, processors)?)
}

/// Time after ÷ time before on each of some devices, over all forms of the model and both ways
/// in which requests reach a device, widened by the margin of the experiment.
pub fn ratio(
    before: &Demand,
    after: &Demand,
    devices: &[Numbers],
    processors: u32,
) -> Option<Interval> {
    let margin = Demands::table().margin;
    let processors = f64::from(processors.max(1));
    let mut ratios = Vec::new();
    for device in devices {
        for pick in regimes(device.service) {
            for near in [false, true] {
                let times = [before, after].map(|d| device_seconds(pick(d), device, near));
                let [Some(one), Some(other)] = times else {
                    continue;
                };
                let one = forms(before, one, processors);
                let other = forms(after, other, processors);
                ratios.extend(one.iter().zip(other).map(|(one, other)| other / one));
            }
        }
    }
    let hull = Interval::hull(ratios)?;
    Some(Interval {
        low: hull.low / margin,
        high: hull.high * margin,
    })
}

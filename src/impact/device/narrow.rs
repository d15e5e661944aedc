//! Owns: what is known better than by class: numbers of a part of the class, and figures that were
//! measured on this machine.
//!
//! A figure only says what it proves. A mean wait holds queueing, so it is an upper bound of the
//! time of one request; a rate is the limit of a device only where the device was seen at it.

use super::class::{Description, DeviceClass, Point, Points, range};
use super::identify::Member;
use crate::analyze::facts;
use crate::impact::Interval;
use crate::impact::time::Service;
use crate::model::metrics::{DeviceIo, FioJob, FioSide, Sourced};
use crate::model::{Filesystem, Host};

/// A device with a request in flight for this share of the time is at its limit, if it serves one
/// after the other.
const SATURATED_PERCENT: f64 = 95.0;
/// One that serves several at once is at its limit if requests wait besides.
const WAITING: f64 = 2.0;
/// Below this share of the time with a request in flight, few requests wait behind others, so that
/// a mean wait bounds the time of one well.
const QUIET_PERCENT: f64 = 30.0;
/// Requests up to this size cost what a request costs, not what its bytes cost.
const SMALL: f64 = 65_536.0;
/// Requests from this size on cost what their bytes cost. (A volume of a cloud counts up to 256 KiB
/// as one request.)
const LARGE: f64 = 262_144.0;
/// What fio asks alone or with a deep queue, in requests in flight.
const ALONE: f64 = 1.5;
const DEEP: f64 = 8.0;
/// A disk that serves more than so many times what its kind can seek was reading in order.
const SEEKS_AT_MOST: f64 = 2.0;

/// A number with where it is from.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The range.
    pub range: Interval,
    /// Where it is from, in words.
    pub source: String,
    /// Whether it was measured on this machine.
    pub measured: bool,
    /// Whether it was measured through the filesystem, so with all that lies below it.
    pub through_filesystem: bool,
}

impl Known {
    fn of(points: &[Point], note: Option<&str>) -> Option<Self> {
        let range = range(points)?;
        let mut said: Vec<String> = Vec::new();
        for end in [range.low, range.high] {
            let point = points.iter().find(|p| p.value == end);
            let text = point.map(|p| format!("{}: {}", p.says, p.source));
            said.extend(text.filter(|t| !said.contains(t)));
        }
        let of = note.map_or_else(|| "class".to_owned(), |note| format!("{note}: class"));
        Some(Known {
            range,
            source: format!("{of}: {}", said.join("; ")),
            measured: false,
            through_filesystem: false,
        })
    }

    fn measured(range: Interval, source: String) -> Self {
        Known {
            range,
            source,
            measured: true,
            through_filesystem: false,
        }
    }
}

/// What a device may do, number by number.
#[derive(Debug, Clone)]
pub struct Ranges {
    /// The class of these numbers.
    pub class: DeviceClass,
    /// How it may serve.
    pub services: Vec<Service>,
    /// Requests of 4 KiB a second; of a disk that rotates, seeks.
    pub iops: Option<Known>,
    /// Bytes a second.
    pub bandwidth: Option<Known>,
    /// Seconds for one request; unknown where the device answers one after the other.
    pub latency: Option<Known>,
    /// Seconds for a flush.
    pub flush: Option<Known>,
}

impl Ranges {
    /// What a class can do, or the part of it to which all the members belong.
    pub(super) fn of(description: &Description, members: &[Member]) -> Self {
        let number = |pick: fn(&Points) -> &Vec<Point>| {
            let of_member = |member: &Member| {
                let rpm = member.rpm.as_ref().map(|(rpm, _)| *rpm);
                let mut variants = description.variants.iter();
                variants
                    .find(|v| v.is(member.model.as_deref(), rpm) && !pick(&v.points).is_empty())
                    .map(|v| (v.says.as_str(), pick(&v.points)))
            };
            let parts: Option<Vec<_>> = members.iter().map(of_member).collect();
            match parts.filter(|parts| !parts.is_empty()) {
                None => Known::of(pick(&description.points), None),
                Some(parts) => {
                    let points: Vec<Point> =
                        parts.iter().flat_map(|(_, p)| p.iter().cloned()).collect();
                    let mut notes: Vec<&str> = parts.iter().map(|(says, _)| *says).collect();
                    notes.sort_unstable();
                    notes.dedup();
                    let turns = members.iter().find_map(|m| m.rpm.as_ref());
                    let note = match turns {
                        Some((_, source)) => format!("{} ({source})", notes.join(", ")),
                        None => notes.join(", "),
                    };
                    Known::of(&points, Some(&note))
                }
            }
        };
        Ranges {
            class: description.class,
            services: description.services.clone(),
            iops: number(|p| &p.iops),
            bandwidth: number(|p| &p.bandwidth),
            latency: number(|p| &p.latency),
            flush: number(|p| &p.flush),
        }
    }

    fn seeks(&self) -> bool {
        self.services == [Service::Seek]
    }

    /// What was measured on this machine.
    pub(super) fn narrow(&mut self, members: &[Member], filesystem: &Filesystem, host: &Host) {
        let caches: Option<Vec<&String>> =
            members.iter().map(|m| m.write_through.as_ref()).collect();
        let loads = facts::loads(host, filesystem);
        self.by_load(members, &loads);
        self.by_fio(members, filesystem, host);
        if let Some(source) = caches.and_then(|c| c.first().copied().cloned()) {
            let source = format!("no volatile write cache, so nothing to flush ({source})");
            self.flush = Some(Known::measured(Interval::exactly(0.0), source));
        }
    }

    fn by_load(&mut self, members: &[Member], loads: &[&Sourced<DeviceIo>]) {
        // A bound holds for all if each has one.
        let bound = |wait: &dyn Fn(&DeviceIo) -> Option<f64>| {
            let quiet = |l: &DeviceIo| l.util_percent.is_some_and(|u| u.0 <= QUIET_PERCENT);
            let waits: Option<Vec<f64>> = loads
                .iter()
                .map(|l| wait(l).filter(|w| *w > 0.0 && quiet(l)))
                .collect();
            let waits = waits.filter(|w| w.len() == members.len())?;
            let most = waits.into_iter().fold(0.0, f64::max);
            let load = loads.first()?;
            let util = load.util_percent?;
            Some((most, format!("{} at {util} of its time", load.name), load))
        };
        let ms = 1000.0;
        // What lies in a row is read faster than a request elsewhere: of a disk it bounds nothing.
        if !self.seeks()
            && let Some((wait, at, load)) = bound(&|l| l.r_await_ms.map(|w| w.0 / ms))
        {
            let source = format!("r_await of {at} ({})", load.source);
            at_most(&mut self.latency, wait, source);
        }
        let flush = |l: &DeviceIo| {
            l.f_await_ms
                .filter(|_| l.f_per_s > Some(0.0))
                .map(|w| w.0 / ms)
        };
        if let Some((wait, at, load)) = bound(&flush) {
            at_most(
                &mut self.flush,
                wait,
                format!("f_await of {at} ({})", load.source),
            );
        }
        self.by_limit(loads);
    }

    /// What devices served that were seen at their limit.
    fn by_limit(&mut self, loads: &[&Sourced<DeviceIo>]) {
        let is_serial = self.class.is_serial();
        let presented = matches!(self.class, DeviceClass::Virtual | DeviceClass::Network);
        let (mut requests, mut bytes) = (Vec::new(), Vec::new());
        let mut source = None;
        for load in loads {
            let Some((per_s, bytes_s)) = rates(load) else {
                continue;
            };
            let busy = load.util_percent.is_some_and(|u| u.0 >= SATURATED_PERCENT);
            let waiting = load.aqu_sz.is_none_or(|q| q >= WAITING);
            if !busy || per_s <= 0.0 || !(is_serial || presented && waiting) {
                continue;
            }
            let size = bytes_s.map(|b| b / per_s);
            match size {
                Some(size) if size >= LARGE => bytes.extend(bytes_s),
                Some(size) if size > SMALL => continue,
                _ if self.seeks() => requests.extend(self.seeks_at_limit(per_s, bytes_s)),
                _ => requests.push(per_s),
            }
            source.get_or_insert_with(|| load.source.to_string());
        }
        let Some(source) = source else {
            return;
        };
        if let Some(range) = Interval::hull(requests) {
            self.iops = Some(Known::measured(range, source.clone()));
        }
        if let Some(range) = Interval::hull(bytes) {
            self.bandwidth = Some(Known::measured(range, source));
        }
    }

    /// Seeks a second of a disk that is at its limit with small requests: each is a seek, and the
    /// time that bytes took is none of them.
    fn seeks_at_limit(&self, per_s: f64, bytes_s: Option<f64>) -> Vec<f64> {
        let most = self.iops.as_ref().map_or(f64::INFINITY, |k| k.range.high);
        if per_s > SEEKS_AT_MOST * most {
            return Vec::new();
        }
        let slowest = self.bandwidth.as_ref().map(|k| k.range.low);
        let moving = bytes_s.zip(slowest).map_or(0.0, |(b, low)| b / low);
        match moving < 0.5 {
            true => vec![per_s, per_s / (1.0 - moving)],
            false => Vec::new(),
        }
    }

    fn by_fio(&mut self, members: &[Member], filesystem: &Filesystem, host: &Host) {
        let (mut iops, mut alone) = (Seen::default(), Seen::default());
        let mut stream = Seen::default();
        for job in &host.metrics.fio {
            let Some(place) = place(job, members, filesystem, host) else {
                continue;
            };
            if let Some(sync) = job.sync_mean.filter(|s| s.0 > 0.0) {
                // An fsync writes before it flushes.
                let source = format!("mean fsync of fio job {} ({})", job.name, job.source);
                at_most(&mut self.flush, sync.0 / 1000.0, source);
            }
            if job.direct != Some(true) {
                continue;
            }
            let random = job.pattern.as_ref().is_some_and(|p| p.contains("rand"));
            if let (Some(read), Some(write)) = (job.read, job.write) {
                // Of a mixture, only the sum is what the device can do.
                let sum = FioSide {
                    per_s: read.per_s + write.per_s,
                    bytes_s: read.bytes_s + write.bytes_s,
                    mean: read.mean.and(write.mean),
                    p99: None,
                };
                let small = sum.bytes_s <= SMALL * sum.per_s;
                let deep = in_flight(job, &sum).is_some_and(|depth| depth >= DEEP);
                if place == Place::Device && random && small && deep && !self.seeks() {
                    iops.add(sum.per_s, job, place);
                }
                continue;
            }
            // A filesystem writes more than it is given; what it reads is as it was asked for.
            let writes = job.write.filter(|_| place == Place::Device);
            for (side, is_read) in [(job.read, true), (writes, false)] {
                let Some(side) = side.filter(|s| s.per_s > 0.0 && s.bytes_s > 0.0) else {
                    continue;
                };
                let size = side.bytes_s / side.per_s;
                match (random, in_flight(job, &side)) {
                    (false, _) if size >= SMALL => stream.add(side.bytes_s, job, place),
                    (true, Some(depth)) if depth >= DEEP && size <= SMALL && !self.seeks() => {
                        iops.add(side.per_s, job, place);
                    }
                    // What is written to a disk lands in its cache, which costs no seek.
                    (true, Some(depth)) if depth <= ALONE && size <= SMALL => {
                        if !self.seeks() {
                            let mean = side.mean.map_or(1.0 / side.per_s, |m| m.0 / 1000.0);
                            alone.add(mean, job, place);
                        } else if is_read {
                            iops.add(side.per_s, job, place);
                        }
                    }
                    _ => {}
                }
            }
        }
        for (seen, number) in [
            (iops, &mut self.iops),
            (alone, &mut self.latency),
            (stream, &mut self.bandwidth),
        ] {
            if let Some(known) = seen.known() {
                *number = Some(known);
            }
        }
    }
}

/// What several jobs measured of one number.
#[derive(Default)]
struct Seen {
    values: Vec<f64>,
    jobs: Vec<String>,
    through_filesystem: bool,
}

impl Seen {
    fn add(&mut self, value: f64, job: &Sourced<FioJob>, place: Place) {
        self.values.push(value);
        let name = format!("{} ({})", job.name, job.source);
        if !self.jobs.contains(&name) {
            self.jobs.push(name);
        }
        self.through_filesystem |= place == Place::Filesystem;
    }

    fn known(self) -> Option<Known> {
        let range = Interval::hull(self.values)?;
        Some(Known {
            through_filesystem: self.through_filesystem,
            ..Known::measured(range, format!("fio job {}", self.jobs.join(", ")))
        })
    }
}

/// Where a job of fio worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Device,
    Filesystem,
}

fn place(job: &FioJob, members: &[Member], filesystem: &Filesystem, host: &Host) -> Option<Place> {
    let path = job.path.as_deref().filter(|p| p.starts_with('/'));
    let Some(path) = path else {
        // In the directory where it was started: of one that can only be here.
        let disks = host.hardware.as_ref().map(|h| h.storage().count());
        let only = host.storage.filesystems.len() == 1 && disks == Some(1);
        return (only && host.storage.in_memory.is_empty()).then_some(Place::Filesystem);
    };
    if path.starts_with("/dev/") {
        let disk = host.disk(path).map(|d| d.kernel_name.clone());
        let name = disk.unwrap_or_else(|| facts::disk_name(path));
        return members
            .iter()
            .any(|m| m.name == name)
            .then_some(Place::Device);
    }
    let (holder, _) = host.storage.holding(path)?;
    (holder.name() == filesystem.name()).then_some(Place::Filesystem)
}

/// Requests in flight on average: what came back a second times how long each took (Little). The
/// option alone says nothing: engines that wait for each request do not heed it.
fn in_flight(job: &FioJob, side: &FioSide) -> Option<f64> {
    let both = [job.read, job.write];
    let all: Option<f64> = both
        .iter()
        .flatten()
        .map(|s| Some(s.per_s * s.mean?.0 / 1000.0))
        .sum();
    let asked = job.io_depth.map(|d| d as f64);
    side.mean.and(all).or(asked)
}

/// Requests and bytes a second.
fn rates(load: &DeviceIo) -> Option<(f64, Option<f64>)> {
    let both = load.r_per_s.zip(load.w_per_s).map(|(r, w)| r + w);
    let bytes = load
        .read_bytes_s
        .zip(load.write_bytes_s)
        .map(|(r, w)| r + w);
    Some((both.or(load.per_s)?, bytes.or(load.bytes_s)))
}

/// A number is no more than this. A class that says more is wrong of this device.
fn at_most(number: &mut Option<Known>, bound: f64, source: String) {
    let range = match number {
        Some(known) if known.range.high <= bound => return,
        Some(known) => Interval {
            low: known.range.low.min(bound),
            high: bound,
        },
        None => Interval {
            low: 0.0,
            high: bound,
        },
    };
    let said = match number {
        Some(known) if known.range.low < bound => format!("at most, {source}; {}", known.source),
        _ => format!("at most, {source}"),
    };
    *number = Some(Known::measured(range, said));
}

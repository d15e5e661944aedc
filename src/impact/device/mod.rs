//! Owns: what devices can do. Which devices are below a filesystem and what they are
//! ([`identify`]), what their class can do ([`class`]), what is known better of these
//! ([`narrow`]), and what lies between ([`layers`]): one range for each number, with its source.

mod class;
mod identify;
mod layers;
mod narrow;

pub use class::{Description, DeviceClass, Point, Points, Tested, Variant, tested};
pub use narrow::{Known, Ranges};

use super::Interval;
use super::time::{Numbers, Service};
use crate::model::{Filesystem, Host};
use identify::Member;

/// What is known of the devices below one filesystem.
#[derive(Debug, Clone)]
pub struct Devices {
    /// Their class; the slowest, where they differ.
    pub class: DeviceClass,
    /// How many there are.
    pub count: usize,
    /// What the class can do.
    pub description: &'static Description,
    /// Requests a second at which they were measured at their limit, with the source.
    pub measured_iops: Option<(Interval, String)>,
    /// What they may do: one entry for each class that they may be of.
    pub ranges: Vec<Ranges>,
    /// How many times what one of them does they do together.
    together: Interval,
    /// Why nothing can be computed, whatever the class.
    unsound: Option<String>,
    assumptions: Vec<String>,
}

/// How far the numbers of devices lie outside of those on which predictions were tested.
#[derive(Debug, Clone, PartialEq)]
pub struct Beyond {
    /// The largest factor by which a number lies outside: 1 is within, infinity where no device
    /// that serves so was tested or a number is not known.
    pub factor: f64,
    /// The numbers that do, in words.
    pub said: Vec<String>,
}

/// The devices below a filesystem; `None` if neither the hardware report nor `lsblk` knows them.
pub fn below(filesystem: &Filesystem, host: &Host) -> Option<Devices> {
    let members = identify::members(filesystem, host)?;
    // The slowest decides.
    let class = class::SLOWEST_FIRST
        .into_iter()
        .find(|c| members.iter().any(|m| m.class == *c))?;
    let description = class.description()?;
    let deciding: Vec<Member> = members
        .iter()
        .filter(|m| m.class == class)
        .cloned()
        .collect();
    let spread = layers::spread(filesystem, host, members.len());
    let mut encrypted = None;
    let ranges: Vec<Ranges> = description
        .alternatives()
        .into_iter()
        .map(|alternative| {
            let mut ranges = Ranges::of(alternative, &deciding);
            ranges.narrow(&deciding, filesystem, host);
            encrypted = layers::encrypt(&mut ranges, filesystem, host);
            ranges
        })
        .collect();
    let measured_iops = ranges
        .iter()
        .filter_map(|r| r.iops.as_ref())
        .find(|known| known.measured)
        .map(|known| (known.range, known.source.clone()));
    let mut devices = Devices {
        class,
        count: members.len(),
        description,
        measured_iops,
        ranges,
        together: spread.together,
        unsound: spread.unsound,
        assumptions: Vec::new(),
    };
    devices.assumptions = members.iter().map(member_said).collect();
    if members.iter().any(|m| m.class != class) {
        let name = &description.name;
        let said = format!("the slowest of its devices decides, a {name}");
        devices.assumptions.push(said);
    }
    devices.say_numbers();
    devices.assumptions.extend(spread.said);
    devices.assumptions.extend(encrypted);
    let beyond = devices.beyond_tested();
    if beyond.factor > 1.0 {
        let said = beyond.said.join(", ");
        let said = format!("outside of what predictions were tested on: {said}");
        devices.assumptions.push(said);
    }
    Some(devices)
}

fn member_said(member: &Member) -> String {
    let class = member.class.description().map_or("device", |d| &d.name);
    let model = member
        .model
        .as_ref()
        .map_or(String::new(), |m| format!(" ({m})"));
    let Member { name, by, .. } = member;
    format!("{name}{model}: {class}, {by}")
}

/// A number of a range, by name, with how it is shown.
type Number = (
    &'static str,
    fn(&Ranges) -> Option<&Known>,
    f64,
    &'static str,
);

/// The numbers of a range as people read them.
const NUMBERS: [Number; 4] = [
    ("requests", |r| r.iops.as_ref(), 1.0, "/s"),
    ("bandwidth", |r| r.bandwidth.as_ref(), 1e-6, " MB/s"),
    ("one request", |r| r.latency.as_ref(), 1e3, " ms"),
    ("flush", |r| r.flush.as_ref(), 1e3, " ms"),
];

impl Devices {
    /// The corners of the range of devices that these may be; empty where a number is missing.
    pub fn corners(&self) -> Vec<Numbers> {
        if self.unsound.is_some() {
            return Vec::new();
        }
        let mut corners = Vec::new();
        for ranges in &self.ranges {
            let one = self.corners_of(ranges);
            if one.is_empty() {
                // It may be this one, of which too little is known.
                return Vec::new();
            }
            corners.extend(one);
        }
        corners
    }

    fn corners_of(&self, ranges: &Ranges) -> Vec<Numbers> {
        let (Some(iops), Some(bandwidth), Some(flush)) =
            (&ranges.iops, &ranges.bandwidth, &ranges.flush)
        else {
            return Vec::new();
        };
        let mut corners = Vec::new();
        for &service in &ranges.services {
            for times in ends(self.together) {
                // What was measured through the filesystem is of all of them.
                let times_of = |known: &Known| if known.through_filesystem { 1.0 } else { times };
                for each in ends(iops.range) {
                    // Without a latency of its own, a device answers one request after the other.
                    let latency = ranges
                        .latency
                        .as_ref()
                        .map_or_else(|| vec![1.0 / each], |known| ends(known.range));
                    for bytes in ends(bandwidth.range) {
                        for flush in ends(flush.range) {
                            for &latency in &latency {
                                corners.push(Numbers {
                                    service,
                                    iops: each * times_of(iops),
                                    bandwidth: bytes * times_of(bandwidth),
                                    latency,
                                    flush,
                                });
                            }
                        }
                    }
                }
            }
        }
        corners
    }

    /// Whether a time may be computed: the class was tested, or its limit was seen here.
    pub fn promises(&self) -> bool {
        self.why_no_time().is_none()
    }

    /// Why no time may be computed, if none may.
    pub fn why_no_time(&self) -> Option<String> {
        if let Some(why) = &self.unsound {
            return Some(why.clone());
        }
        let presented = matches!(self.class, DeviceClass::Virtual | DeviceClass::Network);
        if self.description.calibrated || presented && self.measured_iops.is_some() {
            return None;
        }
        let why = self.description.no_time.clone();
        Some(why.unwrap_or_else(|| "the predictions were not tested on such a device".to_owned()))
    }

    /// Whether every number lies within those of the devices on which predictions were tested.
    pub fn within_tested(&self) -> bool {
        self.beyond_tested().factor <= 1.0
    }

    /// How far the numbers lie outside of those of the devices on which predictions were tested and
    /// that serve in the same way. A time of zero takes its term out of the formula and is never
    /// outside.
    pub fn beyond_tested(&self) -> Beyond {
        let mut beyond = Beyond {
            factor: 1.0,
            said: Vec::new(),
        };
        for ranges in &self.ranges {
            for &service in &ranges.services {
                beyond.add(ranges, service);
            }
        }
        beyond
    }

    /// Bytes a second in one stream; `None` if no source knows it.
    pub fn bandwidth(&self) -> Option<Interval> {
        let of = |r: &Ranges| r.bandwidth.as_ref().map(|known| known.range);
        let all: Option<Vec<Interval>> = self.ranges.iter().map(of).collect();
        Interval::hull(all?.into_iter().flat_map(|r| [r.low, r.high]))
    }

    /// Where [`Devices::bandwidth`] is from.
    pub fn bandwidth_source(&self) -> String {
        let of = |r: &Ranges| r.bandwidth.as_ref().map(|known| known.source.clone());
        let mut sources: Vec<String> = self.ranges.iter().filter_map(of).collect();
        sources.dedup();
        sources.join("; ")
    }

    /// What is taken for granted of these devices: one line each, with its source.
    pub fn assumptions(&self) -> Vec<String> {
        self.assumptions.clone()
    }

    fn say_numbers(&mut self) {
        for ranges in &self.ranges {
            let of = match (self.ranges.len(), ranges.class.description()) {
                (2.., Some(description)) => format!("if it is a {}: ", description.name),
                _ => String::new(),
            };
            let seek = ranges.services == [Service::Seek];
            for (name, pick, scale, unit) in NUMBERS {
                let name = if seek && name == "requests" {
                    "seeks"
                } else {
                    name
                };
                if let Some(known) = pick(ranges) {
                    let range = shown(known.range, scale);
                    let source = &known.source;
                    let line = format!("{of}{name} {range}{unit}, {source}");
                    self.assumptions.push(line);
                }
            }
        }
    }
}

impl Beyond {
    fn add(&mut self, ranges: &Ranges, service: Service) {
        let tested: Vec<&Tested> = tested().iter().filter(|t| t.service == service).collect();
        let hull = |pick: fn(&Tested) -> Option<f64>| {
            Interval::hull(tested.iter().filter_map(|t| pick(t)))
        };
        let limits = [
            hull(|t| Some(t.iops)),
            hull(|t| Some(t.bandwidth)),
            hull(|t| t.latency),
            hull(|t| t.flush),
        ];
        for ((name, pick, scale, unit), limits) in NUMBERS.into_iter().zip(limits) {
            let needed = matches!(name, "requests" | "bandwidth");
            let (Some(limits), Some(known)) = (limits, pick(ranges)) else {
                // A number that the service does not use, or one that is missing.
                if limits.is_some() || needed {
                    self.factor = f64::INFINITY;
                    self.push(format!("{name} not known"));
                }
                continue;
            };
            let Interval { low, high } = known.range;
            let below = if low > 0.0 { limits.low / low } else { 1.0 };
            let factor = below.max(high / limits.high);
            if factor > 1.0 {
                self.factor = self.factor.max(factor);
                let (range, limits) = (shown(known.range, scale), shown(limits, scale));
                self.push(format!("{name} {range}{unit} (tested {limits})"));
            }
        }
    }

    fn push(&mut self, text: String) {
        if !self.said.contains(&text) {
            self.said.push(text);
        }
    }
}

/// The ends of a range; one, where they are the same.
fn ends(range: Interval) -> Vec<f64> {
    match range.low == range.high {
        true => vec![range.low],
        false => vec![range.low, range.high],
    }
}

/// A range as people read it, with about three digits.
fn shown(range: Interval, scale: f64) -> String {
    let one = |value: f64| {
        let value = value * scale;
        match value {
            v if v >= 100.0 || v == 0.0 => format!("{v:.0}"),
            v if v >= 1.0 => format!("{v:.1}").trim_end_matches(".0").to_owned(),
            v => format!("{v:.3}").trim_end_matches('0').to_owned(),
        }
    };
    let (low, high) = (one(range.low), one(range.high));
    match low == high {
        true => low,
        false => format!("{low} to {high}"),
    }
}

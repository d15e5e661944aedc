//! Effect × workload × device → before and after, as intervals with their basis.
//!
//! Owns demands ([`cost`]), device classes ([`device`]), the arithmetic between them ([`time`]),
//! what it comes to for one host ([`estimate()`]), and what a change asks of people and machine
//! ([`effort()`]). Must never know rules, actions' syntax, or how a fact was read.

mod compressibility;
pub mod cost;
pub mod device;
mod effort;
mod estimate;
mod literature;
pub mod rows;
mod steady;
pub mod time;
mod together;

pub use effort::effort;
pub use estimate::estimate;
pub use together::together;

use serde::{Deserialize, Serialize};

/// A closed interval of ratios or quantities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Interval {
    /// The lowest plausible value.
    pub low: f64,
    /// The highest plausible value.
    pub high: f64,
}

impl Interval {
    /// The interval between two values, in either order.
    pub fn between(a: f64, b: f64) -> Self {
        Interval {
            low: a.min(b),
            high: a.max(b),
        }
    }

    /// The interval of one value.
    pub fn exactly(value: f64) -> Self {
        Interval {
            low: value,
            high: value,
        }
    }

    /// The smallest interval that holds all values; none without values, or with one that is not
    /// a number.
    pub fn hull(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values = values.into_iter();
        let first = Interval::exactly(values.next()?);
        let hull = values.fold(first, |i, v| Interval {
            low: i.low.min(v),
            high: i.high.max(v),
        });
        (hull.low.is_finite() && hull.high.is_finite()).then_some(hull)
    }

    /// Whether a value lies in it.
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Made wider by a factor of `high / low`, evenly on both sides.
    pub fn widened(self, factor: f64) -> Self {
        let side = factor.max(1.0).sqrt();
        Interval {
            low: self.low / side,
            high: self.high * side,
        }
    }

    /// Every value multiplied by a positive number.
    pub fn scaled(self, factor: f64) -> Self {
        Interval::between(self.low * factor, self.high * factor)
    }

    /// The ratio of a whole job of which only the share `waiting` (0 to 1) has this ratio: Amdahl.
    pub fn of_share(self, waiting: Interval) -> Self {
        let whole = |ratio: f64, share: f64| 1.0 - share + share * ratio;
        let corners = [
            whole(self.low, waiting.low),
            whole(self.low, waiting.high),
            whole(self.high, waiting.low),
            whole(self.high, waiting.high),
        ];
        Interval::hull(corners).unwrap_or(self)
    }
}

/// What a figure rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "source")]
pub enum Basis {
    /// Measured on this machine.
    Measured(String),
    /// Computed from counted device I/O; says of which experiment.
    Computed(String),
    /// Published; an address.
    Literature(String),
}

/// Before and after of one operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Figure {
    /// The operation that a person waits for.
    pub operation: String,
    /// Time after ÷ time before: 0.5 is twice as fast, above 1 is slower.
    pub time_ratio: Interval,
    /// What it rests on.
    pub basis: Basis,
    /// What people measured before, and what that would become.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expectation: Option<Expectation>,
}

impl Figure {
    /// Whether it tells faster from slower: an interval around 1 says "no change expected".
    pub fn is_a_change(&self) -> bool {
        !self.time_ratio.contains(1.0)
    }
}

/// A number that people gave, and what it would become.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Expectation {
    /// What they measured.
    pub before: f64,
    /// What the figure makes of it.
    pub after: Interval,
    /// The unit of both: `s`, `B/s`.
    pub unit: String,
    /// What they said it of.
    pub said: String,
}

/// What one operation asks of the device or the processor, before and after: exact to a few
/// percent on every device, also where no time can be promised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Load {
    /// One of these.
    pub operation: String,
    /// What is counted.
    pub of: Quantity,
    /// How much it was: instant and slow devices get different requests.
    pub before: Interval,
    /// How much it becomes.
    pub after: Interval,
    /// What it rests on.
    pub basis: Basis,
}

/// What a [`Load`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// Requests to the device, reads and writes.
    Requests,
    /// Bytes to and from the device.
    Bytes,
    /// Flushes of the device's cache.
    Flushes,
    /// Seconds of processor time.
    ProcessorSeconds,
}

/// What a recommendation changes for the machine's work.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Impact {
    /// Operations with figures, the one that matters most here first.
    pub figures: Vec<Figure>,
    /// What becomes of the load, in the same order; no promise of time.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub loads: Vec<Load>,
    /// What the device cannot do better, in which case nothing is promised.
    pub limit: Option<String>,
    /// Anything else that must be said, such as an effect that has no figure.
    pub note: Option<String>,
    /// What the figures take for granted, a line each.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub assumptions: Vec<String>,
}

/// What several changes do together to the work on one filesystem: less than each by itself would,
/// multiplied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Together {
    /// The filesystem.
    pub filesystem: String,
    /// Operations that at least two of the changes touch.
    pub figures: Vec<Figure>,
    /// What the figures take for granted, a line each.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub assumptions: Vec<String>,
}

/// What a change asks of the people and the machine.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Effort {
    /// What has to be done, in a few words.
    pub steps: String,
    /// How long the machine works on it, in seconds, where it can be computed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seconds: Option<Interval>,
    /// What the seconds rest on, or why there are none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub basis: Option<String>,
    /// Space that is needed meanwhile, in bytes, where it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub space_bytes: Option<u64>,
    /// Whether something is out of service meanwhile.
    pub downtime: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gains_more_than_its_share_of_waiting() {
        // A device twice as fast, in a job that waits a tenth to a fifth of its time.
        let whole = Interval::exactly(0.5).of_share(Interval {
            low: 0.1,
            high: 0.2,
        });
        assert!((whole.low - 0.9).abs() < 1e-9 && (whole.high - 0.95).abs() < 1e-9);
        // An unknown share reaches from all of it to none.
        let whole = Interval {
            low: 0.5,
            high: 0.8,
        }
        .of_share(Interval {
            low: 0.0,
            high: 1.0,
        });
        assert_eq!((whole.low, whole.high), (0.5, 1.0));
        // A loss is bounded just so.
        let whole = Interval::exactly(2.0).of_share(Interval {
            low: 0.0,
            high: 0.5,
        });
        assert_eq!((whole.low, whole.high), (1.0, 1.5));
    }

    #[test]
    fn a_hull_of_nothing_or_of_nonsense_is_none() {
        assert_eq!(Interval::hull([]), None);
        assert_eq!(Interval::hull([1.0, f64::INFINITY]), None);
        assert_eq!(
            Interval::hull([2.0, 1.0]),
            Some(Interval {
                low: 1.0,
                high: 2.0
            })
        );
    }
}

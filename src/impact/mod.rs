//! Effect × workload × device → before and after, as intervals with their basis.
//!
//! Owns demands ([`cost`]), device classes ([`device`]) and the arithmetic between them
//! ([`estimate`]). Must never know rules, actions' syntax, or how a fact was read.

use serde::{Deserialize, Serialize};

/// A closed interval of ratios or quantities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lowest plausible value.
    pub low: f64,
    /// The highest plausible value.
    pub high: f64,
}

/// What a figure rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The operation that a person waits for.
    pub operation: String,
    /// Time after ÷ time before: 0.5 is twice as fast, above 1 is slower.
    pub time_ratio: Interval,
    /// What it rests on.
    pub basis: Basis,
}

/// What a recommendation changes for the machine's work.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Impact {
    /// Operations with figures, the one that matters most here first.
    pub figures: Vec<Figure>,
    /// What the device cannot do better, in which case nothing is promised.
    pub limit: Option<String>,
    /// Anything else that must be said, such as an effect that has no figure.
    pub note: Option<String>,
}

/// What a change asks of the people and the machine.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Effort {
    /// What has to be done, in a few words.
    pub steps: String,
    /// How long the machine works on it, in seconds, where it can be computed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seconds: Option<Interval>,
    /// Whether something is out of service meanwhile.
    pub downtime: bool,
}

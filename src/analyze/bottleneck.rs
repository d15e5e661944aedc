//! What holds the machine back.

use serde::{Deserialize, Serialize};

use super::evidence::{Confidence, Evidence};
use super::workload::Workload;
use crate::model::Host;

/// A root cause that is looked for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Options of subvolumes that the kernel ignores.
    SubvolumeMountOptionsIgnored,
}

/// A cause, weighed.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnosis {
    /// Which cause.
    pub cause: Cause,
    /// One sentence for people.
    pub title: String,
    /// What it is about: a mount point, a device, a service.
    pub about: Option<String>,
    /// What speaks for and against it.
    pub evidence: Vec<Evidence>,
    /// What the evidence adds up to.
    pub confidence: Confidence,
}

/// The diagnoses of a host, the likeliest first.
pub fn diagnose(_host: &Host, _workloads: &[Workload]) -> Vec<Diagnosis> {
    Vec::new()
}

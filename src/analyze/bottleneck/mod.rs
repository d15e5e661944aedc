//! What holds the machine back: each cause with what speaks for and against it, by the sum of
//! that alone.
//!
//! Causes and what raises or lowers them come from some sixty public reports whose cause became
//! known. Thresholds are judgement unless a statement names its source. Whatever the inputs do
//! not say is left out: nothing is concluded from silence.

mod case;
mod cause;
mod data_on_disk;
mod device;
mod maintenance;
mod memory;
mod options;
mod space;
mod symptom;
#[cfg(test)]
mod tests;

pub use cause::Cause;

use self::case::Inputs;
use super::evidence::{Confidence, Evidence, score};
use super::workload::Workload;
use crate::model::Host;

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

impl Diagnosis {
    /// The sum of its evidence, in points.
    pub fn score(&self) -> i32 {
        score(&self.evidence)
    }
}

/// What is looked for. Each check returns only causes that something speaks for.
const CHECKS: &[fn(&Inputs<'_>) -> Vec<Diagnosis>] = &[
    data_on_disk::cow_fragmentation_database,
    data_on_disk::fsync_heavy,
    data_on_disk::nix_store,
    options::compression_cpu_bound,
    options::compression_missing,
    options::subvolume_options_ignored,
    options::atime_writes,
    options::autodefrag,
    options::discard_sync,
    options::space_cache_v1,
    maintenance::qgroups,
    maintenance::snapshot_deletion,
    maintenance::running_job,
    maintenance::failing_disk,
    space::metadata_full,
    space::nearly_full,
    device::hdd_seek_bound,
    device::removable,
    device::luks_workqueue,
    device::hardware_limit,
    memory::ram_too_small,
    memory::swap_thrash,
    memory::dirty_ratio,
    symptom::metric_artifact,
    symptom::old_kernel,
    symptom::no_problem,
];

/// The diagnoses of a host, the likeliest first; ties in the order of [`Cause`].
pub fn diagnose(host: &Host, workloads: &[Workload]) -> Vec<Diagnosis> {
    let inputs = Inputs { host, workloads };
    let mut diagnoses: Vec<Diagnosis> = CHECKS.iter().flat_map(|check| check(&inputs)).collect();
    diagnoses.sort_by(|a, b| {
        let key = |d: &Diagnosis| (std::cmp::Reverse(d.score()), d.cause);
        key(a).cmp(&key(b)).then_with(|| a.about.cmp(&b.about))
    });
    diagnoses
}

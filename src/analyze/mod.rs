//! Model → diagnoses: what the machine does ([`workload`]), what holds it back ([`bottleneck`]), and
//! how sure that is ([`evidence`]).
//!
//! Owns the weighing of evidence. Must never know remedies, syntax, or how a fact was read.

pub mod bottleneck;
pub mod evidence;
pub mod facts;
pub mod signal;
pub mod workload;

pub use bottleneck::{Ask, Cause, Diagnosis, Kind, Layer, Piece, Probability};
pub use evidence::{Confidence, Direction, Evidence, Source, Weight};
pub use signal::Signals;
pub use workload::{Engine, IoPattern, Workload, WorkloadKind};

use crate::model::Host;

/// Everything that is concluded about a host before any remedy is thought of.
#[derive(Debug, Clone, Default)]
pub struct Analysis {
    /// What the machine does, by kind.
    pub workloads: Vec<Workload>,
    /// Root causes, the likeliest first.
    pub diagnoses: Vec<Diagnosis>,
    /// The btrfs filesystems, by the names that reports use: configured ones and those that only run.
    pub filesystems: Vec<String>,
    /// The commands that would tell most of what is not known.
    pub asks: Vec<Ask>,
}

impl Analysis {
    /// Analyses a host.
    pub fn of(host: &Host) -> Self {
        let workloads = workload::identify(host);
        let mut signals = Signals::of(host, &workloads);
        let release = host.metrics.kernel.as_ref().map(|k| k.value.as_str());
        signals.extend(bottleneck::of_kernel(&signals, release));
        let diagnoses = bottleneck::diagnose(&signals);
        let asks = bottleneck::asks(&diagnoses, &signals);
        Analysis {
            workloads,
            diagnoses,
            filesystems: signals.filesystems().map(str::to_owned).collect(),
            asks,
        }
    }

    /// The workload of a kind, if the machine has it.
    pub fn workload(&self, kind: WorkloadKind) -> Option<&Workload> {
        self.workloads.iter().find(|w| w.kind == kind)
    }

    /// The diagnosis of a cause, if it was considered.
    pub fn diagnosis(&self, cause: Cause) -> Option<&Diagnosis> {
        self.diagnoses.iter().find(|d| d.cause == cause)
    }
}

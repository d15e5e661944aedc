//! Model → diagnoses: what the machine does ([`workload`]), what holds it back ([`bottleneck`]), and
//! how sure that is ([`evidence`]).
//!
//! Owns the weighing of evidence. Must never know remedies, syntax, or how a fact was read.

pub mod bottleneck;
pub mod evidence;
pub mod facts;
pub mod workload;

pub use bottleneck::{Cause, Diagnosis};
pub use evidence::{Confidence, Direction, Evidence, Source, Weight};
pub use workload::{Engine, IoPattern, Workload, WorkloadKind};

use crate::model::Host;

/// Everything that is concluded about a host before any remedy is thought of.
#[derive(Debug, Clone, Default)]
pub struct Analysis {
    /// What the machine does, by kind.
    pub workloads: Vec<Workload>,
    /// Root causes, the likeliest first.
    pub diagnoses: Vec<Diagnosis>,
}

impl Analysis {
    /// Analyses a host.
    pub fn of(host: &Host) -> Self {
        let workloads = workload::identify(host);
        let diagnoses = bottleneck::diagnose(host, &workloads);
        Analysis {
            workloads,
            diagnoses,
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

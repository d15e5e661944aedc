//! What the machine does, and on which paths.

use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use crate::model::Host;

/// A kind of work, as design words have it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum WorkloadKind {
    /// Compiling.
    Build,
    /// Databases with small synchronous writes.
    Database,
    /// Container images and volumes.
    Container,
    /// Virtual machine images.
    Vm,
    /// Interactive use.
    Desktop,
    /// Serving files.
    Nas,
    /// Receiving or making backups.
    Backup,
    /// Filling and cleaning the Nix store.
    NixStore,
    /// Mail spools.
    Mail,
    /// Games.
    Game,
}

/// One kind of work on this machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Which.
    pub kind: WorkloadKind,
    /// The paths it works on, the main one first.
    pub paths: Vec<String>,
    /// Why it is believed.
    pub evidence: Vec<Evidence>,
    /// People say that it is slow.
    pub complained_about: bool,
}

/// The workloads of a host, in the order of their kinds.
pub fn identify(_host: &Host) -> Vec<Workload> {
    Vec::new()
}

//! How much memory a host has, and whether it is short of it.

use crate::analyze::{Cause, Confidence, Evidence, Source};
use crate::model::Host;
use crate::model::units::Bytes;
use crate::recommend::Context;

/// Memory, and what tells of it: what the kernel manages now, else what is installed.
pub(super) fn memory(host: &Host) -> Option<(Bytes, Source)> {
    if let Some(info) = &host.metrics.memory {
        return Some((info.total, Source::Metrics(info.source.to_string())));
    }
    let memory = host.hardware.as_ref().and_then(|h| h.memory)?;
    Some((memory.bytes, Source::Hardware("memory".to_owned())))
}

/// What speaks for memory being too small for the work, where more speaks for it than against.
pub(super) fn shortage(context: &Context<'_>) -> Vec<Evidence> {
    let diagnosis = context.analysis.diagnosis(Cause::RamTooSmall);
    match diagnosis.filter(|d| d.confidence >= Confidence::Medium) {
        Some(diagnosis) => diagnosis.evidence(),
        None => Vec::new(),
    }
}

//! Statements about a host that several rules weigh.

use crate::analyze::{Evidence, Source, Weight, Workload};

/// A statement about the work of a host, from where the work is known.
pub(super) fn of_work(work: &Workload, weight: Weight, statement: String) -> Evidence {
    let known = work
        .evidence
        .first()
        .map(|evidence| evidence.source.clone());
    let source = known.unwrap_or_else(|| Source::Observation("the work of the host".to_owned()));
    Evidence::speaks_for(weight, source, statement)
}

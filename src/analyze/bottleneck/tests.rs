//! What the ranking promises, apart from any host.

use super::case::{Case, metrics};
use super::*;
use crate::analyze::evidence::Weight::{Moderate, Strong, Weak};
use crate::model::metrics::Sourced;

fn psi() -> Sourced<u8> {
    Sourced {
        value: 0,
        source: "a test".into(),
    }
}

#[test]
fn a_cause_that_nothing_speaks_for_is_not_a_diagnosis() {
    let mut case = Case::new(Cause::RamTooSmall, None);
    case.denies(Strong, metrics(&psi()), "much memory is free");
    assert!(case.close("x").is_none());
}

#[test]
fn confidence_comes_from_the_weights_alone() {
    let mut case = Case::new(Cause::RamTooSmall, None);
    case.says(Weak, metrics(&psi()), "a");
    case.says(Moderate, metrics(&psi()), "b");
    let diagnosis = case.close("x").unwrap();
    assert_eq!(
        (diagnosis.score(), diagnosis.confidence),
        (3, Confidence::Medium)
    );
}

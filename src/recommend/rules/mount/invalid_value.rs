//! Options whose value makes the mount fail, today or on a later kernel.

use super::fault::{Owner, findings, remedy};
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `mount/invalid-value`
pub struct InvalidValue;

static META: Meta = Meta::new(
    "mount/invalid-value",
    Severity::Error,
    "A mount option has a value on which the mount fails, today or on a later kernel",
    include_str!("invalid_value.md"),
);

impl Rule for InvalidValue {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        findings(&META, Owner::InvalidValue, context)
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        remedy(Owner::InvalidValue, context, finding)
    }
}

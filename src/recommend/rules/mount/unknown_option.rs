//! Options that do not exist, so that the mount fails.

use super::fault::{Owner, findings, remedy};
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `mount/unknown-option`
pub struct UnknownOption;

static META: Meta = Meta::new(
    "mount/unknown-option",
    Severity::Error,
    "A mount option does not exist, so the mount fails",
    include_str!("unknown_option.md"),
);

impl Rule for UnknownOption {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        findings(&META, Owner::UnknownOption, context)
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        remedy(Owner::UnknownOption, context, finding)
    }
}

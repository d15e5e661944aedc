//! Options that were taken out of the kernel, so that the mount fails or will fail.

use super::fault::{Owner, findings, remedy};
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `mount/removed-option`
pub struct RemovedOption;

static META: Meta = Meta::new(
    "mount/removed-option",
    Severity::Error,
    "A mount option was removed from the kernel, so the mount fails or will fail",
    include_str!("removed_option.md"),
);

impl Rule for RemovedOption {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        findings(&META, Owner::RemovedOption, context)
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        remedy(Owner::RemovedOption, context, finding)
    }
}

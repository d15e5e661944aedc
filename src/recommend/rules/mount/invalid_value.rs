//! Options whose value makes the mount fail, today or on a later kernel.

use super::fault::faults;
use super::view::Mounted;
use crate::btrfs::RefusalKind;
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `mount/invalid-value`
pub struct InvalidValue;

static META: Meta = Meta::new(
    "mount/invalid-value",
    Severity::Error,
    "A mount option has a value on which the mount fails, today or on a later kernel",
    include_str!("invalid_value.md"),
);

fn wanted(kind: RefusalKind) -> bool {
    matches!(
        kind,
        RefusalKind::BadValue
            | RefusalKind::UnexpectedValue
            | RefusalKind::TooNew
            | RefusalKind::NeedsReadOnly
            | RefusalKind::FreeSpaceTree
    )
}

impl Rule for InvalidValue {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let mounted = Mounted::all(context.host);
        faults(&mounted, wanted)
            .iter()
            .map(|fault| fault.finding(&META, context))
            .collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mounted = Mounted::all(context.host);
        let faults = faults(&mounted, wanted);
        faults
            .iter()
            .find(|fault| fault.subject() == finding.subject)?
            .remedy()
    }
}

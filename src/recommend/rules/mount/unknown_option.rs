//! Options that do not exist, so that the mount fails.

use super::fault::faults;
use super::view::Mounted;
use crate::btrfs::RefusalKind;
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `mount/unknown-option`
pub struct UnknownOption;

static META: Meta = Meta::new(
    "mount/unknown-option",
    Severity::Error,
    "A mount option does not exist, so the mount fails",
    include_str!("unknown_option.md"),
);

fn wanted(kind: RefusalKind) -> bool {
    matches!(
        kind,
        RefusalKind::UnknownName | RefusalKind::Removed | RefusalKind::DebugBuildOnly
    )
}

impl Rule for UnknownOption {
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

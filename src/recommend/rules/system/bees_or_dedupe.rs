//! Deduplication by bees: twice on one filesystem, where it can do nothing, or with a table that does
//! not fit the filesystem.

use super::bees::{Case, cases};
use crate::analyze::Cause;
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `system/bees-or-dedupe`
pub struct BeesOrDedupe;

static META: Meta = Meta {
    relieves: &[Cause::BackgroundDedupeOrIndexer],
    ..Meta::new(
        "system/bees-or-dedupe",
        Severity::Warning,
        "bees runs twice on a filesystem, can do nothing there, or has a table of the wrong size",
        include_str!("bees_or_dedupe.md"),
    )
};

impl Rule for BeesOrDedupe {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case| Finding {
            rule: META.id,
            subject: case.subject,
            severity: case.severity,
            message: case.message,
            at: case.at,
            evidence: case.evidence,
        };
        cases(context.host).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mut cases = cases(context.host).into_iter();
        cases.find(|case| case.subject == finding.subject)?.remedy
    }
}

//! One sysctl of the kernel's memory, set at two places.

use super::duplicates::{Case, cases};
use crate::recommend::{Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity};

/// `system/duplicate-sysctl`
pub struct DuplicateSysctl;

static META: Meta = Meta::new(
    "system/duplicate-sysctl",
    Severity::Error,
    "A sysctl is set twice: Nix refuses it, or one of the two has no effect",
    include_str!("duplicate_sysctl.md"),
);

impl Rule for DuplicateSysctl {
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
        let case = cases.find(|case| case.subject == finding.subject)?;
        let (title, actions) = case.remedy?;
        Some(Remedy {
            title,
            actions,
            costs: Vec::new(),
            applicability: Applicability::Safe,
            effect: Effect::Clarity,
        })
    }
}

//! Owns: which of two proposals goes when both set the same thing to something else.

use super::Proposal;
use crate::recommend::Severity;
use crate::recommend::action::contradiction;

/// Why a proposal is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The rule of the one that is followed instead.
    pub rule: &'static str,
    /// Its subject.
    pub subject: String,
    /// Why.
    pub why: String,
}

/// For each proposal of a plan, the stronger one that it gives way to, if there is one. Errors go
/// before all else, then what is worth more than it disturbs; between equals the plan's order
/// decides, which is that of the registry.
pub fn conflicts(plan: &[Proposal]) -> Vec<Option<Dropped>> {
    let mut order: Vec<usize> = (0..plan.len()).collect();
    let is_error = |p: &Proposal| p.finding.severity == Severity::Error;
    order.sort_by(|a, b| {
        let (a, b) = (&plan[*a], &plan[*b]);
        is_error(b)
            .cmp(&is_error(a))
            .then(b.net().total_cmp(&a.net()))
    });
    let mut dropped = vec![None; plan.len()];
    let mut followed: Vec<&Proposal> = Vec::new();
    for index in order {
        let proposal = &plan[index];
        match followed.iter().find_map(|f| contradicts(proposal, f)) {
            Some(why) => dropped[index] = Some(why),
            None => followed.push(proposal),
        }
    }
    dropped
}

/// Whether a proposal sets something to another thing than a stronger one does.
pub fn contradicts(weaker: &Proposal, stronger: &Proposal) -> Option<Dropped> {
    let target = contradiction(&weaker.sets, &stronger.sets)?;
    let (rule, subject) = stronger.key();
    let more = match stronger.finding.severity {
        Severity::Error => "which comes first, for it repairs an error",
        Severity::Warning | Severity::Advice => "which is worth more than it disturbs",
    };
    Some(Dropped {
        rule,
        subject: subject.to_owned(),
        why: format!(
            "{rule} ({subject}) sets {} otherwise, {more}",
            target.describe()
        ),
    })
}

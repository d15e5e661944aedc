//! Owns: which of two proposals goes when both set the same thing to something else.

use std::cmp::Ordering;

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
    order.sort_by(|a, b| strength(&plan[*b], &plan[*a]));
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

fn strength(one: &Proposal, other: &Proposal) -> Ordering {
    let is_error = |p: &Proposal| p.finding.severity == Severity::Error;
    let error = is_error(one).cmp(&is_error(other));
    error.then(one.net().total_cmp(&other.net()))
}

/// Whether a proposal is stronger than another one. Between equals the name decides, so that of two
/// proposals that are never there at once it is always the same.
pub fn outranks(one: &Proposal, other: &Proposal) -> bool {
    let by_name = || other.key().cmp(&one.key());
    strength(one, other).then_with(by_name) == Ordering::Greater
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impact::{Effort, Impact};
    use crate::recommend::Finding;
    use crate::recommend::action::{Sets, Setting, Target};

    fn proposal(rule: &'static str, severity: Severity, sets: &[(&str, Setting)]) -> Proposal {
        let target = |name: &str| Target::Option(name.split('.').map(str::to_owned).collect());
        Proposal {
            finding: Finding {
                rule,
                subject: "x".to_owned(),
                severity,
                message: String::new(),
                at: None,
                evidence: Vec::new(),
            },
            remedy: None,
            class: None,
            impact: Impact::default(),
            effort: Effort::default(),
            sets: sets
                .iter()
                .map(|(name, to)| Sets {
                    target: target(name),
                    to: to.clone(),
                })
                .collect(),
            trades: Vec::new(),
        }
    }

    fn followed(plan: &[Proposal]) -> Vec<Option<&'static str>> {
        let of = |d: &Option<Dropped>| d.as_ref().map(|d| d.rule);
        conflicts(plan).iter().map(of).collect()
    }

    fn is(number: i64) -> Setting {
        Setting::Is(number.into())
    }

    #[test]
    fn the_weaker_of_two_that_contradict_each_other_goes() {
        let weak = proposal("weak", Severity::Advice, &[("a.b", is(1)), ("c", is(1))]);
        let strong = proposal("strong", Severity::Warning, &[("a.b", is(2))]);
        let same = proposal("same", Severity::Advice, &[("a.b", is(2))]);
        let other = proposal("other", Severity::Advice, &[("d", is(1))]);
        let plan = [weak, strong, same, other];
        assert_eq!(followed(&plan), [Some("strong"), None, None, None]);
        let why = conflicts(&plan)[0].clone().map(|d| d.why);
        assert_eq!(
            why.as_deref(),
            Some("strong (x) sets a.b otherwise, which is worth more than it disturbs")
        );
    }

    #[test]
    fn errors_win_and_the_order_of_the_plan_decides_between_equals() {
        let error = || proposal("error", Severity::Error, &[("a", Setting::Gone)]);
        let first = || proposal("first", Severity::Warning, &[("a", is(1))]);
        let second = || proposal("second", Severity::Warning, &[("a", is(2))]);
        assert_eq!(followed(&[first(), second()]), [None, Some("first")]);
        assert_eq!(followed(&[second(), first()]), [None, Some("second")]);
        let plan = [first(), second(), error()];
        assert_eq!(followed(&plan), [Some("error"), Some("error"), None]);
    }

    #[test]
    fn who_gives_way_stands_in_nobodys_way() {
        let a = proposal("a", Severity::Error, &[("x", is(1))]);
        let b = proposal("b", Severity::Warning, &[("x", is(2)), ("y", is(2))]);
        let c = proposal("c", Severity::Advice, &[("y", is(3))]);
        assert_eq!(followed(&[a, b, c]), [None, Some("a"), None]);
    }

    #[test]
    fn a_whole_contradicts_what_is_set_within_it() {
        let whole = |to| proposal("whole", Severity::Warning, &[("a", to)]);
        let inner = || proposal("inner", Severity::Advice, &[("a.b", is(1))]);
        let set = |n: i64| Setting::Is(serde_json::json!({ "b": n }));
        assert_eq!(followed(&[whole(set(1)), inner()]), [None, None]);
        assert_eq!(followed(&[whole(set(2)), inner()]), [None, Some("whole")]);
        let gone = Setting::Gone;
        assert_eq!(followed(&[whole(gone), inner()]), [None, Some("whole")]);
    }
}

//! Owns: which proposals say the same in two guises, and in which order the rest is done.

use super::Proposal;
use crate::recommend::Class;
use crate::recommend::rules::rule;

/// Leaves out what another rule says better about the same thing.
pub(super) fn drop_what_yields(proposals: &mut Vec<Proposal>) {
    let yields = |proposal: &Proposal, all: &[Proposal]| {
        let to = yields_to(proposal);
        let mut better = all.iter().filter(|p| to.contains(&p.finding.rule));
        better.any(|p| say_the_same(proposal, p))
    };
    let gone: Vec<bool> = proposals.iter().map(|p| yields(p, proposals)).collect();
    let mut gone = gone.into_iter();
    proposals.retain(|_| !gone.next().unwrap_or_default());
}

fn yields_to(proposal: &Proposal) -> &'static [&'static str] {
    rule(proposal.finding.rule).map_or(&[], |rule| rule.meta().yields_to)
}

/// Whether two findings are about one thing: they set the same target, stand at the same place, or
/// call it the same.
fn say_the_same(one: &Proposal, other: &Proposal) -> bool {
    let targets = || {
        one.sets
            .iter()
            .any(|a| other.sets.iter().any(|b| a.target == b.target))
    };
    let at = || one.finding.at.is_some() && one.finding.at == other.finding.at;
    targets() || at() || one.finding.subject == other.finding.subject
}

/// The order of work: what needs a reinstall last, then worth against disruption, and nothing
/// before what it rests on. The order of the registry decides between equals, so the result is
/// always the same.
pub(super) fn sort(mut proposals: Vec<Proposal>) -> Vec<Proposal> {
    let reinstall = |p: &Proposal| p.class() == Class::Reinstall;
    proposals.sort_by(|a, b| {
        reinstall(a)
            .cmp(&reinstall(b))
            .then(b.net().total_cmp(&a.net()))
    });
    let mut sorted: Vec<Proposal> = Vec::with_capacity(proposals.len());
    while !proposals.is_empty() {
        let waits = |p: &Proposal| {
            let first = rule(p.finding.rule).map_or(&[][..], |rule| rule.meta().after);
            let mut others = proposals.iter().filter(|o| reinstall(o) == reinstall(p));
            others.any(|o| o.finding.rule != p.finding.rule && first.contains(&o.finding.rule))
        };
        // Rules that wait for each other are an error of theirs, which a test finds; here the
        // first goes.
        let next = proposals.iter().position(|p| !waits(p)).unwrap_or_default();
        sorted.push(proposals.remove(next));
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impact::{Effort, Impact};
    use crate::recommend::{ClassOf, Finding, Severity};

    fn proposal(rule: &'static str, subject: &str, severity: Severity) -> Proposal {
        Proposal {
            finding: Finding {
                rule,
                subject: subject.to_owned(),
                severity,
                message: String::new(),
                at: None,
                evidence: Vec::new(),
            },
            remedy: None,
            class: None,
            impact: Impact::default(),
            effort: Effort::default(),
            sets: Vec::new(),
            trades: Vec::new(),
        }
    }

    fn rules(proposals: &[Proposal]) -> Vec<&str> {
        proposals.iter().map(|p| p.finding.rule).collect()
    }

    #[test]
    fn what_a_better_rule_says_of_the_same_thing_is_left_out() {
        let (clamped, level) = ("mount/clamped-value", "mount/compression-level");
        assert!(rule(clamped).is_some_and(|r| r.meta().yields_to.contains(&level)));
        let mut same = vec![
            proposal(clamped, "x", Severity::Warning),
            proposal(level, "x", Severity::Advice),
        ];
        drop_what_yields(&mut same);
        assert_eq!(rules(&same), [level]);
        let mut other = vec![
            proposal(clamped, "x", Severity::Warning),
            proposal(level, "y", Severity::Advice),
        ];
        drop_what_yields(&mut other);
        assert_eq!(rules(&other), [clamped, level]);
    }

    #[test]
    fn nothing_comes_before_what_it_rests_on() {
        let (spread, first) = ("mount/unstated-option", "mount/conflicting-options");
        assert!(rule(spread).is_some_and(|r| r.meta().after.contains(&first)));
        // Worth more, and yet it waits; what it does not rest on goes by worth.
        let all = vec![
            proposal(spread, "/", Severity::Error),
            proposal("mount/atime", "/", Severity::Warning),
            proposal(first, "/", Severity::Advice),
        ];
        assert_eq!(rules(&sort(all)), ["mount/atime", first, spread]);
    }

    #[test]
    fn a_reinstall_comes_last_even_where_others_wait_for_it() {
        let reinstall = |mut p: Proposal| {
            p.class = Some(ClassOf {
                class: Class::Reinstall,
                reason: String::new(),
            });
            p
        };
        let all = vec![
            reinstall(proposal("mount/conflicting-options", "/", Severity::Error)),
            proposal("mount/unstated-option", "/", Severity::Advice),
        ];
        let order = sort(all);
        assert_eq!(
            rules(&order),
            ["mount/unstated-option", "mount/conflicting-options"]
        );
    }
}

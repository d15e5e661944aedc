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

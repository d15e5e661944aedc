//! Owns: what is taken back where Nix contradicts, and what is left without it.

use std::collections::BTreeSet;

use super::Done;
use crate::ingest::problem::Problem;
use crate::project::HostName;
use crate::rewrite::{Outcome, Realised, Stuck, Workspace, realise};
use crate::select::Proposal;

/// Why something is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nix says otherwise.
    Wrong,
    /// Nix could not be asked.
    Unasked,
}

/// Something that Nix says otherwise of a host, or cannot say; without a path it is about the host
/// as a whole.
#[derive(Debug)]
pub(super) struct Contradiction {
    pub(super) host: HostName,
    pub(super) kind: Kind,
    pub(super) path: Option<Vec<String>>,
    pub(super) why: String,
}

impl Contradiction {
    fn problem(&self, names: &[String]) -> Problem {
        let what = match names {
            [] => "all patches are withdrawn".to_owned(),
            names => format!("withdrawn: {}", names.join(", ")),
        };
        let source = format!("host {}", self.host.0);
        let (why, help) = match self.kind {
            Kind::Wrong => (
                self.why.clone(),
                "please report this, with the files that it is about",
            ),
            Kind::Unasked => (
                format!("the patches cannot be verified: {}", self.why),
                "see what `nix eval` says of the host, or leave --verify out",
            ),
        };
        Problem::error(&source, format!("{why}; {what}")).help(help)
    }

    fn reason(&self) -> String {
        match self.kind {
            Kind::Wrong => format!("Nix contradicts it: {}", self.why),
            Kind::Unasked => format!("it cannot be verified: {}", self.why),
        }
    }
}

/// How much is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// What contradictions speak of, and what is built on it.
    Guilty,
    /// Every patch.
    All,
}

/// A host and what its plan calls a proposal.
type Key = (HostName, &'static str, String);

fn key(host: &HostName, proposal: &Proposal) -> Key {
    let (rule, subject) = proposal.key();
    (host.clone(), rule, subject.to_owned())
}

/// All patches, in the order in which they apply.
pub(super) fn patches<'a>(
    done: &'a [Done<'_>],
) -> impl Iterator<Item = (&'a HostName, &'a Realised)> {
    let all = done
        .iter()
        .flat_map(|d| d.realised.iter().map(move |r| (d.name, r)));
    all.filter(|(_, r)| matches!(r.outcome, Outcome::Patch { .. }))
}

/// Takes back what is contradicted, and what was built on it; at least one patch. Gives the
/// workspace with the rest, made anew, and what has to be told.
pub(super) fn withdraw(
    start: &Workspace,
    done: &mut [Done<'_>],
    contradictions: &[Contradiction],
    extent: Extent,
) -> (Workspace, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut withdrawn: Vec<(Key, String)> = Vec::new();
    for contradiction in contradictions {
        let guilty = guilty(done, contradiction);
        let names: Vec<String> = guilty
            .iter()
            .map(|k| format!("{} ({})", k.1, k.2))
            .collect();
        problems.push(contradiction.problem(&names));
        let everything = extent == Extent::All || guilty.is_empty();
        let all = || patches(done).map(|(host, r)| key(host, &r.proposal));
        let keys = match everything {
            true => all().collect(),
            false => guilty,
        };
        for key in keys {
            if !withdrawn.iter().any(|(k, _)| *k == key) {
                withdrawn.push((key, contradiction.reason()));
            }
        }
    }
    built_on(done, &mut withdrawn);
    let why = |key: &Key| {
        let mut all = withdrawn.iter();
        all.find(|(k, _)| k == key).map(|(_, why)| why.clone())
    };
    let mut workspace = start.clone();
    for one in done.iter_mut() {
        let name = one.name;
        let kept: Vec<Key> = one
            .realised
            .iter()
            .filter(|r| matches!(r.outcome, Outcome::Patch { .. }))
            .map(|r| key(name, &r.proposal))
            .filter(|key| why(key).is_none())
            .collect();
        let wanted = |p: &Proposal| kept.contains(&key(name, p));
        let (next, again) = realise(&workspace, name, one.facts, &wanted);
        workspace = next;
        for realised in one.realised.iter_mut() {
            let own = key(name, &realised.proposal);
            let made = again.iter().find(|r| key(name, &r.proposal) == own);
            let lost = match (&realised.outcome, made.map(|r| &r.outcome)) {
                (Outcome::Patch { .. }, Some(outcome @ Outcome::Patch { .. }))
                | (Outcome::With(_), Some(outcome @ Outcome::With(_))) => {
                    realised.outcome = outcome.clone();
                    continue;
                }
                (Outcome::Patch { .. }, _) => why(&own),
                (Outcome::With(other), _) => {
                    Some(format!("the patch of the host {} was withdrawn", other.0))
                }
                _ => continue,
            };
            let why = lost.unwrap_or_else(|| "what it was built on was withdrawn".to_owned());
            realised.outcome = Outcome::Stuck(Stuck { why, at: None });
        }
    }
    (workspace, problems)
}

/// The patches that a contradiction speaks of: those that claim something at its path; if there are
/// none, all that change the host.
fn guilty(done: &[Done<'_>], contradiction: &Contradiction) -> Vec<Key> {
    let concerns = |host: &HostName, realised: &Realised| {
        *host == contradiction.host
            || matches!(&realised.outcome, Outcome::Patch { hosts, shared_with, .. }
                if hosts.contains(&contradiction.host) || shared_with.contains(&contradiction.host))
    };
    let all = || patches(done).filter(|(host, r)| concerns(host, r));
    let claims = |realised: &Realised| match (&realised.outcome, &contradiction.path) {
        (Outcome::Patch { changes, .. }, Some(path)) => changes
            .iter()
            .any(|c| c.path.starts_with(path) || path.starts_with(&c.path)),
        _ => false,
    };
    let keys = |(host, realised): (&HostName, &Realised)| key(host, &realised.proposal);
    let named: Vec<Key> = all().filter(|(_, r)| claims(r)).map(keys).collect();
    match named.is_empty() {
        true => all().map(keys).collect(),
        false => named,
    }
}

/// Adds the patches that come after withdrawn ones in the same files.
fn built_on(done: &[Done<'_>], withdrawn: &mut Vec<(Key, String)>) {
    let mut files: BTreeSet<&str> = BTreeSet::new();
    for (host, realised) in patches(done) {
        let Outcome::Patch { files: own, .. } = &realised.outcome else {
            continue;
        };
        let own = || own.iter().map(|f| f.path.as_str());
        let key = key(host, &realised.proposal);
        let is_withdrawn = withdrawn.iter().any(|(k, _)| *k == key);
        if is_withdrawn || own().any(|path| files.contains(path)) {
            files.extend(own());
            if !is_withdrawn {
                let why = "it is built on a patch that Nix contradicts".to_owned();
                withdrawn.push((key, why));
            }
        }
    }
}

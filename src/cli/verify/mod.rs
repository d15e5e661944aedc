//! `fix --verify`: the real Nix is asked whether the patches do what is claimed, once for all of
//! them; what it contradicts is withdrawn.

mod compare;
mod nix;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use miette::miette;

use super::inputs::Opened;
use crate::ingest::problem::Problem;
use crate::model::Facts;
use crate::nix::oracle::{self, Limits};
use crate::project::{Entry, HostName};
use crate::rewrite::{Outcome, Realised, Stuck, Workspace, realise};
use crate::select::Proposal;
use compare::{Compared, Wrong};
use nix::{NoAnswer, Pair};

/// What was made of one host.
pub(super) struct Done<'a> {
    /// The host.
    pub(super) name: &'a HostName,
    /// What is known of it besides its configuration.
    pub(super) facts: &'a Facts,
    /// Its patches and advice, in the order in which they apply.
    pub(super) realised: &'a mut Vec<Realised>,
}

/// Asks Nix about all patches together: about every host that reads a changed file, before and
/// after. What Nix contradicts is made advice, with all that was built on it; the rest is made anew
/// without it. Gives the workspace that is left, and what has to be told.
pub(super) fn run(
    opened: &Opened,
    limits: &Limits,
    start: &Workspace,
    last: Workspace,
    done: &mut [Done<'_>],
) -> miette::Result<(Workspace, Vec<Problem>)> {
    oracle::version(limits).map_err(|error| {
        miette!(
            help = error.help(),
            "the patches cannot be verified: {error}"
        )
    })?;
    if !patches(done).any(|_| true) {
        return Ok((last, Vec::new()));
    }
    let (contradictions, notes) = contradictions(opened, limits, start, &last);
    withdraw(start, last, done, contradictions, notes)
}

/// Something that Nix says otherwise of a host; without a path it is about the host as a whole.
struct Contradiction {
    host: HostName,
    path: Option<Vec<String>>,
    why: String,
}

fn contradictions(
    opened: &Opened,
    limits: &Limits,
    start: &Workspace,
    last: &Workspace,
) -> (Vec<Contradiction>, Vec<Problem>) {
    let project = &opened.project;
    let root = match project.in_git {
        true => project.root.as_path(),
        false => project.directory.as_path(),
    };
    let changed = start.differing(last);
    let text = |id| {
        let file = last.sources().file(id)?;
        Some((file.path().to_path_buf(), file.text().to_owned()))
    };
    let edits: Vec<(PathBuf, String)> = changed.iter().filter_map(|id| text(*id)).collect();
    let readers = |w: &Workspace| -> BTreeSet<HostName> {
        let readers = changed.iter().flat_map(|id| w.readers(*id));
        readers.cloned().collect()
    };
    let mut hosts = readers(start);
    hosts.extend(readers(last));
    let discovery = project.hosts(&opened.sources);
    let (mut wrong, mut notes) = (Vec::new(), Vec::new());
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    for host in &hosts {
        let mut contradict = |path, why| {
            wrong.push(Contradiction {
                host: host.clone(),
                path,
                why,
            });
        };
        let entry = match discovery.host(host).map(|h| h.entry()) {
            Some(entry @ (Entry::Flake(_) | Entry::File(_))) => entry,
            Some(Entry::Parts(_)) | None => {
                let why = "no single file or flake makes it, so Nix cannot be asked";
                contradict(None, why.to_owned());
                continue;
            }
        };
        if !pairs.iter().any(|p| p.is_of(&entry)) {
            let root = within(root, &entry);
            pairs.push(Pair::new(entry.clone(), &root, limits, &edits));
        }
        let Some(pair) = pairs.iter().find(|p| p.is_of(&entry)) else {
            continue;
        };
        let claims = last.changes_since(start, host);
        let claimed: Vec<Vec<String>> = claims.iter().map(|c| c.path.clone()).collect();
        let answered = match pair.ask(host, &claimed) {
            Ok(answered) => answered,
            Err(NoAnswer::After(why)) => {
                contradict(None, format!("with the patches, {why}"));
                continue;
            }
            Err(NoAnswer::Unasked(why)) => {
                contradict(None, why);
                continue;
            }
        };
        if let Some(instead) = &answered.instead {
            notes.push(Problem::note(&format!("host {}", host.0), instead.clone()));
        }
        let (Ok(before), Ok(after)) = (start.evaluate(host), last.evaluate(host)) else {
            contradict(None, "it can no longer be read".to_owned());
            continue;
        };
        let compared = Compared {
            claims: &claims,
            models: (&before.host(), &after.host()),
            real: (&answered.before, &answered.after),
        };
        for Wrong { path, why } in compared.wrong() {
            contradict(Some(path), why);
        }
    }
    (wrong, notes)
}

/// The tree to copy: that of the project, unless the file lies beyond it.
fn within(root: &Path, entry: &Entry) -> PathBuf {
    let (Entry::Flake(file) | Entry::File(file)) = entry else {
        return root.to_path_buf();
    };
    match (file.starts_with(root), file.parent()) {
        (false, Some(parent)) => parent.to_path_buf(),
        _ => root.to_path_buf(),
    }
}

/// A host and what its plan calls a proposal.
type Key = (HostName, &'static str, String);

fn key(host: &HostName, proposal: &Proposal) -> Key {
    let (rule, subject) = proposal.key();
    (host.clone(), rule, subject.to_owned())
}

/// All patches, in the order in which they apply.
fn patches<'a>(done: &'a [Done<'_>]) -> impl Iterator<Item = (&'a HostName, &'a Realised)> {
    let all = done
        .iter()
        .flat_map(|d| d.realised.iter().map(move |r| (d.name, r)));
    all.filter(|(_, r)| matches!(r.outcome, Outcome::Patch { .. }))
}

/// Takes back what is contradicted, and what was built on it.
fn withdraw(
    start: &Workspace,
    last: Workspace,
    done: &mut [Done<'_>],
    contradictions: Vec<Contradiction>,
    mut problems: Vec<Problem>,
) -> miette::Result<(Workspace, Vec<Problem>)> {
    if contradictions.is_empty() {
        return Ok((last, problems));
    }
    let mut withdrawn: Vec<(Key, String)> = Vec::new();
    for contradiction in &contradictions {
        let guilty = guilty(done, contradiction);
        let names: Vec<String> = guilty
            .iter()
            .map(|k| format!("{} ({})", k.1, k.2))
            .collect();
        let what = match names.is_empty() {
            true => "no patch explains it".to_owned(),
            false => format!("withdrawn: {}", names.join(", ")),
        };
        let source = format!("host {}", contradiction.host.0);
        let problem = Problem::error(&source, format!("{}; {what}", contradiction.why));
        problems.push(problem.help("please report this, with the files that it is about"));
        for key in guilty {
            if !withdrawn.iter().any(|(k, _)| *k == key) {
                withdrawn.push((key, format!("Nix contradicts it: {}", contradiction.why)));
            }
        }
    }
    built_on(done, &mut withdrawn);
    let why = |key: &Key| {
        let mut all = withdrawn.iter();
        all.find(|(k, _)| k == key).map(|(_, why)| why.clone())
    };
    let mut workspace = start.clone();
    for one in done {
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
    Ok((workspace, problems))
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

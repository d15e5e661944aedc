//! `fix --verify`: the real Nix is asked whether the patches do what is claimed, once for all of
//! them; what it contradicts is withdrawn, and the rest asked about again.

mod compare;
mod nix;
#[cfg(test)]
mod tests;
mod withdraw;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use miette::miette;

use super::inputs::Opened;
use crate::ingest::problem::Problem;
use crate::model::Facts;
use crate::nix::oracle::{self, Limits};
use crate::nix::source::FileId;
use crate::project::{Entry, HostName};
use crate::rewrite::{Realised, Workspace};
use compare::{Compared, Wrong};
use nix::{NoAnswer, Pair};
use withdraw::{Contradiction, Extent, Kind, withdraw};

/// How often Nix is asked, at most. What it contradicts the last time is withdrawn with everything
/// else, so what is left was confirmed as it is.
const ROUNDS: usize = 3;

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
/// without it, and asked about again. Gives the workspace that is left, and what has to be told.
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
    let (mut last, mut problems) = (last, Vec::new());
    let mut asking = Asking::new(opened, limits, start);
    for round in 1..=ROUNDS {
        if !withdraw::patches(done).any(|_| true) {
            break;
        }
        let contradictions = asking.about(&last);
        if contradictions.is_empty() {
            break;
        }
        let extent = match round {
            ROUNDS => Extent::All,
            _ => Extent::Guilty,
        };
        let (left, told) = withdraw(start, done, &contradictions, extent);
        last = left;
        problems.extend(told);
    }
    problems.extend(asking.notes());
    Ok((last, problems))
}

/// The questions of one run.
struct Asking<'a> {
    opened: &'a Opened,
    limits: &'a Limits,
    start: &'a Workspace,
    /// What is asked about, once each.
    pairs: Vec<Pair<'a>>,
    /// Of hosts that no NixOS answered for, what did.
    instead: BTreeMap<HostName, String>,
}

impl<'a> Asking<'a> {
    fn new(opened: &'a Opened, limits: &'a Limits, start: &'a Workspace) -> Self {
        Asking {
            opened,
            limits,
            start,
            pairs: Vec::new(),
            instead: BTreeMap::new(),
        }
    }

    fn notes(self) -> impl Iterator<Item = Problem> {
        let instead = self.instead.into_iter();
        instead.map(|(host, what)| Problem::note(&format!("host {}", host.0), what))
    }

    /// What Nix says otherwise of the patches that make `last`.
    fn about(&mut self, last: &Workspace) -> Vec<Contradiction> {
        let changed = self.start.differing(last);
        let text = |id: FileId| {
            let file = last.sources().file(id)?;
            Some((file.path().to_path_buf(), file.text().to_owned()))
        };
        let edits: Vec<(PathBuf, String)> = changed.iter().filter_map(|id| text(*id)).collect();
        for pair in &mut self.pairs {
            pair.edit(&edits);
        }
        let readers = |w: &Workspace| -> BTreeSet<HostName> {
            let readers = changed.iter().flat_map(|id| w.readers(*id));
            readers.cloned().collect()
        };
        let mut hosts = readers(self.start);
        hosts.extend(readers(last));
        let mut wrong = Vec::new();
        for host in &hosts {
            let found = self.host(host, last, &edits);
            wrong.extend(found.into_iter().map(|(kind, path, why)| Contradiction {
                host: host.clone(),
                kind,
                path,
                why,
            }));
        }
        wrong
    }

    fn host(
        &mut self,
        host: &HostName,
        last: &Workspace,
        edits: &[(PathBuf, String)],
    ) -> Vec<(Kind, Option<Vec<String>>, String)> {
        let discovery = self.opened.project.hosts(&self.opened.sources);
        let entry = match discovery.host(host).map(|h| h.entry()) {
            Some(entry @ (Entry::Flake(_) | Entry::File(_))) => entry,
            Some(Entry::Parts(_)) | None => {
                let why = "no single file or flake makes it, so Nix cannot be asked";
                return vec![(Kind::Unasked, None, why.to_owned())];
            }
        };
        let index = match self.pairs.iter().position(|p| p.is_of(&entry)) {
            Some(index) => index,
            None => {
                let root = self.root(&entry);
                let mut pair = Pair::new(entry, &root, self.limits);
                pair.edit(edits);
                self.pairs.push(pair);
                self.pairs.len() - 1
            }
        };
        let Some(pair) = self.pairs.get_mut(index) else {
            return Vec::new();
        };
        let claims = last.changes_since(self.start, host);
        let claimed: Vec<Vec<String>> = claims.iter().map(|c| c.path.clone()).collect();
        let answered = match pair.ask(host, &claimed) {
            Ok(answered) => answered,
            Err(NoAnswer::After(why)) => {
                return vec![(Kind::Wrong, None, format!("with the patches, {why}"))];
            }
            Err(NoAnswer::Unasked(why)) => return vec![(Kind::Unasked, None, why)],
        };
        if let Some(instead) = answered.instead {
            self.instead.insert(host.clone(), instead);
        }
        let (Ok(before), Ok(after)) = (self.start.evaluate(host), last.evaluate(host)) else {
            let why = "it can no longer be read".to_owned();
            return vec![(Kind::Wrong, None, why)];
        };
        let compared = Compared {
            claims: &claims,
            models: (&before.host(), &after.host()),
            real: (answered.before, &answered.after),
        };
        let wrong = compared.wrong().into_iter();
        wrong
            .map(|Wrong { path, why }| (Kind::Wrong, Some(path), why))
            .collect()
    }

    /// The tree to copy: that of the project, unless the file lies beyond it.
    fn root(&self, entry: &Entry) -> PathBuf {
        let project = &self.opened.project;
        let root: &Path = match project.in_git {
            true => &project.root,
            false => &project.directory,
        };
        let (Entry::Flake(file) | Entry::File(file)) = entry else {
            return root.to_path_buf();
        };
        match (file.starts_with(root), file.parent()) {
            (false, Some(parent)) => parent.to_path_buf(),
            _ => root.to_path_buf(),
        }
    }
}

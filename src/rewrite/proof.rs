//! The proof: a candidate edit is kept only if the evaluated configuration changes exactly as the
//! action claims, on the host that is meant, and on no other.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value as Json;

use crate::nix::edit::{TextEdit, apply};
use crate::nix::eval::Unknown;
use crate::nix::guard;
use crate::nix::module::{Change, Tree, difference};
use crate::nix::source::{FileId, Sources};
use crate::nix::syntax;
use crate::project::{Evaluated, HostName, Project};
use crate::recommend::Action;

use super::lower::{self, Candidate, Claim, Intent, Stuck};

/// A host as the current texts make it.
#[derive(Debug, Clone)]
struct HostState {
    name: HostName,
    tree: Tree,
    files: BTreeSet<FileId>,
}

/// The project with the edits made so far. Cheap to copy.
#[derive(Debug, Clone)]
pub struct Workspace {
    project: Rc<Project>,
    sources: Rc<Sources>,
    texts: BTreeMap<FileId, String>,
    hosts: Rc<Vec<HostState>>,
}

/// The result of one proven action.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The project with the action's edits.
    pub workspace: Workspace,
    /// The exact difference of the host's evaluated configuration.
    pub changes: Vec<Change>,
}

impl Workspace {
    /// Evaluates all hosts of a project. Hosts that cannot be evaluated are given back with the
    /// reason; they cannot be protected by the proof, nor edited.
    pub fn open(
        project: Rc<Project>,
        sources: Rc<Sources>,
        names: &[HostName],
    ) -> (Workspace, Vec<(HostName, Rc<Unknown>)>) {
        let (mut hosts, mut failed) = (Vec::new(), Vec::new());
        for name in names {
            match project.evaluate(&sources, name) {
                Ok(evaluated) => hosts.push(state_of(name, &evaluated)),
                Err(unknown) => failed.push((name.clone(), unknown)),
            }
        }
        (
            Workspace {
                project,
                sources,
                texts: BTreeMap::new(),
                hosts: Rc::new(hosts),
            },
            failed,
        )
    }

    /// The files as they are now.
    pub fn sources(&self) -> &Rc<Sources> {
        &self.sources
    }

    /// The texts that differ from the disk.
    pub fn texts(&self) -> &BTreeMap<FileId, String> {
        &self.texts
    }

    /// The files whose text differs in another workspace of the project.
    pub fn differing(&self, other: &Workspace) -> Vec<FileId> {
        let text = |w: &Workspace, id| w.sources.file(id).map(|f| f.text().to_owned());
        let ids = other.texts.keys().copied();
        ids.filter(|id| text(self, *id) != text(other, *id))
            .collect()
    }

    /// The hosts that can be evaluated.
    pub fn hosts(&self) -> impl Iterator<Item = &HostName> {
        self.hosts.iter().map(|h| &h.name)
    }

    /// The hosts that read a file.
    pub fn readers(&self, file: FileId) -> Vec<&HostName> {
        self.hosts
            .iter()
            .filter(|h| h.files.contains(&file))
            .map(|h| &h.name)
            .collect()
    }

    /// Evaluates a host over the current texts.
    pub fn evaluate(&self, host: &HostName) -> Result<Evaluated, Rc<Unknown>> {
        self.project.evaluate(&self.sources, host)
    }

    /// Writes an action as edits, proven; or says what stands in the way.
    pub fn prove(&self, host: &HostName, actions: &[Action]) -> Result<Proven, Stuck> {
        let stuck = |why: String| Stuck { why, at: None };
        let evaluated = self.evaluate(host).map_err(|u| Stuck {
            why: u.why.to_string(),
            at: u.at,
        })?;
        let model = evaluated.host();
        let mut intents = Vec::new();
        for action in actions {
            intents.extend(lower::intents(action, &model, &evaluated)?);
        }
        let claims: Vec<Claim> = intents.iter().flat_map(|i| i.claims()).collect();
        let mut current = self.clone();
        for intent in &intents {
            current = current.fulfil(self, host, intent, &claims)?;
        }
        let changes = current.changes_since(self, host);
        let all_claimed = claims.iter().all(|claim| {
            let change = changes.iter().find(|c| c.path == claim.path);
            match change {
                Some(change) => claim.holds(change.after.as_ref()),
                None => claim.holds(self.value_at(host, &claim.path).as_ref()),
            }
        });
        let nothing_else = changes
            .iter()
            .all(|c| claims.iter().any(|claim| claim.path == c.path));
        if !all_claimed || !nothing_else {
            return Err(stuck(
                "the edits together do not give the claimed change".to_owned(),
            ));
        }
        if changes.is_empty() {
            return Err(stuck("the configuration already says so".to_owned()));
        }
        Ok(Proven {
            workspace: current,
            changes,
        })
    }

    /// Tries the candidates of one intent, the smallest first.
    fn fulfil(
        &self,
        start: &Workspace,
        host: &HostName,
        intent: &Intent,
        claims: &[Claim],
    ) -> Result<Workspace, Stuck> {
        let met = |workspace: &Workspace| {
            let holds = |claim: &Claim| claim.holds(workspace.value_at(host, &claim.path).as_ref());
            intent.claims().iter().all(holds)
        };
        if met(self) {
            return Ok(self.clone());
        }
        let evaluated = self.evaluate(host).map_err(|u| Stuck {
            why: u.why.to_string(),
            at: u.at,
        })?;
        let candidates = lower::candidates(intent, &evaluated);
        let mut reason = None;
        for candidate in &candidates {
            match self.with(candidate) {
                Ok(next) => match next.only_claimed(start, host, claims) {
                    Ok(()) if met(&next) => return Ok(next),
                    Ok(()) => {}
                    Err(why) => reason = reason.or(Some(why)),
                },
                Err(why) => reason = reason.or(Some(Stuck { why, at: None })),
            }
        }
        Err(reason.unwrap_or_else(|| Stuck {
            why: match candidates.is_empty() {
                true => format!("no place to write {} was found", intent.describe()),
                false => format!(
                    "no way of writing {} has exactly that effect",
                    intent.describe()
                ),
            },
            at: None,
        }))
    }

    /// The workspace with one candidate's edits, if every file still is what Nix accepts.
    fn with(&self, candidate: &Candidate) -> Result<Workspace, String> {
        let mut texts = self.texts.clone();
        let mut by_file: BTreeMap<FileId, Vec<TextEdit>> = BTreeMap::new();
        for (file, edit) in &candidate.edits {
            by_file.entry(*file).or_default().push(edit.clone());
        }
        let changed: Vec<FileId> = by_file.keys().copied().collect();
        for (file, edits) in by_file {
            let source = self.sources.file(file).ok_or("a file that is not known")?;
            let text = apply(source.text(), &edits).ok_or("two edits overlap")?;
            guard::check(text.as_bytes()).map_err(|(_, refusal)| refusal.to_string())?;
            texts.insert(file, text);
        }
        let sources = Rc::new(self.sources.with_texts(&texts));
        for file in &changed {
            let (Some(before), Some(after)) = (self.sources.file(*file), sources.file(*file))
            else {
                return Err("a file that is not known".to_owned());
            };
            after.hir().map_err(|error| error.message)?;
            keeps_comments(
                &before.tree().clone(),
                after.tree(),
                &candidate.dropped_comments,
            )?;
        }
        let mut hosts = Vec::with_capacity(self.hosts.len());
        for host in self.hosts.iter() {
            // A host that reads none of the files cannot have changed.
            if changed.iter().all(|file| !host.files.contains(file)) {
                hosts.push(host.clone());
                continue;
            }
            let evaluated = self
                .project
                .evaluate(&sources, &host.name)
                .map_err(|u| u.why.to_string())?;
            hosts.push(state_of(&host.name, &evaluated));
        }
        Ok(Workspace {
            project: Rc::clone(&self.project),
            sources,
            texts,
            hosts: Rc::new(hosts),
        })
    }

    /// Whether nothing has changed since `start` but what the claims name, on this host alone.
    fn only_claimed(
        &self,
        start: &Workspace,
        host: &HostName,
        claims: &[Claim],
    ) -> Result<(), Stuck> {
        for state in self.hosts.iter() {
            for change in self.changes_since(start, &state.name) {
                let path = change.path.join(".");
                if state.name != *host {
                    let why = format!("it would also change {path} of the host {}", state.name.0);
                    return Err(Stuck { why, at: None });
                }
                if !claims.iter().any(|claim| claim.path == change.path) {
                    let why = format!("it would also change {path}");
                    return Err(Stuck { why, at: None });
                }
            }
        }
        Ok(())
    }

    fn state(&self, host: &HostName) -> Option<&HostState> {
        self.hosts.iter().find(|h| h.name == *host)
    }

    /// The exact difference of a host's configuration to an earlier workspace.
    pub fn changes_since(&self, start: &Workspace, host: &HostName) -> Vec<Change> {
        match (start.state(host), self.state(host)) {
            (Some(before), Some(after)) => difference(&before.tree, &after.tree),
            _ => Vec::new(),
        }
    }

    /// An attribute of a host's configuration.
    fn value_at(&self, host: &HostName, path: &[String]) -> Option<Json> {
        let mut tree = &self.state(host)?.tree;
        for name in path {
            let Tree::Set(map) = tree else { return None };
            tree = map.get(name)?;
        }
        Some(tree.to_json())
    }
}

fn state_of(name: &HostName, evaluated: &Evaluated) -> HostState {
    let tree = evaluated.configuration.snapshot(&evaluated.evaluator);
    let files = evaluated.evaluator.files_read().into_iter().collect();
    HostState {
        name: name.clone(),
        tree,
        files,
    }
}

/// Whether every comment is still there, except those that a candidate takes along on purpose.
fn keeps_comments(
    before: &rnix::SyntaxNode,
    after: &rnix::SyntaxNode,
    dropped: &[String],
) -> Result<(), String> {
    let mut left = syntax::comments(after);
    for comment in syntax::comments(before) {
        match left.iter().position(|c| *c == comment) {
            Some(index) => {
                left.swap_remove(index);
            }
            None if dropped.contains(&comment) => {}
            None => return Err(format!("it would lose the comment `{comment}`")),
        }
    }
    Ok(())
}

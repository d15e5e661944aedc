//! The proof: a candidate edit is kept only if the evaluated configuration changes exactly as the
//! action claims on the host that is meant, and on any other not at all, unless that host has the
//! same finding, and changes exactly as the remedy claims there.
//!
//! A limit: an unknown (a package, what an input makes) is compared by its expression. What changes
//! only an argument that it takes, a variable of a `let`, is not seen; `fix --verify` sees it where
//! it comes out again in what Nix is asked.
//!
//! Owns the working copy of the project's texts and what they make of each host. Must never know
//! why a change is wanted.

mod claims;
mod edited;
mod peers;
mod seen;
mod state;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::ingest::problem::Problem;
use crate::model::{Facts, Host};
use crate::nix::eval::Unknown;
use crate::nix::module::Change;
use crate::nix::source::{FileId, Sources};
use crate::project::{Evaluated, Failed, HostName, Project};
use crate::recommend::Action;

use super::lower::{self, Claim, Intent, Stuck};
use super::realise::Joint;
use claims::Progress;
use peers::{Agreements, Peers, Policy};
use seen::Layer;
use state::HostState;

/// Gives what is known of a host besides its configuration; `None` where its recommendations are
/// not to be relied on, so that it agrees to nothing.
pub type FactsOf = Rc<dyn Fn(&HostName, &Evaluated) -> Option<Facts>>;

/// Gives what a host's own plan does about the same finding; `None` if nothing.
pub type Agrees<'a> = &'a dyn Fn(&HostName) -> Option<Vec<Action>>;

/// A host that could not be evaluated.
#[derive(Debug, Clone)]
struct Unread {
    name: HostName,
    /// Why, and what it was seen to read.
    failed: Failed,
}

/// The project with the edits made so far. Cheap to copy.
#[derive(Clone)]
pub struct Workspace {
    project: Rc<Project>,
    sources: Rc<Sources>,
    texts: BTreeMap<FileId, String>,
    hosts: Vec<Rc<HostState>>,
    unread: Rc<Vec<Unread>>,
    facts: FactsOf,
    disk: Rc<Disk>,
    pub(super) joint: Vec<Rc<Joint>>,
    pub(super) problems: Vec<Problem>,
}

/// The project as it was opened.
struct Disk {
    sources: Rc<Sources>,
    hosts: Vec<Rc<HostState>>,
}

impl std::fmt::Debug for Workspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workspace")
            .field("texts", &self.texts)
            .field("hosts", &self.hosts().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The result of one proven action.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The project with the action's edits.
    pub workspace: Workspace,
    /// The exact difference of the host's evaluated configuration.
    pub changes: Vec<Change>,
    /// The other hosts that change, each exactly as its own plan has it, in the order of their
    /// names.
    pub others: Vec<HostName>,
}

impl Workspace {
    /// Evaluates all hosts of a project. Hosts that cannot be evaluated are given back with the
    /// reason; they cannot be protected by the proof, nor edited.
    pub fn open(
        project: Rc<Project>,
        sources: Rc<Sources>,
        names: &[HostName],
    ) -> (Workspace, Vec<(HostName, Rc<Unknown>)>) {
        let (mut hosts, mut unread) = (Vec::new(), Vec::new());
        for name in names {
            match HostState::of(&project, &sources, name) {
                Ok(state) => hosts.push(Rc::new(state)),
                Err(failed) => unread.push(Unread {
                    name: name.clone(),
                    failed,
                }),
            }
        }
        let failed = unread.iter();
        let failed = failed.map(|u| (u.name.clone(), Rc::clone(&u.failed.why)));
        let failed = failed.collect();
        let disk = Disk {
            sources: Rc::clone(&sources),
            hosts: hosts.clone(),
        };
        let workspace = Workspace {
            project,
            sources,
            texts: BTreeMap::new(),
            hosts,
            disk: Rc::new(disk),
            unread: Rc::new(unread),
            facts: Rc::new(|_, _| Some(Facts::default())),
            joint: Vec::new(),
            problems: Vec::new(),
        };
        (workspace, failed)
    }

    /// The same, with what is known of each host besides its configuration.
    pub fn knowing(mut self, facts: FactsOf) -> Workspace {
        self.facts = facts;
        self
    }

    /// The same project without any edit.
    pub fn on_disk(&self) -> Workspace {
        Workspace {
            sources: Rc::clone(&self.disk.sources),
            texts: BTreeMap::new(),
            hosts: self.disk.hosts.clone(),
            ..self.clone()
        }
    }

    /// The files as they are now.
    pub fn sources(&self) -> &Rc<Sources> {
        &self.sources
    }

    /// The texts that differ from the disk.
    pub fn texts(&self) -> &BTreeMap<FileId, String> {
        &self.texts
    }

    /// What went wrong while plans were realised.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
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
            .filter(|h| h.files().contains(&file))
            .map(|h| &h.name)
            .collect()
    }

    /// The hosts that cannot be evaluated and read a file, as far as they were seen to.
    pub fn unread_readers(&self, file: FileId) -> Vec<&HostName> {
        let unread = self.unread.iter();
        unread
            .filter(|u| u.failed.files.contains(&file))
            .map(|u| &u.name)
            .collect()
    }

    /// Evaluates a host over the current texts, once.
    pub fn evaluate(&self, host: &HostName) -> Result<Rc<Evaluated>, Rc<Unknown>> {
        self.known(host)?.evaluated()
    }

    /// The model of a host, with what else is known of it; `None` where that is not to be relied on.
    pub(super) fn model(&self, host: &HostName) -> Option<Host> {
        let state = self.state(host)?;
        let facts = (self.facts)(host, &*state.evaluated().ok()?)?;
        self.model_with(host, &facts)
    }

    /// The model of a host, with these facts.
    pub(super) fn model_with(&self, host: &HostName, facts: &Facts) -> Option<Host> {
        let model = self.state(host)?.model().ok()?;
        Some(Host::clone(&model).with_facts(facts))
    }

    /// Forgets what of a host is large and can be had again.
    pub(super) fn release(&self, host: &HostName) {
        if let Some(state) = self.state(host) {
            state.release();
        }
    }

    /// Writes an action as edits, proven; or says what stands in the way. No other host changes.
    pub fn prove(&self, host: &HostName, actions: &[Action]) -> Result<Proven, Stuck> {
        self.prove_for(host, actions, &|_| None)
    }

    /// The same; hosts that agree may change too, each exactly as its own actions claim there.
    pub fn prove_for(
        &self,
        host: &HostName,
        actions: &[Action],
        agrees: Agrees<'_>,
    ) -> Result<Proven, Stuck> {
        let state = self.known(host).map_err(stuck_by)?;
        let intents = intents(state, actions)?;
        let attempt = Attempt {
            start: self,
            host,
            claims: intents.iter().flat_map(Intent::claims).collect(),
            agreements: Agreements::new(self, agrees),
            peers: Peers::default(),
            steps: RefCell::default(),
        };
        // Most edits are seen by no other host, so the others are asked about the whole first; and
        // only if they object about each step. A patch for several hosts goes before one for each.
        let policies = match intents.len() {
            0 | 1 => &[Policy::Together, Policy::Alone][..],
            _ => &[Policy::AtTheEnd, Policy::Together, Policy::Alone],
        };
        let mut reason = None;
        for policy in policies {
            match attempt.make(&intents, *policy) {
                Ok(proven) => return Ok(proven),
                // Nobody objected, so asking otherwise helps nothing.
                Err(Objection::Own(stuck)) => return Err(reason.unwrap_or(stuck)),
                Err(Objection::Others(stuck)) => reason = Some(stuck),
            }
        }
        Err(reason.unwrap_or_else(|| stuck(UNCHANGED)))
    }

    fn known(&self, host: &HostName) -> Result<&Rc<HostState>, Rc<Unknown>> {
        let why = || crate::nix::eval::Why::Refused(format!("there is no host {}", host.0));
        self.state(host).ok_or_else(|| Unknown::new(why(), None))
    }

    fn state(&self, host: &HostName) -> Option<&Rc<HostState>> {
        self.hosts.iter().find(|h| h.name == *host)
    }

    /// The exact difference of a host's configuration to an earlier workspace.
    pub fn changes_since(&self, start: &Workspace, host: &HostName) -> Vec<Change> {
        match (start.state(host), self.state(host)) {
            (Some(before), Some(after)) => after.changes_since(before),
            _ => Vec::new(),
        }
    }
}

const UNCHANGED: &str = "the configuration already says so";

/// Why an attempt failed, and whether for the sake of other hosts.
enum Objection {
    Own(Stuck),
    Others(Stuck),
}

/// The intents of actions, as a host makes them.
fn intents(state: &HostState, actions: &[Action]) -> Result<Vec<Intent>, Stuck> {
    let evaluated = state.evaluated().map_err(stuck_by)?;
    let model = state.model().map_err(stuck_by)?;
    let mut intents = Vec::new();
    for action in actions {
        intents.extend(lower::intents(action, &model, &evaluated)?);
    }
    Ok(intents)
}

/// One remedy on its way to text.
struct Attempt<'a> {
    start: &'a Workspace,
    host: &'a HostName,
    claims: Vec<Claim>,
    agreements: Agreements<'a>,
    peers: Peers,
    /// What candidates came to: each policy tries the same ones again.
    steps: RefCell<BTreeMap<Texts, Step>>,
}

/// The texts that differ from those at the start.
type Texts = BTreeMap<FileId, String>;

/// The texts after some steps: the host that is meant is evaluated over them, the others are not.
#[derive(Clone)]
struct Step {
    sources: Rc<Sources>,
    texts: BTreeMap<FileId, String>,
    /// The files that changed since the start.
    touched: BTreeSet<FileId>,
    /// How they changed, in turn.
    layers: Vec<Layer>,
    state: Rc<HostState>,
}

impl Step {
    fn changed_texts(&self) -> Texts {
        let texts = self.texts.iter();
        let texts = texts.filter(|(id, _)| self.touched.contains(id));
        texts.map(|(id, text)| (*id, text.clone())).collect()
    }
}

impl Attempt<'_> {
    fn make(&self, intents: &[Intent], policy: Policy) -> Result<Proven, Objection> {
        let own = |why: &str| Objection::Own(stuck(why));
        let before = self.start.known(self.host);
        let before = before.map_err(|u| Objection::Own(stuck_by(u)))?;
        let mut step = Step {
            sources: Rc::clone(&self.start.sources),
            texts: self.start.texts.clone(),
            touched: BTreeSet::new(),
            layers: Vec::new(),
            state: Rc::clone(before),
        };
        for (index, intent) in intents.iter().enumerate() {
            step = self.fulfil(&step, &intents[..index], intent, policy)?;
        }
        let changes = step.state.changes_since(before);
        claims::check(
            before,
            &step.state,
            &changes,
            &self.claims,
            Progress::Wholly,
        )
        .map_err(|why| own(&why))?;
        if changes.is_empty() {
            return Err(own(UNCHANGED));
        }
        let others = self
            .others(&step, policy, Progress::Wholly)
            .map_err(Objection::Others)?;
        let mut changed = Vec::new();
        let mut hosts = Vec::with_capacity(self.start.hosts.len());
        for state in &self.start.hosts {
            if state.name == *self.host {
                hosts.push(Rc::clone(&step.state));
                continue;
            }
            match others.iter().find(|o| o.name == state.name) {
                Some(other) => {
                    changed.push(other.name.clone());
                    hosts.push(Rc::clone(other));
                }
                None => hosts.push(Rc::new(state.over(&step.sources, &step.layers))),
            }
        }
        let workspace = Workspace {
            sources: step.sources,
            texts: step.texts,
            hosts,
            ..self.start.clone()
        };
        Ok(Proven {
            workspace,
            changes,
            others: changed,
        })
    }

    /// Tries the candidates of one intent, the smallest first. What earlier ones said stays so.
    fn fulfil(
        &self,
        step: &Step,
        earlier: &[Intent],
        intent: &Intent,
        policy: Policy,
    ) -> Result<Step, Objection> {
        let own = Objection::Own;
        let before = self.start.known(self.host).map_err(|u| own(stuck_by(u)))?;
        let holds = |intent: &Intent, state: &HostState| {
            let holds = |claim: &Claim| claims::holds(claim, state);
            intent.claims().iter().all(holds)
        };
        let met = |state: &HostState| {
            holds(intent, state) && earlier.iter().all(|earlier| holds(earlier, state))
        };
        if met(&step.state) {
            return Ok(step.clone());
        }
        let evaluated = step.state.evaluated().map_err(|u| own(stuck_by(u)))?;
        let candidates = lower::candidates(intent, &evaluated);
        let (mut reason, mut objected) = (None, None);
        for candidate in &candidates {
            let next = match self.with(step, candidate) {
                Ok(next) => next,
                Err(why) => {
                    reason = reason.or(Some(stuck(&why)));
                    continue;
                }
            };
            let changes = next.state.changes_since(before);
            let partly = Progress::Partly;
            if let Err(why) = claims::check(before, &next.state, &changes, &self.claims, partly) {
                reason = reason.or(Some(stuck(&why)));
                next.state.release();
                continue;
            }
            if !met(&next.state) {
                next.state.release();
                continue;
            }
            if policy == Policy::AtTheEnd {
                return Ok(next);
            }
            match self.others(&next, policy, partly) {
                Ok(_) => return Ok(next),
                Err(why) => {
                    objected = objected.or(Some(why));
                    next.state.release();
                }
            }
        }
        if let Some(objection) = objected {
            return Err(Objection::Others(objection));
        }
        let why = || match candidates.is_empty() {
            true => format!("no place to write {} was found", intent.describe()),
            false => format!(
                "no way of writing {} has exactly that effect",
                intent.describe()
            ),
        };
        let mut stuck = reason.unwrap_or_else(|| stuck(&why()));
        stuck.at = stuck.at.or_else(|| lower::origin(intent, &evaluated));
        Err(own(stuck))
    }
}

fn stuck(why: &str) -> Stuck {
    Stuck {
        why: why.to_owned(),
        at: None,
    }
}

fn stuck_by(unknown: Rc<Unknown>) -> Stuck {
    Stuck {
        why: unknown.why.to_string(),
        at: unknown.at,
    }
}

//! Owns: what the other hosts of a project say to a change.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::claims::{self, Progress};
use super::state::HostState;
use super::{Agrees, Attempt, Step, Texts, Workspace, intents};
use crate::nix::module::Change;
use crate::project::HostName;
use crate::rewrite::lower::{Claim, Intent, Stuck};

/// When the other hosts are asked, and what they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// About the whole, when it is done.
    AtTheEnd,
    /// At each step; those that agree may change.
    Together,
    /// At each step; none may change.
    Alone,
}

/// What the other hosts would do about the same finding, asked once each.
pub(super) struct Agreements<'a> {
    start: &'a Workspace,
    agrees: Agrees<'a>,
    claims: RefCell<BTreeMap<HostName, Option<Rc<Vec<Claim>>>>>,
}

impl<'a> Agreements<'a> {
    pub(super) fn new(start: &'a Workspace, agrees: Agrees<'a>) -> Self {
        Agreements {
            start,
            agrees,
            claims: RefCell::default(),
        }
    }

    /// What a host's own remedy claims there; `None` if it has none.
    fn claims(&self, state: &HostState) -> Option<Rc<Vec<Claim>>> {
        if let Some(known) = self.claims.borrow().get(&state.name) {
            return known.clone();
        }
        let found = (self.agrees)(&state.name)
            .and_then(|actions| intents(self.start.state(&state.name)?, &actions).ok())
            .map(|intents| Rc::new(intents.iter().flat_map(Intent::claims).collect()));
        let name = state.name.clone();
        self.claims.borrow_mut().insert(name, found.clone());
        found
    }
}

/// What texts make of another host.
pub(super) enum After {
    /// The same as before.
    Unchanged,
    /// Something else.
    Changed {
        state: Rc<HostState>,
        changes: Vec<Change>,
    },
    /// Nothing that can be accepted, whatever it agrees to.
    Worse(Stuck),
}

/// What was found out about the other hosts in one attempt. Policies try the same texts again, and
/// the host that objected to one candidate mostly objects to the next.
#[derive(Default)]
pub(super) struct Peers {
    known: RefCell<BTreeMap<(HostName, Texts), Rc<After>>>,
    objector: RefCell<Option<HostName>>,
}

impl Attempt<'_> {
    /// The other hosts that changed since the start; or what one of them has against it.
    pub(super) fn others(
        &self,
        step: &Step,
        policy: Policy,
        progress: Progress,
    ) -> Result<Vec<Rc<HostState>>, Stuck> {
        let mut hosts: Vec<&Rc<HostState>> = self.start.hosts.iter().collect();
        let objector = self.peers.objector.borrow().clone();
        // The sort is stable: the rest stays in order.
        hosts.sort_by_key(|host| Some(&host.name) != objector.as_ref());
        let mut changed = Vec::new();
        for before in hosts {
            // A host that reads none of the files cannot have changed.
            if before.name == *self.host || !before.reads(&step.touched) {
                continue;
            }
            // Nor one that evaluates nothing of what is edited.
            if before.ignores(&step.layers) {
                continue;
            }
            match self.other(step, before, policy, progress) {
                Ok(state) => changed.extend(state),
                Err(stuck) => {
                    *self.peers.objector.borrow_mut() = Some(before.name.clone());
                    return Err(stuck);
                }
            }
        }
        Ok(changed)
    }

    /// Another host, if it changed as it agrees to.
    fn other(
        &self,
        step: &Step,
        before: &HostState,
        policy: Policy,
        progress: Progress,
    ) -> Result<Option<Rc<HostState>>, Stuck> {
        let after = self.after(step, before);
        let (state, changes) = match &*after {
            After::Unchanged => return Ok(None),
            After::Worse(stuck) => return Err(stuck.clone()),
            After::Changed { state, changes } => (state, changes),
        };
        let name = &before.name.0;
        let objects = |why: String| Stuck { why, at: None };
        let agreed = match policy {
            Policy::Alone => None,
            Policy::AtTheEnd | Policy::Together => self.agreements.claims(before),
        };
        let Some(agreed) = agreed else {
            let path = changes.first().map(|c| c.path.join("."));
            let path = path.unwrap_or_default();
            return Err(objects(format!(
                "it would also change {path} of the host {name}"
            )));
        };
        claims::check(before, state, changes, &agreed, progress)
            .map_err(|why| objects(format!("on the host {name}, {why}")))?;
        Ok(Some(Rc::clone(state)))
    }

    /// What the texts of a step make of another host, evaluated once.
    fn after(&self, step: &Step, before: &HostState) -> Rc<After> {
        let key = (before.name.clone(), step.changed_texts());
        if let Some(known) = self.peers.known.borrow().get(&key) {
            return Rc::clone(known);
        }
        let after = Rc::new(self.evaluate_other(step, before));
        let mut known = self.peers.known.borrow_mut();
        known.insert(key, Rc::clone(&after));
        after
    }

    fn evaluate_other(&self, step: &Step, before: &HostState) -> After {
        let name = &before.name.0;
        let state = match HostState::of(&self.start.project, &step.sources, &before.name) {
            Ok(state) => state,
            Err(failed) => {
                return After::Worse(Stuck {
                    why: format!(
                        "the host {name} could no longer be read: {}",
                        failed.why.why
                    ),
                    at: failed.why.at,
                });
            }
        };
        let changes = state.changes_since(before);
        if !changes.is_empty() {
            state.release();
            return After::Changed {
                state: Rc::new(state),
                changes,
            };
        }
        match state.lost_since(before) {
            Some(why) => After::Worse(Stuck {
                why: format!(
                    "a module of the host {name} could no longer be taken into account: {why}"
                ),
                at: None,
            }),
            None => After::Unchanged,
        }
    }
}

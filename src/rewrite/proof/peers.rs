//! Owns: what the other hosts of a project say to a change.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::claims::{self, Progress};
use super::state::HostState;
use super::{Agrees, Attempt, Step, Workspace, intents};
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

impl Attempt<'_> {
    /// The other hosts that changed since the start; or what one of them has against it.
    pub(super) fn others(
        &self,
        step: &Step,
        policy: Policy,
        progress: Progress,
    ) -> Result<Vec<Rc<HostState>>, Stuck> {
        let mut changed = Vec::new();
        for before in &self.start.hosts {
            // A host that reads none of the files cannot have changed.
            if before.name == *self.host || !before.reads(&step.touched) {
                continue;
            }
            // Nor one that evaluates nothing of what is edited.
            if before.ignores(&step.layers) {
                continue;
            }
            let name = &before.name.0;
            let after = HostState::of(&self.start.project, &step.sources, &before.name).map_err(
                |failed| Stuck {
                    why: format!(
                        "the host {name} could no longer be read: {}",
                        failed.why.why
                    ),
                    at: failed.why.at,
                },
            )?;
            let objects = |why: String| Stuck { why, at: None };
            let changes = after.changes_since(before);
            let Some(first) = changes.first() else {
                if let Some(why) = after.lost_since(before) {
                    return Err(objects(format!(
                        "a module of the host {name} could no longer be taken into account: {why}"
                    )));
                }
                continue;
            };
            let would = |path: &[String]| {
                let path = path.join(".");
                format!("it would also change {path} of the host {name}")
            };
            let agreed = match policy {
                Policy::Alone => None,
                Policy::AtTheEnd | Policy::Together => self.agreements.claims(before),
            };
            let Some(agreed) = agreed else {
                return Err(objects(would(&first.path)));
            };
            claims::check(before, &after, &changes, &agreed, progress)
                .map_err(|why| objects(format!("on the host {name}, {why}")))?;
            after.release();
            changed.push(Rc::new(after));
        }
        Ok(changed)
    }
}

//! Plan → patches: each proposal proven on top of the earlier ones, until nothing is left to do.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::commands::{Command, commands};
use super::diff::{FileDiff, diff};
use super::lower::Stuck;
use super::proof::{Proven, Workspace};
use crate::analyze::Analysis;
use crate::ingest::problem::Problem;
use crate::model::{Facts, Host};
use crate::nix::module::Change;
use crate::nix::source::Sources;
use crate::project::HostName;
use crate::recommend::{Action, Class, Finding};
use crate::select::{self, Dropped, Proposal};

/// Rounds after which the plan must have settled. Every round but the last does something that an
/// earlier change made possible; four have never been needed by any machine seen.
const ROUNDS: usize = 8;

/// What became of a proposal.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A proven edit.
    Patch {
        /// The exact difference of the evaluated configuration.
        changes: Vec<Change>,
        /// The text, by file.
        files: Vec<FileDiff>,
        /// Other hosts that the patch changes: each has the same finding, and the patch is exactly
        /// what its own plan does about it.
        hosts: Vec<HostName>,
        /// Other hosts that read one of the files (their configuration does not change).
        shared_with: Vec<HostName>,
        /// Hosts that could not be evaluated and read one of the files: nothing protects them.
        unprotected: Vec<HostName>,
    },
    /// The patch of another host does it.
    With(HostName),
    /// Nothing to be changed in the configuration: the finding is what there is to say.
    Advice,
    /// Another proposal, which matters more, sets the same thing to something else.
    Dropped(Dropped),
    /// There is something to change, but no provable way of writing it.
    Stuck(Stuck),
}

/// A proposal and what became of it.
#[derive(Debug, Clone)]
pub struct Realised {
    /// The proposal, as of the state it was made in.
    pub proposal: Proposal,
    /// The finding as it is in the files on disk, where it was there from the beginning.
    pub finding: Finding,
    /// The texts that the places of the finding belong to.
    pub sources: Rc<Sources>,
    /// What became of it.
    pub outcome: Outcome,
    /// What to run on the machine.
    pub commands: Vec<Command>,
    /// For what has no patch: the other hosts that read the file of the finding.
    pub read_by: Vec<HostName>,
}

/// What the patch of one host did for another.
#[derive(Debug, Clone)]
pub(super) struct Joint {
    host: HostName,
    realised: Realised,
}

/// Makes patches for a host, in the order in which they apply, and gives the edited workspace.
pub fn realise(
    workspace: &Workspace,
    host: &HostName,
    facts: &Facts,
    wanted: &dyn Fn(&Proposal) -> bool,
) -> (Workspace, Vec<Realised>) {
    within(ROUNDS, workspace, host, facts, wanted)
}

/// The same in so many rounds. A plan that did not settle in them is a problem of the workspace.
pub fn within(
    rounds: usize,
    workspace: &Workspace,
    host: &HostName,
    facts: &Facts,
    wanted: &dyn Fn(&Proposal) -> bool,
) -> (Workspace, Vec<Realised>) {
    let disk = workspace.on_disk();
    let original = read(&disk, host, facts).map(|r| select::plan(&r.model, &r.analysis));
    let original = original.unwrap_or_default().into_iter().map(|p| p.finding);
    let joint = workspace.joint.iter().filter(|j| j.host == *host);
    let realised: Vec<Realised> = joint.map(|j| j.realised.clone()).collect();
    let mut realising = Realising {
        host,
        facts,
        wanted,
        original: original.collect(),
        disk: disk.clone(),
        workspace: workspace.clone(),
        seen: realised.iter().map(key).collect(),
        realised,
    };
    for reinstall in [false, true] {
        let settled = (0..rounds).any(|_| realising.round(reinstall).is_none());
        if !settled {
            let what = if reinstall {
                "what needs a reinstall"
            } else {
                "the plan"
            };
            let why = format!("{what} did not settle within {rounds} rounds of changes");
            let problem = Problem::error(&format!("host {}", host.0), why)
                .help("apply the patches, and run again");
            realising.workspace.problems.push(problem);
        }
    }
    realising.drop_the_rest();
    let Realising {
        workspace,
        realised,
        ..
    } = realising;
    workspace.release(host);
    disk.release(host);
    (workspace, realised)
}

type Key = (&'static str, String);

fn key(realised: &Realised) -> Key {
    let (rule, subject) = realised.proposal.key();
    (rule, subject.to_owned())
}

/// A host as the texts make it, and what is concluded of it.
struct Read {
    model: Host,
    analysis: Analysis,
}

fn read(workspace: &Workspace, host: &HostName, facts: &Facts) -> Option<Read> {
    let model = workspace.model_with(host, facts)?;
    let analysis = Analysis::of(&model);
    Some(Read { model, analysis })
}

/// A plan on its way to patches.
struct Realising<'a> {
    host: &'a HostName,
    facts: &'a Facts,
    wanted: &'a dyn Fn(&Proposal) -> bool,
    /// What was found in the files on disk.
    original: Vec<Finding>,
    disk: Workspace,
    workspace: Workspace,
    realised: Vec<Realised>,
    seen: BTreeSet<Key>,
}

impl Realising<'_> {
    /// What is left to do, strongest first, and what of it gives way to something stronger.
    fn plan(&self, read: &Read) -> (Vec<Proposal>, Vec<Option<Dropped>>) {
        let mut plan = select::plan(&read.model, &read.analysis);
        plan.retain(|p| {
            let (rule, subject) = p.key();
            (self.wanted)(p) && !self.seen.contains(&(rule, subject.to_owned()))
        });
        let dropped = select::conflicts(&plan);
        (plan, dropped)
    }

    /// Tries what is there to do; `None` if that leads to nothing more.
    fn round(&mut self, reinstall: bool) -> Option<()> {
        let mut read = read(&self.workspace, self.host, self.facts)?;
        let (plan, dropped) = self.plan(&read);
        let (mut changed, mut tried) = (false, false);
        for (planned, dropped) in plan.iter().zip(&dropped) {
            // What needs a reinstall comes after everything that does not, so the output splits
            // there.
            if (planned.class() == Class::Reinstall) != reinstall {
                continue;
            }
            if let Some(dropped) = dropped
                && self.stands(dropped, &plan)
            {
                continue;
            }
            let (rule, subject) = planned.key();
            self.seen.insert((rule, subject.to_owned()));
            tried = true;
            // An earlier patch may have settled it, or changed what there is to do.
            let again = select::again(&read.model, &read.analysis, rule, subject);
            let Some(proposal) = again else { continue };
            if self.attempt(&read.model, proposal) {
                changed = true;
                read = self::read(&self.workspace, self.host, self.facts)?;
            }
        }
        let freed = tried && dropped.iter().any(Option::is_some);
        (changed || freed).then_some(())
    }

    /// Whether what a proposal gives way to will be done. What comes first will be tried before,
    /// and seen to fail; what needs a reinstall comes too late for that.
    fn stands(&self, dropped: &Dropped, plan: &[Proposal]) -> bool {
        let stronger = plan
            .iter()
            .find(|p| p.key() == (dropped.rule, dropped.subject.as_str()));
        let Some(stronger) = stronger.filter(|p| p.class() == Class::Reinstall) else {
            return true;
        };
        let actions = stronger.remedy.as_ref().map(|r| r.actions.as_slice());
        self.prove(stronger, actions.unwrap_or_default()).is_ok()
    }

    /// Makes a patch of a proposal, if that is possible; whether the workspace changed.
    fn attempt(&mut self, model: &Host, proposal: Proposal) -> bool {
        let done = self.realised.iter();
        let done = done.filter(|r| matches!(r.outcome, Outcome::Patch { .. } | Outcome::With(_)));
        let against = done
            .map(|r| &r.proposal)
            .find_map(|done| select::contradicts(&proposal, done));
        let Some(remedy) = &proposal.remedy else {
            self.push(proposal, Outcome::Advice, Vec::new());
            return false;
        };
        if let Some(dropped) = against {
            self.push(proposal, Outcome::Dropped(dropped), Vec::new());
            return false;
        }
        let commands = commands(&remedy.actions, model);
        let proven = match self.prove(&proposal, &remedy.actions) {
            Ok(proven) => proven,
            Err(stuck) => {
                self.push(proposal, Outcome::Stuck(stuck), commands);
                return false;
            }
        };
        let Proven {
            workspace: next,
            changes,
            others: hosts,
        } = proven;
        let touched = self.workspace.differing(&next);
        let shared = touched.iter().flat_map(|id| next.readers(*id));
        let shared: BTreeSet<HostName> = shared
            .filter(|h| *h != self.host && !hosts.contains(h))
            .cloned()
            .collect();
        let unread = touched.iter().flat_map(|id| next.unread_readers(*id));
        let unread: BTreeSet<HostName> = unread.cloned().collect();
        let outcome = Outcome::Patch {
            changes,
            files: diff(&self.workspace, &next),
            hosts: hosts.clone(),
            shared_with: shared.into_iter().collect(),
            unprotected: unread.into_iter().collect(),
        };
        let joint: Vec<Joint> = hosts
            .iter()
            .filter_map(|other| self.joint(other, &proposal))
            .collect();
        self.push(proposal, outcome, commands);
        self.workspace = next;
        self.workspace.joint.extend(joint.into_iter().map(Rc::new));
        true
    }

    fn prove(&self, proposal: &Proposal, actions: &[Action]) -> Result<Proven, Stuck> {
        let agrees = |other: &HostName| Some(self.same(other, proposal)?.1.remedy?.actions);
        self.workspace.prove_for(self.host, actions, &agrees)
    }

    /// What another host's own plan does about the same finding, if it is to be done in the same
    /// run of the same section.
    fn same(&self, other: &HostName, proposal: &Proposal) -> Option<(Host, Proposal)> {
        let model = self.workspace.model(other)?;
        let analysis = Analysis::of(&model);
        let (rule, subject) = proposal.key();
        let same = select::again(&model, &analysis, rule, subject)?;
        let applicability = |p: &Proposal| p.remedy.as_ref().map(|r| r.applicability);
        let reinstall = |p: &Proposal| p.class() == Class::Reinstall;
        let agrees = (self.wanted)(&same)
            && applicability(&same) == applicability(proposal)
            && reinstall(&same) == reinstall(proposal);
        agrees.then_some((model, same))
    }

    /// What the report of another host says of a patch that does its work too.
    fn joint(&self, other: &HostName, proposal: &Proposal) -> Option<Joint> {
        let (model, same) = self.same(other, proposal)?;
        let remedy = same.remedy.as_ref()?;
        let commands = commands(&remedy.actions, &model);
        let on_disk = self.disk.model(other).and_then(|model| {
            let analysis = Analysis::of(&model);
            let (rule, subject) = same.key();
            select::again(&model, &analysis, rule, subject)
        });
        let (finding, sources) = match on_disk {
            Some(first) => (first.finding, self.disk.sources()),
            None => (same.finding.clone(), self.workspace.sources()),
        };
        let realised = Realised {
            proposal: same,
            finding,
            sources: Rc::clone(sources),
            outcome: Outcome::With(self.host.clone()),
            commands,
            read_by: Vec::new(),
        };
        Some(Joint {
            host: other.clone(),
            realised,
        })
    }

    fn push(&mut self, proposal: Proposal, outcome: Outcome, commands: Vec<Command>) {
        let mut original = self.original.iter();
        let first = original.find(|f| (f.rule, f.subject.as_str()) == proposal.key());
        let (finding, sources) = match first {
            Some(first) => (first.clone(), self.disk.sources()),
            None => (proposal.finding.clone(), self.workspace.sources()),
        };
        let is_patch = matches!(outcome, Outcome::Patch { .. });
        let file = finding.at.filter(|_| !is_patch).map(|at| at.file);
        let readers = file.map(|file| self.workspace.readers(file));
        let readers = readers.unwrap_or_default().into_iter();
        let read_by = readers.filter(|h| *h != self.host).cloned().collect();
        self.realised.push(Realised {
            proposal,
            finding,
            sources: Rc::clone(sources),
            outcome,
            commands,
            read_by,
        });
    }

    /// Tells of what was put off for the sake of something stronger, and still is the case.
    fn drop_the_rest(&mut self) {
        let Some(read) = read(&self.workspace, self.host, self.facts) else {
            return;
        };
        let (plan, dropped) = self.plan(&read);
        for (proposal, dropped) in plan.into_iter().zip(dropped) {
            let done = self.realised.iter().map(|r| &r.proposal);
            let mut done = done.filter_map(|done| select::contradicts(&proposal, done));
            if let Some(dropped) = dropped.or_else(|| done.next()) {
                drop(done);
                self.push(proposal, Outcome::Dropped(dropped), Vec::new());
            }
        }
    }
}

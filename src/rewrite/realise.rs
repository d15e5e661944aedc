//! Plan → patches: each proposal proven on top of the earlier ones, until nothing is left to do.

use std::collections::{BTreeMap, BTreeSet};
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
use crate::recommend::{Class, ClassOf, Finding};
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
    let original = read(&disk, host, facts).map(|r| r.plan);
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
        version: 0,
        tried: realised.iter().map(|r| (key(&r.proposal), 0)).collect(),
        realised,
    };
    for stage in [Stage::Before, Stage::Reinstall, Stage::OnTop] {
        let settled = (0..rounds).any(|_| realising.round(stage).is_none());
        if !settled {
            let what = match stage {
                Stage::Before => "the plan",
                Stage::Reinstall => "what needs a reinstall",
                Stage::OnTop => "what follows from a reinstall",
            };
            let why = format!("{what} did not settle within {rounds} rounds of changes");
            let problem = Problem::error(&format!("host {}", host.0), why)
                .help("apply the patches, and run again");
            realising.workspace.problems.push(problem);
        }
    }
    realising.prune();
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

fn key(proposal: &Proposal) -> Key {
    let (rule, subject) = proposal.key();
    (rule, subject.to_owned())
}

/// What is done when: what needs a reinstall comes after everything that does not, so the output
/// splits there; and what only such a change gives reason for comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Before,
    Reinstall,
    OnTop,
}

/// A host as the texts make it, and what is to be done about it, in order.
struct Read {
    model: Host,
    plan: Vec<Proposal>,
}

fn read(workspace: &Workspace, host: &HostName, facts: &Facts) -> Option<Read> {
    let model = workspace.model_with(host, facts)?;
    let analysis = Analysis::of(&model);
    let plan = select::plan(&model, &analysis);
    Some(Read { model, plan })
}

impl Read {
    fn find(&self, key: &Key) -> Option<&Proposal> {
        self.plan.iter().find(|p| self::key(p) == *key)
    }
}

/// A plan on its way to patches. What comes of a proposal depends on the texts alone, never on
/// what was done before in the same run: the next run, which begins with the texts that this one
/// leaves, must find nothing that this one did not. So all that failed is tried again when
/// something has changed.
struct Realising<'a> {
    host: &'a HostName,
    facts: &'a Facts,
    wanted: &'a dyn Fn(&Proposal) -> bool,
    /// What was found in the files on disk.
    original: Vec<Finding>,
    disk: Workspace,
    workspace: Workspace,
    /// How many patches were made.
    version: usize,
    realised: Vec<Realised>,
    /// What was tried, and after how many patches.
    tried: BTreeMap<Key, usize>,
}

impl Realising<'_> {
    /// Tries what is there to do, what was never tried first; `None` if that leads to nothing more.
    fn round(&mut self, stage: Stage) -> Option<()> {
        let mut read = read(&self.workspace, self.host, self.facts)?;
        let is_open = |p: &Proposal| {
            (self.wanted)(p) && self.tried.get(&key(p)).is_none_or(|at| *at < self.version)
        };
        let mut plan = read.plan.clone();
        plan.retain(is_open);
        let is_new = |p: &Proposal| !self.tried.contains_key(&key(p));
        if plan.iter().any(|p| is_new(p) && stage.takes(p)) {
            plan.retain(is_new);
        }
        let dropped = select::conflicts(&plan);
        let tried_before = self.tried.clone();
        for (planned, dropped) in plan.iter().zip(&dropped) {
            if !stage.takes(planned) {
                continue;
            }
            if let Some(dropped) = dropped
                && self.stands(dropped, &plan, stage)
            {
                continue;
            }
            let key = key(planned);
            self.tried.insert(key.clone(), self.version);
            // An earlier patch may have settled it, or changed what there is to do.
            let Some(proposal) = read.find(&key) else {
                continue;
            };
            let mut proposal = proposal.clone();
            if stage == Stage::OnTop {
                proposal.class = Some(ClassOf {
                    class: Class::Reinstall,
                    reason: "it builds on a change that needs a reinstall".to_owned(),
                });
            }
            if self.attempt(&read, proposal) {
                read = self::read(&self.workspace, self.host, self.facts)?;
            }
        }
        (self.tried != tried_before).then_some(())
    }

    /// Whether what a proposal gives way to will be done. What comes first will be tried before,
    /// and seen to fail; what needs a reinstall comes too late for that.
    fn stands(&self, dropped: &Dropped, plan: &[Proposal], stage: Stage) -> bool {
        let stronger = plan
            .iter()
            .find(|p| p.key() == (dropped.rule, dropped.subject.as_str()));
        match stronger {
            Some(stronger) if stage.takes(stronger) => true,
            Some(stronger) => self.prove(&self.workspace, stronger).is_ok(),
            None => false,
        }
    }

    /// What would come back, stronger, if a proposal were done: then doing it would lead nowhere.
    fn comes_back(&self, before: &Read, proposal: &Proposal, next: &Workspace) -> Option<Dropped> {
        let after = read(next, self.host, self.facts)?;
        let back = after.plan.iter().filter(|p| before.find(&key(p)).is_none());
        let mut back = back.filter(|p| (self.wanted)(p) && select::outranks(p, proposal));
        back.find_map(|p| {
            let dropped = select::contradicts(proposal, p)?;
            self.prove(next, p).is_ok().then_some(dropped)
        })
    }

    /// Makes a patch of a proposal, if that is possible; whether the workspace changed.
    fn attempt(&mut self, before: &Read, proposal: Proposal) -> bool {
        let Some(remedy) = &proposal.remedy else {
            // What the patches before it bring about is nothing to be told of: metrics differ from
            // every edit until it is switched to.
            if self.is_on_disk(&proposal) {
                self.push(proposal, Outcome::Advice, Vec::new());
            }
            return false;
        };
        let commands = commands(&remedy.actions, &before.model);
        let proven = match self.prove(&self.workspace, &proposal) {
            Ok(proven) => proven,
            Err(stuck) => {
                self.push(proposal, Outcome::Stuck(stuck), commands);
                return false;
            }
        };
        if let Some(dropped) = self.comes_back(before, &proposal, &proven.workspace) {
            self.push(proposal, Outcome::Dropped(dropped), Vec::new());
            return false;
        }
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
        self.version += 1;
        self.workspace.joint.extend(joint.into_iter().map(Rc::new));
        true
    }

    fn prove(&self, workspace: &Workspace, proposal: &Proposal) -> Result<Proven, Stuck> {
        let agrees = |other: &HostName| Some(self.same(other, proposal)?.1.remedy?.actions);
        let actions = proposal.remedy.as_ref().map(|r| r.actions.as_slice());
        workspace.prove_for(self.host, actions.unwrap_or_default(), &agrees)
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

    /// Whether a finding is there in the files as they are on disk.
    fn is_on_disk(&self, proposal: &Proposal) -> bool {
        let mut original = self.original.iter();
        original.any(|f| (f.rule, f.subject.as_str()) == proposal.key())
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
        let key = key(&proposal);
        let realised = Realised {
            proposal,
            finding,
            sources: Rc::clone(sources),
            outcome,
            commands,
            read_by,
        };
        let same = |r: &&Realised| self::key(&r.proposal) == key;
        // What a patch has done as far as it can be done is not told of again.
        if !is_patch && self.realised.iter().any(|r| same(&r) && r.is_done()) {
            return;
        }
        // What was tried before, in vain.
        let mut known = self.realised.iter();
        let known = known.position(|r| same(&r) && !r.is_done());
        match known {
            Some(index) if is_patch => {
                self.realised.remove(index);
                self.realised.push(realised);
            }
            Some(index) => self.realised[index] = realised,
            None => self.realised.push(realised),
        }
    }

    /// Forgets what came to nothing and was settled by something else.
    fn prune(&mut self) {
        let Some(read) = read(&self.workspace, self.host, self.facts) else {
            return;
        };
        let is_left = |r: &Realised| r.is_done() || read.find(&key(&r.proposal)).is_some();
        self.realised.retain(is_left);
    }
}

impl Realised {
    /// Whether a patch does it.
    fn is_done(&self) -> bool {
        matches!(self.outcome, Outcome::Patch { .. } | Outcome::With(_))
    }
}

impl Stage {
    fn takes(self, proposal: &Proposal) -> bool {
        match self {
            Stage::Before => proposal.class() != Class::Reinstall,
            Stage::Reinstall => proposal.class() == Class::Reinstall,
            Stage::OnTop => true,
        }
    }
}

//! Plan → patches: each proposal proven on top of the earlier ones, until nothing is left to do.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::commands::{Command, commands};
use super::diff::{FileDiff, diff};
use super::lower::Stuck;
use super::proof::Workspace;
use crate::analyze::Analysis;
use crate::model::{Facts, Host};
use crate::nix::module::Change;
use crate::nix::source::Sources;
use crate::project::HostName;
use crate::recommend::{Class, Finding};
use crate::select::{self, Proposal};

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
        /// Other hosts that read one of the files (their configuration does not change).
        shared_with: Vec<HostName>,
    },
    /// Nothing to be changed in the configuration: the finding is what there is to say.
    Advice,
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
}

/// Makes patches for a host, in the order in which they apply, and gives the edited workspace.
pub fn realise(
    workspace: &Workspace,
    host: &HostName,
    facts: &Facts,
    wanted: &dyn Fn(&Proposal) -> bool,
) -> (Workspace, Vec<Realised>) {
    let start = workspace;
    let original: Vec<Finding> = match read(start, host, facts) {
        Some((model, analysis)) => select::plan(&model, &analysis)
            .into_iter()
            .map(|p| p.finding)
            .collect(),
        None => Vec::new(),
    };
    let mut workspace = start.clone();
    let mut realised = Vec::new();
    let mut seen: BTreeSet<(&'static str, String)> = BTreeSet::new();
    // What needs a reinstall comes after everything that does not, so the output splits there.
    for reinstall in [false, true] {
        for _ in 0..ROUNDS {
            let Some((model, analysis)) = read(&workspace, host, facts) else {
                break;
            };
            let mut plan = select::plan(&model, &analysis);
            plan.retain(|p| (p.class() == Class::Reinstall) == reinstall && wanted(p));
            let mut changed = false;
            for planned in plan {
                let (rule, subject) = planned.key();
                if !seen.insert((rule, subject.to_owned())) {
                    continue;
                }
                let Some((model, analysis)) = read(&workspace, host, facts) else {
                    break;
                };
                // An earlier patch may have settled it, or changed what there is to do.
                let Some(proposal) = select::again(&model, &analysis, rule, subject) else {
                    continue;
                };
                let first = original
                    .iter()
                    .find(|f| (f.rule, f.subject.as_str()) == proposal.key());
                let (finding, sources) = match first {
                    Some(first) => (first.clone(), start.sources()),
                    None => (proposal.finding.clone(), workspace.sources()),
                };
                let sources = Rc::clone(sources);
                let (next, outcome, commands) = attempt(&workspace, host, &model, &proposal);
                let entry = Realised {
                    proposal,
                    finding,
                    sources,
                    outcome,
                    commands,
                };
                if let Some(next) = next {
                    workspace = next;
                    changed = true;
                }
                realised.push(entry);
            }
            if !changed {
                break;
            }
        }
    }
    (workspace, realised)
}

fn read(workspace: &Workspace, host: &HostName, facts: &Facts) -> Option<(Host, Analysis)> {
    let model = workspace.evaluate(host).ok()?.host().with_facts(facts);
    let analysis = Analysis::of(&model);
    Some((model, analysis))
}

fn attempt(
    workspace: &Workspace,
    host: &HostName,
    model: &Host,
    proposal: &Proposal,
) -> (Option<Workspace>, Outcome, Vec<Command>) {
    let Some(remedy) = &proposal.remedy else {
        return (None, Outcome::Advice, Vec::new());
    };
    let commands = commands(&remedy.actions, model);
    let proven = match workspace.prove(host, &remedy.actions) {
        Ok(proven) => proven,
        Err(stuck) => return (None, Outcome::Stuck(stuck), commands),
    };
    let touched = workspace.differing(&proven.workspace);
    let shared_with: BTreeSet<HostName> = touched
        .iter()
        .flat_map(|id| workspace.readers(*id))
        .filter(|h| *h != host)
        .cloned()
        .collect();
    let outcome = Outcome::Patch {
        changes: proven.changes,
        files: diff(workspace, &proven.workspace),
        shared_with: shared_with.into_iter().collect(),
    };
    (Some(proven.workspace), outcome, commands)
}

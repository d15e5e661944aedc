//! Recommendations → a plan: what to do in which order, least disruption first.
//!
//! Owns the order of worth against disruption, and the joining of a finding with its class, impact
//! and effort. Must never know how a change is written or shown.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::analyze::{Analysis, Direction, Weight, evidence};
use crate::impact::{Effort, Impact, Interval, effort, estimate};
use crate::model::{Filesystem, Host, StorageSource};
use crate::recommend::rules::RULES;
use crate::recommend::{
    Action, Applicability, Class, ClassOf, Context, Effect, Finding, Remedy, Rule, Sets, Severity,
    Trade,
};

mod conflict;
mod order;
mod withheld;

pub use conflict::{Dropped, conflicts, contradicts, outranks};
pub use withheld::{Withheld, withheld};

/// A finding with everything that is known about doing something about it.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// What is the case.
    pub finding: Finding,
    /// What to do; `None` if the configuration cannot help.
    pub remedy: Option<Remedy>,
    /// When that takes effect.
    pub class: Option<ClassOf>,
    /// What it changes for the machine's work.
    pub impact: Impact,
    /// What it asks of the people and the machine.
    pub effort: Effort,
    /// What it sets.
    pub sets: Vec<Sets>,
    /// What it gives up.
    pub trades: Vec<Trade>,
}

impl Proposal {
    /// By what it is known while other changes are made.
    pub fn key(&self) -> (&'static str, &str) {
        (self.finding.rule, &self.finding.subject)
    }

    /// The class of its remedy; advice counts as live, because nothing is disturbed by reading it.
    pub fn class(&self) -> Class {
        self.class.as_ref().map_or(Class::Live, |c| c.class)
    }

    /// Whether little is gained by it: it repairs and protects nothing, no figure promises a
    /// noticeable share of the time of anything, and without figures little speaks for it.
    pub fn is_marginal(&self) -> bool {
        const NOTICEABLE: f64 = 0.95;
        if self.finding.severity != Severity::Advice {
            return false;
        }
        match self.remedy.as_ref().map(|remedy| remedy.effect) {
            Some(Effect::Clarity) => return true,
            Some(Effect::Correctness | Effect::Scrub | Effect::Redundancy) => return false,
            _ => {}
        }
        let mean = |ratio: Interval| (ratio.low + ratio.high) / 2.0;
        let mut figures = self.impact.figures.iter().peekable();
        match figures.peek() {
            Some(_) => figures.all(|figure| mean(figure.time_ratio) > NOTICEABLE),
            None => evidence::score(&self.finding.evidence) < Weight::Strong.points(),
        }
    }

    /// What it is worth: an error outweighs everything, then what it saves, then how sure it is.
    fn worth(&self) -> f64 {
        let severity = match self.finding.severity {
            Severity::Error => 100.0,
            Severity::Warning => 4.0,
            Severity::Advice => 0.0,
        };
        let saving = self.impact.figures.first().map_or(0.0, |figure| {
            let ratio = figure.time_ratio;
            (1.0 - (ratio.low + ratio.high) / 2.0).max(0.0) * 10.0
        });
        let sure = evidence::score(&self.finding.evidence).max(0);
        severity + saving + f64::from(sure) * 0.5
    }

    /// What it is worth, less what it disturbs.
    fn net(&self) -> f64 {
        self.worth() - self.disruption()
    }

    /// What its class costs the people at the machine, on the same scale.
    fn disruption(&self) -> f64 {
        match self.class() {
            Class::Live => 0.0,
            Class::Reboot => 2.0,
            Class::Migrate => 6.0,
            Class::Reinstall => 12.0,
        }
    }
}

/// All proposals for a host, in the order in which they should be done: what gives way to a better
/// rule is left out, and what is [`withheld`].
pub fn plan(host: &Host, analysis: &Analysis) -> Vec<Proposal> {
    let context = Context { host, analysis };
    let mut proposals: Vec<Proposal> = RULES
        .iter()
        .filter(|rule| is_on(**rule, host))
        .flat_map(|rule| {
            rule.detect(&context)
                .into_iter()
                .map(move |finding| (*rule, finding))
        })
        .map(|(rule, finding)| propose(&context, rule, finding))
        .filter(|proposal| !withheld::is_withheld(proposal, host, analysis))
        .collect();
    order::drop_what_yields(&mut proposals);
    order::sort(proposals)
}

/// The proposal of a rule about one subject, if it still finds it.
pub fn again(
    host: &Host,
    analysis: &Analysis,
    rule: &'static str,
    subject: &str,
) -> Option<Proposal> {
    let context = Context { host, analysis };
    let rule = crate::recommend::rules::rule(rule).filter(|rule| is_on(*rule, host))?;
    let finding = rule
        .detect(&context)
        .into_iter()
        .find(|f| f.subject == subject)?;
    Some(propose(&context, rule, finding))
}

/// Whether a rule speaks about a host: as its owner says, else as the rule has it.
fn is_on(rule: &dyn Rule, host: &Host) -> bool {
    let meta = rule.meta();
    let said = host.preferences.get(meta.id, "enabled");
    said.and_then(Json::as_bool).unwrap_or(meta.default_on)
}

/// How bad a finding is for the owner of a host.
fn severity(finding: &Finding, host: &Host) -> Severity {
    let said = host.preferences.get(finding.rule, "severity");
    said.and_then(|said| Severity::deserialize(said).ok())
        .unwrap_or(finding.severity)
}

fn propose(context: &Context<'_>, rule: &dyn Rule, mut finding: Finding) -> Proposal {
    finding.severity = severity(&finding, context.host);
    // What several places say is said once.
    let mut said = BTreeSet::new();
    let evidence = &mut finding.evidence;
    evidence.retain(|e| said.insert((e.statement.clone(), e.direction == Direction::For)));
    let remedy = rule.remedy(context, &finding);
    let host = context.host;
    let Some(mut remedy) = remedy else {
        let (impact, effort) = (Impact::default(), Effort::default());
        return Proposal {
            finding,
            remedy: None,
            class: None,
            impact,
            effort,
            sets: Vec::new(),
            trades: Vec::new(),
        };
    };
    let trades = trades(&remedy, host);
    if !trades.is_empty() {
        if remedy.applicability == Applicability::Safe {
            remedy.applicability = Applicability::Consent;
        }
        // Its own words say what matters here, where it has any.
        if remedy.costs.is_empty() {
            remedy.costs = trades.iter().map(|t| t.what.clone()).collect();
        }
    }
    let class = ClassOf::of_all(&remedy.actions, host);
    let filesystem = filesystem_of(&remedy.actions, host);
    let impact = estimate(remedy.effect, filesystem, host, context.analysis);
    let effort = match &class {
        Some(class) => effort(class.class, &remedy.actions, host),
        None => Effort::default(),
    };
    let sets = remedy.actions.iter().flat_map(|a| a.sets(host)).collect();
    Proposal {
        finding,
        remedy: Some(remedy),
        class,
        impact,
        effort,
        sets,
        trades,
    }
}

/// What the actions of a remedy give up, each once.
fn trades(remedy: &Remedy, host: &Host) -> Vec<Trade> {
    let actions = remedy.actions.iter();
    let mut trades: Vec<Trade> = actions.flat_map(|a| a.trades(host)).collect();
    trades.sort();
    trades.dedup();
    trades
}

/// The filesystem that actions are about; that of `/` for those that concern the whole machine.
pub fn filesystem_of<'a>(actions: &[Action], host: &'a Host) -> Option<&'a Filesystem> {
    let storage = &host.storage;
    let by_path = |path: &[String]| {
        storage.filesystems.iter().find(|f| match &f.source {
            StorageSource::Disko(own) => own.starts_with(path),
            StorageSource::FileSystems => false,
        })
    };
    let named = actions.iter().find_map(|action| match action {
        Action::EditMountOptions { mounts } => mounts
            .iter()
            .find_map(|m| storage.mount(&m.mountpoint))
            .map(|(f, _)| f),
        Action::AddSubvolume { filesystem, .. }
        | Action::SplitSubvolume { filesystem, .. }
        | Action::AddSwapSubvolume { filesystem, .. }
        | Action::SetMkfs { filesystem, .. } => by_path(filesystem),
        Action::MergeSubvolume { subvolume }
        | Action::RenameSubvolume { subvolume, .. }
        | Action::UnmountSubvolume { subvolume } => storage
            .filesystems
            .iter()
            .find(|f| f.subvolumes.iter().any(|s| s.path == *subvolume)),
        Action::SetLuksSetting { luks, .. } | Action::AddLuksFormatArgs { luks, .. } => {
            by_path(luks)
        }
        Action::SetDirectoryAttribute { directory, .. } => {
            storage.holding(directory).map(|(f, _)| f)
        }
        Action::SetNixosOption { .. }
        | Action::EditNixosList { .. }
        | Action::AppendNixosLines { .. }
        | Action::UnsetNixosOption { .. } => None,
    });
    named
        .or_else(|| storage.mount("/").map(|(f, _)| f))
        .or_else(|| storage.filesystems.first())
}

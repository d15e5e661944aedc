//! The public report, and its renderers.
//!
//! Owns the one versioned report type: the JSON is the model, and every other format reads nothing
//! but it. Must never know rules, syntax or the evaluator; it never decides anything.

pub mod build;
pub mod cause;
pub mod diagnosis;
pub mod inspect;
pub mod runbook;
pub mod script;
pub mod text;

pub use cause::{CauseEvidence, CauseReport};

use serde::{Deserialize, Serialize};

use crate::analyze::workload::Place as DataPlace;
use crate::analyze::{Confidence, Direction, Engine, IoPattern, Weight, WorkloadKind};
use crate::impact::{Effort, Impact, Together};
use crate::nix::module::Change;
use crate::nix::source::Place;
use crate::recommend::{Applicability, Class, Severity, Trade};
use crate::rewrite::commands::Command;

/// The version of the report's format.
pub const FORMAT: &str = "btrfs-tune/report/1";

/// What was found about a project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Report {
    /// [`FORMAT`].
    pub format: String,
    /// The hosts, by name.
    pub hosts: Vec<HostReport>,
    /// Inputs that could not be read, or not wholly.
    pub problems: Vec<ProblemReport>,
}

/// An input that could not be understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ProblemReport {
    /// `error`, `warning` or `note`.
    pub severity: String,
    /// Which input, with line and column where known.
    pub source: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub help: Option<String>,
}

/// What was found about one host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostReport {
    /// Its name.
    pub name: String,
    /// The machine in one line, as far as it is known.
    pub machine: String,
    /// Its btrfs filesystems, by their mount points.
    pub filesystems: Vec<String>,
    /// What it does.
    pub workloads: Vec<WorkloadReport>,
    /// What holds it back, the likeliest first.
    pub causes: Vec<CauseReport>,
    /// What is not proposed, because the evidence refutes what it would relieve.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub withheld: Vec<WithheldReport>,
    /// What was found and what to do about it, in the order in which the patches apply.
    pub findings: Vec<FindingReport>,
    /// What the patches do together to the work on each filesystem, where several touch the same.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub together: Vec<Together>,
    /// What could not be read of its configuration.
    pub unknown: Vec<UnknownReport>,
}

/// A kind of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WorkloadReport {
    /// Which.
    pub kind: WorkloadKind,
    /// The paths it works on.
    pub paths: Vec<String>,
    /// People say that it is slow.
    pub complained_about: bool,
    /// What does it, where that is known.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub engines: Vec<Engine>,
    /// The paths with what holds them, down to the devices.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub places: Vec<DataPlace>,
    /// Paths that are not known, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unplaced: Vec<String>,
    /// How it reads and writes: for each engine, else what this kind of work has in common.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub patterns: Vec<IoPattern>,
    /// How sure it is that the machine does this.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confidence: Option<Confidence>,
    /// What speaks for and against it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub evidence: Vec<EvidenceReport>,
}

/// A statement with its source and weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EvidenceReport {
    /// What is the case.
    pub statement: String,
    /// Where it was read.
    pub source: String,
    /// For or against.
    pub direction: Direction,
    /// How much it says.
    pub weight: Weight,
}

/// What is not proposed, and why not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WithheldReport {
    /// The rule.
    pub rule: String,
    /// What it is about.
    pub subject: String,
    /// What it found.
    pub message: String,
    /// The cause that it would relieve.
    pub cause: String,
    /// What speaks against that cause.
    pub why: String,
}

/// A finding and what to do about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FindingReport {
    /// The rule.
    pub rule: String,
    /// What it is about.
    pub subject: String,
    /// How bad the finding is.
    pub severity: Severity,
    /// What to do, or what is the case where nothing can be done.
    pub title: String,
    /// What is the case.
    pub message: String,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<Place>,
    /// When it takes effect; absent for advice without a change.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub class: Option<Class>,
    /// Why then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub class_reason: Option<String>,
    /// Whether something is traded away, or no edit could be proven.
    pub applicability: Applicability,
    /// What it is concluded from.
    pub evidence: Vec<EvidenceReport>,
    /// The causes that it relieves.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub relieves: Vec<String>,
    /// What gets worse.
    pub cost: Vec<String>,
    /// What is given up, by the facts about the kernel.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub trades: Vec<Trade>,
    /// For a patch that trades something away: the rule to name with `--consent`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub consent: Option<String>,
    /// Before and after.
    pub impact: Impact,
    /// Whether little is gained by it: nothing is repaired, and no figure promises a noticeable
    /// share of the time of anything. Such findings are there to be taken along, or left.
    #[serde(default)]
    pub marginal: bool,
    /// What it asks.
    pub effort: Effort,
    /// The exact difference of the evaluated configuration.
    pub changes: Vec<Change>,
    /// The proven edits, one for each file; none for advice.
    pub edits: Vec<EditReport>,
    /// The hosts whose configuration the patch changes: this one, and those that have the same
    /// finding and of which it is exactly the remedy. Absent without a patch.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub hosts: Vec<String>,
    /// Other hosts that read a changed file, and whose configuration stays the same; for what has no
    /// patch, those that read the file of the finding.
    pub shared_with: Vec<String>,
    /// Hosts that could not be evaluated and were seen to read a changed file: nothing protects
    /// them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unprotected: Vec<String>,
    /// The host whose patch changes this one too; then there is none here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub patched_with: Option<String>,
    /// What it gives way to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dropped: Option<DroppedReport>,
    /// For a change that could not be proven: what stands in the way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub obstacle: Option<String>,
    /// What to run on the machine.
    pub commands: Vec<Command>,
}

/// The edit of one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EditReport {
    /// The file, relative to the root of the project.
    pub file: String,
    /// The edit as a unified diff, which `git apply` takes.
    pub patch: String,
}

/// Why a recommendation is not followed: another one sets the same thing otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DroppedReport {
    /// The rule of the one that is followed instead.
    pub rule: String,
    /// Its subject.
    pub subject: String,
    /// What they contradict each other about, and why the other one goes first.
    pub why: String,
}

/// Something about the configuration that is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct UnknownReport {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<Place>,
}

impl FindingReport {
    /// The edits of all files as one patch; `None` for advice.
    pub fn patch(&self) -> Option<String> {
        let texts = || self.edits.iter().map(|edit| edit.patch.as_str());
        (!self.edits.is_empty()).then(|| texts().collect())
    }

    /// How many steps its procedure has, if it moves data or installs anew: then the steps belong
    /// together, in the order and with the checks of the runbook.
    pub fn procedure(&self) -> Option<usize> {
        let long = self.class.is_some_and(|class| class >= Class::Migrate);
        (long && !self.commands.is_empty()).then_some(self.commands.len())
    }
}

impl HostReport {
    /// The recommendations that have a patch.
    pub fn patches(&self) -> impl Iterator<Item = &FindingReport> {
        self.findings.iter().filter(|r| !r.edits.is_empty())
    }
}

/// The JSON Schema of [`Report`], kept as `schema/report-1.json`.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Report);
    schema.insert("$id".to_owned(), FORMAT.into());
    schema.insert("title".to_owned(), "btrfs-tune report".into());
    schema.to_value()
}

impl Report {
    /// Whether any patch is left to apply.
    pub fn has_patches(&self) -> bool {
        self.hosts.iter().any(|h| h.patches().next().is_some())
    }
}

//! Owns: the document of `diagnose`: what machines do, what holds them back, what would tell more,
//! and what is not worth doing.

mod text;

use serde::{Deserialize, Serialize};

pub use text::render;

use super::{CauseReport, ProblemReport, WithheldReport, WorkloadReport, build, cause};
use crate::analyze::{Analysis, Ask, Confidence, Layer};
use crate::model::Host;
use crate::nix::source::Sources;
use crate::recommend::{Class, Severity};
use crate::select::{self, Proposal};

/// The version of the document.
pub const FORMAT: &str = "btrfs-tune/diagnosis/1";

/// Causes beyond these are of no use to anybody.
const MOST_CAUSES: usize = 15;

/// What was concluded about machines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Document {
    /// [`FORMAT`].
    pub format: String,
    /// What holds the machines back: of each machine the likeliest cause first.
    pub causes: Vec<RankedCause>,
    /// The machines, by name.
    pub machines: Vec<MachineReport>,
    /// Inputs that could not be read, or not wholly.
    pub problems: Vec<ProblemReport>,
}

/// A root cause of one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RankedCause {
    /// Which machine.
    pub machine: String,
    /// The cause.
    #[serde(flatten)]
    pub cause: CauseReport,
}

/// What was concluded about one machine, beside its causes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MachineReport {
    /// Its name.
    pub name: String,
    /// The machine in one line, as far as it is known.
    pub machine: String,
    /// Its btrfs filesystems, by their mount points.
    pub filesystems: Vec<String>,
    /// The answer in one word.
    pub verdict: Verdict,
    /// The answer in one sentence.
    pub answer: String,
    /// What people said, and what was understood of it.
    pub understood: Vec<Understood>,
    /// What it does.
    pub workloads: Vec<WorkloadReport>,
    /// What would tell more, the most telling first.
    pub asks: Vec<AskReport>,
    /// What can be changed, in order; `btrfs-tune fix --diff` writes the patches.
    pub recommendations: Vec<Recommendation>,
    /// What is not proposed, because the evidence refutes what it would relieve.
    pub withheld: Vec<WithheldReport>,
}

/// What it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Storage holds it back, and something can be done about it.
    Storage,
    /// The device gives what it can.
    HardwareLimit,
    /// The hardware fails, or is not what it seems.
    Hardware,
    /// A version of the kernel; upgrade.
    KernelBug,
    /// What is slow is not storage.
    NotStorage,
    /// Nothing is wrong.
    NoProblem,
    /// Nothing is likely by what is known.
    NotEnoughEvidence,
}

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Understood {
    /// Where.
    pub source: String,
    /// The words.
    pub text: String,
    /// What was understood of them.
    pub understood: String,
}

/// A command that would tell more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AskReport {
    /// What to run on the machine.
    pub command: String,
    /// The causes that it would decide about, and what it would show.
    pub decides: Vec<Decides>,
}

/// What a command would show of a cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Decides {
    /// The cause.
    pub cause: String,
    /// What would be seen.
    pub shows: String,
}

/// A recommendation, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Recommendation {
    /// The rule.
    pub rule: String,
    /// What it is about.
    pub subject: String,
    /// How bad it is.
    pub severity: Severity,
    /// What to do.
    pub title: String,
    /// When it takes effect.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub class: Option<Class>,
    /// The causes that it relieves and that are likely here.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub relieves: Vec<String>,
}

/// The JSON Schema of [`Document`], kept as `schema/diagnosis-1.json`.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Document);
    schema.insert("$id".to_owned(), FORMAT.into());
    schema.insert("title".to_owned(), "btrfs-tune diagnosis".into());
    schema.to_value()
}

/// The document about some machines.
pub fn document(
    hosts: &[(Host, Analysis)],
    sources: &Sources,
    problems: Vec<ProblemReport>,
) -> Document {
    let ranked = hosts.iter().flat_map(|(host, analysis)| {
        let supported = analysis.diagnoses.iter().filter(|d| d.is_supported());
        supported.take(MOST_CAUSES).map(|d| RankedCause {
            machine: host.name.clone(),
            cause: cause::of(d, sources),
        })
    });
    Document {
        format: FORMAT.to_owned(),
        causes: ranked.collect(),
        machines: hosts.iter().map(|(h, a)| machine(h, a, sources)).collect(),
        problems,
    }
}

fn machine(host: &Host, analysis: &Analysis, sources: &Sources) -> MachineReport {
    let (verdict, answer) = verdict(analysis);
    let likely: Vec<&str> = analysis
        .diagnoses
        .iter()
        .filter(|d| d.confidence >= Confidence::Medium)
        .map(|d| d.cause.id())
        .collect();
    let plan = select::plan(host, analysis);
    MachineReport {
        name: host.name.clone(),
        machine: build::machine(host),
        filesystems: analysis.filesystems.clone(),
        verdict,
        answer,
        understood: host
            .observations
            .iter()
            .map(|o| Understood {
                source: o.source.clone(),
                text: o.text.clone(),
                understood: o.understood(),
            })
            .collect(),
        workloads: build::workloads(analysis, sources),
        asks: analysis.asks.iter().map(ask).collect(),
        recommendations: plan.iter().map(|p| recommendation(p, &likely)).collect(),
        withheld: build::withheld(host, analysis),
    }
}

fn recommendation(proposal: &Proposal, likely: &[&str]) -> Recommendation {
    let finding = &proposal.finding;
    let mut relieves = build::relieves(finding.rule);
    relieves.retain(|id| likely.contains(&id.as_str()));
    Recommendation {
        rule: finding.rule.to_owned(),
        subject: finding.subject.clone(),
        severity: finding.severity,
        title: proposal
            .remedy
            .as_ref()
            .map_or_else(|| finding.message.clone(), |r| r.title.clone()),
        class: proposal.class.as_ref().map(|c| c.class),
        relieves,
    }
}

fn ask(ask: &Ask) -> AskReport {
    AskReport {
        command: ask.command.clone(),
        decides: ask
            .decides
            .iter()
            .map(|(cause, shows)| Decides {
                cause: cause.id().to_owned(),
                shows: shows.clone(),
            })
            .collect(),
    }
}

/// What the ranking comes to.
fn verdict(analysis: &Analysis) -> (Verdict, String) {
    use crate::analyze::Cause;
    use crate::analyze::bottleneck::knowledge;
    let first = analysis
        .diagnoses
        .first()
        .filter(|d| d.is_supported() && d.confidence >= Confidence::Medium);
    let Some(first) = first else {
        let mut text = "not enough evidence".to_owned();
        if let Some(ask) = analysis.asks.first() {
            text.push_str(&format!("; run: {}", ask.command));
        }
        return (Verdict::NotEnoughEvidence, text);
    };
    let known = knowledge::of(first.cause);
    let verdict = match (first.cause, known.map(|k| k.layer)) {
        (Cause::HardwareLimit, _) => Verdict::HardwareLimit,
        // Memory holds the pages, but the disks are what the burst holds up.
        (Cause::DirtyRatioTooLarge, _) => Verdict::Storage,
        (Cause::NoProblemFound | Cause::MetricArtifact, _) | (_, Some(Layer::None)) => {
            Verdict::NoProblem
        }
        (_, Some(Layer::Kernel)) => Verdict::KernelBug,
        (_, Some(Layer::Hardware)) => Verdict::Hardware,
        (_, Some(Layer::Memory | Layer::Processor | Layer::Network | Layer::Application)) => {
            Verdict::NotStorage
        }
        _ => Verdict::Storage,
    };
    let about = first
        .about
        .as_ref()
        .map_or(String::new(), |a| format!(" ({a})"));
    let answer = known.map(|k| k.answer.as_str()).unwrap_or_default();
    let not_storage = match verdict {
        Verdict::NotStorage => "Not storage. ",
        _ => "",
    };
    (
        verdict,
        format!("{not_storage}{}{about}. {answer}", first.title),
    )
}

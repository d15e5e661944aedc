//! Owns: what is known of each cause, as data: one file `causes/<id>.toml` each, that an expert
//! reads and edits. `causes/README.md` says how they are written.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::condition::Condition;

/// Where a cause lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// btrfs: its options, its layout, its upkeep.
    Btrfs,
    /// Between the filesystem and the disk: scheduler, encryption, writeback.
    Block,
    /// The disk, its bus or its controller.
    Hardware,
    /// Memory.
    Memory,
    /// The processor.
    Processor,
    /// A version of the kernel.
    Kernel,
    /// The network.
    Network,
    /// A program.
    Application,
    /// Nothing is wrong.
    None,
}

/// What one diagnosis of a cause is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// The machine.
    Machine,
    /// One filesystem.
    Filesystem,
    /// One device.
    Device,
}

/// Evidence of one kind is capped in sum: five ways of saying one thing do not count five times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// What people say.
    Words,
    /// Load, latency, pressure.
    Measured,
    /// What the filesystem or the kernel is in now.
    State,
    /// The names of busy or waiting threads.
    Thread,
    /// The kernel's log, and error counters.
    Log,
    /// Options and services.
    Config,
    /// Media, models, sizes.
    Hardware,
    /// The version of the kernel.
    Version,
    /// That an account reads like those of known reports.
    Reports,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 9] = [
        Kind::Words,
        Kind::Measured,
        Kind::State,
        Kind::Thread,
        Kind::Log,
        Kind::Config,
        Kind::Hardware,
        Kind::Version,
        Kind::Reports,
    ];

    /// The most that evidence of this kind adds up to, in log-odds. Judgement: what can lie, or is
    /// only there, counts less than what was seen to happen.
    pub const fn cap(self) -> f64 {
        match self {
            Kind::Log => 4.5,
            Kind::Measured | Kind::State => 4.0,
            Kind::Thread => 3.5,
            Kind::Words | Kind::Version => 3.0,
            Kind::Config | Kind::Hardware => 2.5,
            Kind::Reports => 2.0,
        }
    }
}

/// A piece of knowledge: when this holds, a cause is so much likelier or less likely.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// All of these must hold.
    #[serde(default, deserialize_with = "one_or_many")]
    pub when: Vec<Condition>,
    /// One of these must hold, if there are any.
    #[serde(default, deserialize_with = "one_or_many")]
    pub any: Vec<Condition>,
    /// Which kind of evidence it is.
    pub kind: Kind,
    /// Log-odds: positive for, negative against.
    pub weight: f64,
    /// What to say of it; `{}` stands for the text of the first signal.
    #[serde(default)]
    pub text: Option<String>,
    /// Why it weighs so much; without it the weight is judgement.
    #[serde(default)]
    pub source: Option<String>,
}

/// What is known of a cause.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knowledge {
    /// One sentence for people.
    pub title: String,
    /// Where it lies.
    pub layer: Layer,
    /// What one diagnosis of it is about.
    pub about: About,
    /// Log-odds before any evidence.
    pub prior: f64,
    /// The mechanism.
    pub means: String,
    /// What follows from it.
    pub answer: String,
    /// What raises and lowers it.
    #[serde(default)]
    pub evidence: Vec<Rule>,
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Condition>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(Condition),
        Many(Vec<Condition>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

/// What is known of all causes, in the order of [`Cause::ALL`], or the first mistake.
static ALL: LazyLock<Result<Vec<(Cause, Knowledge)>, String>> = LazyLock::new(|| {
    Cause::ALL
        .into_iter()
        .map(|cause| match toml::from_str(cause.text()) {
            Ok(knowledge) => Ok((cause, knowledge)),
            Err(error) => Err(format!("{}: {error}", cause.id())),
        })
        .collect()
});

/// What is known of all causes, in the order of [`Cause::ALL`].
///
/// # Errors
///
/// The file and the mistake, if one is not well-formed; a test sees to it that none is.
pub fn all() -> Result<&'static [(Cause, Knowledge)], &'static str> {
    match &*ALL {
        Ok(all) => Ok(all),
        Err(error) => Err(error),
    }
}

/// What is known of a cause.
pub fn of(cause: Cause) -> Option<&'static Knowledge> {
    let found = all().ok()?.iter().find(|(c, _)| *c == cause);
    found.map(|(_, knowledge)| knowledge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::signal::dictionary;

    #[test]
    fn every_file_is_well_formed() {
        for (cause, knowledge) in all().unwrap() {
            let id = cause.id();
            assert!(
                !knowledge.title.is_empty() && !knowledge.answer.is_empty(),
                "{id}"
            );
            assert!((-6.0..0.0).contains(&knowledge.prior), "{id}: prior");
            assert!(knowledge.evidence.len() >= 4, "{id}: little is known of it");
            assert!(
                knowledge.evidence.iter().any(|e| e.weight < 0.0),
                "{id}: nothing lowers it"
            );
            for rule in &knowledge.evidence {
                assert!(
                    !rule.when.is_empty() || !rule.any.is_empty(),
                    "{id}: {rule:?}"
                );
                assert!(
                    rule.weight.abs() <= rule.kind.cap() && rule.weight != 0.0,
                    "{id}: {rule:?}"
                );
                for condition in rule.when.iter().chain(&rule.any) {
                    let name = condition.name.as_str();
                    let known = name.starts_with("heard.") || dictionary::lookup(name).is_some();
                    assert!(known, "{id}: `{name}` is not in the dictionary of signals");
                }
            }
        }
    }
}

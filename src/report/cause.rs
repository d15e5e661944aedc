//! Owns: root causes in reports.

use serde::{Deserialize, Serialize};

use super::build;
use crate::analyze::bottleneck::knowledge;
use crate::analyze::{Confidence, Diagnosis, Direction, Kind, Layer, Piece};
use crate::nix::source::Sources;

/// A root cause, weighed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CauseReport {
    /// Its id.
    pub id: String,
    /// One sentence.
    pub title: String,
    /// Where it lies: in btrfs, below it, or not in storage at all.
    pub layer: Layer,
    /// What it is about: a filesystem or a device.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub about: Option<String>,
    /// Of what else the same is true.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub also: Vec<String>,
    /// How sure it is, between 0 and 1: the logistic of the sum of its evidence.
    pub confidence: f64,
    /// The same in words.
    pub level: Confidence,
    /// The sum of its evidence, each kind capped, in log-odds.
    pub log_odds: f64,
    /// What speaks for and against it, the weightiest first.
    pub evidence: Vec<CauseEvidence>,
    /// The strongest statements for and against, where both are strong.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contradiction: Option<Contradiction>,
    /// What follows from it.
    pub answer: String,
}

/// Two strong statements that do not go together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Contradiction {
    /// What speaks for it.
    pub says: String,
    /// What speaks against it.
    pub denies: String,
}

/// A statement with what it does to a cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CauseEvidence {
    /// For or against.
    pub direction: Direction,
    /// How much, in log-odds: positive for, negative against.
    pub weight: f64,
    /// What is the case.
    pub text: String,
    /// Where it was read.
    pub source: String,
    /// Which kind of evidence it is; each kind is capped in sum.
    pub kind: Kind,
    /// Why it weighs so much: a source, or `judgement`.
    pub basis: String,
}

impl CauseEvidence {
    /// As a line of text.
    pub fn line(&self) -> String {
        let sign = match self.direction {
            Direction::For => '+',
            Direction::Against => '-',
        };
        format!(
            "{sign}{:.1} {} [{}]",
            self.weight.abs(),
            self.text,
            self.source
        )
    }
}

/// To two decimals: more would pretend to a precision that judgement has not.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The report of a diagnosis.
pub(super) fn of(diagnosis: &Diagnosis, sources: &Sources) -> CauseReport {
    let known = knowledge::of(diagnosis.cause);
    CauseReport {
        id: diagnosis.cause.id().to_owned(),
        title: diagnosis.title.clone(),
        layer: known.map_or(Layer::None, |k| k.layer),
        about: diagnosis.about.clone(),
        also: diagnosis.also.clone(),
        confidence: rounded(diagnosis.probability.value()),
        level: diagnosis.confidence,
        log_odds: rounded(diagnosis.log_odds),
        evidence: diagnosis
            .pieces
            .iter()
            .map(|p| evidence(p, sources))
            .collect(),
        contradiction: diagnosis
            .contradiction
            .as_ref()
            .map(|(says, denies)| Contradiction {
                says: says.clone(),
                denies: denies.clone(),
            }),
        answer: known.map(|k| k.answer.clone()).unwrap_or_default(),
    }
}

fn evidence(piece: &Piece, sources: &Sources) -> CauseEvidence {
    let shown = piece.sources.iter().map(|s| build::source(s, sources));
    let shown: Vec<String> = shown.collect();
    CauseEvidence {
        direction: piece.direction(),
        weight: rounded(piece.weight),
        text: piece.statement.clone(),
        source: shown.join("; "),
        kind: piece.kind,
        basis: piece
            .basis
            .clone()
            .unwrap_or_else(|| "judgement".to_owned()),
    }
}

//! Evidence: statements with a source and a weight, for or against, and what they add up to.

use serde::{Deserialize, Serialize};

use crate::nix::source::Span;

/// How much a statement says, by itself.
///
/// The weights are judgement: the order of the statements matters, not their ratio. Their sum alone
/// gives the [`Confidence`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// Would be surprising if the opposite were true, but decides nothing.
    Weak,
    /// Seen in most cases of the cause, and seldom without it.
    Moderate,
    /// Hardly seen without the cause.
    Strong,
}

impl Weight {
    /// Its share in the sum.
    pub fn points(self) -> i32 {
        match self {
            Weight::Weak => 1,
            Weight::Moderate => 2,
            Weight::Strong => 4,
        }
    }
}

/// Whether a statement speaks for something or against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// It makes it more likely.
    For,
    /// It makes it less likely.
    Against,
}

/// Which of the inputs a statement comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// The hardware report.
    Hardware(String),
    /// The configuration; the place is resolved when it is reported.
    Configuration(Option<Span>),
    /// A metrics file, by its name.
    Metrics(String),
    /// What people say.
    Observation(String),
    /// What is known of btrfs, the kernel or NixOS: an address or a measurement of ours.
    Knowledge(String),
}

/// A statement with its source and weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// What is the case, with its number and unit.
    pub statement: String,
    /// Where it was read.
    pub source: Source,
    /// Whether it speaks for or against.
    pub direction: Direction,
    /// How much it says.
    pub weight: Weight,
}

impl Evidence {
    /// A statement that speaks for something.
    pub fn speaks_for(weight: Weight, source: Source, statement: impl Into<String>) -> Self {
        Evidence {
            statement: statement.into(),
            source,
            direction: Direction::For,
            weight,
        }
    }

    /// A statement that speaks against something.
    pub fn speaks_against(weight: Weight, source: Source, statement: impl Into<String>) -> Self {
        Evidence {
            statement: statement.into(),
            source,
            direction: Direction::Against,
            weight,
        }
    }
}

/// How sure a diagnosis is: nothing but the sum of its evidence.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// More speaks against it than for it.
    Unlikely,
    /// A hint.
    Low,
    /// More likely than not.
    Medium,
    /// Hardly anything else explains it.
    High,
}

/// The sum of the evidence, in points.
pub fn score(evidence: &[Evidence]) -> i32 {
    let signed = |e: &Evidence| match e.direction {
        Direction::For => e.weight.points(),
        Direction::Against => -e.weight.points(),
    };
    evidence.iter().map(signed).sum()
}

/// What the evidence adds up to.
pub fn confidence(evidence: &[Evidence]) -> Confidence {
    match score(evidence) {
        ..=0 => Confidence::Unlikely,
        1..=2 => Confidence::Low,
        3..=5 => Confidence::Medium,
        6.. => Confidence::High,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knowledge() -> Source {
        Source::Knowledge("a test".to_owned())
    }

    #[test]
    fn evidence_against_lowers_confidence() {
        let mut evidence = vec![
            Evidence::speaks_for(Weight::Strong, knowledge(), "a"),
            Evidence::speaks_for(Weight::Moderate, knowledge(), "b"),
        ];
        assert_eq!(confidence(&evidence), Confidence::High);
        evidence.push(Evidence::speaks_against(Weight::Moderate, knowledge(), "c"));
        assert_eq!(confidence(&evidence), Confidence::Medium);
        evidence.push(Evidence::speaks_against(Weight::Strong, knowledge(), "d"));
        assert_eq!(confidence(&evidence), Confidence::Unlikely);
        assert_eq!(confidence(&[]), Confidence::Unlikely);
    }
}

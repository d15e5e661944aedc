//! What holds the machine back: each cause with what speaks for and against it, by the sum of that
//! alone.
//!
//! Owns the causes, what is known of them (data: `causes/<id>.toml`), and how evidence is weighed.
//! Whatever the inputs do not say is left out: nothing is concluded from silence.

mod cause;
mod condition;
mod kernels;
pub mod knowledge;
mod likeness;
mod missing;
mod weigh;

pub use cause::Cause;
pub use knowledge::{Kind, Layer};
pub use missing::Ask;
pub use weigh::{Piece, Probability};

use self::likeness::Likeness;
use super::evidence::{Confidence, Evidence, Weight};
use super::signal::{Signal, Signals, Subject};

/// What speaks for and against is told as a contradiction from this much on, on both sides.
const CONTRADICTION: f64 = 1.5;

/// A cause, weighed.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnosis {
    /// Which cause.
    pub cause: Cause,
    /// One sentence for people.
    pub title: String,
    /// What it is about: a filesystem or a device, where one is known.
    pub about: Option<String>,
    /// Of what else the same is true, less clearly.
    pub also: Vec<String>,
    /// What speaks for and against it, the weightiest first.
    pub pieces: Vec<Piece>,
    /// The sum of it, in log-odds.
    pub log_odds: f64,
    /// What that comes to.
    pub probability: Probability,
    /// The same in words.
    pub confidence: Confidence,
    /// The best statements for and against, where both are strong.
    pub contradiction: Option<(String, String)>,
}

impl Diagnosis {
    /// Whether anything speaks for it.
    pub fn is_supported(&self) -> bool {
        self.pieces.iter().any(|p| p.weight > 0.0)
    }

    /// The sum of its evidence, in log-odds, but for how the whole account reads.
    pub fn by_facts(&self) -> f64 {
        let prior = knowledge::of(self.cause).map_or(0.0, |k| k.prior);
        let mut pieces = self.pieces.clone();
        pieces.retain(|p| p.kind != Kind::Reports);
        weigh::total(prior, &pieces)
    }

    /// Its evidence as rules quote it.
    pub fn evidence(&self) -> Vec<Evidence> {
        let quoted = self.pieces.iter().map(|piece| Evidence {
            statement: piece.statement.clone(),
            source: piece.source(),
            direction: piece.direction(),
            weight: match piece.weight.abs() {
                2.0.. => Weight::Strong,
                1.0.. => Weight::Moderate,
                _ => Weight::Weak,
            },
        });
        quoted.collect()
    }

    /// Whether it is about a filesystem or device, or about all.
    pub fn is_about(&self, name: &str) -> bool {
        let here = self.about.as_deref().is_none_or(|about| about == name);
        here || self.also.iter().any(|also| also == name)
    }

    /// What speaks most against it, where it is refuted: known not to be the cause, rather than not
    /// known to be it.
    pub fn refuted_by(&self) -> Option<&Piece> {
        // That it reads otherwise than other reports refutes nothing.
        let pieces = || self.pieces.iter().filter(|p| p.kind != Kind::Reports);
        let against: f64 = pieces().map(|p| p.weight.min(0.0)).sum();
        let refuted = self.confidence == Confidence::Unlikely && against <= -CONTRADICTION;
        let strongest = pieces().min_by(|a, b| a.weight.total_cmp(&b.weight));
        strongest.filter(|p| refuted && p.weight < 0.0)
    }
}

/// What is known of the kernel that a machine runs, as further signals.
pub fn of_kernel(signals: &Signals, release: Option<&str>) -> Vec<Signal> {
    kernels::signals(signals, release)
}

/// The diagnoses of a host, the likeliest first; ties in the order of [`Cause`].
pub fn diagnose(signals: &Signals) -> Vec<Diagnosis> {
    let known = knowledge::all().unwrap_or_default();
    let accounts = signals.accounts().iter();
    let likeness: Vec<Option<Likeness>> = accounts.map(|text| Likeness::of(text)).collect();
    let mut diagnoses: Vec<Diagnosis> = known
        .iter()
        .filter_map(|(cause, knowledge)| {
            let mut cases = weigh::cases(*cause, knowledge, signals, &likeness).into_iter();
            let best = cases.next()?;
            let name = |subject: &Subject| match subject {
                Subject::Machine => None,
                Subject::Filesystem(name) | Subject::Device(name) => Some(name.clone()),
            };
            // Where it holds too: hardly less than where it holds best.
            let close = cases.filter(|c| c.log_odds > -1.0 && c.log_odds > best.log_odds - 1.5);
            let also = close.filter_map(|c| name(&c.about)).collect();
            let mut pieces = best.pieces;
            pieces.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
            let probability = Probability::of(best.log_odds);
            Some(Diagnosis {
                cause: *cause,
                title: knowledge.title.clone(),
                about: name(&best.about),
                also,
                contradiction: contradiction(&pieces),
                pieces,
                log_odds: best.log_odds,
                probability,
                confidence: probability.level(),
            })
        })
        .collect();
    diagnoses.sort_by(|a, b| {
        b.log_odds
            .total_cmp(&a.log_odds)
            .then_with(|| a.cause.cmp(&b.cause))
    });
    diagnoses
}

/// What would tell more, if nothing is likely or much is.
pub fn asks(diagnoses: &[Diagnosis], signals: &Signals) -> Vec<Ask> {
    missing::asks(diagnoses, signals)
}

fn contradiction(pieces: &[Piece]) -> Option<(String, String)> {
    let strongest = |sign: f64| {
        let all = pieces.iter().filter(|p| p.weight * sign >= CONTRADICTION);
        all.max_by(|a, b| (a.weight * sign).total_cmp(&(b.weight * sign)))
    };
    let (says, denies) = (strongest(1.0)?, strongest(-1.0)?);
    Some((says.statement.clone(), denies.statement.clone()))
}

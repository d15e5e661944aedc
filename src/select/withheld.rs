//! Owns: what is not proposed because the evidence refutes all that it would relieve.

use super::{Proposal, is_on};
use crate::analyze::{Analysis, Cause, Diagnosis, Kind, Piece};
use crate::model::Host;
use crate::recommend::rules::{RULES, rule};
use crate::recommend::{Context, Effect, Finding, Rule};

/// What was seen refutes from this weight on (log-odds): "weak" by the scale of the causes.
const SEEN: f64 = -1.0;
/// What is said refutes from this weight on: "clear" by the same scale.
const PLAIN_WORDS: f64 = -2.0;

/// A finding whose remedy would relieve only what is known not to be the matter.
#[derive(Debug, Clone)]
pub struct Withheld {
    /// The finding.
    pub finding: Finding,
    /// The cause that it would relieve.
    pub cause: Cause,
    /// What speaks against that, in one sentence.
    pub why: String,
}

/// What is withheld of a host's plan.
pub fn withheld(host: &Host, analysis: &Analysis) -> Vec<Withheld> {
    let context = Context { host, analysis };
    let rules = RULES
        .iter()
        .filter(|r| !r.meta().relieves.is_empty() && is_on(**r, host));
    rules
        .flat_map(|rule| {
            let found = rule.detect(&context).into_iter();
            found.map(move |finding| (*rule, finding))
        })
        .filter_map(|(rule, finding)| {
            let effect = rule.remedy(&context, &finding)?.effect;
            let (cause, why) = refuted(rule, &finding, effect, host, analysis)?;
            Some(Withheld {
                finding,
                cause,
                why,
            })
        })
        .collect()
}

/// Whether a proposal is withheld.
pub(super) fn is_withheld(proposal: &Proposal, host: &Host, analysis: &Analysis) -> bool {
    let Some(remedy) = &proposal.remedy else {
        return false;
    };
    rule(proposal.finding.rule)
        .and_then(|rule| refuted(rule, &proposal.finding, remedy.effect, host, analysis))
        .is_some()
}

/// What repairs or protects is never withheld: speed is not its point.
fn is_for_speed(effect: Effect) -> bool {
    !matches!(
        effect,
        Effect::Correctness | Effect::Clarity | Effect::Scrub | Effect::Redundancy
    )
}

/// The cause that a finding is about and what refutes it, if everything that it would relieve is
/// refuted. A rule that the owner asks for by name speaks all the same.
fn refuted(
    rule: &dyn Rule,
    finding: &Finding,
    effect: Effect,
    host: &Host,
    analysis: &Analysis,
) -> Option<(Cause, String)> {
    let meta = rule.meta();
    let asked = host
        .preferences
        .get(meta.id, "enabled")
        .is_some_and(|on| *on == true);
    if meta.relieves.is_empty() || asked || !is_for_speed(effect) {
        return None;
    }
    let mut first = None;
    for cause in meta.relieves {
        let diagnosis = analysis.diagnosis(*cause)?;
        let piece = refutes(diagnosis).filter(|_| concerns(diagnosis, finding))?;
        first.get_or_insert_with(|| (*cause, piece.statement.clone()));
    }
    first
}

/// What refutes a cause by itself: something that was seen on the machine, or words as plain as
/// "tried, no effect". That somebody complains of something else besides refutes nothing.
fn refutes(diagnosis: &Diagnosis) -> Option<&Piece> {
    diagnosis.refuted_by()?;
    let refuting = diagnosis.pieces.iter().filter(|piece| match piece.kind {
        Kind::Reports => false,
        Kind::Words => piece.weight <= PLAIN_WORDS,
        _ => piece.weight <= SEEN,
    });
    refuting.min_by(|a, b| a.weight.total_cmp(&b.weight))
}

/// Whether a diagnosis is about what a finding is about; of the machine, about all.
fn concerns(diagnosis: &Diagnosis, finding: &Finding) -> bool {
    diagnosis.about.is_none() || diagnosis.is_about(&finding.subject)
}

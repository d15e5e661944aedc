//! Owns: what would tell more. Where nothing is likely, the answer is the command whose output would
//! move the ranking most.

use rustc_hash::FxHashMap;

use super::cause::Cause;
use super::condition::Outcome;
use super::weigh::Probability;
use super::{Diagnosis, knowledge};
use crate::analyze::signal::{Signals, Subject, dictionary};

/// A command that would tell more.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// What to run on the machine.
    pub command: String,
    /// The causes that it would decide about, the likeliest first, with what it would show of each.
    pub decides: Vec<(Cause, String)>,
    /// By how much the ranking could move, in log-odds.
    pub worth: f64,
}

/// How many of the likeliest causes are looked at.
const LIKELIEST: usize = 6;
/// How many commands are named: nobody runs ten.
const MOST: usize = 3;

/// The commands that would tell most about the likeliest causes, the most telling first. Where
/// nothing speaks for any, all causes are as likely as they are before any evidence.
pub(super) fn asks(diagnoses: &[Diagnosis], signals: &Signals) -> Vec<Ask> {
    let supported = diagnoses.iter().filter(|d| d.is_supported());
    let mut likely: Vec<(Cause, f64)> = supported
        .take(LIKELIEST)
        .map(|d| (d.cause, d.probability.value()))
        .collect();
    if likely.is_empty() {
        let known = knowledge::all().unwrap_or_default();
        let before = known
            .iter()
            .map(|(c, k)| (*c, Probability::of(k.prior).value()));
        likely = before.collect();
        likely.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    }
    let mut by_command: FxHashMap<&str, Ask> = FxHashMap::default();
    for (cause, probability) in likely {
        let Some(known) = knowledge::of(cause) else {
            continue;
        };
        // What is unlikely anyway needs no proof.
        let doubt = probability.max(0.05);
        for rule in &known.evidence {
            for condition in rule.when.iter().chain(&rule.any) {
                if condition.wants_silence() {
                    continue;
                }
                let subject = &Subject::Machine;
                if !matches!(condition.check(signals, subject, None), Outcome::Unknown) {
                    continue;
                }
                let Some(entry) = dictionary::lookup(&condition.name) else {
                    continue;
                };
                let Some(command) = entry.ask.as_deref() else {
                    continue;
                };
                let ask = by_command.entry(command).or_insert_with(|| Ask {
                    command: command.to_owned(),
                    decides: Vec::new(),
                    worth: 0.0,
                });
                ask.worth += rule.weight.abs() * doubt;
                if !ask.decides.iter().any(|(c, _)| *c == cause) {
                    ask.decides.push((cause, entry.means.clone()));
                }
            }
        }
    }
    let mut asks: Vec<Ask> = by_command.into_values().collect();
    asks.sort_by(|a, b| {
        b.worth
            .total_cmp(&a.worth)
            .then_with(|| a.command.cmp(&b.command))
    });
    asks.truncate(MOST);
    asks
}

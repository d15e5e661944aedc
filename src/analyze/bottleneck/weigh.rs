//! Owns: how evidence is weighed: log-odds are added, capped by kind, and turned into a probability.

use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::condition::{Condition, Outcome};
use super::knowledge::{About, Kind, Knowledge, Rule};
use super::likeness::{Like, Likeness};
use crate::analyze::evidence::{Confidence, Direction, Source};
use crate::analyze::signal::{Signal, Signals, Subject};

/// A statement about a machine, with what it does to a cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// What is the case.
    pub statement: String,
    /// Where it was read; of what several inputs tell together, all of them.
    pub sources: Vec<Source>,
    /// Log-odds: positive for, negative against.
    pub weight: f64,
    /// Which kind of evidence it is.
    pub kind: Kind,
    /// Why it weighs so much; `None` is judgement.
    pub basis: Option<String>,
}

impl Piece {
    /// The first of its sources.
    pub fn source(&self) -> Source {
        let first = self.sources.first().cloned();
        first.unwrap_or_else(|| Source::Knowledge(String::new()))
    }

    /// Whether it speaks for or against.
    pub fn direction(&self) -> Direction {
        match self.weight > 0.0 {
            true => Direction::For,
            false => Direction::Against,
        }
    }
}

/// A probability between 0 and 1.
#[derive(
    Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Probability(f64);

impl Probability {
    /// Of log-odds.
    pub fn of(log_odds: f64) -> Self {
        Probability(1.0 / (1.0 + (-log_odds).exp()))
    }

    /// Its value.
    pub fn value(self) -> f64 {
        self.0
    }

    /// In words.
    pub fn level(self) -> Confidence {
        match self.0 {
            0.85.. => Confidence::High,
            0.5.. => Confidence::Medium,
            0.2.. => Confidence::Low,
            _ => Confidence::Unlikely,
        }
    }
}

/// What speaks for and against a cause, of one subject.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case {
    pub(super) about: Subject,
    pub(super) pieces: Vec<Piece>,
    pub(super) log_odds: f64,
}

/// The sum of evidence, each kind capped.
pub(super) fn total(prior: f64, pieces: &[Piece]) -> f64 {
    let of_kind = |kind: Kind| -> f64 {
        let sum: f64 = pieces
            .iter()
            .filter(|p| p.kind == kind)
            .map(|p| p.weight)
            .sum();
        sum.clamp(-kind.cap(), kind.cap())
    };
    let sum = prior + Kind::ALL.into_iter().map(of_kind).sum::<f64>();
    // How an account reads makes nothing likely where only its own words speak for it.
    let words_alone = pieces
        .iter()
        .filter(|p| p.weight > 0.0)
        .all(|p| matches!(p.kind, Kind::Words | Kind::Reports));
    let without = sum - of_kind(Kind::Reports);
    match words_alone {
        true => sum.min(without.max(JUST_UNLIKELY)),
        false => sum,
    }
}

/// Just less than even odds.
const JUST_UNLIKELY: f64 = -0.01;

/// The cases for a cause: one for each subject that something of its own speaks of, the strongest
/// first. Empty where nothing is known that matters to it.
pub(super) fn cases(
    cause: Cause,
    knowledge: &Knowledge,
    signals: &Signals,
    likeness: &[Option<Likeness>],
) -> Vec<Case> {
    let like = |complaint: usize| likeness.get(complaint)?.as_ref()?.like(cause);
    let mut subjects: Vec<Subject> = match knowledge.about {
        About::Machine => Vec::new(),
        About::Filesystem => signals
            .filesystems()
            .map(|name| Subject::Filesystem(name.to_owned()))
            .collect(),
        About::Device => signals
            .devices()
            .into_iter()
            .map(|name| Subject::Device(name.to_owned()))
            .collect(),
    };
    if subjects.is_empty() {
        subjects.push(Subject::Machine);
    }
    let mut cases: Vec<Case> = subjects
        .into_iter()
        .map(|about| case(knowledge, signals, about, &like))
        .filter(|case| !case.pieces.is_empty())
        .collect();
    cases.sort_by(|a, b| {
        b.log_odds
            .total_cmp(&a.log_odds)
            .then_with(|| a.about.cmp(&b.about))
    });
    cases
}

/// The case for a cause about one subject: of several complaints, that which speaks for it most.
/// What one complaint says against a cause says nothing of another.
fn case<'l>(
    knowledge: &Knowledge,
    signals: &Signals,
    about: Subject,
    like: &dyn Fn(usize) -> Option<&'l Like>,
) -> Case {
    let heard = |complaint: Option<usize>| {
        let rules = knowledge.evidence.iter();
        let mut pieces: Vec<Piece> = rules
            .filter_map(|rule| apply(rule, signals, &about, complaint))
            .collect();
        let like = complaint.and_then(like).and_then(reads_like);
        // That it does not read like a cause which nothing speaks of is not worth telling.
        pieces.extend(like.filter(|like| like.weight > 0.0 || !pieces.is_empty()));
        (total(knowledge.prior, &pieces), pieces)
    };
    let complaints = signals.complaints();
    let best = (0..complaints)
        .map(|c| heard(Some(c)))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let (log_odds, pieces) = best.unwrap_or_else(|| heard(None));
    Case {
        about,
        pieces,
        log_odds,
    }
}

/// Log-odds from which on likeness is told.
const WORTH_TELLING: f64 = 0.3;

/// What it says that an account reads like known reports, or unlike them.
fn reads_like(like: &Like) -> Option<Piece> {
    if like.weight.abs() < WORTH_TELLING {
        return None;
    }
    let words: Vec<String> = like.words.iter().map(|w| format!("“{w}”")).collect();
    let statement = match (like.weight > 0.0, words.is_empty()) {
        (true, false) => format!("it reads like known reports of this ({})", words.join(", ")),
        (true, true) => "it reads like known reports of this".to_owned(),
        (false, _) => "it does not read like known reports of this".to_owned(),
    };
    let nearest = like.nearest.filter(|_| like.weight > 0.0);
    let source = nearest.unwrap_or("the known reports");
    Some(Piece {
        statement,
        sources: vec![Source::Knowledge(source.to_owned())],
        weight: like.weight.clamp(-Kind::Reports.cap(), Kind::Reports.cap()),
        kind: Kind::Reports,
        basis: Some("words counted in reports whose cause became known".to_owned()),
    })
}

/// The piece of evidence that a rule gives, if it holds.
fn apply(
    rule: &Rule,
    signals: &Signals,
    about: &Subject,
    complaint: Option<usize>,
) -> Option<Piece> {
    let mut seen: Vec<&Signal> = Vec::new();
    let check = |condition: &Condition| match rule.weight < 0.0 && *about == Subject::Machine {
        true => condition.check_each(signals, about, complaint),
        false => condition.check(signals, about, complaint),
    };
    for condition in &rule.when {
        match check(condition) {
            Outcome::Holds(found) => seen.extend(found.first()),
            Outcome::Fails | Outcome::Unknown => return None,
        }
    }
    if !rule.any.is_empty() {
        let holds = rule.any.iter().find_map(|c| match check(c) {
            Outcome::Holds(found) => Some(found),
            Outcome::Fails | Outcome::Unknown => None,
        })?;
        seen.extend(holds.first());
    }
    let mut texts: Vec<&str> = Vec::new();
    for signal in &seen {
        if !texts.contains(&signal.text.as_str()) {
            texts.push(&signal.text);
        }
    }
    let shown = texts.join("; ");
    let statement = match &rule.text {
        Some(text) if text.contains("{}") => text.replace("{}", &shown),
        Some(text) if shown.is_empty() => text.clone(),
        Some(text) => format!("{text} ({shown})"),
        None => shown,
    };
    let mut sources: Vec<Source> = Vec::new();
    for signal in &seen {
        if !sources.contains(&signal.source) {
            sources.push(signal.source.clone());
        }
    }
    if sources.is_empty() {
        sources.push(Source::Knowledge("nothing says otherwise".to_owned()));
    }
    Some(Piece {
        statement,
        sources,
        weight: rule.weight,
        kind: rule.kind,
        basis: rule.source.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(kind: Kind, weight: f64) -> Piece {
        Piece {
            statement: "x".to_owned(),
            sources: vec![Source::Knowledge("a test".to_owned())],
            weight,
            kind,
            basis: None,
        }
    }

    #[test]
    fn five_ways_of_saying_one_thing_do_not_count_five_times() {
        let once = total(-3.0, &[piece(Kind::Words, 2.0)]);
        let often = total(-3.0, &[(); 5].map(|()| piece(Kind::Words, 2.0)));
        assert_eq!((once, often), (-1.0, 0.0));
        // Another kind of evidence does add to it.
        let both = total(-3.0, &[piece(Kind::Words, 2.0), piece(Kind::State, 2.0)]);
        assert_eq!(both, 1.0);
    }

    #[test]
    fn log_odds_become_a_probability() {
        assert_eq!(Probability::of(0.0).value(), 0.5);
        assert_eq!(Probability::of(0.0).level(), Confidence::Medium);
        assert_eq!(Probability::of(2.0).level(), Confidence::High);
        assert_eq!(Probability::of(-3.0).level(), Confidence::Unlikely);
    }
}

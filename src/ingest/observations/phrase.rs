//! Free text: what of it means a concept of the lexicon, and how it is meant.

use std::collections::BTreeSet;

use super::lexicon::{CUE, Kind, Lexicon};
use super::pattern::Match;
use super::scope::{Doubt, Scopes};
use super::tokens::{self, Token};
use super::{numbers, times};
use crate::model::observation::{
    Heard, HowBad, Observation, Quantity, Symptom, Unit, WorkloadHint,
};

/// The most words that are listed as not understood.
const UNREAD: usize = 40;
/// The longest quotation of someone's words, in bytes.
const QUOTED: usize = 160;

/// Adds what is understood of `text` to `observation`.
pub fn understand(text: &str, lexicon: &Lexicon, observation: &mut Observation) {
    let tokens = tokens::tokens(text);
    let matches = matches(&tokens, lexicon);
    let scopes = Scopes::of(&tokens, &matches, lexicon);
    let tried = scopes.tried(&tokens, &matches, lexicon);
    let mut known: BTreeSet<(usize, bool, bool, Option<u8>)> = BTreeSet::new();
    let mut when = None;
    for (found, tried) in matches.iter().zip(tried) {
        let Some((concept, number, kind)) = lexicon.meaning(found.pattern) else {
            continue;
        };
        if concept.category() == CUE {
            continue;
        }
        let negated = is_negated(
            found,
            &tokens,
            &scopes,
            concept.category(),
            &concept.id,
            kind,
        );
        let doubt = scopes.doubt[found.first()].min(scopes.doubt[found.last()]);
        let supposed = doubt.covers(concept.category());
        let timed = concept.category() == "when"
            && !matches!(concept.id.as_str(), "when.everything" | "when.one-program");
        if timed && !negated && !supposed && when.is_none() {
            when = Some(quote(text, &tokens, found));
        }
        if known.insert((number, negated, supposed, tried.map(|t| t as u8))) {
            observation.heard.push(Heard {
                concept: concept.id.clone(),
                negated,
                supposed,
                tried,
                words: quote(text, &tokens, found),
            });
        }
    }
    paths(text, observation);
    let told = numbers::quantities(text, &tokens);
    let told: Vec<&Quantity> = told
        .iter()
        .filter(|(_, at)| scopes.doubt[at.start] < Doubt::Hearsay && !scopes.past[at.start])
        .map(|(quantity, _)| quantity)
        .collect();
    let longest = told
        .iter()
        .filter(|quantity| quantity.unit == Unit::Seconds)
        .map(|quantity| HowBad::of_seconds(quantity.value))
        .max();
    let severity = severity(&matches, &scopes, lexicon);
    observation.severity = observation.severity.max(longest).max(severity);
    observation.quantities.extend(told.into_iter().cloned());
    unread(&tokens, &matches, lexicon, observation);
    derive(lexicon, observation);
    if observation.since.is_none() {
        observation.since = times::since(text, &tokens, &scopes);
    }
    // Who says that all is well every day complains of nothing.
    if observation.when.is_none() && complains(observation) {
        observation.when = times::when(text, &tokens, &scopes).or(when);
    }
}

fn complains(observation: &Observation) -> bool {
    observation.symptoms.iter().any(|s| *s != Symptom::Fine)
}

/// All matches that stand: none in words that mean something else, none within a longer one of
/// its category.
fn matches(tokens: &[Token], lexicon: &Lexicon) -> Vec<Match> {
    let mut all = Vec::new();
    for at in 0..tokens.len() {
        lexicon.index.at(tokens, at, &mut all);
    }
    let meaning: Vec<(usize, Kind, &str)> = all
        .iter()
        .map(|found| {
            let meaning = lexicon.meaning(found.pattern);
            meaning.map_or((0, Kind::Not, CUE), |(c, n, k)| (n, k, c.category()))
        })
        .collect();
    /// No pattern is longer than this: its words, small ones between them, gaps.
    const WIDEST: usize = 60;
    let stands = |at: usize| {
        let (concept, kind, category) = meaning[at];
        if kind == Kind::Not {
            return false;
        }
        let this = &all[at];
        let from = all.partition_point(|m| m.first() + WIDEST < this.first());
        let to = all.partition_point(|m| m.first() <= this.last());
        !(from..to).any(|other| {
            let that = &all[other];
            if other == at || that.last() < this.first() {
                return false;
            }
            let (concept_there, kind_there, category_there) = meaning[other];
            if kind_there == Kind::Not {
                return concept_there == concept && shares(&this.used, &that.used);
            }
            if category_there != category || !within(&this.used, &that.used) {
                return false;
            }
            // Of two over the same words of one concept the first stands.
            that.used.len() > this.used.len()
                || (concept_there == concept && other < at && kind == kind_there)
        })
    };
    let standing: Vec<bool> = (0..all.len()).map(stands).collect();
    let mut standing = standing.into_iter();
    all.retain(|_| standing.next().unwrap_or_default());
    all
}

fn shares(one: &[usize], other: &[usize]) -> bool {
    one.iter().any(|at| other.binary_search(at).is_ok())
}

fn within(inner: &[usize], outer: &[usize]) -> bool {
    inner.len() <= outer.len() && inner.iter().all(|at| outer.binary_search(at).is_ok())
}

/// Whether people say that it is not so.
fn is_negated(
    found: &Match,
    tokens: &[Token],
    scopes: &Scopes,
    category: &str,
    id: &str,
    kind: Kind,
) -> bool {
    let at = found.first();
    let not = found.negated || scopes.negated[at];
    let off = matches!(category, "thing" | "work" | "symptom" | "op" | "state")
        && scopes.off_after(found, tokens);
    let removed = matches!(category, "thing" | "work") && scopes.removed[at];
    match kind {
        // "It was fast" is said of what is so no more.
        Kind::Contrary => !not && !(category == "symptom" && scopes.is_over(found, tokens)),
        _ if id == "symptom.fine" => not || scopes.is_over(found, tokens),
        _ => not || off || removed || scopes.past[at],
    }
}

/// How bad it is, by the phrases for it.
fn severity(matches: &[Match], scopes: &Scopes, lexicon: &Lexicon) -> Option<HowBad> {
    let degree = |found: &Match| {
        let (concept, ..) = lexicon.meaning(found.pattern)?;
        let word = concept.id.strip_prefix("cue.how-")?;
        let told = !found.negated && !scopes.negated[found.first()];
        HowBad::ALL.into_iter().find(|d| told && d.word() == word)
    };
    matches.iter().filter_map(degree).max()
}

/// The exact words of a match.
fn quote(text: &str, tokens: &[Token], found: &Match) -> String {
    let words = text.get(tokens[found.first()].at.start..tokens[found.last()].at.end);
    shorten(words.unwrap_or_default())
}

/// A quotation on one line, not too long.
pub(super) fn shorten(words: &str) -> String {
    let mut line = String::new();
    for word in words.split_whitespace() {
        if line.len() + word.len() > QUOTED {
            line.push_str(" …");
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// The content words that nothing was understood from.
fn unread(tokens: &[Token], matches: &[Match], lexicon: &Lexicon, observation: &mut Observation) {
    let mut read = vec![false; tokens.len()];
    for at in matches.iter().flat_map(|found| &found.used) {
        read[*at] = true;
    }
    for (at, token) in tokens.iter().enumerate() {
        if observation.unread.len() >= UNREAD {
            break;
        }
        let plain = token.path
            || token.number.is_some()
            || token.word.chars().count() < 3
            || token.word.len() > QUOTED
            || numbers::unit(&token.word).is_some()
            || lexicon.is_plain(&token.word);
        if !read[at] && !plain && !observation.unread.contains(&token.word) {
            observation.unread.push(token.word.clone());
        }
    }
}

fn paths(text: &str, observation: &mut Observation) {
    let path_end = |c: char| {
        matches!(
            c,
            ',' | ';' | '.' | ':' | '!' | '?' | ')' | '"' | '\'' | '`'
        )
    };
    for word in text.split_whitespace() {
        let path = word
            .trim_start_matches(['(', '"', '\'', '`'])
            .trim_end_matches(path_end);
        if path.len() > 1 && path.starts_with('/') && !path.starts_with("//") {
            observation.paths.push(path.to_owned());
        }
    }
}

/// The symptom that a concept is, in the coarser list.
fn symptom(id: &str) -> Option<Symptom> {
    let word = match id.strip_prefix("symptom.")? {
        "slow-mount" => "slow-boot",
        "high-cpu" | "high-load" | "wear" | "noise" => "busy",
        "slow-read" | "slow-write" | "varying" | "low-throughput" => "slow",
        word => word,
    };
    Symptom::ALL.into_iter().find(|s| s.word() == word)
}

/// The workload that a concept is, in the coarser list.
pub(super) fn workload(id: &str) -> Option<WorkloadHint> {
    let word = match id.strip_prefix("work.")? {
        "browser" => "desktop",
        "media" => "nas",
        "timeseries" => "logs",
        word => word,
    };
    WorkloadHint::ALL.into_iter().find(|h| h.word() == word)
}

/// Works out the coarser lists from what was heard, and what one concept says of others.
pub(super) fn derive(lexicon: &Lexicon, observation: &mut Observation) {
    let mut more: Vec<Heard> = Vec::new();
    for heard in &observation.heard {
        let Some(concept) = lexicon.concept(&heard.concept).filter(|_| !heard.negated) else {
            continue;
        };
        let implied = concept.implies.iter().map(|id| (id, false));
        let excluded = concept.excludes.iter().map(|id| (id, true));
        for (id, negated) in implied.chain(excluded) {
            let mut all = observation.heard.iter().chain(&more);
            let already = if negated {
                all.any(|h| h.concept == *id)
            } else {
                all.any(|h| h.concept == *id && h.is_fact() == heard.is_fact())
            };
            if !already {
                more.push(Heard {
                    concept: id.clone(),
                    negated,
                    ..heard.clone()
                });
            }
        }
    }
    observation.heard.extend(more);
    for heard in &observation.heard {
        if heard.supposed {
            continue;
        }
        match (symptom(&heard.concept), heard.negated) {
            (Some(symptom), false) if heard.tried.is_none() => observation.symptoms.push(symptom),
            (Some(symptom), true) if symptom != Symptom::Fine => observation.denied.push(symptom),
            _ => {}
        }
        if !heard.negated {
            observation.workloads.extend(workload(&heard.concept));
        }
    }
    tidy(observation);
}

/// Sorts and removes repetitions; a complaint wins over its denial and over "all is well".
pub(super) fn tidy(observation: &mut Observation) {
    observation.symptoms.sort_by(|a, b| b.cmp(a));
    observation.symptoms.dedup();
    if observation.symptoms.len() > 1 {
        observation
            .symptoms
            .retain(|symptom| *symptom != Symptom::Fine);
    }
    observation.denied.sort_by(|a, b| b.cmp(a));
    observation.denied.dedup();
    observation
        .denied
        .retain(|denied| !observation.symptoms.contains(denied));
    if observation.symptoms.is_empty() && !observation.denied.is_empty() {
        observation.symptoms.push(Symptom::Fine);
    }
    observation.workloads.sort();
    observation.workloads.dedup();
    observation.paths.sort();
    observation.paths.dedup();
}

/// How bad something is, by a word of the list, a phrase of the lexicon, or a time.
pub(super) fn how_bad(text: &str) -> Option<HowBad> {
    let mut heard = Observation::default();
    let word = text.trim().to_lowercase();
    HowBad::ALL
        .into_iter()
        .find(|how_bad| how_bad.word() == word)
        .or_else(|| {
            understand(text, Lexicon::standard(), &mut heard);
            heard.severity
        })
}

/// The first number of a text that has a unit.
pub(super) fn quantity(text: &str) -> Option<Quantity> {
    let tokens = tokens::tokens(text);
    let (quantity, _) = numbers::quantities(text, &tokens).into_iter().next()?;
    Some(quantity)
}

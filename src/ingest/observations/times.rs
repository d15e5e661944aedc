//! Since when, and when: the words that tell it.

use super::phrase::shorten;
use super::scope::{Doubt, Scopes};
use super::tokens::{Break, Token};

/// The most words of such a phrase.
const LONGEST: usize = 7;

const PERIODS: [&str; 10] = [
    "day", "days", "week", "weeks", "month", "months", "year", "years", "ages", "night",
];

/// What something began with: updates and the like.
const BEGINNINGS: [&str; 34] = [
    "update",
    "updates",
    "updating",
    "updated",
    "upgrade",
    "upgrades",
    "upgrading",
    "upgraded",
    "moving",
    "moved",
    "switching",
    "switched",
    "installing",
    "installed",
    "install",
    "installation",
    "reinstall",
    "reinstalling",
    "migration",
    "migrating",
    "migrated",
    "converting",
    "converted",
    "enabling",
    "enabled",
    "adding",
    "added",
    "replacing",
    "replaced",
    "changing",
    "changed",
    "deployed",
    "got",
    "bought",
];

const DATES: [&str; 38] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "yesterday",
    "today",
    "last",
    "this",
    "day",
    "forever",
    "always",
    "beginning",
];

/// Since when, in their words: a date, a version, an event, a span of time.
pub(super) fn since(text: &str, tokens: &[Token], scopes: &Scopes) -> Option<String> {
    (0..tokens.len()).find_map(|at| {
        if scopes.doubt[at] >= Doubt::Hearsay {
            return None;
        }
        let word = tokens[at].word.as_str();
        let end = clause_end(tokens, at);
        let rest = tokens.get(at + 1..end)?;
        let holds = |words: &[&str]| rest.iter().any(|t| words.contains(&t.word.as_str()));
        let said = match word {
            "since" => {
                let first = rest.first()?;
                let dated = rest.iter().take(4).any(|t| {
                    t.number.is_some()
                        || t.word.starts_with(|c: char| c.is_ascii_digit())
                        || DATES.contains(&t.word.as_str())
                });
                let reason = holds(&["is", "are", "has", "have", "can", "not"]);
                let event = holds(&BEGINNINGS);
                (dated || event || !reason || first.word == "then").then_some((at + 1, end))
            }
            "after" if holds(&BEGINNINGS) && !holds(&["every", "each"]) => Some((at, end)),
            "for" => {
                let span = rest
                    .iter()
                    .take(5)
                    .position(|t| PERIODS.contains(&t.word.as_str()))?;
                let plain = rest[..span].iter().all(|t| {
                    t.number.is_some()
                        || t.word.len() > 1 && SPAN.contains(&t.word.as_str())
                        || t.word == "a"
                });
                plain.then_some((at, at + 2 + span))
            }
            "ago" if at > 1 => {
                let from = (at.saturating_sub(4)..at).find(|i| {
                    tokens[*i].number.is_some()
                        || SPAN.contains(&tokens[*i].word.as_str())
                        || tokens[*i].word == "a"
                })?;
                Some((from, at + 1))
            }
            _ => None,
        };
        let (from, to) = said?;
        if from >= to {
            return None;
        }
        let words = text.get(tokens[from].at.start..tokens[to - 1].at.end)?;
        Some(shorten(words))
    })
}

/// Words of a span of time before its unit.
const SPAN: [&str; 24] = [
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve", "about",
    "some", "several", "few", "many", "couple", "of", "the", "last", "past", "now", "over", "half",
    "one",
];

/// When it happens, in their words.
pub(super) fn when(text: &str, tokens: &[Token], scopes: &Scopes) -> Option<String> {
    const CUES: [&str; 7] = [
        "whenever", "every", "each", "during", "when", "while", "once",
    ];
    (0..tokens.len()).find_map(|at| {
        let word = tokens[at].word.as_str();
        if scopes.doubt[at] >= Doubt::Hearsay || !CUES.contains(&word) {
            return None;
        }
        let next = tokens.get(at + 1).map_or("", |t| t.word.as_str());
        let told = match word {
            "every" | "each" => {
                tokens.get(at + 1).is_some_and(|t| t.number.is_some())
                    || matches!(
                        next,
                        "hour"
                            | "day"
                            | "night"
                            | "morning"
                            | "week"
                            | "month"
                            | "minute"
                            | "few"
                            | "couple"
                            | "time"
                            | "second"
                            | "other"
                            | "boot"
                            | "evening"
                            | "ten"
                            | "five"
                            | "two"
                            | "three"
                            | "sunday"
                            | "monday"
                            | "snapshot"
                    )
            }
            "once" => matches!(next, "a" | "an" | "per" | "every"),
            // "When it was new" tells of the past.
            "when" => !scopes.past[at] && next != "new",
            _ => true,
        };
        if !told || tokens[at].after != Break::None {
            return None;
        }
        let end = clause_end(tokens, at);
        let words = text.get(tokens[at].at.start..tokens[end - 1].at.end)?;
        Some(shorten(words))
    })
}

/// The end of a clause, a turn or the longest phrase.
fn clause_end(tokens: &[Token], from: usize) -> usize {
    let mut at = from;
    while at < tokens.len() && at - from < LONGEST {
        if at > from
            && matches!(
                tokens[at].word.as_str(),
                "but" | "although" | "because" | "so" | "and" | "then"
            )
        {
            return at;
        }
        if tokens[at].after != Break::None {
            return at + 1;
        }
        at += 1;
    }
    at
}

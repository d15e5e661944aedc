//! Free text, word by word: the lexicon applied, negations, paths, quantities and dates.

use rustc_hash::FxHashMap;

use super::lexicon::{LEXICON, LONGEST_PHRASE, Meaning, NEGATIONS, PAST, TURNS};
use crate::model::observation::{HowBad, Observation, Quantity, Symptom, Unit};

/// How many words before a symptom a negation still reaches it.
const REACH: usize = 3;

/// Adds what is understood of `text` to `observation`.
pub(super) fn understand(text: &str, observation: &mut Observation) {
    let lexicon: FxHashMap<&str, Meaning> = LEXICON.iter().copied().collect();
    let tokens = tokens(text);
    let mut at = 0;
    while at < tokens.len() {
        let found = (1..=LONGEST_PHRASE.min(tokens.len() - at))
            .rev()
            .find_map(|length| {
                let phrase = &tokens[at..at + length];
                // A phrase does not reach over a comma or a full stop.
                let inside = phrase[..length - 1].iter().all(|token| !token.ends);
                let words: Vec<&str> = phrase.iter().map(|token| token.word.as_str()).collect();
                lexicon
                    .get(words.join(" ").as_str())
                    .filter(|_| inside)
                    .map(|m| (length, *m))
            });
        let Some((length, meaning)) = found else {
            at += 1;
            continue;
        };
        match (meaning, reached_by(NEGATIONS, &tokens[..at])) {
            (Meaning::Is(symptom), false) | (Meaning::Well(symptom), true) => {
                observation.symptoms.push(symptom);
            }
            // "It was fast" is said of what is so no more.
            (Meaning::Well(symptom), false) if reached_by(PAST, &tokens[..at]) => {
                observation.symptoms.push(symptom);
            }
            (Meaning::Is(symptom), true) => observation.denied.push(symptom),
            (Meaning::Well(symptom), false) => observation.denied.push(symptom),
            (Meaning::Does(hint), _) => observation.workloads.push(hint),
            (Meaning::Bad(how_bad), _) => {
                observation.severity = observation.severity.max(Some(how_bad));
            }
        }
        at += length;
    }
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
    let quantities = quantities(text);
    let longest = quantities
        .iter()
        .filter(|quantity| quantity.unit == Unit::Seconds)
        .map(|quantity| HowBad::of_seconds(quantity.value))
        .max();
    observation.severity = observation.severity.max(longest);
    observation.quantities.extend(quantities);
    if observation.since.is_none() {
        observation.since = since(text);
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
            understand(text, &mut heard);
            heard.severity
        })
}

/// A word in lower case, and whether a comma or a full stop ends the clause after it.
struct Token {
    word: String,
    ends: bool,
}

fn tokens(text: &str) -> Vec<Token> {
    text.split_whitespace()
        // A path is a place, not words.
        .filter(|word| !word.starts_with('/'))
        .flat_map(|word| {
            let ends = word.ends_with([',', '.', ';', ':', '!', '?']);
            let bare = word
                .trim_matches(|c: char| !c.is_alphanumeric() && c != '%')
                .to_lowercase();
            let parts: Vec<String> = bare.split(['-', '/', '_']).map(str::to_owned).collect();
            let last = parts.len().saturating_sub(1);
            parts
                .into_iter()
                .enumerate()
                .map(move |(index, word)| Token {
                    word,
                    ends: ends && index == last,
                })
        })
        .collect()
}

/// Whether one of `words` stands before a symptom, near and in the same clause.
fn reached_by(words: &[&str], before: &[Token]) -> bool {
    before
        .iter()
        .rev()
        .take(REACH)
        .take_while(|token| !token.ends && !TURNS.contains(&token.word.as_str()))
        .any(|token| words.contains(&token.word.replace('’', "'").as_str()))
}

/// The numbers of a text that have a unit: `20 minutes`, `3s`, `1.5 GiB`, `80%`, `12 MB/s`.
pub(super) fn quantities(text: &str) -> Vec<Quantity> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let word = word.trim_start_matches(['(', '~', '≈', '"']);
        let end = word
            .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
            .unwrap_or(word.len());
        let (number, rest) = word.split_at(end);
        let number = number.trim_end_matches(['.', ',']).replace(',', ".");
        let Ok(number) = number.parse::<f64>() else {
            continue;
        };
        let named = if rest.is_empty() {
            words.get(index + 1).copied().unwrap_or_default()
        } else {
            rest
        };
        let named = named.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '"']);
        if let Some((factor, unit)) = unit(named)
            && number.is_finite()
        {
            found.push(Quantity {
                what: None,
                value: number * factor,
                unit,
            });
        }
    }
    found
}

/// The unit of a name, and what turns its numbers into the base unit.
pub(super) fn unit(name: &str) -> Option<(f64, Unit)> {
    const TIMES: [(&[&str], f64); 6] = [
        (&["us", "µs"], 1e-6),
        (&["ms", "millisecond", "milliseconds"], 1e-3),
        (&["s", "sec", "secs", "second", "seconds"], 1.0),
        (&["min", "mins", "minute", "minutes"], 60.0),
        (&["h", "hr", "hrs", "hour", "hours"], 3600.0),
        (&["d", "day", "days"], 86_400.0),
    ];
    let lower = name.to_lowercase();
    if let Some((_, factor)) = TIMES
        .iter()
        .find(|(names, _)| names.contains(&lower.as_str()))
    {
        return Some((*factor, Unit::Seconds));
    }
    if matches!(lower.as_str(), "%" | "percent" | "pct") {
        return Some((1.0, Unit::Percent));
    }
    let per_second = ["/s", "ps", "/sec", "_s"]
        .iter()
        .find_map(|end| lower.strip_suffix(end));
    let size = per_second.unwrap_or(&lower);
    // Letters alone are binary, as tools print them; `MB` is decimal.
    let factor = match size {
        "b" | "bytes" if per_second.is_some() || size == "bytes" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024f64.powi(2),
        "gib" => 1024f64.powi(3),
        "tib" => 1024f64.powi(4),
        _ => return None,
    };
    Some((
        factor,
        if per_second.is_some() {
            Unit::BytesPerSecond
        } else {
            Unit::Bytes
        },
    ))
}

/// What follows `since`: a date, a month, a version, up to the end of the clause and six words.
fn since(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let at = words
        .iter()
        .position(|word| word.eq_ignore_ascii_case("since"))?;
    let mut said = Vec::new();
    for word in words[at + 1..].iter().take(6) {
        let bare = word.trim_end_matches([',', ';', '.', '!', '?']);
        said.push(bare);
        if bare.len() < word.len() {
            break;
        }
    }
    let said = said.join(" ");
    (!said.is_empty()).then_some(said)
}

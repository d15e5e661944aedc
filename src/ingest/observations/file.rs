//! `observations.toml`: what people say, in a form that leaves less to be guessed, with corrections
//! of what was understood and words of their own.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::problem::{Problem, quoted};
use super::lexicon::{Concept, Lexicon};
use super::{LARGEST, numbers, phrase};
use crate::model::observation::{
    Heard, HowBad, Observation, Quantity, Symptom, Unit, WorkloadHint,
};

const KEYS: [&str; 10] = [
    "what", "where", "since", "how_bad", "when", "workload", "measured", "text", "is", "not",
];

const CONCEPT_KEYS: [&str; 6] = ["id", "means", "says", "not", "implies", "excludes"];

/// Reads `observations.toml`; `source` is the name shown in problems.
pub fn read_toml(source: &str, text: &str) -> (Vec<Observation>, Vec<Problem>) {
    if text.len() > LARGEST {
        return (
            Vec::new(),
            vec![Problem::error(source, "larger than 1 MiB; not read")],
        );
    }
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let message = error.message().lines().next().unwrap_or_default();
            let problem = Problem::error(source, format!("not valid TOML: {message}"));
            let offset = error.span().map_or(0, |span| span.start);
            return (Vec::new(), vec![problem.at_offset(text, offset)]);
        }
    };
    let mut file = File {
        source,
        text,
        problems: Vec::new(),
        lexicon: Lexicon::standard().clone(),
    };
    // Words of their own come first: every observation may use them.
    file.teach(document.get_ref());
    let mut observations = Vec::new();
    for (key, value) in document.get_ref() {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("observation", DeValue::Array(list)) => {
                for element in list.iter() {
                    match element.get_ref() {
                        DeValue::Table(table) => {
                            observations
                                .push((element.span(), file.observation(element.span(), table)));
                        }
                        _ => file.doubt(element.span(), "not a table: write `[[observation]]`"),
                    }
                }
            }
            ("observation", DeValue::Table(table)) => {
                file.doubt(
                    key.span(),
                    "write `[[observation]]`, with two brackets; read as one",
                );
                observations.push((key.span(), file.observation(key.span(), table)));
            }
            ("observation", _) => file.doubt(key.span(), "not a list of tables"),
            ("concept" | "words", _) => {}
            (other, _) => {
                file.unknown(
                    key.span(),
                    "key",
                    other,
                    &["observation", "concept", "words"],
                );
            }
        }
    }
    observations.sort_by_key(|(span, _)| span.start);
    file.problems
        .sort_by_key(|problem| (problem.line, problem.column));
    (
        observations
            .into_iter()
            .map(|(_, observation)| observation)
            .collect(),
        file.problems,
    )
}

/// An `observations.toml` while it is read.
struct File<'t> {
    source: &'t str,
    text: &'t str,
    problems: Vec<Problem>,
    lexicon: Lexicon,
}

/// A concept that the file names.
fn said(concept: String, words: &str) -> Heard {
    Heard {
        concept,
        words: words.to_owned(),
        ..Heard::default()
    }
}

impl File<'_> {
    /// Reads the words that people add to the lexicon: `[[concept]]` and `[words]`.
    fn teach(&mut self, document: &DeTable<'_>) {
        let concepts = match document.get("concept").map(Spanned::get_ref) {
            Some(DeValue::Array(list)) => list.iter().collect(),
            Some(_) => {
                let span = document.get("concept").map_or(0..0, Spanned::span);
                self.doubt(span, "write `[[concept]]`, with two brackets");
                Vec::new()
            }
            None => Vec::new(),
        };
        for concept in concepts {
            match concept.get_ref() {
                DeValue::Table(table) => self.concept(concept.span(), table),
                _ => self.doubt(concept.span(), "not a table: write `[[concept]]`"),
            }
        }
        match document.get("words").map(|w| (w.span(), w.get_ref())) {
            Some((_, DeValue::Table(words))) => {
                for (words, ids) in words {
                    for (span, id) in self.strings(ids.span(), "words", ids.get_ref()) {
                        if self.known(span, &id) {
                            let pattern = words.get_ref().to_lowercase();
                            let taught = self.lexicon.teach(&id, &pattern);
                            self.taught(words.span(), taught);
                        }
                    }
                }
            }
            Some((span, _)) => self.doubt(
                span,
                "`words` is a table: `\"ruckelt\" = \"symptom.stall\"`",
            ),
            None => {}
        }
    }

    fn concept(&mut self, at: Range<usize>, table: &DeTable<'_>) {
        const CATEGORIES: [&str; 9] = [
            "symptom", "work", "op", "onset", "when", "state", "result", "thing", "ask",
        ];
        for key in table.keys() {
            if !CONCEPT_KEYS.contains(&key.get_ref().as_ref()) {
                self.unknown(key.span(), "key", key.get_ref(), &CONCEPT_KEYS);
            }
        }
        let Some(id) = table.get("id") else {
            return self.doubt(at, "a concept needs an `id`, like `thing.mine`");
        };
        let span = id.span();
        let Some(id) = self.string(span.clone(), "id", id.get_ref()) else {
            return;
        };
        match id.split_once('.') {
            Some((category, name)) if !name.is_empty() && CATEGORIES.contains(&category) => {}
            Some((category, name)) if !name.is_empty() => {
                return self.unknown(span, "category", category, &CATEGORIES);
            }
            _ => return self.doubt(span, format!("`{}` is not like `thing.mine`", quoted(id))),
        }
        let mut concept = Concept {
            id: id.to_owned(),
            ..Concept::default()
        };
        if let Some(means) = table.get("means") {
            let text = self.string(means.span(), "means", means.get_ref());
            concept.means = text.unwrap_or_default().to_owned();
        }
        for (key, list) in [
            ("implies", &mut concept.implies),
            ("excludes", &mut concept.excludes),
        ] {
            if let Some(value) = table.get(key) {
                for (span, id) in self.strings(value.span(), key, value.get_ref()) {
                    if self.known(span, &id) {
                        list.push(id);
                    }
                }
            }
        }
        self.lexicon.add(concept);
        for key in ["says", "not"] {
            let Some(value) = table.get(key) else {
                continue;
            };
            for (span, text) in self.strings(value.span(), key, value.get_ref()) {
                for pattern in text.split([',', '\n']).map(str::trim) {
                    if pattern.is_empty() {
                        continue;
                    }
                    let taught = match key {
                        "says" => self.lexicon.teach(id, pattern),
                        _ => self.lexicon.except(id, pattern),
                    };
                    self.taught(span.clone(), taught);
                }
            }
        }
    }

    fn taught(&mut self, span: Range<usize>, taught: Result<(), String>) {
        if let Err(message) = taught {
            self.doubt(span, message);
        }
    }

    /// Whether a concept is known; says so if not.
    fn known(&mut self, span: Range<usize>, id: &str) -> bool {
        if self.lexicon.concept(id).is_some() {
            return true;
        }
        let ids: Vec<String> = self.lexicon.concepts().map(|c| c.id.clone()).collect();
        let category = id.split('.').next().unwrap_or_default();
        let mut near: Vec<&str> = ids.iter().map(String::as_str).collect();
        let here = |known: &&str| known.split('.').next() == Some(category);
        if near.iter().any(here) {
            near.retain(here);
        }
        self.unknown(span, "concept", id, &near);
        false
    }

    fn doubt(&mut self, span: Range<usize>, message: impl Into<String>) {
        let problem = Problem::warning(self.source, message).at_offset(self.text, span.start);
        self.problems.push(problem);
    }

    /// Says that a word is not known, and which known one it is like.
    fn unknown(&mut self, span: Range<usize>, kind: &str, word: &str, known: &[&str]) {
        let problem = Problem::warning(self.source, format!("unknown {kind} `{}`", quoted(word)))
            .at_offset(self.text, span.start);
        let near = known
            .iter()
            .filter(|known| strsim::damerau_levenshtein(word, known) <= 1 + known.len() / 4)
            .max_by(|a, b| strsim::jaro_winkler(word, a).total_cmp(&strsim::jaro_winkler(word, b)));
        self.problems.push(match near {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("known are: {}", known.join(", "))),
        });
    }

    fn observation(&mut self, at: Range<usize>, table: &DeTable<'_>) -> Observation {
        let line = Problem::note("", "")
            .at_offset(self.text, at.start)
            .line
            .unwrap_or(1);
        let mut observation = Observation {
            source: format!("{}:{line}", self.source),
            ..Observation::default()
        };
        let mut words = Vec::new();
        for (key, value) in table {
            let span = value.span();
            let value = value.get_ref();
            match key.get_ref().as_ref() {
                // `what` is a word of the list or a sentence; both go through the lexicon.
                "what" => {
                    if let Some(text) = self.string(span, "what", value) {
                        match Symptom::ALL
                            .into_iter()
                            .find(|symptom| symptom.word() == text)
                        {
                            Some(symptom) => {
                                let concept = format!("symptom.{}", symptom.word());
                                observation.heard.push(said(concept, text));
                            }
                            None => phrase::understand(text, &self.lexicon, &mut observation),
                        }
                        words.insert(0, text.to_owned());
                    }
                }
                "text" => {
                    if let Some(text) = self.string(span, "text", value) {
                        phrase::understand(text, &self.lexicon, &mut observation);
                        words.push(text.to_owned());
                    }
                }
                "since" => {
                    observation.since = match value {
                        DeValue::Datetime(date) => Some(date.to_string()),
                        other => self.string(span, "since", other).map(str::to_owned),
                    };
                }
                "when" => {
                    if let Some(when) = self.string(span, "when", value) {
                        let mut heard = Observation::default();
                        phrase::understand(when, &self.lexicon, &mut heard);
                        heard.heard.retain(|h| !h.concept.starts_with("symptom."));
                        observation.heard.extend(heard.heard);
                        observation.unread.extend(heard.unread);
                        observation.when = Some(when.to_owned());
                    }
                }
                "where" => {
                    for (span, path) in self.strings(span, "where", value) {
                        if path.starts_with('/') {
                            observation.paths.push(path);
                        } else {
                            let message = format!("`{}` is not an absolute path", quoted(&path));
                            self.doubt(span, message);
                        }
                    }
                }
                "how_bad" => {
                    if let Some(word) = self.string(span.clone(), "how_bad", value) {
                        observation.severity = phrase::how_bad(word);
                        if observation.severity.is_none() {
                            self.unknown(span, "degree", word, &HowBad::ALL.map(HowBad::word));
                        }
                    }
                }
                "workload" => {
                    for (span, word) in self.strings(span, "workload", value) {
                        let known = WorkloadHint::ALL
                            .into_iter()
                            .find(|hint| hint.word() == word);
                        match known {
                            Some(hint) => {
                                let concept = format!("work.{}", hint.word());
                                observation.heard.push(said(concept, &word));
                            }
                            None => {
                                let known = WorkloadHint::ALL.map(WorkloadHint::word);
                                self.unknown(span, "workload", &word, &known);
                            }
                        }
                    }
                }
                "measured" => match value {
                    // `{ value = 412.0, unit = "s" }`
                    DeValue::Table(measured)
                        if measured.contains_key("value") && measured.contains_key("unit") =>
                    {
                        let quantity = self.value_with_unit(measured);
                        observation.quantities.extend(quantity);
                    }
                    DeValue::Table(measured) => {
                        for (name, value) in measured {
                            let quantity = self.quantity(name.get_ref(), value);
                            observation.quantities.extend(quantity);
                        }
                    }
                    _ => self.doubt(
                        span,
                        "`measured` is a table, like `{ build = \"20 minutes\" }`",
                    ),
                },
                "is" | "not" => {}
                other => self.unknown(key.span(), "key", other, &KEYS),
            }
        }
        // Corrections have the last word.
        for (key, negated) in [("is", false), ("not", true)] {
            let Some(value) = table.get(key) else {
                continue;
            };
            for (span, id) in self.strings(value.span(), key, value.get_ref()) {
                if self.known(span, &id) {
                    observation.heard.retain(|h| h.concept != id);
                    observation.heard.push(Heard {
                        negated,
                        ..said(id, key)
                    });
                }
            }
        }
        observation.text = words.join("; ");
        observation.symptoms.clear();
        observation.denied.clear();
        observation.workloads.clear();
        phrase::derive(&self.lexicon, &mut observation);
        if observation
            == (Observation {
                source: observation.source.clone(),
                ..Observation::default()
            })
        {
            self.doubt(at, "an observation that says nothing");
        }
        observation
    }

    fn string<'v>(
        &mut self,
        span: Range<usize>,
        key: &str,
        value: &'v DeValue<'_>,
    ) -> Option<&'v str> {
        let text = value.as_str();
        if text.is_none() {
            self.doubt(span, format!("`{key}` is a text in quotes"));
        }
        text
    }

    /// A text or a list of texts, each with its place.
    fn strings(
        &mut self,
        span: Range<usize>,
        key: &str,
        value: &DeValue<'_>,
    ) -> Vec<(Range<usize>, String)> {
        match value {
            DeValue::Array(list) => list
                .iter()
                .filter_map(|element| {
                    let text = self.string(element.span(), key, element.get_ref())?;
                    Some((element.span(), text.to_owned()))
                })
                .collect(),
            other => {
                let text = self.string(span.clone(), key, other).map(str::to_owned);
                text.map(|text| (span, text)).into_iter().collect()
            }
        }
    }

    /// A number beside its unit; a unit that is none of time or bytes counts such things.
    fn value_with_unit(&mut self, measured: &DeTable<'_>) -> Option<Quantity> {
        let unit = measured.get("unit")?;
        let Some(word) = unit.get_ref().as_str() else {
            self.doubt(unit.span(), "`unit` is a text in quotes".to_owned());
            return None;
        };
        let number = self.quantity("value", measured.get("value")?)?.value;
        Some(match numbers::unit(word) {
            Some((factor, unit)) => Quantity {
                what: None,
                value: number * factor,
                unit,
                bound: None,
            },
            None => Quantity {
                what: Some(word.to_owned()),
                value: number,
                unit: Unit::Count,
                bound: None,
            },
        })
    }

    /// `build = "20 minutes"`, `w_await_ms = 120`, `cpu = "80 %"`.
    fn quantity(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Quantity> {
        let number = match value.get_ref() {
            DeValue::String(text) => match phrase::quantity(text) {
                Some(quantity) => {
                    return Some(Quantity {
                        what: Some(name.to_owned()),
                        ..quantity
                    });
                }
                None => text.trim().parse::<f64>().ok(),
            },
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .ok()
                .map(|n| n as f64),
            DeValue::Float(float) => float.as_str().parse().ok(),
            _ => None,
        };
        let Some(number) = number.filter(|number: &f64| number.is_finite()) else {
            self.doubt(
                value.span(),
                format!("`{}` is not a quantity", quoted(name)),
            );
            return None;
        };
        // A plain number takes its unit from the end of its name.
        let ending = name.rsplit_once('_').and_then(|(stem, unit)| {
            let (factor, unit) = numbers::unit(unit)?;
            Some((stem, factor, unit))
        });
        let (what, value, unit) = match ending {
            Some((stem, factor, unit)) => (stem, number * factor, unit),
            None => (name, number, Unit::Count),
        };
        Some(Quantity {
            what: Some(what.to_owned()),
            value,
            unit,
            bound: None,
        })
    }
}

//! People's words into [`Observation`]s: `observations.toml`, and free text of `--observe`.
//!
//! What words mean is a plain table in [`lexicon`]; [`phrase`] applies it to free text. Nothing is
//! guessed beyond it: what is not understood stays text, and [`Observation::understood`] says so.

mod lexicon;
mod phrase;

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, quoted};
use crate::model::observation::{HowBad, Observation, Quantity, Symptom, Unit, WorkloadHint};

/// The source that observations of the command line name.
pub const COMMAND_LINE: &str = "--observe";

const KEYS: [&str; 8] = [
    "what", "where", "since", "how_bad", "when", "workload", "measured", "text",
];

/// A file of people's words has no more than this; 1 MiB.
const LARGEST: usize = 1 << 20;

/// Reads a sentence of the command line.
pub fn read_text(text: &str) -> (Observation, Vec<Problem>) {
    read_text_from(COMMAND_LINE, text)
}

/// Reads a sentence that stands at `source`: a file with its line, or a key of a facts file.
pub fn read_text_from(source: &str, text: &str) -> (Observation, Vec<Problem>) {
    let mut observation = Observation {
        text: text.trim().to_owned(),
        source: source.to_owned(),
        ..Observation::default()
    };
    phrase::understand(text, &mut observation);
    let mut problems = Vec::new();
    if observation.symptoms.is_empty() && observation.workloads.is_empty() {
        let message = format!("nothing understood of `{}`; kept as text", quoted(text));
        problems.push(Problem::note(source, message).help(
            "say what happens (slow, stall, freeze, no space) and while what (build, database, backup)",
        ));
    }
    (observation, problems)
}

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
    };
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
            (other, _) => file.unknown(key.span(), "key", other, &["observation"]),
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
}

impl File<'_> {
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
                            Some(symptom) => observation.symptoms.push(symptom),
                            None => phrase::understand(text, &mut observation),
                        }
                        words.insert(0, text.to_owned());
                    }
                }
                "text" => {
                    if let Some(text) = self.string(span, "text", value) {
                        phrase::understand(text, &mut observation);
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
                        phrase::understand(when, &mut heard);
                        observation.workloads.extend(heard.workloads);
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
                            Some(hint) => observation.workloads.push(hint),
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
                other => self.unknown(key.span(), "key", other, &KEYS),
            }
        }
        observation.text = words.join("; ");
        phrase::tidy(&mut observation);
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
        Some(match phrase::unit(word) {
            Some((factor, unit)) => Quantity {
                what: None,
                value: number * factor,
                unit,
            },
            None => Quantity {
                what: Some(word.to_owned()),
                value: number,
                unit: Unit::Count,
            },
        })
    }

    /// `build = "20 minutes"`, `w_await_ms = 120`, `cpu = "80 %"`.
    fn quantity(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Quantity> {
        let number = match value.get_ref() {
            DeValue::String(text) => match phrase::quantities(text).into_iter().next() {
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
            let (factor, unit) = phrase::unit(unit)?;
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
        })
    }
}

//! The lexicon: which words mean which concept. It is data, one TOML file a category beside this
//! file, and can be extended by the `[[concept]]` and `[words]` tables of `observations.toml`.
//!
//! The language of the patterns is told at the top of `symptom.toml`. `grammar.toml` holds what is
//! no concept of its own: lists of words, small words, and the cues that make what stands near
//! them negated, supposed, past or tried.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use toml::de::{DeTable, DeValue};

use super::pattern::{self, Index, Lists};

/// The files: name of the category, text.
const FILES: [(&str, &str); 10] = [
    ("symptom", include_str!("symptom.toml")),
    ("work", include_str!("work.toml")),
    ("op", include_str!("op.toml")),
    ("onset", include_str!("onset.toml")),
    ("when", include_str!("when.toml")),
    ("state", include_str!("state.toml")),
    ("result", include_str!("result.toml")),
    ("thing", include_str!("thing.toml")),
    ("ask", include_str!("ask.toml")),
    ("cue", include_str!("grammar.toml")),
];

/// The category of cues, which are never heard themselves.
pub(super) const CUE: &str = "cue";

static STANDARD: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::build().0);

/// What a pattern says of its concept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// That it is so.
    Says,
    /// That the contrary is so.
    Contrary,
    /// Nothing: here its words mean something else.
    Not,
}

/// One concept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Concept {
    /// `symptom.slow`
    pub id: String,
    /// One line for people.
    pub means: String,
    /// Concepts that hold too where this one does.
    pub implies: Vec<String>,
    /// Concepts that do not hold where this one does.
    pub excludes: Vec<String>,
}

impl Concept {
    /// The part of its id before the full stop.
    pub fn category(&self) -> &str {
        self.id.split('.').next().unwrap_or_default()
    }
}

/// All concepts with the patterns they are understood by.
#[derive(Debug, Clone, Default)]
pub struct Lexicon {
    concepts: Vec<Concept>,
    by_id: FxHashMap<String, usize>,
    lists: Lists,
    /// For each pattern of the index: its concept and kind.
    meanings: Vec<(usize, Kind)>,
    /// Words that tell nothing by themselves.
    plain: Vec<String>,
    pub(super) index: Index,
}

impl Lexicon {
    /// The lexicon of this program.
    pub fn standard() -> &'static Lexicon {
        &STANDARD
    }

    /// All concepts, cues left out.
    pub fn concepts(&self) -> impl Iterator<Item = &Concept> {
        self.concepts.iter().filter(|c| c.category() != CUE)
    }

    /// The concept of an id.
    pub fn concept(&self, id: &str) -> Option<&Concept> {
        let concept = self.concepts.get(*self.by_id.get(id)?)?;
        (concept.category() != CUE).then_some(concept)
    }

    /// Makes a pattern mean a concept; the concept comes into being where it is new.
    pub fn teach(&mut self, id: &str, pattern: &str) -> Result<(), String> {
        let concept = self.enter(id);
        self.pattern(concept, Kind::Says, pattern)
    }

    /// Adds a concept or what is new of a known one.
    pub fn add(&mut self, concept: Concept) {
        let at = self.enter(&concept.id);
        if let Some(known) = self.concepts.get_mut(at) {
            known.implies.extend(concept.implies);
            known.excludes.extend(concept.excludes);
            if !concept.means.is_empty() {
                known.means = concept.means;
            }
        }
    }

    /// Adds a phrase in which a concept's words mean something else.
    pub fn except(&mut self, id: &str, pattern: &str) -> Result<(), String> {
        let concept = self.enter(id);
        self.pattern(concept, Kind::Not, pattern)
    }

    /// Whether a word tells nothing by itself.
    pub(super) fn is_plain(&self, word: &str) -> bool {
        let holds = |list: &[String]| list.binary_search_by(|w| w.as_str().cmp(word)).is_ok();
        holds(&self.plain) || holds(&self.index.light) || holds(&self.index.negators)
    }

    fn enter(&mut self, id: &str) -> usize {
        if let Some(at) = self.by_id.get(id) {
            return *at;
        }
        let at = self.concepts.len();
        self.by_id.insert(id.to_owned(), at);
        self.concepts.push(Concept {
            id: id.to_owned(),
            ..Concept::default()
        });
        at
    }

    fn pattern(&mut self, concept: usize, kind: Kind, text: &str) -> Result<(), String> {
        for text in pattern::variants(text) {
            let elements = pattern::parse(&text, &self.lists)?;
            self.index.add(elements);
            self.meanings.push((concept, kind));
        }
        Ok(())
    }

    /// What a pattern means.
    pub(super) fn meaning(&self, pattern: usize) -> Option<(&Concept, usize, Kind)> {
        let (concept, kind) = self.meanings.get(pattern)?;
        Some((self.concepts.get(*concept)?, *concept, *kind))
    }

    /// Reads the files; the list says what is wrong with them, and is empty (a test sees to it).
    fn build() -> (Self, Vec<String>) {
        let mut lexicon = Self::default();
        let mut wrong = Vec::new();
        // The lists come first: patterns of all files use them.
        for (category, text) in FILES.into_iter().rev() {
            match DeTable::parse(text) {
                Ok(table) => lexicon.file(category, table.get_ref(), &mut wrong),
                Err(error) => wrong.push(format!("{category}: {}", error.message())),
            }
        }
        let known = |id: &String| lexicon.by_id.contains_key(id);
        for concept in &lexicon.concepts {
            let named = concept.implies.iter().chain(&concept.excludes);
            wrong.extend(
                named
                    .filter(|id| !known(id))
                    .map(|id| format!("{}: names `{id}`, which is none", concept.id)),
            );
        }
        (lexicon, wrong)
    }

    fn file(&mut self, category: &str, table: &DeTable<'_>, wrong: &mut Vec<String>) {
        if let Some(DeValue::Table(lists)) = table.get("lists").map(|v| v.get_ref()) {
            for (name, words) in lists {
                let words = texts(words.get_ref()).join(" ");
                let words = words.split(['|', ' ']).filter(|w| !w.is_empty());
                let words: Vec<String> = words.map(str::to_owned).collect();
                match name.get_ref().as_ref() {
                    "light" => self.index.light = sorted(words),
                    "plain" => self.plain = sorted(words),
                    "negators" => self.index.negators = sorted(words),
                    name => _ = self.lists.insert(name.to_owned(), words),
                }
            }
        }
        for (name, value) in table {
            let name = name.get_ref();
            let DeValue::Table(fields) = value.get_ref() else {
                wrong.push(format!("{category}: `{name}` is no table"));
                continue;
            };
            if name == "lists" {
                continue;
            }
            let id = format!("{category}.{name}");
            let mut read: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            for (field, value) in fields {
                read.insert(field.get_ref().as_ref(), texts(value.get_ref()));
            }
            let at = self.enter(&id);
            for (field, values) in read {
                let kind = match field {
                    "says" => Kind::Says,
                    "contrary" => Kind::Contrary,
                    "not" => Kind::Not,
                    _ => {
                        if let Some(concept) = self.concepts.get_mut(at) {
                            match field {
                                "means" => concept.means = values.join(", "),
                                "implies" => concept.implies = values,
                                "excludes" => concept.excludes = values,
                                _ => wrong.push(format!("{id}: `{field}` is no field")),
                            }
                        }
                        continue;
                    }
                };
                for text in values {
                    if let Err(message) = self.pattern(at, kind, &text) {
                        wrong.push(format!("{id}: {message}"));
                    }
                }
            }
        }
    }
}

/// A list of texts, or one text with commas.
fn texts(value: &DeValue<'_>) -> Vec<String> {
    let parts = |text: &str| {
        text.split([',', '\n'])
            .map(|part| part.trim().to_owned())
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
    };
    match value {
        DeValue::Array(list) => list
            .iter()
            .filter_map(|element| element.get_ref().as_str())
            .flat_map(parts)
            .collect(),
        other => other.as_str().map(parts).unwrap_or_default(),
    }
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words.dedup();
    words
}

#[cfg(test)]
mod tests;

//! What Nix answers: values, and the definitions that they were merged from.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use super::Version;

/// What JSON cannot hold stands in a set with this one name.
const MARKER: &str = "$nix";

/// What Nix says of one host.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Which Nix.
    pub version: Version,
    /// Whether a NixOS answered; without one on the machine it is the helper, which knows no more
    /// than the project's files say.
    pub is_nixos: bool,
    /// Where Nix keeps the tree that it evaluated: the beginning of the paths that it names.
    pub source: Option<String>,
    /// The option paths that were asked for.
    pub asked: Vec<Vec<String>>,
    /// What was found at the paths that were asked for.
    pub entries: BTreeMap<Vec<String>, Entry>,
}

/// What Nix says of one option.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its value, or why Nix has none.
    pub value: Result<Json, String>,
    /// The priority of the definitions that won; 1500 and more is the default of the option. `None`
    /// where no option is declared.
    pub priority: Option<i64>,
    /// Its definitions, conditions and priorities applied, in no order.
    pub definitions: Vec<Definition>,
}

/// The priority of what an option's declaration says itself.
const DEFAULT_PRIORITY: i64 = 1500;

impl Entry {
    /// Whether some module sets the option.
    pub fn is_defined(&self) -> bool {
        self.priority.map_or(!self.definitions.is_empty(), |p| {
            p < DEFAULT_PRIORITY && !self.definitions.is_empty()
        })
    }
}

/// A definition, or a part of one.
#[derive(Debug, Clone, Deserialize)]
pub struct Definition {
    /// The module that it is in, at the root of a definition.
    #[serde(default)]
    pub file: Option<String>,
    /// Where its name is written.
    #[serde(default)]
    pub at: Option<RawPlace>,
    /// 100, unless a property says otherwise; the lowest wins.
    pub priority: i64,
    /// What is defined.
    #[serde(flatten)]
    pub node: Node,
}

/// What a definition says.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Node {
    /// A value.
    Leaf(Json),
    /// Attributes; one may be there several times through `mkMerge`.
    Set(BTreeMap<String, Vec<Definition>>),
}

/// A place as Nix names it: 1-based, columns in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RawPlace {
    /// An absolute path, often in the store.
    pub file: String,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// The value if it is one that JSON can hold; paths are strings. `None` where a function, a package
/// or an error is in it.
pub fn known(value: &Json) -> Option<Json> {
    Some(match value {
        Json::Array(items) => Json::Array(items.iter().map(known).collect::<Option<_>>()?),
        Json::Object(set) => match set.get(MARKER) {
            Some(kind) if kind == "path" => set.get("text")?.clone(),
            Some(kind) if kind == "set" => {
                let set = set.get("set")?.as_object()?;
                known_set(set)?
            }
            Some(_) => return None,
            None => known_set(set)?,
        },
        plain => plain.clone(),
    })
}

fn known_set(set: &serde_json::Map<String, Json>) -> Option<Json> {
    let known = |(name, value): (&String, &Json)| Some((name.clone(), known(value)?));
    Some(Json::Object(set.iter().map(known).collect::<Option<_>>()?))
}

impl Answer {
    /// The definitions of an option, or of what is below or above one that was asked for.
    pub fn definitions(&self, path: &[String]) -> Vec<&Definition> {
        let asked = (1..=path.len()).rev().find_map(|length| {
            let entry = self.entries.get(&path[..length])?;
            Some((entry, &path[length..]))
        });
        let Some((entry, below)) = asked else {
            return Vec::new();
        };
        let mut found: Vec<&Definition> = entry.definitions.iter().collect();
        for name in below {
            found = found
                .into_iter()
                .filter_map(|d| match &d.node {
                    Node::Set(set) => set.get(name),
                    Node::Leaf(_) => None,
                })
                .flatten()
                .collect();
        }
        found
    }

    /// Those of [`Answer::definitions`] that no other overrides.
    pub fn winners(&self, path: &[String]) -> Vec<&Definition> {
        let mut found = self.definitions(path);
        let lowest = found.iter().map(|d| d.priority).min();
        found.retain(|d| Some(d.priority) == lowest);
        found
    }
}

/// The answer as `nix/ask.nix` prints it.
#[derive(Debug, Deserialize)]
pub(super) struct Printed {
    #[serde(default)]
    pub(super) hosts: Vec<String>,
    /// How the host was evaluated; absent where there is no such host.
    #[serde(default)]
    pub(super) how: Option<String>,
    #[serde(default)]
    pub(super) source: Option<String>,
    #[serde(default)]
    pub(super) entries: Vec<PrintedEntry>,
}

/// One entry as it is printed: JSON within strings.
#[derive(Debug, Deserialize)]
pub(super) struct PrintedEntry {
    path: Vec<String>,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    why: Option<String>,
    #[serde(default)]
    priority: Option<i64>,
    #[serde(default)]
    definitions: Option<String>,
}

/// What bytes that are no UTF-8 become.
const REPLACED: char = '\u{fffd}';

impl PrintedEntry {
    /// Reads it; `errors` are those of the questions that were skipped.
    pub(super) fn read(
        self,
        lossy: bool,
        errors: &BTreeMap<String, String>,
    ) -> Result<(Vec<String>, Entry), serde_json::Error> {
        let path = Json::from(self.path.clone()).to_string();
        let error = || {
            ["walk", "value"]
                .iter()
                .find_map(|phase| errors.get(&format!("{phase} {path}")).cloned())
        };
        let value = match self.value {
            Some(text) if lossy && text.contains(REPLACED) => Err("it is not UTF-8".to_owned()),
            Some(text) => Ok(serde_json::from_str(&text)?),
            None if self.why.as_deref() == Some("throws") => {
                Err("Nix stops here: `throw`, or a failed `assert`".to_owned())
            }
            None => Err(error().unwrap_or_else(|| "Nix stops here".to_owned())),
        };
        let definitions = match self.definitions {
            Some(text) => serde_json::from_str(&text)?,
            None => Vec::new(),
        };
        let entry = Entry {
            value,
            priority: self.priority,
            definitions,
        };
        Ok((self.path, entry))
    }
}

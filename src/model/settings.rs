//! The NixOS options that this program looks at, as the configuration sets them.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Located, Reading, UnknownFact};

/// A value of an option, with the literal that wrote it.
pub type Setting = Located<Json>;

/// Option path → what the configuration says. An option that is not here is not defined by any file
/// of the project, so NixOS's default holds.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    values: BTreeMap<String, Reading<Setting>>,
}

impl Settings {
    /// Records an option.
    pub fn insert(&mut self, path: String, value: Reading<Setting>) {
        self.values.insert(path, value);
    }

    /// What is said about an option; `None` if nothing is.
    pub fn get(&self, path: &str) -> Option<&Reading<Setting>> {
        self.values.get(path)
    }

    /// The value of an option, if it is defined and known.
    pub fn known(&self, path: &str) -> Option<&Setting> {
        self.values.get(path).and_then(|r| r.as_ref().ok())
    }

    /// Whether an option is known to be `true`.
    pub fn is_true(&self, path: &str) -> bool {
        self.known(path)
            .is_some_and(|s| s.value == Json::Bool(true))
    }

    /// Whether an option is defined at all, known or not.
    pub fn is_defined(&self, path: &str) -> bool {
        self.values.contains_key(path)
    }

    /// The string value of an option.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.known(path).and_then(|s| s.value.as_str())
    }

    /// All options below a prefix (`"boot.kernel.sysctl."`), by their full path.
    pub fn below<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Reading<Setting>)> {
        self.values
            .range(prefix.to_owned()..)
            .take_while(move |(path, _)| path.starts_with(prefix))
            .map(|(path, value)| (path.as_str(), value))
    }

    /// All options, in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Reading<Setting>)> {
        self.values
            .iter()
            .map(|(path, value)| (path.as_str(), value))
    }

    /// What could not be read.
    pub fn unknown(&self) -> impl Iterator<Item = &UnknownFact> {
        self.values.values().filter_map(|r| r.as_ref().err())
    }
}

//! Owns: what the names of signals mean, in which unit, and which command tells them. The table is
//! `dictionary.toml`, for people to read and edit.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use serde::Deserialize;

/// A row of the dictionary.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What it says when it holds, in a few words.
    pub means: String,
    /// The unit of its numbers, where it has one.
    #[serde(default)]
    pub unit: Option<String>,
    /// The command that would tell it, where one would.
    #[serde(default)]
    pub ask: Option<String>,
}

static DICTIONARY: LazyLock<Result<FxHashMap<String, Entry>, String>> =
    LazyLock::new(|| toml::from_str(include_str!("dictionary.toml")).map_err(|e| e.to_string()));

/// All rows, or what is wrong with the table.
///
/// # Errors
///
/// The place and the mistake, if the table is not well-formed; a test sees to it that it is.
pub fn all() -> Result<&'static FxHashMap<String, Entry>, &'static str> {
    DICTIONARY.as_ref().map_err(String::as_str)
}

/// What a name means.
pub fn lookup(name: &str) -> Option<&'static Entry> {
    all().ok()?.get(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_well_formed() {
        let all = all().unwrap();
        assert!(all.len() > 50);
        for (name, entry) in all {
            assert!(!entry.means.is_empty(), "{name}");
            assert!(
                name.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c)),
                "{name}"
            );
        }
    }
}

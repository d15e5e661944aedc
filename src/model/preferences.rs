//! What the owner of a host wants of the rules, as `btrfs-tune.toml` says it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// Rule → key → value. What is not here holds as the rule has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Preferences {
    rules: BTreeMap<String, BTreeMap<String, Json>>,
}

impl Preferences {
    /// Records what is said of a rule.
    pub fn set(&mut self, rule: &str, key: &str, value: Json) {
        let of_rule = self.rules.entry(rule.to_owned()).or_default();
        of_rule.insert(key.to_owned(), value);
    }

    /// What is said of a rule under a key.
    pub fn get(&self, rule: &str, key: &str) -> Option<&Json> {
        self.rules.get(rule)?.get(key)
    }

    /// These, with what others say winning over them.
    pub fn overridden_by(mut self, other: &Preferences) -> Self {
        for (rule, keys) in &other.rules {
            for (key, value) in keys {
                self.set(rule, key, value.clone());
            }
        }
        self
    }
}

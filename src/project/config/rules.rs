//! The tables of rules: read as they stand, because only the command line knows which rules exist.

use serde_json::{Map, Value as Json};
use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use super::{Reader, place};

/// What the owner says of one rule: `[rules."mount/atime"]`.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleTable {
    /// The rule, as it is named there.
    pub rule: String,
    /// Where: line and column, from 1.
    pub at: (u32, u32),
    /// Its keys, in the order in which they are written.
    pub keys: Vec<RuleKey>,
}

/// One key of a rule's table.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleKey {
    /// Its name.
    pub name: String,
    /// Where that stands.
    pub at: (u32, u32),
    /// What it is set to. A date is the text that it is written as.
    pub value: Json,
    /// Where that stands.
    pub value_at: (u32, u32),
}

/// What to write instead where quotes are missing around the name of a rule.
pub(super) const QUOTES: &str = "the name of a rule stands in quotes: [rules.\"mount/atime\"]";

impl Reader<'_> {
    pub(super) fn rules(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<RuleTable> {
        let Some(table) = self.table(value, "`rules`") else {
            return Vec::new();
        };
        let mut rules = Vec::new();
        for (name, value) in table {
            let rule = name.get_ref().to_string();
            let Some(table) = self.table(value, "what is said of a rule") else {
                continue;
            };
            let mut keys: Vec<RuleKey> = Vec::new();
            for (key, value) in table {
                keys.extend(self.json(value).map(|json| RuleKey {
                    name: key.get_ref().to_string(),
                    at: place(self.text, key.span().start),
                    value: json,
                    value_at: place(self.text, value.span().start),
                }));
            }
            keys.sort_by_key(|key| key.at);
            let at = place(self.text, name.span().start);
            rules.push(RuleTable { rule, at, keys });
        }
        rules.sort_by_key(|rule| rule.at);
        rules
    }

    fn json(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Json> {
        Some(match value.get_ref() {
            DeValue::String(text) => Json::String(text.to_string()),
            DeValue::Boolean(b) => Json::Bool(*b),
            DeValue::Integer(integer) => match number(integer) {
                Some(number) => number.into(),
                None => {
                    self.wrong(value.span(), "a number that is too large".to_owned());
                    return None;
                }
            },
            DeValue::Float(float) => {
                let text = float.as_str().replace('_', "");
                let number = text.parse().ok().and_then(serde_json::Number::from_f64);
                number.map_or_else(|| Json::String(text), Json::Number)
            }
            DeValue::Datetime(date) => Json::String(date.to_string()),
            DeValue::Array(items) => {
                let items = items.iter().filter_map(|item| self.json(item));
                Json::Array(items.collect())
            }
            DeValue::Table(table) => {
                let entries = table.iter().filter_map(|(key, value)| {
                    Some((key.get_ref().to_string(), self.json(value)?))
                });
                Json::Object(entries.collect::<Map<_, _>>())
            }
        })
    }
}

/// An integer, which TOML may write in hexadecimal and with `_` between its digits.
fn number(integer: &DeInteger<'_>) -> Option<i64> {
    let digits = integer.as_str().replace('_', "");
    i64::from_str_radix(&digits, integer.radix()).ok()
}

//! Owns: what must be true of the evaluated configuration after a change, attribute by attribute.

use serde_json::Value as Json;

use crate::nix::source::Span;

/// What an attribute must be after a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// A list of these elements, in any order that keeps the order of those that stay.
    Elements(Vec<Json>),
    /// This value.
    Value(Json),
    /// Nothing: it is no longer defined.
    Absent,
}

/// A claim about one attribute of the evaluated configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The attribute path.
    pub path: Vec<String>,
    /// What it is afterwards.
    pub expected: Expected,
}

impl Claim {
    /// Whether an attribute of this value fulfils the claim; `None` where it is not defined.
    pub fn holds(&self, value: Option<&Json>) -> bool {
        match (&self.expected, value) {
            (Expected::Value(wanted), Some(found)) => wanted == found,
            (Expected::Elements(wanted), Some(Json::Array(found))) => {
                let sorted = |items: &[Json]| {
                    let mut texts: Vec<String> = items.iter().map(Json::to_string).collect();
                    texts.sort();
                    texts
                };
                sorted(wanted) == sorted(found)
            }
            (Expected::Absent, None) => true,
            _ => false,
        }
    }
}

/// Why an action could not be written: every candidate failed, or there was none.
#[derive(Debug, Clone, PartialEq)]
pub struct Stuck {
    /// What stands in the way.
    pub why: String,
    /// Where.
    pub at: Option<Span>,
}

//! The rules, in reading order.

use super::Rule;

/// All rules.
pub static RULES: &[&dyn Rule] = &[];

/// A rule by its id.
pub fn rule(id: &str) -> Option<&'static dyn Rule> {
    RULES.iter().copied().find(|rule| rule.meta().id == id)
}

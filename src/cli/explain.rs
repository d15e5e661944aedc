//! `btrfs-tune explain RULE`: a rule's page.

use miette::miette;

use crate::recommend::rules::{RULES, rule};

/// Prints the page of a rule.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// The rule, such as mount/atime.
    rule: String,
}

impl Explain {
    pub(super) fn run(&self) -> miette::Result<u8> {
        match rule(&self.rule) {
            Some(rule) => super::print(rule.meta().page).map(|()| super::CLEAN),
            None => Err(unknown_rule(&self.rule)),
        }
    }
}

/// The error for a rule that does not exist, with the nearest one that does.
pub(super) fn unknown_rule(id: &str) -> miette::Report {
    let ids = RULES.iter().map(|r| r.meta().id);
    let nearest = ids
        .clone()
        .min_by_key(|other| strsim::damerau_levenshtein(id, other));
    let all: Vec<&str> = ids.collect();
    miette!(
        help = format!(
            "did you mean `{}`? All rules: {}",
            nearest.unwrap_or_default(),
            all.join(", ")
        ),
        "there is no rule `{id}`"
    )
}

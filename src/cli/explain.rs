//! `btrfs-tune explain`: all rules, or one rule's page.

mod table;

use anstyle::{AnsiColor, Style};
use miette::miette;
use serde_json::{Value as Json, json};

use super::fix::colour::{self, Colour};
use crate::recommend::Rule;
use crate::recommend::rules::{RULES, rule};

/// Prints the page of a rule, or a table of all rules.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// The rule, such as mount/atime; without it, all of them.
    rule: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Whether to print in colour: by default on a terminal, unless NO_COLOR is set.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    color: Colour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// All that the rules say of themselves, with their pages.
    Json,
}

impl Explain {
    pub(super) fn run(&self) -> miette::Result<u8> {
        let chosen = match &self.rule {
            Some(id) => Some(rule(id).ok_or_else(|| unknown_rule(id))?),
            None => None,
        };
        let coloured = colour::is_wanted(self.color);
        let text = match (self.format, chosen) {
            (Format::Text, Some(rule)) if coloured => page(rule.meta().page),
            (Format::Text, Some(rule)) => rule.meta().page.to_owned(),
            (Format::Text, None) => table::render(RULES, table::width(), coloured),
            (Format::Json, Some(rule)) => pretty(&document(rule))?,
            (Format::Json, None) => {
                let all: Vec<Json> = RULES.iter().map(|rule| document(*rule)).collect();
                pretty(&json!({ "format": "btrfs-tune/rules/1", "rules": all }))?
            }
        };
        super::print(&text).map(|()| super::CLEAN)
    }
}

/// A page with its headings in bold and its code stepping back.
fn page(page: &str) -> String {
    let mut out = String::with_capacity(page.len() * 2);
    let mut in_code = false;
    for line in page.lines() {
        let fence = line.starts_with("```");
        let style = match line {
            _ if fence || in_code => Style::new().fg_color(Some(AnsiColor::Cyan.into())),
            _ if line.starts_with('#') => Style::new().bold(),
            _ => Style::new(),
        };
        in_code ^= fence;
        out.push_str(&format!("{style}{line}{style:#}\n"));
    }
    out
}

/// What a rule says of itself.
fn document(rule: &dyn Rule) -> Json {
    let meta = rule.meta();
    json!({
        "id": meta.id,
        "group": meta.group(),
        "severity": meta.severity,
        "summary": meta.summary,
        "default_on": meta.default_on,
        "settings": meta.settings,
        "yields_to": meta.yields_to,
        "after": meta.after,
        "page": meta.page,
    })
}

fn pretty(document: &Json) -> miette::Result<String> {
    let text = serde_json::to_string_pretty(document);
    let text = text.map_err(|e| miette!("the document cannot be written: {e}"))?;
    Ok(text + "\n")
}

/// The error for a rule that does not exist, with the nearest one that does.
pub(super) fn unknown_rule(id: &str) -> miette::Report {
    let ids = RULES.iter().map(|r| r.meta().id);
    let nearest = ids.min_by_key(|other| strsim::damerau_levenshtein(id, other));
    miette!(
        help = format!(
            "did you mean `{}`? `btrfs-tune explain` lists all rules",
            nearest.unwrap_or_default(),
        ),
        "there is no rule `{id}`"
    )
}

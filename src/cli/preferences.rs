//! What the owner says of rules in `btrfs-tune.toml`, held against the rules that there are.

use serde_json::Value as Json;

use crate::ingest::problem::Problem;
use crate::model::Preferences;
use crate::project::{Config, HostName, RuleKey, RuleTable};
use crate::recommend::Meta;
use crate::recommend::rules::{RULES, rule};

/// What every rule takes, beside its own settings.
const COMMON: [&str; 2] = ["enabled", "severity"];
const SEVERITIES: [&str; 3] = ["error", "warning", "advice"];

/// All that is wrong with what is said of rules, in the order of the file.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let of_hosts = config.hosts.iter().flat_map(|host| &host.rules);
    let mut problems = Vec::new();
    for table in config.rules.iter().chain(of_hosts) {
        read(config, table, &mut Preferences::default(), &mut problems);
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems
}

/// What holds for a host; what is wrong is left out.
pub(super) fn of(config: &Config, host: &HostName) -> Preferences {
    let read_all = |tables: &[RuleTable]| {
        let mut preferences = Preferences::default();
        for table in tables {
            read(config, table, &mut preferences, &mut Vec::new());
        }
        preferences
    };
    let own = config.host(host).map(|host| read_all(&host.rules));
    read_all(&config.rules).overridden_by(&own.unwrap_or_default())
}

fn read(config: &Config, table: &RuleTable, into: &mut Preferences, problems: &mut Vec<Problem>) {
    let error = |message: String, (line, column): (u32, u32), help: String| {
        let problem = Problem::error(&config.shown, message);
        problem.at(line as usize, column as usize).help(help)
    };
    let Some(rule) = rule(&table.rule) else {
        let message = format!("there is no rule `{}`", table.rule.escape_debug());
        return problems.push(error(message, table.at, other_rule(&table.rule)));
    };
    let meta = rule.meta();
    for key in &table.keys {
        match check(meta, key) {
            Ok(()) => into.set(meta.id, &key.name, key.value.clone()),
            Err(Wrong::Key(message, help)) => problems.push(error(message, key.at, help)),
            Err(Wrong::Value(message, help)) => problems.push(error(message, key.value_at, help)),
        }
    }
}

/// What is wrong with a key: it, or its value; and what to do about it.
enum Wrong {
    Key(String, String),
    Value(String, String),
}

fn check(meta: &Meta, key: &RuleKey) -> Result<(), Wrong> {
    let name = key.name.escape_debug();
    let value = |message: String, help: &str| Err(Wrong::Value(message, help.to_owned()));
    match (key.name.as_str(), &key.value) {
        ("enabled", Json::Bool(_)) => Ok(()),
        ("enabled", _) => value("`enabled` is true or false".to_owned(), "without quotes"),
        ("severity", Json::String(text)) if SEVERITIES.contains(&text.as_str()) => Ok(()),
        ("severity", given) => {
            let near = given.as_str().and_then(|text| nearest(text, &SEVERITIES));
            let help = match near {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "to silence the rule, say `enabled = false`".to_owned(),
            };
            let message = "`severity` is \"error\", \"warning\" or \"advice\"".to_owned();
            value(message, &help)
        }
        (_, given) => {
            let Some(setting) = meta.settings.iter().find(|s| s.key == key.name) else {
                let own = meta.settings.iter().map(|s| s.key);
                let known: Vec<&str> = COMMON.into_iter().chain(own).collect();
                let help = match nearest(&key.name, &known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the keys here are: {}", known.join(", ")),
                };
                let message = format!("{} has no key `{name}`", meta.id);
                return Err(Wrong::Key(message, help));
            };
            let help = format!("{}; without it: {}", setting.meaning, setting.default);
            match (given.as_u64(), given.as_i64()) {
                (Some(_), _) => Ok(()),
                (None, Some(_)) => value(format!("`{name}` is not negative"), &help),
                (None, None) => value(format!("`{name}` is a whole number"), &help),
            }
        }
    }
}

/// What to do about the name of a rule that there is not.
fn other_rule(id: &str) -> String {
    let ids: Vec<&str> = RULES.iter().map(|rule| rule.meta().id).collect();
    if RULES.iter().any(|rule| rule.meta().group() == id) {
        // `[rules.mount.atime]` is a table in a table.
        return "the name of a rule stands in quotes: [rules.\"mount/atime\"]".to_owned();
    }
    match nearest(id, &ids) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`btrfs-tune explain` lists all rules".to_owned(),
    }
}

/// The name that was probably meant.
fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let close = known
        .iter()
        .map(|k| (strsim::damerau_levenshtein(k, given), *k));
    let close = close.filter(|(distance, _)| *distance <= 1 + given.chars().count() / 4);
    close.min().map(|(_, name)| name)
}

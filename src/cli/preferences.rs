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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::{RuleSetting, Severity};
    use serde_json::json;

    static SETTABLE: Meta = Meta {
        settings: &[RuleSetting {
            key: "longest_seconds",
            default: 120,
            meaning: "the longest interval that is taken for a choice",
        }],
        ..Meta::new("mount/commit-interval", Severity::Warning, "", "")
    };

    /// Whether it is the key or the value that is wrong, the message, and the help.
    fn wrong(name: &str, value: Json) -> Option<(&'static str, String, String)> {
        let key = RuleKey {
            name: name.to_owned(),
            at: (1, 1),
            value,
            value_at: (1, 9),
        };
        match check(&SETTABLE, &key) {
            Ok(()) => None,
            Err(Wrong::Key(message, help)) => Some(("key", message, help)),
            Err(Wrong::Value(message, help)) => Some(("value", message, help)),
        }
    }

    #[test]
    fn the_numbers_of_a_rule_are_whole_and_not_negative() {
        assert_eq!(wrong("longest_seconds", json!(0)), None);
        assert_eq!(wrong("longest_seconds", json!(i64::MAX)), None);
        let help = "the longest interval that is taken for a choice; without it: 120".to_owned();
        for (value, message) in [
            (json!(-1), "`longest_seconds` is not negative"),
            (json!(1.5), "`longest_seconds` is a whole number"),
            (json!("120"), "`longest_seconds` is a whole number"),
            (json!(true), "`longest_seconds` is a whole number"),
            (json!([1]), "`longest_seconds` is a whole number"),
        ] {
            let expected = ("value", message.to_owned(), help.clone());
            assert_eq!(
                wrong("longest_seconds", value.clone()),
                Some(expected),
                "{value}"
            );
        }
    }

    #[test]
    fn a_misspelt_number_is_told_with_the_nearest() {
        let (what, message, help) = wrong("longest_second", json!(1)).unwrap();
        assert_eq!(what, "key");
        assert_eq!(message, "mount/commit-interval has no key `longest_second`");
        assert_eq!(help, "did you mean `longest_seconds`?");
        let (_, _, help) = wrong("colour", json!(1)).unwrap();
        assert_eq!(
            help,
            "the keys here are: enabled, severity, longest_seconds"
        );
    }

    #[test]
    fn severities_are_those_that_rules_have() {
        for severity in [Severity::Error, Severity::Warning, Severity::Advice] {
            assert_eq!(wrong("severity", json!(severity)), None);
        }
        assert!(wrong("severity", json!("off")).is_some());
        assert!(wrong("severity", json!(1)).is_some());
        assert!(wrong("enabled", json!("true")).is_some());
        assert_eq!(wrong("enabled", json!(true)), None);
    }

    #[test]
    fn what_is_said_of_one_host_wins_key_by_key() {
        let text = "[rules.\"mount/atime\"]\nenabled = false\nseverity = \"error\"\n\
                    [hosts.a.rules.\"mount/atime\"]\nenabled = true\nseverety = \"advice\"\n";
        let root = std::path::Path::new("/");
        let config = Config::parse("btrfs-tune.toml", text, root, root);
        let told: Vec<String> = problems(&config).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "btrfs-tune.toml:6:1: error: mount/atime has no key `severety` (did you mean `severity`?)"
            ]
        );
        let of = |host: &str, key: &str| {
            let preferences = of(&config, &HostName(host.to_owned()));
            preferences.get("mount/atime", key).cloned()
        };
        assert_eq!(of("a", "enabled"), Some(json!(true)));
        assert_eq!(of("a", "severity"), Some(json!("error")));
        assert_eq!(of("b", "enabled"), Some(json!(false)));
    }
}

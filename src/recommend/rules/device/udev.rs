//! Owns: what `services.udev.extraRules` assigns to the queues of disks, as udev(7) reads it. NixOS
//! writes them to 99-local.rules (nixpkgs nixos/modules/services/hardware/udev.nix), so that they
//! win over what any package sets.

use super::disk::Device;
use crate::model::Host;
use crate::model::hardware::Medium;
use crate::nix::source::Span;

pub(super) const EXTRA_RULES: &str = "services.udev.extraRules";

/// One rule: what must be the case, and what is assigned.
struct Rule {
    keys: Vec<Key>,
}

struct Key {
    /// `KERNEL`, `ATTR{queue/scheduler}` …
    name: String,
    operator: &'static str,
    value: String,
}

/// The rules of a host, in order.
pub(super) struct Rules {
    rules: Vec<Rule>,
    /// The literal that wrote them.
    pub at: Option<Span>,
}

/// What the rules say of an attribute of a disk.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Says<'a> {
    Nothing,
    Value(&'a str),
    /// Something, or not: a condition cannot be decided.
    Unsure,
}

/// The rules of a host; `None` where they cannot be read.
pub(super) fn rules(host: &Host) -> Option<Rules> {
    if hidden(host, EXTRA_RULES) {
        return None;
    }
    let Some(setting) = host.settings.known(EXTRA_RULES) else {
        return Some(Rules {
            rules: Vec::new(),
            at: None,
        });
    };
    let text = setting.value.as_str()?.replace("\\\n", "");
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let rules: Option<Vec<Rule>> = lines.map(rule).collect();
    Some(Rules {
        rules: rules?,
        at: setting.at,
    })
}

/// Whether an option, or a set that holds it, is defined and cannot be read.
pub(super) fn hidden(host: &Host, option: &str) -> bool {
    let ends = option.match_indices('.').map(|(at, _)| at);
    ends.chain([option.len()])
        .filter_map(|end| option.get(..end))
        .any(|path| host.settings.get(path).is_some_and(Result::is_err))
}

/// `KEY{part}=="value", …`; `None` for what udev would not take either.
fn rule(line: &str) -> Option<Rule> {
    const OPERATORS: [&str; 6] = ["==", "!=", "+=", "-=", ":=", "="];
    let mut keys = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if rest.is_empty() {
            return Some(Rule { keys });
        }
        let end = rest.find(['=', '!', '+', '-', ':'])?;
        let (name, behind) = rest.split_at(end);
        let operator = OPERATORS.into_iter().find(|o| behind.starts_with(o))?;
        let quoted = behind.get(operator.len()..)?.trim_start();
        // A prefix tells how the value is to be read.
        let quoted = quoted.trim_start_matches(['e', 'i']).strip_prefix('"')?;
        let (value, behind) = quoted.split_once('"')?;
        keys.push(Key {
            name: name.trim().to_owned(),
            operator,
            value: value.to_owned(),
        });
        rest = behind;
    }
}

impl Rules {
    /// What the last rule that matches a disk assigns to an attribute of its queue.
    pub(super) fn say(&self, attribute: &str, device: &Device<'_>) -> Says<'_> {
        let wanted = format!("ATTR{{queue/{attribute}}}");
        let mut says = Says::Nothing;
        for rule in &self.rules {
            let assigns = |key: &&Key| key.name == wanted && matches!(key.operator, "=" | ":=");
            let Some(assigned) = rule.keys.iter().find(assigns) else {
                // What jumps over other rules makes all behind it uncertain.
                if rule.keys.iter().any(|key| key.name == "GOTO") {
                    return Says::Unsure;
                }
                continue;
            };
            says = match (rule.matches(device), &says) {
                (Some(true), _) => Says::Value(&assigned.value),
                (Some(false), _) => continue,
                (None, Says::Value(value)) if *value == assigned.value => continue,
                (None, _) => Says::Unsure,
            };
        }
        says
    }
}

impl Rule {
    /// Whether it is about a disk; `None` where that cannot be decided.
    fn matches(&self, device: &Device<'_>) -> Option<bool> {
        let mut sure = true;
        for key in &self.keys {
            let asks = matches!(key.operator, "==" | "!=") || key.name.starts_with("TEST");
            if !asks {
                continue;
            }
            let holds = match key.name.as_str() {
                // Each disk is added once, and `udevadm trigger` changes it.
                "ACTION" => Some(key.value.split('|').any(|a| a == "add" || a == "change")),
                "SUBSYSTEM" => Some(key.value == "block"),
                "ENV{DEVTYPE}" => Some(key.value == "disk"),
                "TEST" => key.value.starts_with("queue/").then_some(true),
                "KERNEL" => device.matches(&key.value),
                "ATTR{queue/rotational}" => match device.medium {
                    Medium::Rotational => Some(key.value == "1"),
                    Medium::SolidState => Some(key.value == "0"),
                    Medium::Unknown => None,
                },
                _ => None,
            };
            match (holds, key.operator) {
                (Some(holds), "!=") if holds => return Some(false),
                (Some(holds), operator) if !holds && operator != "!=" => return Some(false),
                (Some(_), _) => {}
                (None, _) => sure = false,
            }
        }
        sure.then_some(true)
    }
}

/// Whether a name matches a pattern of udev(7): `*`, `?`, `[a-z]`, `[!a]`, and `|` between
/// alternatives.
pub(super) fn glob(pattern: &str, name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    pattern
        .split('|')
        .any(|one| glob_one(&one.chars().collect::<Vec<char>>(), &name))
}

fn glob_one(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        (['*', rest @ ..], _) => (0..=name.len()).any(|skip| glob_one(rest, &name[skip..])),
        (['?', rest @ ..], [_, more @ ..]) => glob_one(rest, more),
        (['[', rest @ ..], [first, more @ ..]) => {
            let Some(end) = rest.iter().skip(1).position(|c| *c == ']') else {
                return false;
            };
            let (class, rest) = rest.split_at(end + 1);
            let (negated, class) = match class {
                ['!' | '^', class @ ..] => (true, class),
                class => (false, class),
            };
            in_class(class, *first) != negated && glob_one(&rest[1..], more)
        }
        ([wanted, rest @ ..], [first, more @ ..]) => wanted == first && glob_one(rest, more),
        _ => false,
    }
}

fn in_class(class: &[char], c: char) -> bool {
    match class {
        [from, '-', to, rest @ ..] => (*from..=*to).contains(&c) || in_class(rest, c),
        [one, rest @ ..] => *one == c || in_class(rest, c),
        [] => false,
    }
}

//! Sysctls that are set at two places, and what comes of it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{option, sysctl, sysctl_option, sysctls_are_known};
use crate::analyze::{Evidence, Source, Weight};
use crate::model::Host;
use crate::nix::source::Span;
use crate::recommend::{Action, Severity};

const ROOT: &str = "boot.kernel.sysctl.";
const PARAMETERS: &str = "boot.kernelParams";
const SYSCTLS: &str = "nixpkgs nixos/modules/config/sysctl.nix";
const SYSTEMD: &str = "systemd src/sysctl/sysctl.c";
const KERNEL: &str = "Linux Documentation/admin-guide/kernel-parameters.txt (sysctl.*)";
const TLP: &str = "https://linrunner.de/en/tlp/docs/tlp-faq.html (VM writeback timeout)";
const POWERTOP: &str = "powertop --auto-tune, tunable VM writeback timeout (15 s)";
const WRITEBACK: &str = "vm.dirty_writeback_centisecs";

/// Programs that write a sysctl themselves: the option that enables them, what they write, its value
/// where that is always the same, and where that is told.
const WRITERS: [(&str, &str, Option<&str>, &str); 2] = [
    ("services.tlp.enable", WRITEBACK, None, TLP),
    (
        "powerManagement.powertop.enable",
        WRITEBACK,
        Some("1500"),
        POWERTOP,
    ),
];

/// Texts that run commands after systemd-sysctl.
const COMMANDS: [&str; 4] = [
    "powerManagement.powerUpCommands",
    "powerManagement.powerDownCommands",
    "powerManagement.resumeCommands",
    "services.udev.extraRules",
];

/// Something that is set twice.
pub(super) struct Case {
    pub(super) subject: String,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) at: Option<Span>,
    pub(super) evidence: Vec<Evidence>,
    /// What is proposed, and how it is done.
    pub(super) remedy: Option<(String, Vec<Action>)>,
}

/// A key as the kernel has it: the first separator decides what the others are.
fn normalised(key: &str) -> String {
    match key.find(['.', '/']) {
        Some(at) if key[at..].starts_with('/') => key.to_owned(),
        _ => {
            let swapped = key.chars().map(|c| match c {
                '.' => '/',
                '/' => '.',
                other => other,
            });
            swapped.collect()
        }
    }
}

fn is_of_memory(key: &str) -> bool {
    normalised(key).starts_with("vm/")
}

fn knowledge(weight: Weight, source: &str, says: impl Into<String>) -> Evidence {
    Evidence::speaks_for(weight, Source::Knowledge(source.to_owned()), says)
}

/// Keys of which Nix refuses the definitions.
fn refused(host: &Host) -> Vec<Case> {
    let of = |(path, reading): (&str, &Result<_, crate::model::UnknownFact>)| {
        let key = path.strip_prefix(ROOT).filter(|key| is_of_memory(key))?;
        let why = reading.as_ref().err()?;
        let twice = why.why.contains("is defined") && why.why.ends_with("with one priority");
        twice.then(|| Case {
            subject: path.to_owned(),
            severity: Severity::Error,
            message: format!(
                "{key} is defined more than once with the same priority, and NixOS refuses that even for \
                 equal values: the configuration cannot be built. Keep one definition, or put the stronger \
                 one into lib.mkForce"
            ),
            at: why.at,
            evidence: vec![
                Evidence::speaks_for(Weight::Strong, Source::Configuration(why.at), &why.why),
                knowledge(Weight::Strong, SYSCTLS, "a sysctl takes one definition (mergeOneOption)"),
            ],
            remedy: None,
        })
    };
    host.settings.below(ROOT).filter_map(of).collect()
}

/// Keys that are spelled in two ways, which systemd takes for one: the last of the file holds.
fn spelled(host: &Host) -> Vec<Case> {
    let mut by_key: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (path, _) in host.settings.below(ROOT) {
        if let Some(key) = path.strip_prefix(ROOT).filter(|key| is_of_memory(key)) {
            by_key.entry(normalised(key)).or_default().push(key);
        }
    }
    let twice = by_key.into_iter().filter(|(_, keys)| keys.len() == 2);
    let case = |(normal, keys): (String, Vec<&str>)| {
        let [first, last] = keys.as_slice() else {
            return None;
        };
        let (of_first, of_last) = (
            host.settings.known(&sysctl(first))?,
            host.settings.known(&sysctl(last))?,
        );
        if of_first.value.is_null() || of_last.value.is_null() {
            return None;
        }
        let mut actions = Vec::new();
        if of_first.value != of_last.value {
            actions.push(Action::SetNixosOption {
                path: sysctl_option(first),
                value: of_last.value.clone(),
            });
        }
        actions.push(Action::UnsetNixosOption {
            path: sysctl_option(last),
        });
        Some(Case {
            subject: format!("{ROOT}{normal}"),
            severity: Severity::Warning,
            message: format!(
                "{first} = {} and {last} = {} are the same sysctl: both stand in 60-nixos.conf, and the \
                 last, {last}, holds",
                of_first.value, of_last.value
            ),
            at: of_first.at,
            evidence: vec![
                Evidence::speaks_for(
                    Weight::Strong,
                    Source::Configuration(of_last.at),
                    format!("{last} is set to {}", of_last.value),
                ),
                knowledge(
                    Weight::Strong,
                    SYSTEMD,
                    "a later assignment of a key replaces the earlier one",
                ),
            ],
            remedy: Some((format!("Set {first} once, to what holds now"), actions)),
        })
    };
    twice.filter_map(case).collect()
}

/// The values that the configuration writes by systemd-sysctl, by the kernel's name of the key.
fn written(host: &Host) -> BTreeMap<String, (&str, &Json)> {
    let keys = host.settings.below(ROOT).filter_map(|(path, reading)| {
        let key = path.strip_prefix(ROOT).filter(|key| is_of_memory(key))?;
        let value = &reading.as_ref().ok()?.value;
        (!value.is_null()).then(|| (normalised(key), (key, value)))
    });
    keys.collect()
}

/// `sysctl.vm.swappiness=10` on the kernel's command line, which lasts until systemd-sysctl runs.
fn parameters(host: &Host) -> Vec<Case> {
    let written = written(host);
    let Some(setting) = host.settings.known(PARAMETERS) else {
        return Vec::new();
    };
    let words = setting.value.as_array().into_iter().flatten();
    let case = |word: &Json| {
        let text = word.as_str()?;
        let (name, _) = text.strip_prefix("sysctl.")?.split_once('=')?;
        let (key, value) = written.get(&normalised(name))?;
        Some(Case {
            subject: format!("{PARAMETERS}.{text}"),
            severity: Severity::Advice,
            message: format!(
                "{text} in {PARAMETERS} holds for the first seconds of a boot only: systemd-sysctl then \
                 writes {key} = {value}"
            ),
            at: setting.at,
            evidence: vec![
                Evidence::speaks_for(
                    Weight::Strong,
                    Source::Configuration(setting.at),
                    format!("{PARAMETERS} has {text}"),
                ),
                knowledge(
                    Weight::Strong,
                    KERNEL,
                    "the kernel sets them before it starts init",
                ),
            ],
            remedy: Some((
                format!("Take {text} out of {PARAMETERS}"),
                vec![Action::EditNixosList {
                    path: option(PARAMETERS),
                    remove: vec![word.clone()],
                    add: Vec::new(),
                }],
            )),
        })
    };
    words.filter_map(case).collect()
}

/// Programs and commands that write a key after systemd-sysctl did.
fn others(host: &Host) -> Vec<Case> {
    let settings = &host.settings;
    let mut cases = Vec::new();
    let case = |by: &str, key: &str, value: &Json, at, evidence| Case {
        subject: format!("{by} {key}"),
        severity: Severity::Advice,
        message: format!(
            "{key} = {value} does not last: {by} writes it as well, later. Say it at one of the two places"
        ),
        at,
        evidence: vec![evidence],
        remedy: None,
    };
    for (normal, (key, value)) in written(host) {
        let at = settings.known(&sysctl(key)).and_then(|s| s.at);
        for (enable, writes, same, source) in WRITERS {
            let equal = same.is_some_and(|same| value.to_string().trim_matches('"') == same);
            if normalised(writes) == normal && settings.is_true(enable) && !equal {
                let by = enable.trim_end_matches(".enable");
                let says = format!("{by} writes {writes}");
                let evidence = knowledge(Weight::Moderate, source, says);
                cases.push(case(by, key, value, at, evidence));
            }
        }
        for commands in COMMANDS {
            let names = |text: &str| {
                let dotted = format!("{}=", normal.replacen('/', ".", 1));
                text.contains(&dotted) || text.contains(&format!("/proc/sys/{normal}"))
            };
            if let Some(setting) = settings.known(commands)
                && setting.value.as_str().is_some_and(names)
            {
                let source = Source::Configuration(setting.at);
                let says = format!("{commands} names {key}");
                let evidence = Evidence::speaks_for(Weight::Moderate, source, says);
                cases.push(case(commands, key, value, at, evidence));
            }
        }
    }
    cases
}

/// All that a host sets twice.
pub(super) fn cases(host: &Host) -> Vec<Case> {
    if !sysctls_are_known(host) {
        return Vec::new();
    }
    let mut cases = refused(host);
    cases.extend(spelled(host));
    cases.extend(parameters(host));
    cases.extend(others(host));
    cases
}

//! Owns: what every rule must have: a configuration on which it fires, one close to it on which it
//! does not, and an example in its page that is true.
//!
//! `fixtures/rules/<group>/<rule>/{fires,quiet}` are whole projects with the facts beside them. The
//! example is the configuration before and after, with the facts of `fires`.
//! `RULE=group/name cargo test --test rules` looks at one rule only.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use btrfs_tune::recommend::rules::RULES;
use common::project::{is_patch, program};
use serde_json::Value as Json;
use tempfile::TempDir;

/// What stands beside a configuration and is no part of it.
const FACTS: [&str; 4] = [
    "facter.json",
    "metrics",
    "observations.toml",
    "btrfs-tune.toml",
];

fn fixture(rule: &str, which: &str) -> PathBuf {
    let (group, name) = rule.split_once('/').unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("fixtures/rules")
        .join(group)
        .join(name)
        .join(which)
}

fn rules() -> Vec<&'static str> {
    let wanted = std::env::var("RULE").ok();
    let ids = RULES.iter().map(|rule| rule.meta().id);
    ids.filter(|id| wanted.as_deref().is_none_or(|w| w == *id))
        .collect()
}

/// Every rule that breaks a promise, with what it does instead.
fn broken(check: impl Fn(&'static str) -> Result<(), String>) {
    let wrong: Vec<String> = rules()
        .into_iter()
        .filter_map(|rule| check(rule).err().map(|why| format!("{rule}: {why}")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The findings of one rule alone, on a directory.
fn findings(rule: &str, directory: &Path) -> Result<Vec<Json>, String> {
    let output = program()
        .args(["fix", "--format", "json", "--rule", rule])
        .arg(directory)
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    if !matches!(output.status.code(), Some(0 | 1)) {
        return Err(format!("{}: {err}", output.status));
    }
    let report: Json = serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())?;
    let problems = report["problems"].as_array().unwrap();
    if !problems.is_empty() {
        return Err(format!("its facts are not read: {problems:?}"));
    }
    let hosts = report["hosts"].as_array().unwrap().iter();
    let all = hosts.flat_map(|host| host["findings"].as_array().unwrap());
    let own: Vec<Json> = all.filter(|f| f["rule"] == rule).cloned().collect();
    Ok(own)
}

#[test]
fn each_rule_fires_where_it_should() {
    broken(|rule| {
        let directory = fixture(rule, "fires");
        if !directory.is_dir() {
            return Err(format!("there is no {}", directory.display()));
        }
        match findings(rule, &directory)?.is_empty() {
            true => Err("it does not fire on its fixture".to_owned()),
            false => Ok(()),
        }
    });
}

#[test]
fn each_rule_is_quiet_where_all_is_well() {
    broken(|rule| {
        let directory = fixture(rule, "quiet");
        if !directory.is_dir() {
            return Err(format!("there is no {}", directory.display()));
        }
        match findings(rule, &directory)?.first() {
            Some(finding) => Err(format!("it fires: {}", finding["message"])),
            None => Ok(()),
        }
    });
}

/// The two Nix blocks of a page.
fn example(page: &str) -> (String, String) {
    let mut blocks = page.split("```nix\n").skip(1);
    let mut next = || {
        blocks
            .next()
            .unwrap()
            .split("```")
            .next()
            .unwrap()
            .to_owned()
    };
    (next(), next())
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else if from.is_file() {
        fs::copy(from, to).unwrap();
    }
}

/// A directory with this configuration and the facts of a rule's fixture.
fn written(rule: &str, configuration: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    for name in FACTS {
        let fact = fixture(rule, "fires").join(name);
        copy(&fact, &directory.path().join(name));
    }
    fs::write(directory.path().join("configuration.nix"), configuration).unwrap();
    directory
}

/// The example is what the rule does: it fires on the first configuration, and its patch gives the
/// second; where it has none, the second is what a person would write, and it is quiet there.
#[test]
fn the_example_of_each_page_is_true() {
    broken(|rule| {
        let meta = RULES.iter().find(|r| r.meta().id == rule).unwrap().meta();
        let (before, after) = example(meta.page);
        let directory = written(rule, &before);
        let found = findings(rule, directory.path())?;
        if found.is_empty() {
            return Err("it does not fire on its example".to_owned());
        }
        if found.iter().any(is_patch) {
            let mut write = program();
            write.args([
                "fix",
                "--write",
                "--allow-dirty",
                "--rule",
                rule,
                "--consent",
                rule,
            ]);
            let output = write.arg(directory.path()).output().unwrap();
            let err = String::from_utf8_lossy(&output.stderr);
            if !output.status.success() {
                return Err(format!("its patch is not written: {err}"));
            }
            let now = fs::read_to_string(directory.path().join("configuration.nix")).unwrap();
            if now != after {
                let diff = similar::TextDiff::from_lines(&after, &now);
                let diff = diff.unified_diff().header("page", "patched").to_string();
                return Err(format!("its patch gives something else:\n{diff}"));
            }
        }
        let left = findings(rule, written(rule, &after).path())?;
        match left.first() {
            Some(finding) => Err(format!("it fires on the second: {}", finding["message"])),
            None => Ok(()),
        }
    });
}

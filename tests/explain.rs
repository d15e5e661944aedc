//! `btrfs-tune explain`: all rules, one rule, for people and for programs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use assert_cmd::Command;
use btrfs_tune::recommend::rules::RULES;
use serde_json::Value as Json;

fn explain(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::cargo_bin("btrfs-tune").unwrap();
    command
        .env_remove("NO_COLOR")
        .arg("explain")
        .args(arguments);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The lines of one group, without its heading.
fn group<'a>(table: &'a str, name: &str) -> Vec<&'a str> {
    let lines = table.lines().skip_while(|line| *line != name).skip(1);
    lines.take_while(|line| !line.is_empty()).collect()
}

#[test]
fn every_rule_stands_in_the_table_once_below_its_group() {
    let (code, table, told) = explain(&[]);
    assert_eq!((code, told.as_str()), (Some(0), ""));
    for rule in RULES {
        let meta = rule.meta();
        let own = group(&table, meta.group());
        let named = own.iter().filter(|line| {
            line.strip_prefix("  ")
                .is_some_and(|l| l.split(' ').next() == Some(meta.id))
        });
        let named: Vec<_> = named.collect();
        assert_eq!(named.len(), 1, "{}: {table}", meta.id);
        assert_eq!(named[0].ends_with("  off"), !meta.default_on, "{named:?}");
        let words = own.join(" ");
        let words: Vec<&str> = words.split_whitespace().collect();
        let summary: Vec<&str> = meta.summary.split_whitespace().collect();
        assert!(
            words.windows(summary.len()).any(|w| w == summary),
            "{}: {own:?}",
            meta.id
        );
        for setting in meta.settings {
            let shown = format!("{} = {}:", setting.key, setting.default);
            assert!(own.join(" ").contains(&shown), "{shown}: {own:?}");
        }
    }
    let widest = table.lines().map(|line| line.chars().count()).max();
    assert!(widest.unwrap() <= 80, "{table}");
}

#[test]
fn a_table_is_read_at_a_glance() {
    let (_, table, _) = explain(&[]);
    let own = group(&table, "mount");
    let of = |id: &str| {
        own.iter()
            .position(|line| line.trim_start().starts_with(id))
    };
    let at = of("mount/atime ").unwrap();
    // The column of severities moves with the longest name.
    let first: Vec<&str> = own[at].split_whitespace().collect();
    insta::assert_snapshot!(format!("{}\n{}", first.join("  "), own[at + 1]), @r"
    mount/atime  warning
        Reading files writes their access times, which copies metadata
    ");
}

#[test]
fn programs_get_everything_that_a_rule_says_of_itself() {
    let (code, all, _) = explain(&["--format", "json"]);
    assert_eq!(code, Some(0));
    let all: Json = serde_json::from_str(&all).unwrap();
    assert_eq!(all["format"], "btrfs-tune/rules/1");
    let all = all["rules"].as_array().unwrap();
    assert_eq!(all.len(), RULES.len());
    let ids: BTreeSet<&str> = all.iter().map(|r| r["id"].as_str().unwrap()).collect();
    for (rule, told) in RULES.iter().zip(all) {
        let meta = rule.meta();
        assert_eq!(told["id"], meta.id);
        assert_eq!(told["page"], meta.page);
        assert_eq!(told["default_on"], meta.default_on);
        for other in told["yields_to"].as_array().unwrap() {
            assert!(ids.contains(other.as_str().unwrap()), "{other}");
        }
        let (_, one, _) = explain(&[meta.id, "--format", "json"]);
        let one: Json = serde_json::from_str(&one).unwrap();
        assert_eq!(one, *told);
    }
}

#[test]
fn a_page_is_printed_as_it_is_and_in_colour_only_where_asked() {
    let page = RULES[0].meta().page;
    let id = RULES[0].meta().id;
    assert_eq!(explain(&[id]).1, page);
    let (_, painted, _) = explain(&[id, "--color", "always"]);
    assert_ne!(painted, page);
    assert_eq!(anstream::adapter::strip_str(&painted).to_string(), page);
}

#[test]
fn a_rule_that_there_is_not_is_an_error_with_the_nearest() {
    let (code, out, told) = explain(&["mount/atim"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(told.contains("did you mean `mount/atime`?"), "{told}");
}

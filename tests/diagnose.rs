//! `diagnose` as a command: what it prints, reads and refuses, and what is withheld for its sake.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;

use btrfs_tune::report::diagnosis;
use common::project::{Git, HOSTS, Project, Ran, run};
use serde_json::{Value as Json, json};

fn of_host(host: &str, more: &[&str]) -> Ran {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = format!("fixtures/hosts/{host}");
    let ran = run(root, &[&["diagnose", &path][..], more].concat());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{host}");
    ran
}

/// A run on a facts file of this content.
fn of_facts(content: &str, more: &[&str]) -> Ran {
    let project = Project::empty(Git::None);
    project.write("facts.json", content);
    project.run(&[&["diagnose", "--facts", "facts.json"][..], more].concat())
}

fn of_json(ran: &Ran) -> Json {
    let document: Json = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    let validator = jsonschema::validator_for(&diagnosis::schema()).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&document)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    document
}

/// What somebody sees first: the machine, the answer, the likeliest cause and what else is told.
/// How sure it is changes with what experts learn: `tests/cases.rs` holds what that must give.
fn head(text: &str) -> String {
    let answer = text.lines().take_while(|l| !l.starts_with("What"));
    let cause = text.lines().find(|l| l.starts_with("  1. "));
    let sections = text
        .lines()
        .filter(|l| l.starts_with(char::is_uppercase) && l.ends_with(':') && !l.contains(" %"));
    let all: Vec<String> = answer.chain(cause).chain(sections).map(masked).collect();
    all.join("\n")
}

/// A line with each percentage as `N %`.
fn masked(line: &str) -> String {
    let mut parts: Vec<&str> = line.split(" %").collect();
    let last = parts.pop().unwrap_or_default();
    let figure = |c: char| c.is_ascii_digit();
    let masked = parts
        .iter()
        .map(|p| format!("{}N %", p.trim_end_matches(figure)));
    masked.collect::<String>() + last
}

#[test]
fn the_shipped_machines_are_told_the_answer_first() {
    for host in HOSTS {
        let text = of_host(host, &[]).out;
        insta::assert_snapshot!(host, head(&text));
        for line in text.lines() {
            let is_command = line.starts_with("  ") && line.contains(" | ");
            let is_one_word = line.trim().split(' ').count() < 4;
            assert!(
                line.chars().count() <= 100 || is_command || is_one_word,
                "{line}"
            );
            assert_eq!(line, line.trim_end());
        }
    }
}

#[test]
fn what_was_passed_over_stands_below_the_answer() {
    let ran = of_facts(
        r#"{ "facts": { "kernel": "6.12.4", "gizmo": "qwrtz zxcvb" } }"#,
        &[],
    );
    let place = |part: &str| {
        ran.out
            .find(part)
            .unwrap_or_else(|| panic!("{part}: {}", ran.out))
    };
    assert!(
        place("Answer") < place("What was passed over:"),
        "{}",
        ran.out
    );
    assert!(
        place("What was passed over:") < place("qwrtz zxcvb"),
        "{}",
        ran.out
    );
}

#[test]
fn the_document_says_what_its_schema_says() {
    for host in HOSTS {
        let document = of_json(&of_host(host, &["--format", "json"]));
        assert_eq!(document["format"], diagnosis::FORMAT);
        let causes = document["causes"].as_array().unwrap();
        let log_odds: Vec<f64> = causes
            .iter()
            .map(|c| c["log_odds"].as_f64().unwrap())
            .collect();
        assert!(log_odds.is_sorted_by(|a, b| a >= b), "{log_odds:?}");
        for cause in causes {
            assert_eq!(cause["machine"], host);
            let share = cause["confidence"].as_f64().unwrap();
            let sum = cause["log_odds"].as_f64().unwrap();
            assert!((share - 1.0 / (1.0 + (-sum).exp())).abs() < 0.01, "{cause}");
            for evidence in cause["evidence"].as_array().unwrap() {
                let is_for = evidence["weight"].as_f64().unwrap() > 0.0;
                assert_eq!(
                    evidence["direction"],
                    if is_for { "for" } else { "against" }
                );
                for key in ["text", "source", "kind", "basis"] {
                    assert_ne!(evidence[key].as_str().unwrap(), "", "{cause}");
                }
            }
        }
    }
}

const DATABASE: &str = r#"{
  "complaint": "Queries of our PostgreSQL got slower month after month.",
  "facts": {
    "kernel": "6.12.4",
    "hardware": { "disks": [{ "kind": "hdd" }] },
    "metrics": { "filefrag base/16384/24576": "214000 extents in 38 GB", "lsattr_base": "no C" },
    "services": ["postgresql", "hourly snapshots of the same subvolume"]
  }
}"#;

#[test]
fn a_facts_file_is_enough() {
    let ran = of_facts(DATABASE, &[]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(
        ran.out.contains("\n  1. cow-fragmentation-database, "),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("\nAnswer, "), "{}", ran.out);
    assert!(ran.out.contains("[facts.json: "), "{}", ran.out);
    let document = of_json(&of_facts(DATABASE, &["--format", "json"]));
    assert_eq!(document["causes"][0]["id"], "cow-fragmentation-database");
    assert_eq!(document["machines"][0]["name"], "facts");
}

#[test]
fn broken_facts_are_one_error_with_its_place_and_no_conclusion() {
    let broken = "{\"complaint\": \"slow\",\n \"facts\": {oops}}";
    let ran = of_facts(broken, &[]);
    assert_eq!(ran.code, Some(2));
    let error = "error: facts.json:2:12: not valid JSON: key must be a string; not read\n";
    assert!(ran.out.starts_with(error), "{}", ran.out);
    assert!(
        !ran.out.contains("Answer") && ran.out.contains("--observe"),
        "{}",
        ran.out
    );
    let ran = of_facts(broken, &["--format", "json"]);
    assert_eq!(ran.code, Some(2));
    let document = of_json(&ran);
    assert_eq!(
        (&document["machines"], &document["causes"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(document["problems"][0]["source"], "facts.json:2:12");
    for other in ["[]", "7", "\"slow\"", "", "the disk is slow"] {
        assert_eq!(of_facts(other, &[]).code, Some(2), "{other}");
    }
}

#[test]
fn a_missing_facts_file_is_told() {
    let ran = Project::empty(Git::None).run(&["diagnose", "--facts", "nowhere.json"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.err.contains("nowhere.json"), "{}", ran.err);
}

#[test]
fn nothing_known_is_not_enough_evidence_and_a_command() {
    let ran = of_facts("{}", &[]);
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.out.contains("\nAnswer: not enough evidence; run: "),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("btrfs-tune collect"), "{}", ran.out);
    let document = of_json(&of_facts("{}", &["--format", "json"]));
    assert_eq!(document["causes"], json!([]));
    assert_eq!(document["machines"][0]["verdict"], "not-enough-evidence");
    assert_ne!(document["machines"][0]["asks"][0]["command"], "");
}

#[test]
fn words_are_echoed_with_what_was_understood() {
    let said = "nixos-rebuild takes 20 minutes, CPU idle";
    let document = of_json(&of_facts("{}", &["--observe", said, "--format", "json"]));
    let understood = document["machines"][0]["understood"].as_array().unwrap();
    assert_eq!(understood.len(), 1);
    assert_eq!(understood[0]["text"], said);
    let read = understood[0]["understood"].as_str().unwrap();
    for part in ["nixos-rebuild", "CPU idle", "1200 s"] {
        assert!(read.contains(part), "{read}");
    }
    let text = of_facts("{}", &["--observe", said]).out;
    assert!(text.contains("\nHow words were read"), "{text}");
    assert!(text.contains("“nixos-rebuild”"), "{text}");
    // It is heard beside what a file says, not instead of it.
    let both = of_json(&of_facts(
        DATABASE,
        &["--observe", said, "--format", "json"],
    ));
    assert!(both["machines"][0]["understood"].as_array().unwrap().len() > 1);
}

#[test]
fn hostile_names_do_not_reach_the_terminal() {
    let evil = "\u{1b}[31mred\u{7}\r\n\"'`$(x)\u{202e}txt\u{9b}2J";
    let facts = json!({
        "complaint": format!("the disk {evil} is slow, cargo build takes ages"),
        "facts": {
            "hardware": { "disks": [{ "model": evil, "kind": "hdd" }], evil: evil },
            "mounts": { format!("/srv/{evil}"): "rw,autodefrag,discard,space_cache" },
            "metrics": { "top": { evil: "100%" }, format!("iostat {evil}"): { "%util": 99 } },
            "services": [evil, format!("postgresql {evil}")],
        },
    });
    let ran = of_facts(&facts.to_string(), &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let is_hostile =
        |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}');
    let found = (ran.out.clone() + &ran.err)
        .chars()
        .find(|c| is_hostile(*c));
    assert_eq!(found, None, "{:?}", ran.out);
    let observed = of_facts("{}", &["--observe", &format!("{evil} is slow")]);
    assert!(!observed.out.chars().any(is_hostile), "{:?}", observed.out);
    // In JSON the text is as it was.
    of_json(&of_facts(&facts.to_string(), &["--format", "json"]));
    // A broken file is quoted in its error.
    let broken = of_facts(&format!("{{\"{}\": oops", '\u{1b}'), &[]);
    assert!(!broken.out.chars().any(is_hostile), "{:?}", broken.out);
}

/// A machine that asks for a dear compression, whose processor idles, whose data does not shrink
/// and whose disk is busy all the time.
fn idle_processor() -> Project {
    let project = Project::empty(Git::None);
    project.write(
        "disko.nix",
        r#"{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/sda";
    content = {
      type = "gpt";
      partitions.root = {
        size = "100%";
        content = {
          type = "btrfs";
          subvolumes."/root" = {
            mountpoint = "/";
            mountOptions = [ "compress=zstd:12" "noatime" ];
          };
        };
      };
    };
  };
}
"#,
    );
    project.write(
        "metrics/iostat.txt",
        "Linux 6.12.4 (box) \t11/02/25 \t_x86_64_\t(8 CPU)\n\n\
         avg-cpu:  %user   %nice %system %iowait  %steal   %idle\n\
         \x20          2.10    0.00    1.90    1.00    0.00   95.00\n\n\
         Device            r/s     rkB/s   rrqm/s  %rrqm r_await rareq-sz     w/s     wkB/s   \
         wrqm/s  %wrqm w_await wareq-sz     d/s     dkB/s   drqm/s  %drqm d_await dareq-sz     \
         f/s f_await  aqu-sz  %util\n\
         sda             90.00   9000.00     0.00   0.00   22.00   100.00   60.00  12000.00     \
         0.00   0.00   31.00   200.00    0.00      0.00     0.00   0.00    0.00     0.00    \
         0.00    0.00    3.80  99.40\n",
    );
    project.write(
        "metrics/compsize.txt",
        "Processed 4101 files, 90211 regular extents (90211 refs), 12 inline.\n\
         Type       Perc     Disk Usage   Uncompressed Referenced  \n\
         TOTAL       98%      490G         500G         500G       \n\
         none       100%      480G         480G         480G       \n\
         zstd        50%       10G          20G          20G       \n",
    );
    project.write(
        "metrics/mounts.txt",
        "/dev/sda1 / btrfs rw,noatime,compress=zstd:12,space_cache=v2,subvolid=256,subvol=/root 0 0\n",
    );
    project
}

const LEVEL: &str = "mount/compression-level";

#[test]
fn what_the_evidence_refutes_is_withheld_with_the_reason() {
    let project = idle_processor();
    let document = of_json(&project.run(&["diagnose", "--format", "json"]));
    let machine = &document["machines"][0];
    let withheld = machine["withheld"].as_array().unwrap();
    let level = withheld.iter().find(|w| w["rule"] == LEVEL);
    let level = level.unwrap_or_else(|| panic!("{document:#}"));
    assert_eq!(level["cause"], "compression-cpu-bound");
    let why = level["why"].as_str().unwrap();
    assert_ne!(why, "");
    let proposed = machine["recommendations"].as_array().unwrap();
    assert!(proposed.iter().all(|r| r["rule"] != LEVEL), "{machine:#}");

    let told = |text: &str| {
        let text = text.split_whitespace().filter(|w| *w != "#");
        text.collect::<Vec<_>>().join(" ")
    };
    let text = told(&project.run(&["diagnose"]).out);
    assert!(text.contains("Not proposed"), "{text}");
    assert!(text.contains(&told(why)), "{why}: {text}");

    let diff = project.run(&["fix", "--diff"]);
    let text = told(&diff.out);
    assert!(text.contains(&format!("Not proposed: {LEVEL}")), "{text}");
    assert!(text.contains(&told(why)), "{why}: {text}");
    assert!(!text.contains("compress=zstd:3"), "{text}");

    let report = project.report();
    let host = &report["hosts"][0];
    let withheld = host["withheld"].as_array().unwrap();
    assert!(
        withheld
            .iter()
            .any(|w| w["rule"] == LEVEL && w["why"] == why),
        "{host:#}"
    );
}

#[test]
fn a_rule_that_is_asked_for_speaks_all_the_same() {
    let ran = idle_processor().run(&["fix", "--format", "json", "--rule", LEVEL]);
    let report: Json = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    let host = &report["hosts"][0];
    let findings = host["findings"].as_array().unwrap();
    assert!(findings.iter().any(|f| f["rule"] == LEVEL), "{host:#}");
    let withheld = host["withheld"].as_array();
    assert!(
        withheld.is_none_or(|all| all.iter().all(|w| w["rule"] != LEVEL)),
        "{host:#}"
    );
}

#[test]
fn without_figures_nothing_is_withheld() {
    let project = idle_processor();
    std::fs::remove_dir_all(project.path.join("metrics")).unwrap();
    let document = of_json(&project.run(&["diagnose", "--format", "json"]));
    let machine = &document["machines"][0];
    assert_eq!(machine["withheld"], json!([]));
    let proposed = machine["recommendations"].as_array().unwrap();
    assert!(proposed.iter().any(|r| r["rule"] == LEVEL), "{machine:#}");
}

#[test]
fn words_about_something_else_withhold_nothing() {
    let project = Project::small(Git::None, "disko.nix");
    let document =
        |said: &str| of_json(&project.run(&["diagnose", "--format", "json", "--observe", said]));
    let rules = |document: &Json| -> Vec<String> {
        let all = document["machines"][0]["recommendations"]
            .as_array()
            .unwrap();
        all.iter().map(|r| r["rule"].to_string()).collect()
    };
    let calm = rules(&document("nothing to say"));
    for said in [
        "the desktop hangs while extracting",
        "every full hour it stutters",
    ] {
        let document = document(said);
        assert_eq!(document["machines"][0]["withheld"], json!([]), "{said}");
        assert_eq!(rules(&document), calm, "{said}");
    }
}

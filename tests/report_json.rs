//! Owns: the form of the JSON report, which other programs read.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod common;

use std::fs;
use std::path::Path;

use btrfs_tune::report;
use common::project::{Git, HOSTS, Project};

/// The schema of the report is kept in the repository. `UPDATE_SCHEMA=1 cargo test --test
/// report_json` writes it.
#[test]
fn the_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/report-1.json");
    let text = serde_json::to_string_pretty(&report::schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "the types have changed: run UPDATE_SCHEMA=1 cargo test --test report_json"
    );
}

#[test]
fn the_reports_are_of_the_schema_and_say_all_that_is_promised() {
    let schema = jsonschema::validator_for(&report::schema()).unwrap();
    for host in HOSTS {
        let report = Project::of(host, Git::None).report();
        let errors: Vec<String> = schema
            .iter_errors(&report)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{host}");
        assert_eq!(report["format"], "btrfs-tune/report/1");
        assert!(report["problems"].is_array());
        assert!(report["hosts"][0]["name"].is_string());
        for finding in report["hosts"][0]["findings"].as_array().unwrap() {
            for key in [
                "rule",
                "severity",
                "message",
                "evidence",
                "applicability",
                "impact",
                "cost",
                "edits",
                "commands",
            ] {
                assert!(!finding[key].is_null(), "{host}: no {key} in {finding}");
            }
            // What is to be changed says when that takes effect, and why then.
            let changes = !finding["edits"].as_array().unwrap().is_empty();
            for key in ["class", "class_reason", "at"] {
                let told = finding[key].is_string() || finding[key].is_object();
                assert!(
                    told || !changes || key == "at",
                    "{host}: no {key} in {finding}"
                );
            }
            for edit in finding["edits"].as_array().unwrap() {
                let (file, patch) = (edit["file"].as_str(), edit["patch"].as_str());
                let header = format!("diff --git a/{0} b/{0}", file.unwrap());
                assert!(patch.unwrap().starts_with(&header), "{host}: {edit}");
            }
        }
        let mut broken = report.clone();
        broken["hosts"][0]["findings"] = "none".into();
        assert!(!schema.is_valid(&broken), "the schema says nothing");
    }
}

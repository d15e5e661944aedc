//! Owns: what `inspect` prints of the three fixture machines.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod common;

use std::fs;
use std::path::Path;

use btrfs_tune::report;
use common::project::{HOSTS, run};
use serde_json::Value as Json;

fn inspect(host: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ran = run(root, &["inspect", &format!("fixtures/hosts/{host}")]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{host}");
    // The only absolute path: where the facter report lies.
    ran.out.replace(&*root.to_string_lossy(), "<root>")
}

#[test]
fn the_machines_read_as_they_are_written() {
    for host in HOSTS {
        insta::assert_snapshot!(host, inspect(host));
    }
}

#[test]
fn each_place_holds_the_option_that_is_told() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for host in HOSTS {
        let mut seen = 0;
        for told in inspect(host).lines() {
            let told = told.trim();
            let Some(rest) = ["option ", "mkfs argument "]
                .iter()
                .find_map(|p| told.strip_prefix(p))
            else {
                continue;
            };
            let (value, place) = rest.split_once("  ").unwrap();
            if place == "(not written; disko's)" {
                continue;
            }
            let mut parts = place.rsplitn(3, ':');
            let column: usize = parts.next().unwrap().parse().unwrap();
            let line: usize = parts.next().unwrap().parse().unwrap();
            let text = fs::read_to_string(root.join(parts.next().unwrap())).unwrap();
            let written: String = text
                .lines()
                .nth(line - 1)
                .unwrap()
                .chars()
                .skip(column - 1)
                .collect();
            assert!(
                written.starts_with(&format!("\"{value}\"")),
                "{told}: {written}"
            );
            seen += 1;
        }
        assert!(seen > 5, "{host}: {seen}");
    }
}

fn document(host: &str) -> Json {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = format!("fixtures/hosts/{host}");
    let ran = run(root, &["inspect", &path, "--format", "json"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{host}");
    assert!(
        !ran.out.contains(&*root.to_string_lossy()),
        "{host}: an absolute path"
    );
    serde_json::from_str(&ran.out).unwrap()
}

/// The schema of the document is kept in the repository. `UPDATE_SCHEMA=1 cargo test --test inspect`
/// writes it.
#[test]
fn the_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/inspect-1.json");
    let schema = report::inspect::schema();
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "the types have changed: run UPDATE_SCHEMA=1 cargo test --test inspect"
    );
}

#[test]
fn the_documents_are_of_the_schema() {
    let schema = jsonschema::validator_for(&report::inspect::schema()).unwrap();
    for host in HOSTS {
        let document = document(host);
        let errors: Vec<String> = schema
            .iter_errors(&document)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{host}");
    }
    let mut broken = document(HOSTS[0]);
    broken["hosts"][0]["filesystems"][0]["options"] = "noatime".into();
    assert!(!schema.is_valid(&broken), "the schema says nothing");
}

#[test]
fn every_place_in_a_document_is_a_literal_that_says_it() {
    for host in HOSTS {
        let document = document(host);
        let mut seen = 0;
        each_text(&document, &mut |text, at| {
            assert_eq!(said_at(at), format!("\"{text}\""), "{host}: {at}");
            seen += 1;
        });
        assert!(seen > 5, "{host}: {seen}");
    }
}

/// Calls `look` with every text of the document that has a place.
fn each_text(value: &Json, look: &mut impl FnMut(&str, &Json)) {
    match value {
        Json::Object(map) => {
            if let (Some(Json::String(text)), Some(at @ Json::Object(_))) =
                (map.get("text"), map.get("at"))
            {
                look(text, at);
            }
            map.values().for_each(|v| each_text(v, look));
        }
        Json::Array(items) => items.iter().for_each(|v| each_text(v, look)),
        _ => {}
    }
}

/// The text at a place of a document.
fn said_at(at: &Json) -> String {
    let number = |name: &str| at[name].as_u64().unwrap() as usize;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(at["file"].as_str().unwrap());
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().nth(number("line") - 1).unwrap();
    line.chars()
        .skip(number("column") - 1)
        .take(number("length"))
        .collect()
}

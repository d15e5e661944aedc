//! Owns: the form of the JSON document of `diagnose`, which other programs read.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod common;

use std::fs;
use std::path::Path;

use btrfs_tune::report::diagnosis;
use common::project::{HOSTS, run};
use serde_json::{Value as Json, json};

/// The schema of the document is kept in the repository. `UPDATE_SCHEMA=1 cargo test --test
/// diagnosis_json` writes it.
#[test]
fn the_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/diagnosis-1.json");
    let text = serde_json::to_string_pretty(&diagnosis::schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "the types have changed: run UPDATE_SCHEMA=1 cargo test --test diagnosis_json"
    );
}

/// What the program prints, which must be of the schema that is kept.
fn document(arguments: &[&str]) -> Json {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = [&["diagnose", "--format", "json"], arguments].concat();
    let ran = run(root, &all);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (Some(0), ""),
        "{arguments:?}: {}",
        ran.out
    );
    let document: Json = serde_json::from_str(&ran.out).unwrap();
    let schema = fs::read_to_string(root.join("schema/diagnosis-1.json")).unwrap();
    let schema: Json = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&document)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new(), "{arguments:?}");
    assert_eq!(document["format"], "btrfs-tune/diagnosis/1");
    for (what, key) in [("causes", "confidence"), ("machines", "answer")] {
        let mut broken = document.clone();
        broken[what][0][key] = json!({});
        assert!(
            !validator.is_valid(&broken),
            "the schema says nothing of {key}"
        );
    }
    document
}

/// The causes in their order, each with how sure it is.
fn ranking(document: &Json) -> Vec<(String, f64)> {
    let causes = document["causes"].as_array().unwrap().iter();
    causes
        .map(|c| {
            let id = c["id"].as_str().unwrap().to_owned();
            (id, c["confidence"].as_f64().unwrap())
        })
        .collect()
}

#[test]
fn the_documents_of_the_machines_are_of_the_schema() {
    for host in HOSTS {
        let document = document(&[&format!("fixtures/hosts/{host}")]);
        assert_eq!(document["machines"].as_array().unwrap().len(), 1, "{host}");
        let ranking = ranking(&document);
        assert!(!ranking.is_empty(), "{host}");
        assert!(
            ranking.is_sorted_by(|a, b| a.1 >= b.1),
            "{host}: {ranking:?}"
        );
        let name = &document["machines"][0]["name"];
        for cause in document["causes"].as_array().unwrap() {
            assert_eq!(&cause["machine"], name, "{host}");
            let pieces = cause["evidence"].as_array().unwrap();
            assert!(!pieces.is_empty(), "{host}: {cause}");
        }
    }
}

#[test]
fn the_document_of_a_machine_that_is_told_is_of_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nas.json");
    let facts = json!({
        "complaint": "Copying many small files to the NAS crawls, and the disks rattle all the time.",
        "facts": {
            "hardware": { "disks": [{ "name": "sda", "type": "hdd" }] },
            "metrics": { "iostat": { "sda": { "util_percent": 99, "w_await_ms": 85, "aqu_sz": 20 } } }
        }
    });
    fs::write(&file, facts.to_string()).unwrap();
    let document = document(&["--facts", file.to_str().unwrap()]);
    let machine = &document["machines"][0];
    assert_eq!(machine["name"], "nas");
    assert!(
        !machine["understood"].as_array().unwrap().is_empty(),
        "{machine}"
    );
    let ranking = ranking(&document);
    assert_eq!(ranking[0].0, "hdd-seek-bound", "{ranking:?}");
}

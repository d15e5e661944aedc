//! Owns: what `inspect` prints of the three fixture machines.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod common;

use std::fs;
use std::path::Path;

use common::project::{HOSTS, run};

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

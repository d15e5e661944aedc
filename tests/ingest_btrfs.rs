//! Outputs of btrfs-progs and the tools around them, of this version and of others, and the facts
//! that are read from them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "ingest_btrfs/devices.rs"]
mod devices;
#[path = "ingest_btrfs/files.rs"]
mod files;
#[path = "ingest_btrfs/maintenance.rs"]
mod maintenance;
#[path = "ingest_btrfs/subvolumes.rs"]
mod subvolumes;
#[path = "ingest_btrfs/sysfs.rs"]
mod sysfs;
#[path = "ingest_btrfs/usage.rs"]
mod usage;
#[path = "ingest_btrfs/versions.rs"]
mod versions;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use btrfs_tune::ingest::metrics::read_bytes;
use btrfs_tune::ingest::problem::Problem;
use btrfs_tune::model::metrics::Metrics;
use proptest::prelude::*;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const UUID: &str = "b05f4091-7b92-4f58-b48a-3fcd811948e6";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ingest/metrics")
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

fn read_named(name: &str, content: &str) -> (Metrics, Vec<Problem>) {
    let mut metrics = Metrics::default();
    let problems = read_bytes(name, content.as_bytes(), &mut metrics);
    (metrics, problems)
}

fn read(content: &str) -> (Metrics, Vec<Problem>) {
    read_named("metrics.txt", content)
}

/// What a text holds, when all of it is understood.
fn all_of(content: &str) -> Metrics {
    let (metrics, problems) = read(content);
    assert_eq!(problems, [], "{content}");
    metrics
}

fn sound(name: &str) -> Metrics {
    let (metrics, problems) = read_named(name, &text(name));
    assert_eq!(problems, [], "{name}");
    metrics
}

fn messages(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|p| p.message.as_str()).collect()
}

/// The fixtures of these formats.
fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            ["btrfs-", "compsize", "lsattr", "sysfs-fs-btrfs", "filefrag"]
                .iter()
                .any(|begin| name.starts_with(begin))
        })
        .collect();
    names.sort();
    assert!(names.len() >= 50, "{}", names.len());
    names
}

// ---- every real output

#[test]
fn every_real_output_is_known_and_nothing_of_it_passed_over() {
    for name in names() {
        let (metrics, problems) = read_named(&name, &text(&name));
        let is_message = name.ends_with(".err") || name == "btrfs-property-list.txt";
        assert_eq!(metrics == Metrics::default(), is_message, "{name}");
        assert_eq!(
            problems.len(),
            usize::from(is_message),
            "{name}: {problems:?}"
        );
        assert!(
            problems
                .iter()
                .all(|p| p.severity == btrfs_tune::ingest::problem::Severity::Note),
            "{name}: {problems:?}"
        );
    }
}

#[test]
fn every_real_output_survives_carriage_returns_colours_and_a_prompt() {
    for name in names() {
        if !name.ends_with(".txt") {
            continue;
        }
        let plain = read_named(&name, &text(&name));
        let dressed = format!(
            "\u{1b}[1m[root@nas:~]# cat it\u{1b}[0m\r\n{}\r\n[root@nas:~]# \r\n",
            text(&name).trim_end().replace('\n', "\r\n")
        );
        let (metrics, problems) = read_named(&name, &dressed);
        assert_eq!(metrics, plain.0, "{name}");
        assert_eq!(messages(&problems), messages(&plain.1), "{name}");
    }
}

#[test]
fn all_real_outputs_in_one_file_give_what_they_give_apart() {
    let mut whole = String::new();
    let mut apart = Metrics::default();
    for name in names() {
        let part = format!("$ cat {name}\n{}\n", text(&name).trim_end());
        read_bytes("all.txt", part.as_bytes(), &mut apart);
        whole.push_str(&part);
    }
    let (metrics, problems) = read_named("all.txt", &whole);
    assert_eq!(metrics, apart);
    assert_eq!(problems.len(), 4, "{problems:?}");
}

// ---- twice in one file

#[test]
fn the_same_command_on_two_filesystems_is_two_facts() {
    let twice = |name: &str| all_of(&text(name).repeat(2));
    assert_eq!(twice("btrfs-fi-df-b.txt").usage.len(), 2);
    assert_eq!(
        twice("btrfs-fi-df-b.txt").usage[1].value,
        sound("btrfs-fi-df-b.txt").usage[0].value
    );
    for name in [
        "btrfs-subvol-list.txt",
        "btrfs-subvol-list-a.txt",
        "btrfs-subvol-list-puqt.txt",
    ] {
        let lists = twice(name).subvolumes;
        assert_eq!((lists.len(), lists[1].total), (2, 4), "{name}");
    }
    for name in [
        "btrfs-scrub-status.txt",
        "btrfs-scrub-status2.txt",
        "btrfs-balance-status.txt",
    ] {
        assert_eq!(twice(name).maintenance.len(), 2, "{name}");
    }
    assert_eq!(twice("btrfs-fi-show.txt").shown.len(), 2);
    assert_eq!(
        twice("btrfs-subvol-show.txt").subvolume_shows[1].snapshots,
        ["snap1"]
    );
    assert_eq!(
        twice("btrfs-inspect-dump-super.txt").supers[1]
            .features
            .len(),
        8
    );
    assert_eq!(twice("btrfs-qgroup-show.txt").quotas[1].groups, 5);
    assert_eq!(twice("compsize.txt").compression[1].rows.len(), 2);
    assert_eq!(twice("btrfs-property-get-nix.txt").properties.len(), 2);
}

// ---- broken input

/// Every number in the facts by its path, except counts of what was read and sums over it.
fn numbers(value: &serde_json::Value, path: &str, found: &mut Vec<(String, f64)>) {
    match value {
        serde_json::Value::Number(number) => {
            found.push((path.to_owned(), number.as_f64().unwrap()))
        }
        serde_json::Value::Array(list) => {
            for (index, element) in list.iter().enumerate() {
                numbers(element, &format!("{path}[{index}]"), found);
            }
        }
        serde_json::Value::Object(object) => {
            for (key, element) in object {
                if !["groups", "stale", "total_subvolumes", "snapshots"].contains(&key.as_str()) {
                    numbers(element, &format!("{path}.{key}"), found);
                }
            }
        }
        _ => {}
    }
}

fn all_numbers(metrics: &Metrics) -> BTreeMap<String, f64> {
    let mut found = Vec::new();
    for state in &metrics.subvolumes {
        assert_eq!(state.total, state.paths.len() as u64);
    }
    let mut value = serde_json::to_value(metrics).unwrap();
    // Counts of what was read, which is less of a part.
    value.as_object_mut().unwrap().remove("subvolumes");
    numbers(&value, "", &mut found);
    found.into_iter().collect()
}

/// Counters of a device that a part does not reach stand at zero, as those that are left out do.
fn may_be_zero(path: &str) -> bool {
    path.contains("device_errors")
        || ["files", "extents"].iter().any(|key| path.ends_with(key))
            && path.contains("compression")
        || path.ends_with(".missing")
}

/// A fixture and the numbers in it.
struct Whole {
    name: String,
    bytes: Vec<u8>,
    numbers: BTreeMap<String, f64>,
}

impl Whole {
    fn of(name: &str) -> Whole {
        let bytes = fs::read(folder().join(name)).unwrap();
        Whole {
            numbers: Whole::numbers(name, &bytes),
            name: name.to_owned(),
            bytes,
        }
    }

    fn numbers(name: &str, bytes: &[u8]) -> BTreeMap<String, f64> {
        let mut metrics = Metrics::default();
        read_bytes(name, bytes, &mut metrics);
        all_numbers(&metrics)
    }

    fn assert_agrees_with_part(&self, end: usize) {
        for (path, number) in Whole::numbers(&self.name, &self.bytes[..end]) {
            let known = self.numbers.get(&path).copied();
            assert!(
                known == Some(number) || (number == 0.0 && may_be_zero(&path)),
                "{} cut at {end}: {path} is {number}, in the whole {known:?}",
                self.name
            );
        }
    }
}

#[test]
fn no_number_of_a_part_differs_from_that_of_the_whole() {
    for name in names() {
        let whole = Whole::of(&name);
        // Every byte of the longest files would take long; this meets each place in a line.
        let step = (whole.bytes.len() / 400).max(1);
        for end in (0..whole.bytes.len()).step_by(step) {
            whole.assert_agrees_with_part(end);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_cut_changes_a_number(pick in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        let names = names();
        let name = pick.get(&names);
        let whole = Whole::of(name);
        whole.assert_agrees_with_part(at.index(whole.bytes.len()));
    }

    #[test]
    fn no_change_of_bytes_is_a_panic(
        pick in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..20),
    ) {
        let names = names();
        let mut bytes = fs::read(folder().join(pick.get(&names))).unwrap();
        for (at, byte, how) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte.max(1),
                1 => { bytes.remove(at); }
                _ => bytes.insert(at, byte.max(1)),
            }
        }
        let mut metrics = Metrics::default();
        read_bytes("mangled", &bytes, &mut metrics);
    }
}

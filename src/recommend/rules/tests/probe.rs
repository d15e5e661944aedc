//! The rules about mounts against what was measured: an error exactly where a mount fails, and each
//! fault said once.

use super::host::{apply, findings, set_mounted};
use super::single_options::on;
use crate::analyze::Analysis;
use crate::btrfs::{KernelVersion, MEASURED, parse_options};
use crate::model::Host;
use crate::recommend::Severity;
use crate::recommend::rules::RULES;
use crate::select;

const PROBE: &str = include_str!("../../../btrfs/data/mount_probe.tsv");
const KERNELS: &str = include_str!("../../../btrfs/data/kernel_versions.tsv");

fn none() -> Analysis {
    Analysis::default()
}

/// What the rules about mounts find on a host, each with its severity. What is missing is another
/// matter than what is written.
fn about_mounts(host: &Host) -> Vec<(&'static str, Severity)> {
    let of_mounts = |rule: &str| rule.starts_with("mount/") && rule != "mount/compression-missing";
    let all = select::plan(host, &none()).into_iter().map(|p| p.finding);
    all.filter(|finding| of_mounts(finding.rule))
        .map(|finding| (finding.rule, finding.severity))
        .collect()
}

/// The rules that find an error on a host.
pub(super) fn errors(host: &Host) -> Vec<&'static str> {
    let all = about_mounts(host).into_iter();
    let errors = all.filter(|(_, severity)| *severity == Severity::Error);
    errors.map(|(rule, _)| rule).collect()
}

/// An option string and whether a fresh mount with it fails.
fn probe() -> Vec<(&'static str, bool)> {
    let rows = PROBE.lines().filter(|line| !line.starts_with('#'));
    rows.map(|line| {
        let mut cells = line.split('\t');
        (cells.next().unwrap(), cells.next().unwrap() != "0")
    })
    .collect()
}

#[test]
fn an_error_is_found_exactly_where_the_mount_fails() {
    let rows = probe();
    assert_eq!(rows.len(), 157);
    for (text, fails) in rows {
        let split: Vec<&str> = text.split(',').collect();
        for list in [vec![text], split] {
            let bare = on("6.18.44", &[("/", &list)]);
            let mut known = bare.clone();
            set_mounted(&mut known, "/", &["discard=async", "space_cache=v2"]);
            for host in [&bare, &known] {
                let found = errors(host);
                assert_eq!(!found.is_empty(), fails, "{text}: {found:?}");
            }
        }
        let planned = select::plan(&on("6.18.44", &[("/", &[text])]), &none());
        let mut severities = planned.iter().map(|p| p.finding.severity);
        let any = severities.any(|severity| severity == Severity::Error);
        assert_eq!(any, fails, "{text} in the plan");
    }
}

#[test]
fn an_error_is_found_exactly_where_the_mount_fails_on_every_measured_kernel() {
    for line in KERNELS.lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.split('\t');
        let text = cells.next().unwrap();
        let changes: Vec<_> = cells.map(|cell| cell.split_once('=').unwrap()).collect();
        // Where the result changes, and the newest.
        let newest = MEASURED.last().copied();
        for kernel in MEASURED {
            let before = |(from, _): &&(&str, &str)| {
                from.parse::<KernelVersion>()
                    .is_ok_and(|from| from <= kernel)
            };
            let (from, result) = changes.iter().rfind(before).unwrap();
            if Some(kernel) == newest || from.parse() == Ok(kernel) {
                let fails = !result.contains(',');
                let found = errors(&on(&kernel.to_string(), &[("/", &[text])]));
                assert_eq!(!found.is_empty(), fails, "{text} on {kernel}: {found:?}");
            }
        }
    }
}

#[test]
fn every_refused_string_is_found_by_exactly_one_rule() {
    for (text, fails) in probe() {
        if fails && !text.contains(',') {
            let host = on("6.18.44", &[("/", &[text])]);
            // Access times are another matter.
            let found = about_mounts(&host).into_iter().map(|(rule, _)| rule);
            let rules: Vec<_> = found.filter(|rule| *rule != "mount/atime").collect();
            assert_eq!(rules.len(), 1, "{text}: {rules:?}");
        }
    }
}

/// What somebody may write, of every kind that the rules about mounts know.
const WRITTEN: [&str; 15] = [
    "compress=zstd:19",
    "compress-force=lzo:2",
    "compression=zstd",
    "commit=86400",
    "space_cache",
    "nospace_cache",
    "clear_cache",
    "nobarrier",
    "usebackuproot",
    "inode_cache",
    "lazytime",
    "relatime",
    "noacl",
    "subvolid=5",
    "nodatacow",
];

#[test]
fn two_options_of_any_kind_come_to_rest() {
    let rules = || RULES.iter().filter(|rule| rule.meta().group() == "mount");
    for (i, first) in WRITTEN.into_iter().enumerate() {
        for second in &WRITTEN[i..] {
            let mut host = on(
                "6.18.44",
                &[("/", &[first, *second]), ("/home", &[*second, first])],
            );
            set_mounted(&mut host, "/", &["space_cache=v2"]);
            let mut steps = 0;
            loop {
                let mut found = rules().flat_map(|r| findings(r.meta().id, &host, &none()));
                let Some(remedy) = found.find_map(|(_, remedy)| remedy) else {
                    break;
                };
                drop(found);
                remedy
                    .actions
                    .iter()
                    .for_each(|action| apply(&mut host, action));
                steps += 1;
                assert!(steps < 20, "{first} {second}: {remedy:?}");
            }
            // What only a person can settle may stay an error, nothing else.
            let left = errors(&host);
            let settled = left.iter().all(|rule| *rule == "mount/explicit-subvolid");
            assert!(settled, "{first} {second}: {left:?}");
        }
    }
}

#[test]
fn one_option_is_spoken_of_once() {
    for (text, _) in probe() {
        let host = on("6.18.44", &[("/", &[text, "noatime"])]);
        let mut known = host.clone();
        set_mounted(&mut known, "/", &["space_cache=v2", "discard=async"]);
        for host in [host, known] {
            let found = about_mounts(&host);
            let options = parse_options(&[text]);
            assert!(found.len() <= options.len(), "{text}: {found:?}");
        }
    }
}

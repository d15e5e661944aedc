//! Rules about single mount options: what fails, what is cut to size, what is dangerous.

use super::host::{findings, host, options, set, set_kernel, set_mounted, settle, with_mounts};
use crate::analyze::Analysis;
use crate::btrfs::{MEASURED, parse_options};
use crate::model::metrics::{MountEntry, Sourced};
use crate::model::{Host, Located, MountSource, StorageSource, Texts};
use crate::recommend::rules::RULES;
use crate::recommend::{Applicability, Context, Severity};
use crate::select;

const PROBE: &str = include_str!("../../../btrfs/data/mount_probe.tsv");
const KERNELS: &str = include_str!("../../../btrfs/data/kernel_versions.tsv");

fn none() -> Analysis {
    Analysis::default()
}

/// A host whose `fileSystems` mount one filesystem, each element of a list as it is written.
fn plain(mounts: &[(&str, &[&str])]) -> Host {
    let mut host = with_mounts(mounts);
    let filesystem = &mut host.storage.filesystems[0];
    filesystem.source = StorageSource::FileSystems;
    filesystem.subvolumes.clear();
    for mount in &mut filesystem.mounts {
        mount.source = MountSource::FileSystems;
        mount.options = mount.written.clone();
        let written = mount.options.known().unwrap();
        let texts: Vec<&str> = written.iter().map(|o| o.value.as_str()).collect();
        let named = parse_options(&texts)
            .into_iter()
            .rfind(|o| o.name == "subvol");
        mount.subvolume = named.and_then(|o| o.value);
    }
    host
}

fn on(kernel: &str, mounts: &[(&str, &[&str])]) -> Host {
    let mut host = plain(mounts);
    set_kernel(&mut host, kernel);
    host
}

/// The severity and message of each finding of a rule, and whether it has a remedy.
fn said(id: &str, host: &Host) -> Vec<(Severity, String, bool)> {
    let found = findings(id, host, &none());
    found
        .into_iter()
        .map(|(finding, remedy)| (finding.severity, finding.message, remedy.is_some()))
        .collect()
}

/// The lists once a rule has nothing more to propose.
fn after(id: &str, mut host: Host) -> Vec<String> {
    settle(id, &mut host, &none());
    let mounts = host.storage.filesystems[0].mounts.iter();
    let points: Vec<String> = mounts.map(|m| m.mountpoint.clone()).collect();
    points.iter().map(|p| options(&host, p).join(" ")).collect()
}

/// What the rules about mounts find on a host, each with its severity.
fn about_mounts(host: &Host) -> Vec<(&'static str, Severity)> {
    let analysis = none();
    let context = Context {
        host,
        analysis: &analysis,
    };
    let rules = RULES.iter().filter(|rule| rule.meta().group() == "mount");
    let all = rules.flat_map(|rule| rule.detect(&context));
    all.map(|finding| (finding.rule, finding.severity))
        .collect()
}

/// The rules that find an error on a host.
fn errors(host: &Host) -> Vec<&'static str> {
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
            let planned = select::plan(&known, &none());
            let mut severities = planned.iter().map(|p| p.finding.severity);
            assert_eq!(
                severities.any(|s| s == Severity::Error),
                fails,
                "{text} in the plan"
            );
        }
    }
}

#[test]
fn an_error_is_found_exactly_where_the_mount_fails_on_every_measured_kernel() {
    for line in KERNELS.lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.split('\t');
        let text = cells.next().unwrap();
        let changes: Vec<_> = cells.map(|cell| cell.split_once('=').unwrap()).collect();
        for kernel in MEASURED {
            let mut at = changes.iter().rev();
            let result = at.find(|(from, _)| {
                from.parse()
                    .is_ok_and(|f: crate::btrfs::KernelVersion| f <= kernel)
            });
            let fails = !result.unwrap().1.contains(',');
            let host = on(&kernel.to_string(), &[("/", &[text])]);
            let found = errors(&host);
            assert_eq!(!found.is_empty(), fails, "{text} on {kernel}: {found:?}");
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

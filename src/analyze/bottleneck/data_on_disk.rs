//! Causes that lie in how programs write: databases, small synchronous commits, the Nix store.

use super::case::{Case, Inputs, configuration, hardware, mean, mentions, metrics, names};
use super::options::snapshot_tool;
use super::{Cause, Diagnosis};
use crate::analyze::evidence::Source;
use crate::analyze::evidence::Weight::{Moderate, Strong, Weak};
use crate::analyze::facts;
use crate::analyze::workload::WorkloadKind;
use crate::model::Host;
use crate::model::hardware::Medium;
use crate::model::storage::is_below;

/// Words for becoming slower over time.
const EVER_SLOWER: [&str; 6] = [
    "slower every",
    "every month",
    "slower and slower",
    "month by month",
    "over time",
    "gradually",
];

/// Words for reading a whole file in order.
const READING_IN_ORDER: [&str; 6] = [
    "read the whole",
    "reads the whole",
    "reports",
    "dump",
    "full scan",
    "that read",
];

/// Whether the configuration makes a directory, or one above it, `chattr +C`.
fn is_no_cow(host: &Host, path: &str) -> bool {
    let rule = |line: &str| {
        let mut words = line.split_whitespace();
        let kind = words
            .next()
            .unwrap_or("")
            .trim_end_matches(['+', '!', '-', '=', '~', '^']);
        let directory = words.next().unwrap_or("");
        matches!(kind, "h" | "H") && is_below(path, directory) && line.contains("+C")
    };
    let rules = host.settings.known("systemd.tmpfiles.rules");
    let lines = rules.and_then(|s| s.value.as_array()).into_iter().flatten();
    let in_rules = lines.filter_map(|l| l.as_str()).any(rule);
    let in_settings = host
        .settings
        .below("systemd.tmpfiles.settings.")
        .any(|(option, value)| {
            let attribute = value.as_ref().ok().and_then(|v| v.value.as_str());
            let directory = option.split_once('/').map(|(_, rest)| format!("/{rest}"));
            let directory = directory.as_deref().and_then(|d| {
                d.strip_suffix(".h.argument")
                    .or_else(|| d.strip_suffix(".H.argument"))
            });
            attribute.is_some_and(|a| a.contains("+C"))
                && directory.is_some_and(|d| is_below(path, d))
        });
    in_rules || in_settings
}

pub(super) fn cow_fragmentation_database(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let Some(database) = inputs.workload(WorkloadKind::Database) else {
        return Vec::new();
    };
    let mut seen: Vec<String> = Vec::new();
    let check = |path: &String| {
        let (filesystem, mount) = host.storage.holding(path)?;
        if seen
            .iter()
            .any(|other| is_below(path, other) || is_below(other, path))
        {
            return None;
        }
        seen.push(path.clone());
        let mut case = Case::new(Cause::CowFragmentationDatabase, Some(path));
        let state = facts::in_force(host, filesystem);
        let no_cow = is_no_cow(host, path);
        match state.map(|s| s.state.is_nodatacow()) {
            _ if no_cow => case.denies(
                Strong,
                configuration(None),
                format!("tmpfiles makes {path} `+C`: new files are overwritten in place"),
            ),
            Some(true) => {
                case.denies(
                    Strong,
                    configuration(mount.at),
                    "`nodatacow` is in force there",
                );
            }
            Some(false) => {
                let statement = format!(
                    "every overwrite in {path} goes to a new place: neither `+C` nor `nodatacow` \
                     is in force on {}",
                    mount.mountpoint
                );
                case.says(Moderate, configuration(mount.at), statement);
            }
            None => {}
        }
        let about: Vec<_> = inputs
            .complaints()
            .filter(|o| {
                o.paths
                    .iter()
                    .any(|p| is_below(p, path) || is_below(path, p))
            })
            .collect();
        let find = |words: &[&str]| about.iter().find(|o| mentions(o, words));
        if let Some(observation) = find(&EVER_SLOWER) {
            case.hears(Moderate, observation, "it became slower with time");
        }
        if let Some(observation) = find(&READING_IN_ORDER) {
            case.hears(Moderate, observation, "reading in order became slow");
        }
        if !about.is_empty() {
            let source = Source::Observation(about[0].source.clone());
            let count = about.len();
            let plural = if count == 1 {
                "complaint"
            } else {
                "complaints"
            };
            case.says(Weak, source, format!("{count} {plural} about {path}"));
        } else if !host.observations.is_empty() {
            let source = Source::Observation("the observations".to_owned());
            case.denies(Moderate, source, format!("nobody complains of {path}"));
        }
        let loads = facts::loads(host, filesystem);
        let flushes = mean(loads.iter().filter_map(|l| l.f_per_s));
        if let (Some(flushes), Some(first)) = (flushes, loads.first())
            && flushes >= 50.0
        {
            let written: f64 = loads.iter().filter_map(|l| l.write_bytes_s).sum();
            let writes: f64 = loads.iter().filter_map(|l| l.w_per_s).sum();
            let size = if writes > 0.0 {
                written / writes / 1024.0
            } else {
                0.0
            };
            let statement = format!(
                "{}: {flushes:.0} flushes a second and writes of {size:.0} KiB",
                names(&loads)
            );
            case.says(Weak, metrics(first), statement);
        }
        let reads = mean(loads.iter().filter_map(|l| Some(l.r_await_ms?.0)));
        match (reads, loads.first()) {
            (Some(wait), Some(first)) if wait < 1.0 => case.denies(
                Moderate,
                metrics(first),
                format!(
                    "{} answers a read in {wait:.2} ms: extents cost it little",
                    first.name
                ),
            ),
            _ if facts::is_medium(host, filesystem, Medium::Rotational) => {
                case.says(
                    Moderate,
                    hardware(),
                    "its disks rotate: every extent costs a seek",
                );
            }
            _ => {}
        }
        if let Some((statement, at)) = snapshot_tool(host, &mount.mountpoint) {
            case.says(Moderate, configuration(at), statement);
        }
        case.close(format!("{path} is fragmented by copy on write"))
    };
    database.paths.iter().filter_map(check).collect()
}

pub(super) fn fsync_heavy(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let check = |filesystem: &crate::model::Filesystem| {
        let name = filesystem.name();
        let loads = facts::loads(host, filesystem);
        let first = loads.first()?;
        let flushes: f64 = loads.iter().filter_map(|l| l.f_per_s).sum();
        let mut case = Case::new(Cause::FsyncHeavy, Some(name));
        let statement = format!("{} is flushed {flushes:.0} times a second", names(&loads));
        match flushes {
            100.0.. => case.says(Moderate, metrics(first), statement),
            20.0.. => case.says(Weak, metrics(first), statement),
            _ => return None,
        }
        let wait = mean(loads.iter().filter_map(|l| Some(l.w_await_ms?.0)));
        if let Some(wait) = wait {
            let statement = format!("a write takes {wait:.1} ms on the device itself");
            match wait {
                ..5.0 => case.says(Weak, metrics(first), statement),
                50.0.. => case.denies(Moderate, metrics(first), statement),
                _ => {}
            }
        }
        let kinds = [WorkloadKind::Database, WorkloadKind::Mail];
        let writer = kinds
            .into_iter()
            .filter_map(|k| inputs.workload(k))
            .find(|w| {
                let here = |p: &String| {
                    host.storage
                        .holding(p)
                        .is_some_and(|(f, _)| f.name() == name)
                };
                w.paths.iter().any(here)
            });
        if let Some(evidence) = writer.and_then(|w| w.evidence.last()) {
            case.says(Weak, evidence.source.clone(), evidence.statement.clone());
        }
        let commits = ["commit", "fsync", "transaction", "queue", "push"];
        if let Some(o) = facts::complaints(host, filesystem)
            .into_iter()
            .find(|o| mentions(o, &commits))
        {
            case.hears(Moderate, o, "people wait for commits");
        }
        case.close(format!("Small synchronous commits on {name}"))
    };
    inputs.filesystems().iter().filter_map(check).collect()
}

pub(super) fn nix_store(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let mut case = Case::new(Cause::NixStoreGcOptimise, Some("/nix"));
    const OPTIMISE: &str = "nix.settings.auto-optimise-store";
    match host.settings.known(OPTIMISE) {
        Some(setting) if setting.value == true => {
            case.says(
                Moderate,
                configuration(setting.at),
                format!("`{OPTIMISE}` is on"),
            );
        }
        Some(setting) => {
            case.denies(
                Moderate,
                configuration(setting.at),
                format!("`{OPTIMISE}` is off"),
            );
        }
        None => {}
    }
    let words = ["garbage", " gc", "optimis", "deleting"];
    let complaint = inputs.complaints().find(|o| {
        let store = inputs.workload(WorkloadKind::NixStore).is_some();
        store && mentions(o, &words) && o.paths.iter().any(|p| is_below(p, "/nix"))
    });
    if let Some(observation) = complaint {
        case.hears(
            Moderate,
            observation,
            "it happens while the store is cleaned",
        );
    }
    if case.stands()
        && let Some(setting) = host.settings.known("nix.gc.automatic")
        && setting.value == true
    {
        case.says(Weak, configuration(setting.at), "`nix.gc.automatic` is on");
    }
    case.close("Cleaning or linking the Nix store")
        .into_iter()
        .collect()
}

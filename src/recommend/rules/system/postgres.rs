//! Where PostgreSQL keeps its data, and what it is told.

use serde_json::Value as Json;

use super::super::evidence::of_work;
use super::super::layout::attributes::has_nocow_attribute;
use super::super::layout::databases::databases;
use super::super::snapshots::jobs_holding;
use super::builds::release;
use crate::analyze::{Evidence, Source, Weight, WorkloadKind};
use crate::btrfs::{effective, whole};
use crate::model::storage::is_below;
use crate::model::{Filesystem, Host, Mount, Release};
use crate::nix::source::Span;
use crate::recommend::{Context, Effect, Severity};

/// The option that holds what stands in postgresql.conf.
const SETTINGS: &str = "services.postgresql.settings";

/// The option of a setting.
pub(super) fn path(key: &str) -> String {
    format!("{SETTINGS}.{key}")
}

/// A setting of PostgreSQL as its configuration file takes it.
fn is(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(on) => Some(*on),
        Json::Number(number) => number.as_u64().map(|n| n != 0),
        Json::String(text) => match text.to_ascii_lowercase().as_str() {
            "on" | "yes" | "true" | "1" => Some(true),
            "off" | "no" | "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A setting, its default being on; `None` where it is not known.
fn on(host: &Host, key: &str) -> Option<bool> {
    // What older configurations append to the file comes last, and wins.
    let appended = match host.settings.get("services.postgresql.extraConfig") {
        None => false,
        Some(Ok(setting)) => setting.value.as_str().is_none_or(|text| text.contains(key)),
        Some(Err(_)) => true,
    };
    match host.settings.get(&path(key)) {
        _ if appended => None,
        None => Some(true),
        Some(Ok(setting)) => is(&setting.value),
        Some(Err(_)) => None,
    }
}

/// Where PostgreSQL keeps its data, if that is on btrfs.
fn place(host: &Host) -> Option<(String, &Filesystem, &Mount)> {
    let mut all = databases(host).into_iter();
    let directory = all.find(|d| d.name == "PostgreSQL")?.directory;
    let (filesystem, mount) = host.storage.holding(&directory)?;
    let covered = host.metrics.mounts.iter().any(|entry| {
        entry.fstype != "btrfs"
            && is_below(&directory, &entry.mountpoint)
            && is_below(&entry.mountpoint, &mount.mountpoint)
            && entry.mountpoint.len() > mount.mountpoint.len()
    });
    (!covered).then_some((directory, filesystem, mount))
}

/// Whether what is written there is copied, as far as the configuration tells.
fn is_cow(host: &Host, directory: &str, filesystem: &Filesystem, mount: &Mount) -> Option<bool> {
    if has_nocow_attribute(host, directory, &mount.mountpoint) {
        return Some(false);
    }
    let specs = filesystem.mount_specs()?;
    let facts = host.device_facts(filesystem);
    let whole = whole(&specs, host.stage1(), &host.target(), &facts);
    let first = specs.get(*whole.order.first()?)?;
    let state = effective(&first.options, &host.target(), &facts).state;
    Some(!state.is_nodatacow())
}

const FULL_PAGES: &str = "full_page_writes";
const RECYCLE: &str = "wal_recycle";
const INIT_ZERO: &str = "wal_init_zero";
const RELIABILITY: &str = "https://www.postgresql.org/docs/current/wal-reliability.html";
const WAL: &str = "https://www.postgresql.org/docs/current/runtime-config-wal.html";
const MKFS: &str = "https://btrfs.readthedocs.io/en/latest/mkfs.btrfs.html (sectorsize)";
const SNAPSHOTS: &str =
    "measured on 6.18.44: with a snapshot a file with +C is fragmented as much as without";

/// A setting that does not go with the place of the data.
pub(super) struct Case {
    pub(super) key: &'static str,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) at: Option<Span>,
    pub(super) evidence: Vec<Evidence>,
    /// What is set, to what; `None` where that is not certain.
    pub(super) sets: Vec<(&'static str, bool)>,
    pub(super) cost: &'static str,
    pub(super) effect: Effect,
}

fn knowledge(weight: Weight, source: &str, says: &str) -> Evidence {
    Evidence::speaks_for(weight, Source::Knowledge(source.to_owned()), says)
}

fn told(host: &Host, key: &str) -> (Option<Span>, Option<Evidence>) {
    let Some(setting) = host.settings.known(&path(key)) else {
        return (None, None);
    };
    let says = format!("{} is {}", path(key), setting.value);
    let evidence = Evidence::speaks_for(Weight::Strong, Source::Configuration(setting.at), says);
    (setting.at, Some(evidence))
}

/// Pages may be torn, and nothing puts them together again.
fn torn(host: &Host, directory: &str, cow: Option<bool>) -> Option<Case> {
    // Who gave up fsync does not expect the data to survive.
    if on(host, FULL_PAGES) != Some(false) || on(host, "fsync") != Some(true) {
        return None;
    }
    let (at, written) = told(host, FULL_PAGES);
    let mut evidence: Vec<Evidence> = written.into_iter().collect();
    evidence.push(knowledge(
        Weight::Strong,
        RELIABILITY,
        "it may be off only where the filesystem prevents partial writes of a page; ZFS is named",
    ));
    evidence.push(knowledge(
        Weight::Strong,
        MKFS,
        "btrfs writes blocks of 4096 bytes, a page of PostgreSQL has 8192",
    ));
    let (severity, why) = match cow {
        Some(false) => (
            Severity::Error,
            "there it is overwritten in place, and a crash leaves a page half old and half new",
        ),
        _ => (
            Severity::Warning,
            "copy on write keeps single blocks of 4096 bytes whole, and nothing promises that both halves of \
             a page of 8192 bytes are committed together",
        ),
    };
    Some(Case {
        key: FULL_PAGES,
        severity,
        message: format!(
            "full_page_writes is off for the data at {directory}, which is on btrfs: {why}. Such a page cannot \
             be recovered, and without checksums of PostgreSQL nobody sees it"
        ),
        at,
        evidence,
        sets: vec![(FULL_PAGES, true)],
        cost: "after each checkpoint the first change of a page writes the whole page to the WAL",
        effect: Effect::Correctness,
    })
}

/// Segments of the WAL are made new, and filled with zeros that are then written over.
fn filled(host: &Host, cow: Option<bool>) -> Option<Case> {
    if cow != Some(true) || on(host, RECYCLE) != Some(false) || on(host, INIT_ZERO) != Some(true) {
        return None;
    }
    let (at, written) = told(host, RECYCLE);
    let mut evidence: Vec<Evidence> = written.into_iter().collect();
    evidence.push(knowledge(
        Weight::Strong,
        WAL,
        "wal_init_zero fills new segments with zeros; copy-on-write filesystems may not benefit",
    ));
    Some(Case {
        key: INIT_ZERO,
        severity: Severity::Warning,
        message: "wal_recycle is off, so that every segment of the WAL is a new file, and wal_init_zero is on: \
                  each is filled with zeros before it is written again"
            .to_owned(),
        at,
        evidence,
        sets: vec![(INIT_ZERO, false)],
        cost: "space for a segment is not taken before it is written",
        effect: Effect::FewerRewrites,
    })
}

/// Commits are slow, and snapshots keep the data copied on write: the WAL need not be overwritten.
fn recycled(
    context: &Context<'_>,
    host: &Host,
    directory: &str,
    cow: Option<bool>,
) -> Option<Case> {
    let unset = |key: &str| !host.settings.is_defined(&path(key));
    if cow != Some(true)
        || !unset(RECYCLE)
        || !unset(INIT_ZERO)
        || host.settings.get(SETTINGS).is_some()
    {
        return None;
    }
    let jobs = jobs_holding(host, directory);
    let job = jobs.first()?;
    let work = context.analysis.workload(WorkloadKind::Database)?;
    let concerns = |p: &String| is_below(p, directory) || is_below(directory, p);
    if !work.complained_about || !(work.paths.is_empty() || work.paths.iter().any(concerns)) {
        return None;
    }
    let says = format!("people say that the work on {directory} is slow");
    let evidence = vec![
        of_work(work, Weight::Moderate, says),
        Evidence::speaks_for(
            Weight::Moderate,
            Source::Configuration(job.at),
            format!(
                "{} takes snapshots of it, so that +C would not last",
                job.by
            ),
        ),
        knowledge(
            Weight::Moderate,
            SNAPSHOTS,
            "the data stays copied on write",
        ),
        knowledge(
            Weight::Moderate,
            WAL,
            "on copy-on-write filesystems it may be faster to create new segments, and of no use to fill them",
        ),
    ];
    // PostgreSQL before 12 does not know them, and does not start.
    let known = release(host).is_some_and(|release| release >= Release::new(24, 5));
    let at = host.settings.known("services.postgresql.enable");
    Some(Case {
        key: RECYCLE,
        severity: Severity::Advice,
        message: format!(
            "The data of PostgreSQL at {directory} is copied on write: overwriting old segments of the WAL saves \
             nothing there and leaves them in pieces. From PostgreSQL 12 on wal_recycle and wal_init_zero turn \
             that off; measure it"
        ),
        at: at.and_then(|s| s.at),
        evidence,
        sets: match known {
            true => vec![(RECYCLE, false), (INIT_ZERO, false)],
            false => Vec::new(),
        },
        cost: "new segments are created in the midst of work instead of renamed",
        effect: Effect::FewerRewrites,
    })
}

/// All of them on a host.
pub(super) fn cases(context: &Context<'_>) -> Vec<Case> {
    let host = context.host;
    let Some((directory, filesystem, mount)) = place(host) else {
        return Vec::new();
    };
    let cow = is_cow(host, &directory, filesystem, mount);
    let found = [
        torn(host, &directory, cow),
        filled(host, cow),
        recycled(context, host, &directory, cow),
    ];
    found.into_iter().flatten().collect()
}

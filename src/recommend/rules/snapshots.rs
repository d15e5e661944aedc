//! What takes snapshots of which subvolume: snapper and btrbk, as NixOS sets them.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::analyze::{Evidence, Source, Weight};
use crate::model::Host;
use crate::model::storage::is_below;
use crate::nix::source::Span;

/// A job that takes snapshots of one subvolume.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SnapshotJob {
    /// The mount point (or directory) whose subvolume it takes.
    pub(super) path: String,
    /// `services.snapper` or `services.btrbk`.
    pub(super) by: &'static str,
    /// The options of the job, below which its settings stand: `services.snapper.configs.home`.
    pub(super) options: String,
    /// Where it is written.
    pub(super) at: Option<Span>,
}

/// All jobs that the configuration names, by path.
pub(super) fn jobs(host: &Host) -> Vec<SnapshotJob> {
    let mut jobs = snapper(host);
    jobs.extend(btrbk(host));
    jobs.sort_by(|a, b| (&a.path, &a.options).cmp(&(&b.path, &b.options)));
    jobs
}

/// The jobs that take snapshots of the subvolume that is mounted at a path.
pub(super) fn jobs_of(host: &Host, mountpoint: &str) -> Vec<SnapshotJob> {
    let mut jobs = jobs(host);
    jobs.retain(|job| job.path == mountpoint);
    jobs
}

/// The jobs whose snapshots hold what lies at a path: those of the subvolume that holds it. (A
/// subvolume within is left out of a snapshot.)
pub(super) fn jobs_holding(host: &Host, path: &str) -> Vec<SnapshotJob> {
    match host.storage.holding(path) {
        Some((_, mount)) => jobs_of(host, &mount.mountpoint),
        None => Vec::new(),
    }
}

/// The same as evidence, one statement for each service.
pub(super) fn snapshots_of(host: &Host, mountpoint: &str) -> Vec<Evidence> {
    let mut found: BTreeMap<&str, SnapshotJob> = BTreeMap::new();
    for job in jobs_of(host, mountpoint) {
        found.entry(job.by).or_insert(job);
    }
    let say = |job: &SnapshotJob| {
        Evidence::speaks_for(
            Weight::Strong,
            Source::Configuration(job.at),
            format!("{} takes snapshots of {mountpoint}", job.by),
        )
    };
    found.values().rev().map(say).collect()
}

fn snapper(host: &Host) -> Vec<SnapshotJob> {
    let mut jobs = Vec::new();
    for (path, setting) in host.settings.below("services.snapper.configs.") {
        // Releases before 23.05 write it small.
        let options = path
            .strip_suffix(".SUBVOLUME")
            .or_else(|| path.strip_suffix(".subvolume"));
        if let (Some(options), Ok(setting)) = (options, setting)
            && let Json::String(subvolume) = &setting.value
        {
            jobs.push(SnapshotJob {
                path: subvolume.clone(),
                by: "services.snapper",
                options: options.to_owned(),
                at: setting.at,
            });
        }
    }
    jobs
}

fn btrbk(host: &Host) -> Vec<SnapshotJob> {
    let mut jobs: BTreeMap<String, SnapshotJob> = BTreeMap::new();
    for (path, setting) in host.settings.below("services.btrbk.instances.") {
        // ….settings.volume.<directory>.subvolume.<name>…
        let Some((instance, rest)) = path.split_once(".settings.volume.") else {
            continue;
        };
        let (Some((volume, subvolume)), Ok(setting)) = (rest.split_once(".subvolume"), setting)
        else {
            continue;
        };
        let named = match (&setting.value, subvolume) {
            // `subvolume = "home";`
            (Json::String(name), "") => name.as_str(),
            (_, below) => below.strip_prefix('.').unwrap_or_default(),
        };
        let path = match (volume.trim_end_matches('/'), named) {
            ("", "" | ".") => "/".to_owned(),
            (volume, "" | ".") => volume.to_owned(),
            (volume, name) => format!("{volume}/{name}"),
        };
        // What follows a name with a dot are settings of the subvolume, of which the names are
        // few; the mount points of the host tell where the name ends.
        let mounts = host.storage.filesystems.iter().flat_map(|f| &f.mounts);
        let mount = mounts
            .map(|m| &m.mountpoint)
            .filter(|m| path == **m || path.starts_with(&format!("{m}.")))
            .max_by_key(|m| m.len());
        let path = mount.cloned().unwrap_or(path);
        jobs.entry(path.clone()).or_insert(SnapshotJob {
            path,
            by: "services.btrbk",
            options: format!("{instance}.settings"),
            at: setting.at,
        });
    }
    jobs.into_values().collect()
}

/// Whether a path lies in a place where a snapshot tool keeps its snapshots.
pub(super) fn is_kept_by_tool(path: &str) -> bool {
    path.split('/').any(|part| part == ".snapshots") || is_below(path, "/btrbk_snapshots")
}

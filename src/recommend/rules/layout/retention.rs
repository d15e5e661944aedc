//! How long snapshot jobs keep what they take, and what makes that a burden.

use serde_json::Value as Json;

use super::super::snapshots::{SnapshotJob, jobs};
use crate::analyze::{Evidence, Source, Weight, facts};
use crate::model::{Filesystem, Host};

/// What snapper keeps of its timeline, by option, where NixOS is not told otherwise (nixpkgs
/// `nixos/modules/services/misc/snapper.nix`).
pub(super) const LIMITS: [(&str, u64); 6] = [
    ("TIMELINE_LIMIT_HOURLY", 10),
    ("TIMELINE_LIMIT_DAILY", 10),
    ("TIMELINE_LIMIT_WEEKLY", 0),
    ("TIMELINE_LIMIT_MONTHLY", 10),
    ("TIMELINE_LIMIT_QUARTERLY", 0),
    ("TIMELINE_LIMIT_YEARLY", 10),
];

/// What becomes of the snapshots of a job.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kept {
    /// All of them, for ever.
    Forever,
    /// As many as snapper keeps where nobody says how many.
    Defaults,
    /// Somebody chose, or it cannot be told.
    Chosen,
}

/// The snapshot jobs of a host with what becomes of their snapshots.
pub(super) fn kept(host: &Host) -> Vec<(SnapshotJob, Kept)> {
    let told = |job: SnapshotJob| {
        let kept = match job.by {
            "services.snapper" => of_snapper(host, &job.options),
            _ => of_btrbk(host, &job.options),
        };
        (job, kept)
    };
    jobs(host).into_iter().map(told).collect()
}

fn of_snapper(host: &Host, options: &str) -> Kept {
    let settings = &host.settings;
    let option = |name: &str| format!("{options}.{name}");
    // Releases before 23.05 take shell text, in which anything may stand.
    let old =
        settings.is_defined(&option("extraConfig")) || settings.is_defined(&option("subvolume"));
    if old || !settings.is_true(&option("TIMELINE_CREATE")) {
        return Kept::Chosen;
    }
    let limited = LIMITS
        .iter()
        .any(|(name, _)| settings.is_defined(&option(name)));
    match settings.get(&option("TIMELINE_CLEANUP")) {
        Some(Err(_)) => Kept::Chosen,
        Some(Ok(setting)) if setting.value == Json::Bool(true) => match limited {
            true => Kept::Chosen,
            false => Kept::Defaults,
        },
        // A module that is not read may turn it on.
        None if !host.skipped.is_empty() => Kept::Chosen,
        Some(Ok(_)) | None => Kept::Forever,
    }
}

/// btrbk.conf(5): `snapshot_preserve_min` is `all` unless it is set, and then nothing is deleted.
fn of_btrbk(host: &Host, options: &str) -> Kept {
    let mut all_known = host.skipped.is_empty();
    let prefix = format!("{options}.");
    let mut said = Vec::new();
    for (path, setting) in host.settings.below(&prefix) {
        match setting {
            Ok(setting) if path.ends_with("snapshot_preserve_min") => {
                said.push(setting.value.clone());
            }
            // Old names of the limits, and jobs that take no snapshots by themselves.
            Ok(_) if path.contains("snapshot_preserve_") || path.ends_with("snapshot_create") => {
                return Kept::Chosen;
            }
            Ok(_) => {}
            Err(_) => all_known = false,
        }
    }
    let forever = said.iter().all(|value| value == "all");
    match all_known && forever {
        true => Kept::Forever,
        false => Kept::Chosen,
    }
}

/// What makes old snapshots a burden on a filesystem, which is short of space from this share in
/// use on.
pub(super) fn burden(host: &Host, filesystem: &Filesystem, full_percent: f64) -> Vec<Evidence> {
    let mut found = Vec::new();
    let name = filesystem.name();
    if let Some(space) = facts::space(host, filesystem)
        && let (Some(size), Some(available)) = (space.size, space.available)
        && let Some(free) = available.fraction_of(size)
    {
        let used = 100.0 * (1.0 - free);
        if used >= full_percent {
            found.push(Evidence::speaks_for(
                Weight::Strong,
                Source::Metrics(space.source.to_string()),
                format!("{used:.0} % of {name} is used"),
            ));
        }
    }
    let of_this = |path: &Option<String>| match path {
        Some(path) => filesystem.mount(path).is_some(),
        None => host.storage.filesystems.len() == 1,
    };
    for quota in host
        .metrics
        .quotas
        .iter()
        .filter(|q| q.enabled && of_this(&q.path))
    {
        found.push(Evidence::speaks_for(
            Weight::Strong,
            Source::Metrics(quota.source.to_string()),
            format!(
                "quotas are on with {} groups on {name}, and deleting a snapshot then stalls the \
                 filesystem",
                quota.groups
            ),
        ));
    }
    found
}

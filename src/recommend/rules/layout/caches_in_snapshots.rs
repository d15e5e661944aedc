//! Caches that snapshots hold.

use super::super::evidence::of_work;
use super::held::{Held, held};
use super::own_place::{last_part, split};
use crate::analyze::{Cause, Evidence, Source, Weight, WorkloadKind};
use crate::model::storage::is_below;
use crate::recommend::{Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity};

/// `layout/caches-in-snapshots`
pub struct CachesInSnapshots;

static META: Meta = Meta {
    relieves: &[Cause::DockerBtrfsDriver, Cause::OverlayCow],
    yields_to: &["layout/containers", "layout/tmp"],
    ..Meta::new(
        "layout/caches-in-snapshots",
        Severity::Advice,
        "Snapshots hold caches and other files that can be made again",
        include_str!("caches_in_snapshots.md"),
    )
};

/// A service with a cache on disk: what turns it on, the option of its directory, the default
/// (nixpkgs nixos/modules/programs/ccache.nix, services/misc/jellyfin.nix).
const SERVICES: [(&str, &str, &str); 2] = [
    (
        "programs.ccache.enable",
        "programs.ccache.cacheDir",
        "/var/cache/ccache",
    ),
    (
        "services.jellyfin.enable",
        "services.jellyfin.cacheDir",
        "/var/cache/jellyfin",
    ),
];

/// Where services keep what they can make again.
const SHARED: &str = "/var/cache";

struct Case<'h> {
    held: Held<'h>,
    /// Why it is believed to be a cache.
    evidence: Vec<Evidence>,
    /// Whether the whole directory can be made again, and belongs to a service.
    is_whole_cache: bool,
}

fn cases<'h>(context: &Context<'h>) -> Vec<Case<'h>> {
    let mut found: Vec<Case<'h>> = Vec::new();
    let mut add = |directory: &str, why: Evidence, is_whole_cache: bool| {
        let Some(held) = held(context.host, directory) else {
            return;
        };
        if held.is_whole() {
            return;
        }
        match found
            .iter_mut()
            .find(|f| f.held.directory == held.directory)
        {
            Some(case) => case.evidence.push(why),
            None => found.push(Case {
                held,
                evidence: vec![why],
                is_whole_cache,
            }),
        }
    };
    let settings = &context.host.settings;
    for (enable, option, default) in SERVICES {
        let Some(enabled) = settings.known(enable).filter(|s| s.value == true) else {
            continue;
        };
        let directory = match settings.get(option) {
            Some(Ok(setting)) => setting.value.as_str().unwrap_or_default(),
            Some(Err(_)) => continue,
            None => default,
        };
        let why = Evidence::speaks_for(
            Weight::Moderate,
            Source::Configuration(enabled.at),
            format!("with {enable}, {directory} is a cache"),
        );
        let shared = is_below(directory, SHARED);
        add(if shared { SHARED } else { directory }, why, true);
    }
    for bind in &context.host.storage.binds {
        if is_cache(&bind.at) {
            let why = Evidence::speaks_for(
                Weight::Moderate,
                Source::Configuration(None),
                format!("{} is kept at {}", bind.at, bind.from),
            );
            add(&bind.at, why, is_below(&bind.at, SHARED));
        }
    }
    if let Some(work) = context.analysis.workload(WorkloadKind::Build)
        && work.complained_about
    {
        let trees = work.paths.iter().filter(|path| !is_below(path, "/nix"));
        for path in trees.filter(|path| path.split('/').count() > 3) {
            let why = of_work(work, Weight::Moderate, format!("people build in {path}"));
            add(path, why, false);
        }
    }
    found
}

/// Whether a path is, by its name, something that can be made or fetched again.
fn is_cache(path: &str) -> bool {
    is_below(path, SHARED)
        || path.ends_with("/.cache")
        || path.contains("/.cache/")
        || path.ends_with("/.local/share/Steam")
}

impl Rule for CachesInSnapshots {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case<'_>| {
            let directory = &case.held.directory;
            let mut message = format!(
                "{directory} changes much, can be made again, and lies on the subvolume of {}, of \
                 which {} takes snapshots: they hold every state of it",
                case.held.mount.mountpoint,
                case.held.by()
            );
            if !case.is_whole_cache {
                message.push_str(
                    ". Keep what is built or fetched in a subvolume of its own, which its owner \
                     makes there (`btrfs subvolume create`)",
                );
            }
            Finding {
                rule: META.id,
                subject: directory.clone(),
                severity: Severity::Advice,
                message,
                at: case.held.mount.at,
                evidence: case
                    .evidence
                    .into_iter()
                    .chain(case.held.evidence())
                    .collect(),
            }
        };
        cases(context).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let case = cases(context)
            .into_iter()
            .find(|case| case.held.directory == finding.subject)?;
        // A subvolume in a home would belong to root after an installation.
        if !case.is_whole_cache {
            return None;
        }
        let Held {
            directory,
            filesystem,
            mount,
            ..
        } = &case.held;
        Some(Remedy {
            title: format!("Make {directory} a subvolume of its own"),
            actions: vec![split(
                context.host,
                filesystem,
                directory,
                last_part(directory),
            )?],
            costs: vec![
                format!(
                    "snapshots of {} no longer hold {directory}",
                    mount.mountpoint
                ),
                "snapshots that exist keep the old files until they are deleted".to_owned(),
            ],
            applicability: Applicability::Consent,
            effect: Effect::SnapshotSpace,
        })
    }
}

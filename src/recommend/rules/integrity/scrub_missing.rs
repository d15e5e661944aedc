//! Filesystems that nobody scrubs.

use serde_json::Value as Json;

use super::super::wording::listed;
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{MkfsArgs, Profile};
use crate::model::metrics::{BlockGroupKind, BtrfsUsage, MaintenanceJob, Sourced};
use crate::model::{Filesystem, Host};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `integrity/scrub-missing`
pub struct ScrubMissing;

static META: Meta = Meta {
    id: "integrity/scrub-missing",
    severity: Severity::Warning,
    summary: "Nothing reads the data now and then to find what went bad",
    page: include_str!("scrub_missing.md"),
};

const OPTION: [&str; 3] = ["services", "btrfs", "autoScrub"];

fn path(last: &str) -> Vec<String> {
    OPTION
        .iter()
        .copied()
        .chain([last])
        .map(str::to_owned)
        .collect()
}

/// What `btrfs filesystem usage` says of a filesystem.
fn usage<'a>(host: &'a Host, filesystem: &Filesystem) -> Option<&'a Sourced<BtrfsUsage>> {
    let here = |usage: &&Sourced<BtrfsUsage>| {
        let mountpoint = usage.mountpoint.as_deref();
        mountpoint.is_some_and(|at| filesystem.mount(at).is_some())
    };
    host.metrics.usage.iter().find(here)
}

/// The profile of a filesystem's data, if it can heal from it, and where that is told.
fn redundancy(host: &Host, filesystem: &Filesystem) -> Option<(Profile, Source)> {
    let measured = usage(host, filesystem).and_then(|usage| {
        let data = [BlockGroupKind::Data, BlockGroupKind::Mixed];
        let group = usage.block_groups.iter().find(|g| data.contains(&g.kind))?;
        let source = Source::Metrics(usage.source.to_string());
        Some((Profile::from_name(&group.profile)?, source))
    });
    let declared = || {
        let arguments = filesystem.mkfs_args.as_ref().ok()?;
        let texts: Vec<&str> = arguments.iter().map(|a| a.value.as_str()).collect();
        let arguments = MkfsArgs::parse(&texts);
        let devices = arguments.extra_devices.len() + 1;
        let source = Source::Configuration(filesystem.at);
        Some((arguments.data_profile(devices), source))
    };
    measured
        .or_else(declared)
        .filter(|(profile, _)| profile.self_heals())
}

struct Case<'a> {
    filesystems: Vec<&'a Filesystem>,
    redundant: Vec<(&'a Filesystem, Profile, Source)>,
}

fn case(host: &Host) -> Option<Case<'_>> {
    // Somebody who wrote it down has decided, or it cannot be read.
    if host.settings.is_defined(&path("enable").join(".")) {
        return None;
    }
    let mounted = host
        .storage
        .filesystems
        .iter()
        .filter(|f| !f.mounts.is_empty());
    let filesystems: Vec<&Filesystem> = mounted.collect();
    let redundant: Vec<_> = filesystems
        .iter()
        .filter_map(|f| redundancy(host, f).map(|(profile, source)| (*f, profile, source)))
        .collect();
    // Below a virtual disk lies storage that somebody else looks after.
    let is_guest = host
        .hardware
        .as_ref()
        .is_some_and(|h| h.virtualisation.is_virtual());
    let wanted = !filesystems.is_empty() && (!redundant.is_empty() || !is_guest);
    wanted.then_some(Case {
        filesystems,
        redundant,
    })
}

fn evidence(host: &Host, case: &Case<'_>) -> Vec<Evidence> {
    let mut evidence = vec![Evidence::speaks_for(
        Weight::Moderate,
        Source::Knowledge("nixpkgs nixos/modules/tasks/filesystems/btrfs.nix".to_owned()),
        "services.btrfs.autoScrub.enable is false unless it is set",
    )];
    for (filesystem, profile, source) in &case.redundant {
        let name = filesystem.name();
        let says = format!("the data of {name} is {profile}: a scrub repairs what it finds");
        evidence.push(Evidence::speaks_for(Weight::Strong, source.clone(), says));
    }
    for errors in host.metrics.device_errors.iter().filter(|e| e.total() > 0) {
        evidence.push(Evidence::speaks_for(
            Weight::Strong,
            Source::Metrics(errors.source.to_string()),
            format!("{} errors are counted on {}", errors.total(), errors.device),
        ));
    }
    for job in host
        .metrics
        .maintenance
        .iter()
        .filter(|m| m.job == MaintenanceJob::Scrub)
    {
        if let Some(found) = &job.errors {
            evidence.push(Evidence::speaks_for(
                Weight::Strong,
                Source::Metrics(job.source.to_string()),
                format!("the last scrub found {found}"),
            ));
        }
    }
    evidence
}

impl Rule for ScrubMissing {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case<'_>| {
            let names: Vec<&str> = case.filesystems.iter().map(|f| f.name()).collect();
            let healing = case
                .redundant
                .iter()
                .map(|(f, ..)| f.name())
                .collect::<Vec<_>>();
            let what = match healing.is_empty() {
                true => "data that went bad is found only when it is read".to_owned(),
                false => format!(
                    "on {} a good copy stands beside each bad one, but only what is read is \
                     repaired, and the second copy can go bad unseen",
                    listed(&healing)
                ),
            };
            let redundant = case.redundant.first().map(|(f, ..)| f);
            let first = redundant.or(case.filesystems.first());
            Finding {
                rule: META.id,
                subject: OPTION.join("."),
                severity: match healing.is_empty() {
                    true => Severity::Advice,
                    false => Severity::Warning,
                },
                message: format!("Nothing scrubs {}: {what}", listed(&names)),
                at: first.and_then(|filesystem| filesystem.at),
                evidence: evidence(context.host, &case),
            }
        };
        case(context.host).map(finding).into_iter().collect()
    }

    fn remedy(&self, context: &Context<'_>, _: &Finding) -> Option<Remedy> {
        let host = context.host;
        let case = case(host)?;
        let set = |last: &str, value: Json| Action::SetNixosOption {
            path: path(last),
            value,
        };
        let mut actions = vec![set("enable", Json::Bool(true))];
        if !host.settings.is_defined(&path("fileSystems").join(".")) {
            let one_each = case
                .filesystems
                .iter()
                .map(|f| Json::from(f.name()))
                .collect();
            actions.push(set("fileSystems", Json::Array(one_each)));
        }
        let mut costs =
            vec!["once a month everything is read, at idle priority, for hours".to_owned()];
        for filesystem in &case.filesystems {
            let used = usage(host, filesystem).and_then(|usage| usage.used);
            costs.extend(used.map(|used| format!("{used} are read on {}", filesystem.name())));
        }
        Some(Remedy {
            title: "Scrub every filesystem once a month".to_owned(),
            actions,
            costs,
            applicability: Applicability::Safe,
            effect: Effect::Scrub,
        })
    }
}

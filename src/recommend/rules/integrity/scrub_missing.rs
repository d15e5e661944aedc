//! Filesystems that nobody scrubs.

use serde_json::Value as Json;

use super::super::wording::listed;
use super::redundancy::redundancy;
use crate::analyze::facts::usage;
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::Profile;
use crate::model::metrics::MaintenanceJob;
use crate::model::{Filesystem, Host};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `integrity/scrub-missing`
pub struct ScrubMissing;

static META: Meta = Meta::new(
    "integrity/scrub-missing",
    Severity::Warning,
    "Nothing reads the data now and then to find what went bad",
    include_str!("scrub_missing.md"),
);

const OPTION: [&str; 3] = ["services", "btrfs", "autoScrub"];

fn path(last: &str) -> Vec<String> {
    OPTION
        .iter()
        .copied()
        .chain([last])
        .map(str::to_owned)
        .collect()
}

/// The mount through which a filesystem is scrubbed: `/`, or one that is there now.
fn scrubbed_at<'a>(host: &Host, filesystem: &'a Filesystem) -> &'a str {
    let there = |at: &&str| {
        host.metrics
            .mounts
            .iter()
            .any(|entry| entry.mountpoint == *at)
    };
    let mut mountpoints = filesystem.mounts.iter().map(|m| m.mountpoint.as_str());
    let named = filesystem.name();
    if named == "/" {
        named
    } else {
        mountpoints.find(there).unwrap_or(named)
    }
}

struct Case<'a> {
    filesystems: Vec<&'a Filesystem>,
    redundant: Vec<(&'a Filesystem, Profile, Source)>,
}

fn case(host: &Host) -> Option<Case<'_>> {
    // Somebody who wrote it down has decided, or it cannot be read; and the file of its disks does
    // not tell what a machine does.
    if !host.is_whole() || host.settings.is_defined(&path("enable").join(".")) {
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
    if let Some(skipped) = host.skipped.first() {
        evidence.push(Evidence::speaks_against(
            Weight::Weak,
            Source::Configuration(skipped.at),
            "a module that is imported could not be read, and may set it",
        ));
    }
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
                .map(|f| Json::from(scrubbed_at(host, f)));
            actions.push(set("fileSystems", Json::Array(one_each.collect())));
        }
        let mut costs = vec!["once a month everything is read, on hard disks for hours".to_owned()];
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

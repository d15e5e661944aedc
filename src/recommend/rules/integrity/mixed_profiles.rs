//! Filesystems with data or metadata in block groups of several profiles.

use std::collections::BTreeMap;

use super::super::measured::{reached_at, usage_now};
use super::super::wording::listed;
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{MkfsArgs, Profile};
use crate::model::metrics::{BlockGroupKind, BtrfsUsage, MaintenanceJob};
use crate::model::{Filesystem, Host};
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `integrity/mixed-profiles`
pub struct MixedProfiles;

static META: Meta = Meta::new(
    "integrity/mixed-profiles",
    Severity::Warning,
    "Data or metadata has several profiles: a conversion was not finished",
    include_str!("mixed_profiles.md"),
);

/// The kinds of block groups that have several profiles, with these.
fn mixed(usage: &BtrfsUsage) -> Vec<(BlockGroupKind, Vec<&str>)> {
    let mut kinds: BTreeMap<BlockGroupKind, Vec<&str>> = BTreeMap::new();
    for group in usage.block_groups.iter().filter(|g| g.size.0 > 0) {
        let profiles = kinds.entry(group.kind).or_default();
        if !profiles.contains(&group.profile.as_str()) {
            profiles.push(&group.profile);
        }
    }
    kinds.retain(|kind, profiles| profiles.len() > 1 && *kind != BlockGroupKind::System);
    kinds.into_iter().collect()
}

/// Whether a balance was running when the host was looked at: it may be the conversion.
fn is_balancing(host: &Host) -> bool {
    let jobs = &host.metrics.maintenance;
    jobs.iter()
        .any(|job| job.job == MaintenanceJob::Balance && job.running)
}

/// The profile that a kind is to have, where the configuration asks for one with more than one copy.
/// (What it was made with may be what is being left, as when a second disk was added.)
fn asked_for(filesystem: &Filesystem, kind: BlockGroupKind) -> Option<Profile> {
    let arguments = filesystem.mkfs_args.known().filter(|a| !a.is_empty())?;
    let texts: Vec<&str> = arguments.iter().map(|a| a.value.as_str()).collect();
    let arguments = MkfsArgs::parse(&texts);
    let devices = arguments.extra_devices.len() + 1;
    let profile = match kind {
        BlockGroupKind::Metadata => arguments.metadata_profile(devices),
        _ => arguments.data_profile(devices),
    };
    Some(profile).filter(|profile| profile.self_heals() && devices > 1)
}

/// What stands for a profile that only the owner knows.
const UNDECIDED: &str = "PROFILE";

fn filter(filesystem: &Filesystem, kind: BlockGroupKind, profiles: &[&str]) -> String {
    let letter = match kind {
        BlockGroupKind::Metadata => 'm',
        _ => 'd',
    };
    let wanted = asked_for(filesystem, kind).map(|p| p.to_string());
    let wanted = wanted.filter(|w| profiles.iter().any(|p| p.eq_ignore_ascii_case(w)));
    let wanted = wanted.unwrap_or_else(|| UNDECIDED.to_owned());
    format!("-{letter}convert={wanted},soft")
}

fn name_of(kind: BlockGroupKind) -> &'static str {
    match kind {
        BlockGroupKind::Data => "data",
        BlockGroupKind::Metadata => "metadata",
        BlockGroupKind::System => "system data",
        BlockGroupKind::Mixed => "data and metadata",
    }
}

fn finding(host: &Host, filesystem: &Filesystem) -> Option<Finding> {
    let usage = usage_now(host, filesystem)?;
    let mixed = mixed(usage);
    if mixed.is_empty() || is_balancing(host) {
        return None;
    }
    let (name, at) = (filesystem.name(), reached_at(host, filesystem));
    let kinds: Vec<String> = mixed
        .iter()
        .map(|(kind, profiles)| format!("{} in {}", name_of(*kind), listed(profiles)))
        .collect();
    let filters: Vec<String> = mixed
        .iter()
        .map(|(kind, profiles)| filter(filesystem, *kind, profiles))
        .collect();
    let command = format!("btrfs balance start {} {at}", filters.join(" "));
    let choose = match command.contains(UNDECIDED) {
        true => " with the profile that you want for PROFILE",
        false => "",
    };
    Some(Finding {
        rule: META.id,
        subject: name.to_owned(),
        severity: Severity::Warning,
        message: format!(
            "{name} has {}: a conversion was begun and not finished. A part of it has fewer \
             copies than the rest, what is written next gets the profile that the kernel prefers, \
             and `df` only guesses the free space. Finish it{choose}: `{command}`",
            listed(&kinds)
        ),
        at: filesystem.at,
        evidence: vec![Evidence::speaks_for(
            Weight::Strong,
            Source::Metrics(usage.source.to_string()),
            format!("{name} has {}", listed(&kinds)),
        )],
    })
}

impl Rule for MixedProfiles {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        let all = host.storage.filesystems.iter();
        all.filter_map(|f| finding(host, f)).collect()
    }

    fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
        None
    }
}

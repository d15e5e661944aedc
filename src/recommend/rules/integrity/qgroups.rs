//! Quota groups on a filesystem of which snapshots are taken.

use super::super::measured::reached_at;
use super::super::snapshots::{SnapshotJob, jobs};
use super::super::wording::listed;
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::model::metrics::{QuotaState, Sourced};
use crate::model::{Filesystem, Host};
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `integrity/qgroups`
pub struct Qgroups;

static META: Meta = Meta {
    relieves: &[Cause::QgroupsEnabled],
    ..Meta::new(
        "integrity/qgroups",
        Severity::Warning,
        "Quota groups are on, and snapshots are taken",
        include_str!("qgroups.md"),
    )
};

/// The quotas of a filesystem, where they are known to be on.
fn quotas<'a>(host: &'a Host, filesystem: &Filesystem) -> Option<&'a Sourced<QuotaState>> {
    let only = host.storage.filesystems.len() == 1;
    let about = |state: &&Sourced<QuotaState>| match &state.path {
        Some(path) => host
            .storage
            .holding(path)
            .is_some_and(|(held, _)| std::ptr::eq(held, filesystem)),
        // An output without its command is about the only filesystem there is.
        None => only && host.metrics.quotas.len() == 1,
    };
    host.metrics.quotas.iter().find(about).filter(|q| q.enabled)
}

/// The snapshot jobs of subvolumes of a filesystem.
fn jobs_on(host: &Host, filesystem: &Filesystem) -> Vec<SnapshotJob> {
    let mut jobs = jobs(host);
    jobs.retain(|job| {
        let held = host.storage.holding(&job.path);
        held.is_some_and(|(held, _)| std::ptr::eq(held, filesystem))
    });
    jobs
}

/// What in the configuration rests on quotas: snapper's clean-up by space.
fn rests_on_quotas(host: &Host, jobs: &[SnapshotJob]) -> Option<String> {
    let option = |job: &SnapshotJob| format!("{}.QGROUP", job.options);
    let set = |option: &String| {
        let text = host.settings.text(option);
        text.is_some_and(|text| !text.is_empty())
    };
    jobs.iter().map(option).find(set)
}

fn finding(host: &Host, filesystem: &Filesystem) -> Option<Finding> {
    let quotas = quotas(host, filesystem)?;
    let jobs = jobs_on(host, filesystem);
    let first = jobs.first()?;
    let (name, at) = (filesystem.name(), reached_at(host, filesystem));
    let paths: Vec<&str> = jobs.iter().map(|job| job.path.as_str()).collect();
    let rests = match rests_on_quotas(host, &jobs) {
        Some(option) => format!(
            ". {option} rests on them: without quotas snapper cleans up by number and age alone"
        ),
        None => String::new(),
    };
    let what = match quotas.limited {
        true => format!(
            "Limits are set: where they are needed, simple quotas (`btrfs quota enable --simple`, \
             Linux 6.7) keep them without that work, once `btrfs quota disable {at}` has taken the \
             old ones away"
        ),
        false => format!(
            "No limit is known to be set. `btrfs quota status {at}` tells the mode; unless it is \
             squota, `btrfs quota disable {at}` ends it"
        ),
    };
    let evidence = vec![
        Evidence::speaks_for(
            Weight::Strong,
            Source::Metrics(quotas.source.to_string()),
            format!("{} quota groups are kept on {name}", quotas.groups),
        ),
        Evidence::speaks_for(
            Weight::Strong,
            Source::Configuration(first.at),
            format!("{} takes snapshots of {}", first.by, first.path),
        ),
        Evidence::speaks_for(
            Weight::Moderate,
            Source::Knowledge("https://github.com/openSUSE/snapper/issues/703".to_owned()),
            "with full quotas, deleting a snapshot counts again what it shared, in one go",
        ),
    ];
    Some(Finding {
        rule: META.id,
        subject: name.to_owned(),
        severity: Severity::Warning,
        message: format!(
            "Quota groups are on for {name}, and snapshots are taken of {}: each clean-up of \
             snapshots then counts shared blocks again, and everything that writes can stand \
             still for minutes. {what}{rests}",
            listed(&paths)
        ),
        at: first.at,
        evidence,
    })
}

impl Rule for Qgroups {
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

//! Mounts on which reading a file writes its access time.

use std::collections::BTreeMap;

use super::super::evidence::of_work;
use super::super::snapshots::snapshots_of;
use super::super::wording::listed;
use super::view::{List, Mounted};
use crate::analyze::{Cause, Evidence, Source, Weight, WorkloadKind};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, MountEdit, Remedy, Rule, Severity,
};

/// `mount/atime`
pub struct AccessTimes;

static META: Meta = Meta {
    relieves: &[Cause::AtimeWrites],
    ..Meta::new(
        "mount/atime",
        Severity::Warning,
        "Reading files writes their access times, which copies metadata",
        include_str!("atime.md"),
    )
};

/// Work that reads many files once.
const SCANS: [WorkloadKind; 4] = [
    WorkloadKind::Nas,
    WorkloadKind::Backup,
    WorkloadKind::NixStore,
    WorkloadKind::Build,
];

/// Words that settle access times, or with which there are none to write.
const SETTLED: [&str; 7] = [
    "noatime",
    "relatime",
    "strictatime",
    "lazytime",
    "atime",
    "ro",
    "norelatime",
];

/// The mounts of a filesystem on which nothing is said about access times.
fn silent<'a>(mounted: &'a Mounted<'a>) -> Vec<&'a List<'a>> {
    let settled = |list: &List<'_>| {
        list.options
            .iter()
            .any(|option| SETTLED.contains(&option.name.as_str()))
    };
    let lists = mounted.lists.iter().enumerate();
    lists
        .filter(|(index, list)| !settled(list) && !mounted.holds_swap(*index))
        .map(|(_, list)| list)
        .collect()
}

fn edit(list: &List<'_>) -> MountEdit {
    let noatime = "noatime".to_owned();
    // `noatime` includes it.
    match list
        .options
        .iter()
        .position(|option| option.name == "nodiratime")
    {
        Some(at) => list.edited(&BTreeMap::from([(at, Some(noatime))]), Vec::new()),
        None => list.with(&noatime),
    }
}

fn evidence(context: &Context<'_>, silent: &[&List<'_>]) -> Vec<Evidence> {
    let mut evidence = vec![Evidence::speaks_for(
        Weight::Weak,
        Source::Knowledge("measured on 6.18.44: 2350 files read once after a day".to_owned()),
        "relatime wrote 323 requests and 5.3 MB of metadata for it, noatime none",
    )];
    for list in silent {
        let at = &list.mount.mountpoint;
        evidence.push(Evidence::speaks_for(
            Weight::Weak,
            Source::Configuration(list.mount.at),
            format!("the options of {at} say nothing about access times"),
        ));
        evidence.extend(snapshots_of(context.host, at));
    }
    for workload in context
        .analysis
        .workloads
        .iter()
        .filter(|w| SCANS.contains(&w.kind))
    {
        let here = |path: &String| {
            let holding = context.host.storage.holding(path);
            holding.is_some_and(|(_, m)| {
                silent
                    .iter()
                    .any(|list| list.mount.mountpoint == m.mountpoint)
            })
        };
        if let Some(path) = workload.paths.iter().find(|path| here(path)) {
            let weight = match workload.complained_about {
                true => Weight::Strong,
                false => Weight::Moderate,
            };
            let statement = format!("{:?} work reads many files below {path}", workload.kind);
            evidence.push(of_work(workload, weight, statement));
        }
    }
    evidence
}

impl Rule for AccessTimes {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |mounted: &Mounted<'_>| {
            let silent = silent(mounted);
            let first = silent.first()?;
            let mountpoints: Vec<&String> = silent.iter().map(|l| &l.mount.mountpoint).collect();
            Some(Finding {
                rule: META.id,
                subject: mounted.filesystem.name().to_owned(),
                severity: Severity::Warning,
                message: format!(
                    "Reading files on {} writes access times: on btrfs each one copies a block of \
                     metadata, after a snapshot a whole path of blocks",
                    listed(&mountpoints)
                ),
                at: first.mount.at,
                evidence: evidence(context, &silent),
            })
        };
        Mounted::all(context.host)
            .iter()
            .filter_map(finding)
            .collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let all = Mounted::all(context.host);
        let mounted = all
            .iter()
            .find(|m| m.filesystem.name() == finding.subject)?;
        let mounts: Vec<MountEdit> = silent(mounted).into_iter().map(edit).collect();
        (!mounts.is_empty()).then(|| Remedy {
            title: "Mount with `noatime`".to_owned(),
            actions: vec![Action::EditMountOptions { mounts }],
            costs: vec![
                "programs that go by access times see none: mutt on mbox files, cleaners that \
                 delete what was not read for long"
                    .to_owned(),
            ],
            applicability: Applicability::Safe,
            effect: Effect::NoAccessTimes,
        })
    }
}

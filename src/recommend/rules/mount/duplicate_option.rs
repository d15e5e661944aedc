//! Options that stand in one list twice.

use super::super::wording::listed;
use super::spots::Spot;
use super::view::Mounted;
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{FindingKind, Scope, conflicts, lookup};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, MountEdit, Remedy, Rule, Severity,
};
use std::collections::BTreeMap;

/// `mount/duplicate-option`
pub struct DuplicateOption;

static META: Meta = Meta::new(
    "mount/duplicate-option",
    Severity::Advice,
    "An option stands in one list twice",
    include_str!("duplicate_option.md"),
);

/// The options of a list that a later one repeats, with that one.
fn repeated(mounted: &Mounted<'_>, list: usize) -> Vec<(usize, usize)> {
    let seen = &mounted.lists[list];
    let found = conflicts(&seen.options, &mounted.target, &mounted.facts);
    let by_kernel = found.iter().filter_map(|f| {
        let duplicate = f.kind == FindingKind::Duplicate && f.droppable;
        Some((f.option, f.other?)).filter(|_| duplicate)
    });
    // What the kernel never sees, or counts once, is a repetition when it is the same text.
    let by_text = (0..seen.options.len()).filter_map(|first| {
        let option = &seen.options[first];
        let later = (first + 1..seen.options.len())
            .find(|&j| !seen.is_appended(j) && seen.options[j].text == option.text)?;
        let userspace = lookup(&option.name).is_some_and(|s| s.scope == Scope::Userspace);
        (userspace || option.name == "subvol").then_some((first, later))
    });
    let mut all: Vec<(usize, usize)> = by_kernel.chain(by_text).collect();
    all.sort_unstable();
    all.dedup_by_key(|(option, _)| *option);
    // One element of which several options go twice is cut once only; what another mount decides
    // is mount/ineffective-per-subvolume.
    all.retain(|(option, _)| {
        let spot = Spot {
            mounted,
            list,
            option: *option,
        };
        !spot.is_idle()
    });
    all
}

fn edits(mounted: &Mounted<'_>) -> Vec<MountEdit> {
    let edit = |list: usize| {
        let gone = repeated(mounted, list);
        let changes: BTreeMap<usize, Option<String>> =
            gone.iter().map(|(option, _)| (*option, None)).collect();
        (!changes.is_empty()).then(|| mounted.lists[list].edited(&changes, Vec::new()))
    };
    (0..mounted.lists.len()).filter_map(edit).collect()
}

fn finding(mounted: &Mounted<'_>) -> Option<Finding> {
    let mut said = Vec::new();
    let mut evidence = Vec::new();
    let mut at = None;
    for (list, seen) in mounted.lists.iter().enumerate() {
        let mut here = Vec::new();
        for (option, later) in repeated(mounted, list) {
            let (first, second) = (&seen.options[option].text, &seen.options[later].text);
            here.push(match first == second {
                true => format!("`{first}` twice"),
                false => format!("`{first}` and `{second}`, which is the same"),
            });
            at = at.or_else(|| seen.at(option));
            evidence.push(Evidence::speaks_for(
                Weight::Strong,
                Source::Configuration(seen.at(option)),
                format!(
                    "`{first}` stands before `{second}` on {}",
                    seen.mount.mountpoint
                ),
            ));
        }
        if !here.is_empty() {
            said.push(format!("{} has {}", seen.mount.mountpoint, listed(&here)));
        }
    }
    (!said.is_empty()).then(|| Finding {
        rule: META.id,
        subject: mounted.filesystem.name().to_owned(),
        severity: Severity::Advice,
        message: format!(
            "{}: the last one counts, the other only misleads",
            said.join("; ")
        ),
        at,
        evidence,
    })
}

impl Rule for DuplicateOption {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let mounted = Mounted::all(context.host);
        mounted.iter().filter_map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let all = Mounted::all(context.host);
        let mounted = all
            .iter()
            .find(|m| m.filesystem.name() == finding.subject)?;
        let mounts = edits(mounted);
        (!mounts.is_empty()).then(|| Remedy {
            title: "Say each option once".to_owned(),
            actions: vec![Action::EditMountOptions { mounts }],
            costs: Vec::new(),
            applicability: Applicability::Safe,
            effect: Effect::Clarity,
        })
    }
}

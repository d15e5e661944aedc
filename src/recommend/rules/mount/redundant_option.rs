//! Options that say what is so without them.

use std::collections::BTreeMap;

use super::super::wording::listed;
use super::fault::is_refused;
use super::spots::Spot;
use super::view::{List, Mounted};
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{Aspect, DeviceFacts, FindingKind, aspect, conflicts};
use crate::model::{Filesystem, Located, StorageSource};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, MountEdit, Remedy, Rule, Severity,
};

/// `mount/redundant-option`
pub struct RedundantOption;

static META: Meta = Meta::new(
    "mount/redundant-option",
    Severity::Advice,
    "Mount options say what is so without them",
    include_str!("redundant_option.md"),
);

/// A needless option and why it is one.
struct Needless {
    option: usize,
    reason: String,
    source: &'static str,
}

/// Whether disko has made a filesystem with the free space tree: every mkfs since btrfs-progs 5.15
/// does unless it is told otherwise, and NixOS has had that since 22.05, when disko was begun.
fn made_with_tree(filesystem: &Filesystem) -> Option<bool> {
    let StorageSource::Disko(_) = &filesystem.source else {
        return None;
    };
    let arguments = filesystem.mkfs_args.known()?;
    let named = |a: &Located<String>| a.value.contains("free-space-tree");
    (!arguments.iter().any(named)).then_some(true)
}

/// What can go from one list without a trace.
fn needless(mounted: &Mounted<'_>, index: usize) -> Vec<Needless> {
    let seen = &mounted.lists[index];
    let facts = DeviceFacts {
        free_space_tree: mounted
            .facts
            .free_space_tree
            .or(made_with_tree(mounted.filesystem)),
        ..mounted.facts
    };
    let found = conflicts(&seen.options, &mounted.target, &facts);
    let ignored = |option: usize| {
        mounted.whole.as_ref().is_some_and(|(_, whole)| {
            whole
                .ignored
                .iter()
                .any(|i| i.mount == index && i.option == option)
        })
    };
    let wanted = |option: usize, kind: FindingKind| {
        let known = match aspect(&seen.options[option], &mounted.target) {
            // Access times are a choice, even where it is the usual one.
            Some(Aspect::Atime) => false,
            Some(Aspect::Discard) => facts.discard == Some(true),
            Some(Aspect::SpaceCache) => facts.free_space_tree.is_some(),
            Some(about) => !mounted.is_unsure(about),
            None => true,
        };
        // What stands twice is said once first: mount/duplicate-option. What a later kernel refuses
        // is more than needless.
        let spot = Spot {
            mounted,
            list: index,
            option,
        };
        known && kind == FindingKind::Redundant && !seen.has_twin(option) && !is_refused(&spot)
    };
    let mut needless: Vec<Needless> = found
        .into_iter()
        .filter(|f| wanted(f.option, f.kind) && !ignored(f.option) && !seen.is_appended(f.option))
        .map(|f| Needless {
            option: f.option,
            reason: f.reason,
            source: f.source,
        })
        .collect();
    // A list that would be left empty keeps its first element.
    let written = seen.mount.written.known().map_or(0, <[_]>::len);
    let gone = |option: usize| needless.iter().any(|n| n.option == option);
    let stays = |(i, o): (usize, &crate::btrfs::MountOption)| o.element < written && !gone(i);
    if !seen.options.iter().enumerate().any(stays) {
        needless.retain(|n| seen.options[n.option].element != 0);
    }
    needless
}

fn edits(mounted: &Mounted<'_>) -> Vec<MountEdit> {
    let edit = |(index, seen): (usize, &List<'_>)| {
        let needless = needless(mounted, index);
        let changes: BTreeMap<usize, Option<String>> =
            needless.iter().map(|n| (n.option, None)).collect();
        (!changes.is_empty()).then(|| seen.edited(&changes, Vec::new()))
    };
    mounted.lists.iter().enumerate().filter_map(edit).collect()
}

fn finding(mounted: &Mounted<'_>) -> Option<Finding> {
    let mut evidence = Vec::new();
    let mut said = Vec::new();
    let mut at = None;
    for (index, seen) in mounted.lists.iter().enumerate() {
        let mountpoint = &seen.mount.mountpoint;
        let needless = needless(mounted, index);
        let texts: Vec<String> = needless
            .iter()
            .map(|n| format!("`{}`", seen.options[n.option].text))
            .collect();
        if texts.is_empty() {
            continue;
        }
        said.push(format!("{} on {mountpoint}", listed(&texts)));
        at = at.or_else(|| seen.at(needless.first()?.option));
        for n in needless {
            evidence.push(Evidence::speaks_for(
                Weight::Moderate,
                Source::Knowledge(n.source.to_owned()),
                format!("{mountpoint}: {}", n.reason),
            ));
        }
    }
    (!said.is_empty()).then(|| Finding {
        rule: META.id,
        subject: mounted.filesystem.name().to_owned(),
        severity: Severity::Advice,
        message: format!("Leaving these out changes nothing: {}", said.join("; ")),
        at,
        evidence,
    })
}

impl Rule for RedundantOption {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
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
        let mounts = edits(mounted);
        (!mounts.is_empty()).then(|| Remedy {
            title: "Leave out the options that change nothing".to_owned(),
            actions: vec![Action::EditMountOptions { mounts }],
            costs: Vec::new(),
            applicability: Applicability::Safe,
            effect: Effect::Clarity,
        })
    }
}

//! Options that stand in one list twice.

use std::collections::BTreeMap;

use super::super::wording::listed;
use super::spots::Spot;
use super::view::Mounted;
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{FindingKind, Scope, conflicts, lookup, verdict};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, MountEdit, Remedy, Rule, Severity,
};

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
        // One that is refused can be mended only once it stands alone.
        let refused = || verdict(option, &mounted.target).refusal().is_some();
        (userspace || option.name == "subvol" || refused()).then_some((first, later))
    });
    let mut all: Vec<(usize, usize)> = by_kernel.chain(by_text).collect();
    all.sort_unstable();
    all.dedup_by_key(|(option, _)| *option);
    // What another mount decides is mount/ineffective-per-subvolume.
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

/// The edits that leave one of each. Where one stands in the list of disko and the other in that of
/// `fileSystems`, which of them goes is for the owner to say.
fn edits(mounted: &Mounted<'_>) -> Vec<MountEdit> {
    let edit = |list: usize| {
        let seen = &mounted.lists[list];
        let written = seen.mount.written.known().map_or(0, <[_]>::len);
        let here = |option: usize| seen.options[option].element < written;
        let text = |option: usize| &seen.options[option].text;
        let clear = |option: usize| {
            let mut twins = (0..seen.options.len()).filter(|&other| text(other) == text(option));
            twins.all(here)
        };
        let gone = repeated(mounted, list).into_iter();
        let changes: BTreeMap<usize, Option<String>> = gone
            .filter(|(option, _)| clear(*option))
            .map(|(option, _)| (option, None))
            .collect();
        (!changes.is_empty()).then(|| seen.edited(&changes, Vec::new()))
    };
    (0..mounted.lists.len()).filter_map(edit).collect()
}

/// How many repetitions of one list are named.
const NAMED: usize = 4;

/// What a list says more than once, each in one phrase, with the first place of it.
fn phrases(mounted: &Mounted<'_>, list: usize) -> Vec<(String, usize)> {
    let seen = &mounted.lists[list];
    let text = |option: usize| seen.options[option].text.as_str();
    let mut phrases: Vec<(String, usize)> = Vec::new();
    for (option, later) in repeated(mounted, list) {
        let (first, second) = (text(option), text(later));
        let times = seen.options.iter().filter(|o| o.text == first).count();
        let phrase = match times {
            1 => format!("`{first}` and `{second}`, which is the same"),
            2 => format!("`{first}` twice"),
            more => format!("`{first}` {more} times"),
        };
        if !phrases.iter().any(|(known, _)| *known == phrase) {
            phrases.push((phrase, option));
        }
    }
    phrases
}

fn finding(mounted: &Mounted<'_>) -> Option<Finding> {
    let mut said = Vec::new();
    let mut evidence = Vec::new();
    let mut at = None;
    for (list, seen) in mounted.lists.iter().enumerate() {
        let phrases = phrases(mounted, list);
        let mountpoint = &seen.mount.mountpoint;
        let named = phrases.iter().take(NAMED).map(|(phrase, _)| phrase.clone());
        let mut words: Vec<String> = named.collect();
        if phrases.len() > NAMED {
            words.push(format!("{} more", phrases.len() - NAMED));
        }
        if !words.is_empty() {
            said.push(format!("{mountpoint} has {}", listed(&words)));
        }
        for (phrase, option) in phrases {
            at = at.or_else(|| seen.at(option));
            evidence.push(Evidence::speaks_for(
                Weight::Strong,
                Source::Configuration(seen.at(option)),
                format!("{mountpoint} has {phrase}"),
            ));
        }
    }
    (!said.is_empty()).then(|| Finding {
        rule: META.id,
        subject: mounted.filesystem.name().to_owned(),
        severity: Severity::Advice,
        message: format!(
            "{}: the last one counts, and others only mislead",
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

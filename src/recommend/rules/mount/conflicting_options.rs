//! Options of one list of which a later one takes an earlier one back.

use std::collections::BTreeMap;

use super::super::wording::listed;
use super::view::Mounted;
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{FindingKind, MountOption, conflicts, effective};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, MountEdit, Remedy, Rule, Severity,
};

/// `mount/conflicting-options`
pub struct ConflictingOptions;

static META: Meta = Meta::new(
    "mount/conflicting-options",
    Severity::Warning,
    "Two options of one mount contradict each other, and only one of them counts",
    include_str!("conflicting_options.md"),
);

struct Conflict<'a> {
    kind: FindingKind,
    loser: String,
    winner: String,
    reason: String,
    source: &'static str,
    /// Filesystem, list and losing option.
    places: Vec<(&'a Mounted<'a>, usize, usize)>,
}

fn all<'a>(mounted: &'a [Mounted<'a>]) -> Vec<Conflict<'a>> {
    let mut all: Vec<Conflict<'a>> = Vec::new();
    for filesystem in mounted {
        for (list, seen) in filesystem.lists.iter().enumerate() {
            for found in conflicts(&seen.options, &filesystem.target, &filesystem.facts) {
                let (true, Some(other)) = (
                    matches!(
                        found.kind,
                        FindingKind::Overridden | FindingKind::ShownOnly | FindingKind::Ambiguous
                    ),
                    found.other.and_then(|other| seen.options.get(other)),
                ) else {
                    continue;
                };
                let loser = &seen.options[found.option].text;
                let place = (filesystem, list, found.option);
                match all
                    .iter_mut()
                    .find(|c| c.loser == *loser && c.winner == other.text)
                {
                    Some(known) => known.places.push(place),
                    None => all.push(Conflict {
                        kind: found.kind,
                        loser: loser.clone(),
                        winner: other.text.clone(),
                        reason: found.reason,
                        source: found.source,
                        places: vec![place],
                    }),
                }
            }
        }
    }
    all
}

impl Conflict<'_> {
    fn subject(&self) -> String {
        format!("{} before {}", self.loser, self.winner)
    }

    /// What really happens to files that are written today.
    fn today(&self) -> String {
        let Some((mounted, list, _)) = self.places.first() else {
            return String::new();
        };
        let seen = &mounted.lists[*list];
        let state = effective(&seen.options, &mounted.target, &mounted.facts);
        let yes = |is: bool, yes: &str, no: &str| if is { yes } else { no }.to_owned();
        let compressed = state.compresses;
        let words = [
            yes(compressed, "compressed", "not compressed"),
            yes(
                state.state.has_checksums(),
                "checksummed",
                "without checksums",
            ),
            yes(
                state.state.is_nodatacow(),
                "overwritten in place",
                "copied on write",
            ),
        ];
        format!("by this list alone new files are {}", listed(&words))
    }

    /// Whether leaving the losing option out changes nothing that a file would show.
    fn is_idle(&self) -> bool {
        self.places.iter().all(|(mounted, list, option)| {
            let seen = &mounted.lists[*list];
            let mut without: Vec<MountOption> = seen.options.clone();
            without.remove(*option);
            let with = effective(&seen.options, &mounted.target, &mounted.facts);
            let without = effective(&without, &mounted.target, &mounted.facts);
            let shown =
                with.shown_fs == without.shown_fs && with.shown_mount == without.shown_mount;
            let done = with.compresses == without.compresses
                && with.state.has_checksums() == without.state.has_checksums()
                && with.state.is_nodatacow() == without.state.is_nodatacow();
            done && (shown || self.kind == FindingKind::ShownOnly) && !seen.has_twin(*option)
        })
    }
}

impl Rule for ConflictingOptions {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let mounted = Mounted::all(context.host);
        let finding = |conflict: &Conflict<'_>| {
            let at = |(m, list, option): &(&Mounted<'_>, usize, usize)| m.lists[*list].at(*option);
            let mut evidence: Vec<Evidence> = vec![Evidence::speaks_for(
                Weight::Strong,
                Source::Knowledge(conflict.source.to_owned()),
                conflict.reason.clone(),
            )];
            let mut mounts = Vec::new();
            for place in &conflict.places {
                let mountpoint = &place.0.lists[place.1].mount.mountpoint;
                mounts.push(mountpoint);
                evidence.push(Evidence::speaks_for(
                    Weight::Strong,
                    Source::Configuration(at(place)),
                    format!(
                        "{mountpoint} has `{}` and `{}`",
                        conflict.loser, conflict.winner
                    ),
                ));
            }
            let mut message = format!(
                "{} (on {}); {}",
                conflict.reason,
                listed(&mounts),
                conflict.today()
            );
            if conflict.kind == FindingKind::ShownOnly {
                message.push_str(
                    ". Which of the two is wanted is for you to say: the edit keeps what happens \
                     now; to have compression instead, remove the other one",
                );
            }
            Finding {
                rule: META.id,
                subject: conflict.subject(),
                severity: Severity::Warning,
                message,
                at: conflict.places.first().and_then(at),
                evidence,
            }
        };
        all(&mounted).iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mounted = Mounted::all(context.host);
        let conflicts = all(&mounted);
        let conflict = conflicts.iter().find(|c| c.subject() == finding.subject)?;
        // Which access times two contradicting wishes give hangs on util-linux: newer ones take the
        // last, and that is what NixOS has.
        if conflict.kind != FindingKind::Ambiguous && !conflict.is_idle() {
            return None;
        }
        let edit = |(mounted, list, option): &(&Mounted<'_>, usize, usize)| -> MountEdit {
            mounted.lists[*list].edited(&BTreeMap::from([(*option, None)]), Vec::new())
        };
        let mounts = conflict.places.iter().map(edit).collect();
        Some(Remedy {
            title: format!(
                "Remove `{}`, which `{}` undoes",
                conflict.loser, conflict.winner
            ),
            actions: vec![Action::EditMountOptions { mounts }],
            costs: Vec::new(),
            applicability: Applicability::Safe,
            effect: Effect::Clarity,
        })
    }
}

//! Options of the whole filesystem on a mount that has no say in them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::wording::listed;
use super::view::{Mounted, observed};
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::btrfs::Aspect;
use crate::model::Host;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `mount/ineffective-per-subvolume`
pub struct IneffectivePerSubvolume;

static META: Meta = Meta {
    relieves: &[Cause::SubvolumeMountOptionsIgnored],
    ..Meta::new(
        "mount/ineffective-per-subvolume",
        Severity::Warning,
        "An option of the whole filesystem stands on a subvolume that does not decide",
        include_str!("ineffective_per_subvolume.md"),
    )
};

const MEASURED: &str = "measured on 14 kernels: 34 pairs of mounts, a file written through each";

/// An option without effect, with the lists of one filesystem that have it.
struct Idle<'a> {
    mounted: &'a Mounted<'a>,
    text: String,
    about: Aspect,
    /// List and option.
    places: Vec<(usize, usize)>,
    decider: &'a str,
}

fn all<'a>(mounted: &'a [Mounted<'a>]) -> Vec<Idle<'a>> {
    let mut all: Vec<Idle<'a>> = Vec::new();
    for filesystem in mounted {
        let (Some(first), Some((specs, whole))) = (filesystem.decider(), &filesystem.whole) else {
            continue;
        };
        let from = all.len();
        for ignored in &whole.ignored {
            let option = &specs[ignored.mount].options[ignored.option];
            let Some(about) = filesystem.aspect(option) else {
                continue;
            };
            // Where the deciding mount says something else: mount/inconsistent-options.
            let elsewhere = filesystem.about(first, about).is_some();
            if filesystem.is_unsure(about) || elsewhere || ignored.mount == first {
                continue;
            }
            let place = (ignored.mount, ignored.option);
            match all[from..].iter_mut().find(|idle| idle.text == option.text) {
                Some(known) => known.places.push(place),
                None => all.push(Idle {
                    mounted: filesystem,
                    text: option.text.clone(),
                    about,
                    places: vec![place],
                    decider: &filesystem.lists[first].mount.mountpoint,
                }),
            }
        }
    }
    all
}

impl Idle<'_> {
    fn subject(&self) -> String {
        format!("{} of {}", self.text, self.mounted.filesystem.name())
    }

    fn mountpoints(&self) -> Vec<&str> {
        let at = |&(list, _): &(usize, usize)| self.mounted.lists[list].mount.mountpoint.as_str();
        self.places.iter().map(at).collect()
    }

    fn message(&self) -> String {
        let (text, decider) = (&self.text, self.decider);
        let at = listed(&self.mountpoints());
        let instead = match self.about {
            Aspect::DataCow | Aspect::DataSum => {
                " What works for one directory is `chattr +C` (layout/database-on-cow)."
            }
            Aspect::Compression => {
                " What works for one directory is `btrfs property set DIRECTORY compression zstd`."
            }
            _ => "",
        };
        format!(
            "`{text}` on {at} has no effect: {decider} is mounted first and decides for the whole \
             filesystem, and it does not ask for it. But a nixos-rebuild switch that reloads {at} \
             puts `{text}` in force for every subvolume until the next boot.{instead}"
        )
    }

    /// Whether it is compression that most mounts ask for: then the deciding one should, too. Swap
    /// files are never compressed, so what their mounts say does not count.
    fn is_wish_of_most(&self) -> bool {
        let mounted = self.mounted;
        let others: BTreeSet<usize> = self.places.iter().map(|(list, _)| *list).collect();
        let asks = |list: &&usize| mounted.about(**list, self.about).is_some();
        let all = 0..mounted.lists.len();
        let voters: Vec<usize> = all.filter(|list| !mounted.holds_swap(*list)).collect();
        let asking = voters.iter().filter(asks).count();
        // One that asks for another value is no vote for this one.
        let agreed = voters.iter().filter(|list| others.contains(list)).count() == asking;
        self.about == Aspect::Compression && agreed && asking * 2 > voters.len()
    }

    fn evidence(&self, host: &Host) -> Vec<Evidence> {
        let mut evidence = vec![Evidence::speaks_for(
            Weight::Strong,
            Source::Knowledge(MEASURED.to_owned()),
            "the first mount decides every option of a btrfs filesystem",
        )];
        for (list, option) in &self.places {
            let seen = &self.mounted.lists[*list];
            let at = &seen.mount.mountpoint;
            evidence.push(Evidence::speaks_for(
                Weight::Strong,
                Source::Configuration(seen.at(*option)),
                format!("`{}` stands on {at}, which is not mounted first", self.text),
            ));
            evidence.extend(observed(host, at));
        }
        evidence
    }
}

impl Rule for IneffectivePerSubvolume {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let mounted = Mounted::all(context.host);
        let finding = |idle: &Idle<'_>| Finding {
            rule: META.id,
            subject: idle.subject(),
            severity: Severity::Warning,
            message: idle.message(),
            at: idle
                .places
                .first()
                .and_then(|(l, o)| idle.mounted.lists[*l].at(*o)),
            evidence: idle.evidence(context.host),
        };
        all(&mounted).iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mounted = Mounted::all(context.host);
        let all = all(&mounted);
        let idle = all.iter().find(|idle| idle.subject() == finding.subject)?;
        if let (true, Some(first)) = (idle.is_wish_of_most(), idle.mounted.decider()) {
            return Some(Remedy {
                title: format!(
                    "Ask for `{}` on {}, which decides for the whole filesystem",
                    idle.text, idle.decider
                ),
                actions: vec![Action::EditMountOptions {
                    mounts: vec![idle.mounted.lists[first].with(&idle.text)],
                }],
                costs: vec![format!(
                    "what is written to {} from then on is compressed too, which takes processor \
                     time; what is there stays as it is",
                    idle.decider
                )],
                applicability: Applicability::Safe,
                effect: Effect::Compression,
            });
        }
        // A list may name it twice; all of it goes.
        let mut by_list: BTreeMap<usize, BTreeMap<usize, Option<String>>> = BTreeMap::new();
        for (list, option) in &idle.places {
            by_list.entry(*list).or_default().insert(*option, None);
        }
        let mounts = by_list
            .iter()
            .map(|(list, changes)| idle.mounted.lists[*list].edited(changes, Vec::new()))
            .collect();
        Some(Remedy {
            title: format!(
                "Remove `{}` from {}, where it is ignored",
                idle.text,
                listed(&idle.mountpoints())
            ),
            actions: vec![Action::EditMountOptions { mounts }],
            costs: Vec::new(),
            applicability: Applicability::Safe,
            effect: Effect::Clarity,
        })
    }
}

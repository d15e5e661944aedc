//! Options on which a mount fails, on this kernel or a later one: what two rules are about.

use std::collections::{BTreeMap, btree_map::Entry};

use super::super::wording::listed;
use super::view::{List, Mounted, observed};
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{
    MEASURED, MountOption, Refusal, RefusalKind, Scope, Target, Verdict, aspect, lookup, verdict,
    verdicts,
};
use crate::model::Host;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, MountEdit, Remedy, Severity,
};

/// An option that is refused, with every mount that has it.
pub(super) struct Fault<'a> {
    text: String,
    refusal: Refusal,
    /// Refused by the kernel that runs (or by one that may run, where that is not known), not only
    /// by a later one.
    today: bool,
    places: Vec<Place<'a>>,
}

struct Place<'a> {
    mounted: &'a Mounted<'a>,
    list: usize,
    option: usize,
}

/// The faults of a host whose kind is among those that a rule looks for, by the option's text.
pub(super) fn faults<'a>(
    mounted: &'a [Mounted<'a>],
    wanted: fn(RefusalKind) -> bool,
) -> Vec<Fault<'a>> {
    let mut faults: BTreeMap<String, Fault<'a>> = BTreeMap::new();
    for filesystem in mounted {
        for (list, seen) in filesystem.lists.iter().enumerate() {
            for (option, refused) in refusals(filesystem, &seen.options).into_iter().enumerate() {
                let Some((today, refusal)) = refused.filter(|(_, r)| wanted(r.kind)) else {
                    continue;
                };
                let place = Place {
                    mounted: filesystem,
                    list,
                    option,
                };
                match faults.entry(seen.options[option].text.clone()) {
                    Entry::Occupied(mut known) => known.get_mut().places.push(place),
                    Entry::Vacant(free) => {
                        let text = free.key().clone();
                        free.insert(Fault {
                            text,
                            refusal,
                            today,
                            places: vec![place],
                        });
                    }
                }
            }
        }
    }
    faults.into_values().collect()
}

/// For each option of a list whether it is refused today (true) or only by a later kernel.
fn refusals(on: &Mounted<'_>, options: &[MountOption]) -> Vec<Option<(bool, Refusal)>> {
    let at = |target: Target| verdicts(options, &target, &on.facts).into_iter();
    let mut found: Vec<Option<(bool, Refusal)>> = at(on.target)
        .map(|verdict| match verdict {
            // What a newer kernel knows is no fault while the kernel is not known.
            Verdict::Refused(refusal)
                if on.target != Target::Unknown || refusal.kind != RefusalKind::TooNew =>
            {
                Some((true, refusal))
            }
            _ => None,
        })
        .collect();
    let Target::Known(running) = on.target else {
        return found;
    };
    for later in MEASURED.into_iter().filter(|kernel| *kernel > running) {
        for (found, verdict) in found.iter_mut().zip(at(Target::Known(later))) {
            if let (None, Verdict::Refused(refusal)) = (&found, verdict) {
                *found = Some((false, refusal));
            }
        }
    }
    found
}

impl Place<'_> {
    fn seen(&self) -> &List<'_> {
        &self.mounted.lists[self.list]
    }

    /// What to write instead: what the kernel makes of the option, or what was probably meant, or
    /// what the deciding mount has for it; nothing where there is none of these.
    fn replacement(&self, fault: &Fault<'_>) -> Option<String> {
        let seen = self.seen();
        let option = &seen.options[self.option];
        let understood = kernels(self.mounted.target).find_map(|kernel| {
            match verdict(option, &Target::Known(kernel)) {
                Verdict::Accepted { effective } | Verdict::Warned { effective, .. } => effective,
                Verdict::Clamped { to, .. } => Some(to),
                _ => None,
            }
        });
        let meant = match understood {
            // The running kernel takes it, and makes nothing of it.
            None if !fault.today => return None,
            understood => understood
                .or_else(|| fault.refusal.suggestion.clone())
                .or_else(|| {
                    let written = |o: &&MountOption| o.name == option.name && o.text != option.text;
                    let mut others = self
                        .mounted
                        .lists
                        .iter()
                        .flat_map(|list| list.options.iter());
                    others.find(written).map(|o| o.text.clone())
                })?,
        };
        let meant = MountOption::new(&meant, 0);
        let about = aspect(&meant, &self.mounted.target);
        let on_filesystem = lookup(&meant.name).is_some_and(|s| s.scope == Scope::Filesystem);
        // What another mount decides, and does not ask for, would be ignored here whatever its value.
        let decider = self.mounted.decider().filter(|first| *first != self.list);
        let is_idle = |about| {
            let asked = decider.is_none_or(|first| self.mounted.about(first, about).is_some());
            !asked && !self.mounted.is_unsure(about)
        };
        if on_filesystem && about.is_some_and(is_idle) {
            return None;
        }
        let elsewhere = about
            .filter(|_| on_filesystem)
            .and_then(|about| self.mounted.asked_elsewhere(self.list, about));
        let text = elsewhere.map_or(meant.text, str::to_owned);
        // Neither a second option of the same kind nor one that fails as well is any help.
        let stands = seen.options.iter().enumerate().any(|(i, other)| {
            i != self.option
                && (other.text == text
                    || about.is_some() && aspect(other, &self.mounted.target) == about)
        });
        let mut changed = seen.options.clone();
        changed[self.option] = MountOption::new(&text, changed[self.option].element);
        let fails = refusals(self.mounted, &changed)[self.option].is_some();
        (!stands && !fails).then_some(text)
    }

    /// What the failing mount does to the machine.
    fn consequence(&self, fault: &Fault<'_>) -> String {
        let mount = self.seen().mount;
        let has = |name: &str| self.seen().options.iter().any(|o| o.name == name);
        let at = &mount.mountpoint;
        let fails = self
            .mounted
            .whole
            .as_ref()
            .is_none_or(|(_, w)| w.failed.contains(&self.list));
        if fault.today && !fails {
            return match fault.refusal.kind.is_conditional() {
                true => format!("{at} is mounted only because another mount comes before it"),
                false => format!(
                    "{at} is mounted because kernels before 6.8 read the options of the first \
                     mount only"
                ),
            };
        }
        match (has("nofail"), has("noauto")) {
            (_, true) => format!("{at} cannot be mounted when it is asked for"),
            (true, _) => format!(
                "{at} is not mounted and `nofail` keeps quiet about it: what is written there \
                 lands on the filesystem below"
            ),
            _ if at == "/" => "the machine does not boot".to_owned(),
            _ => format!("{at} is not mounted and booting stops"),
        }
    }
}

/// The running kernel and the measured ones, the newest first.
fn kernels(target: Target) -> impl Iterator<Item = crate::btrfs::KernelVersion> {
    let running = match target {
        Target::Known(kernel) => Some(kernel),
        Target::Unknown => None,
    };
    running.into_iter().chain(MEASURED.into_iter().rev())
}

impl Fault<'_> {
    /// What stays the same while other changes are made.
    pub(super) fn subject(&self) -> &str {
        &self.text
    }

    pub(super) fn finding(&self, meta: &'static Meta, context: &Context<'_>) -> Finding {
        let consequences: Vec<String> = self
            .places
            .iter()
            .map(|place| place.consequence(self))
            .collect();
        let then = if self.today { "so" } else { "then" };
        let message = format!("{}; {then} {}", self.refusal.message, listed(&consequences));
        Finding {
            rule: meta.id,
            subject: self.text.clone(),
            severity: if self.today {
                Severity::Error
            } else {
                Severity::Warning
            },
            message,
            at: self.places.first().and_then(|p| p.seen().at(p.option)),
            evidence: self.evidence(context.host),
        }
    }

    fn evidence(&self, host: &Host) -> Vec<Evidence> {
        let mut evidence = vec![Evidence::speaks_for(
            Weight::Strong,
            Source::Knowledge("src/btrfs/data/kernel_versions.tsv: each string mounted".to_owned()),
            format!("`{}` is refused {}", self.text, self.refusal.kernels),
        )];
        for place in &self.places {
            let at = &place.seen().mount.mountpoint;
            evidence.push(Evidence::speaks_for(
                Weight::Strong,
                Source::Configuration(place.seen().at(place.option)),
                format!("`{}` stands among the options of {at}", self.text),
            ));
            let source = host.metrics.mounts.first().map(|m| m.source.to_string());
            match (observed(host, at), source) {
                (None, Some(source)) => evidence.push(Evidence::speaks_for(
                    Weight::Strong,
                    Source::Metrics(source),
                    format!("{at} is not mounted on the running system"),
                )),
                (Some(_), Some(source)) if self.today => evidence.push(Evidence::speaks_against(
                    Weight::Weak,
                    Source::Metrics(source),
                    format!("{at} is mounted on the running system, perhaps by an older state"),
                )),
                _ => {}
            }
        }
        evidence
    }

    pub(super) fn remedy(&self) -> Option<Remedy> {
        // Two elements with one text cannot be told apart, and a filesystem of which nobody knows
        // whether it has the free space tree is not converted by a guess.
        let unclear = |p: &Place<'_>| {
            p.seen().has_twin(p.option)
                || self.refusal.kind == RefusalKind::FreeSpaceTree
                    && p.mounted.facts.free_space_tree != Some(true)
        };
        if self.places.iter().any(unclear) {
            return None;
        }
        let replacements: Vec<Option<String>> =
            self.places.iter().map(|p| p.replacement(self)).collect();
        let edit = |(place, new): (&Place<'_>, &Option<String>)| -> MountEdit {
            place
                .seen()
                .edited(&BTreeMap::from([(place.option, new.clone())]), Vec::new())
        };
        let title = match replacements.first() {
            Some(Some(new)) => format!("Write `{new}` instead of `{}`", self.text),
            _ => format!("Remove `{}`", self.text),
        };
        Some(Remedy {
            title,
            actions: vec![Action::EditMountOptions {
                mounts: self.places.iter().zip(&replacements).map(edit).collect(),
            }],
            costs: Vec::new(),
            applicability: Applicability::Safe,
            effect: Effect::Correctness,
        })
    }
}

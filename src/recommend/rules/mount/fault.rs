//! Options on which a mount fails, on this kernel or another one: what several rules are about, each
//! fault exactly one of them.

use std::collections::{BTreeMap, btree_map::Entry};

use super::super::wording::listed;
use super::spots::Spot;
use super::view::{List, Mounted, observed};
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{
    KernelVersion, MEASURED, MountOption, OptionSpec, Presence, Refusal, RefusalKind, Scope,
    Target, Verdict, aspect, lookup, verdict, verdicts,
};
use crate::model::Host;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, MountEdit, Remedy, Severity,
};

/// The rule that speaks about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// mount/unknown-option
    UnknownOption,
    /// mount/invalid-value
    InvalidValue,
    /// mount/removed-option
    RemovedOption,
    /// mount/deprecated-option
    DeprecatedOption,
    /// mount/space-cache
    SpaceCache,
}

impl Owner {
    fn of(refusal: &Refusal, option: &MountOption) -> Owner {
        match refusal.kind {
            RefusalKind::UnknownName | RefusalKind::DebugBuildOnly => Owner::UnknownOption,
            RefusalKind::BadValue
            | RefusalKind::UnexpectedValue
            | RefusalKind::TooNew
            | RefusalKind::NeedsReadOnly => Owner::InvalidValue,
            RefusalKind::FreeSpaceTree => Owner::SpaceCache,
            // What the long-term kernel still takes is on its way out; the rest is gone.
            RefusalKind::Removed => match verdict(option, &Target::Known(KernelVersion::ASSUMED)) {
                Verdict::Refused(Refusal {
                    kind: RefusalKind::Removed,
                    ..
                }) => Owner::RemovedOption,
                _ => Owner::DeprecatedOption,
            },
        }
    }
}

/// What a rule finds of the faults that are its own.
pub(super) fn findings(meta: &'static Meta, owner: Owner, context: &Context<'_>) -> Vec<Finding> {
    let mounted = Mounted::all(context.host);
    let faults = faults(&mounted, owner);
    faults.iter().map(|f| f.finding(meta, context)).collect()
}

/// What a rule would do about one of its faults.
pub(super) fn remedy(owner: Owner, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
    let mounted = Mounted::all(context.host);
    let faults = faults(&mounted, owner);
    let fault = faults.iter().find(|f| f.text == finding.subject)?;
    fault.remedy()
}

/// Whether an option fails a mount, on the kernel in question or another one that may come.
pub(super) fn is_refused(spot: &Spot<'_>) -> bool {
    refusals(spot.mounted, &spot.seen().options)[spot.option].is_some()
}

/// An option that is refused, with every mount that has it.
struct Fault<'a> {
    text: String,
    refusal: Refusal,
    /// Refused by the kernel that runs (or by the newest long-term one, where that is not known),
    /// not only by another one.
    today: bool,
    places: Vec<Place<'a>>,
}

struct Place<'a> {
    mounted: &'a Mounted<'a>,
    list: usize,
    option: usize,
}

/// The faults of a host that are a rule's own, by the option's text.
fn faults<'a>(mounted: &'a [Mounted<'a>], owner: Owner) -> Vec<Fault<'a>> {
    let mut faults: BTreeMap<String, Fault<'a>> = BTreeMap::new();
    for filesystem in mounted {
        for (list, seen) in filesystem.lists.iter().enumerate() {
            for (option, refused) in refusals(filesystem, &seen.options).into_iter().enumerate() {
                let own = |(_, r): &(bool, Refusal)| Owner::of(r, &seen.options[option]) == owner;
                let Some((today, refusal)) = refused.filter(own) else {
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

/// For each option of a list whether it is refused today (true) or only by another kernel: a later
/// one, or where it is not known which kernel runs, any.
fn refusals(on: &Mounted<'_>, options: &[MountOption]) -> Vec<Option<(bool, Refusal)>> {
    let running = on.target.representative();
    let at = |kernel| {
        let verdicts = verdicts(options, &Target::Known(kernel), &on.facts).into_iter();
        verdicts.map(|verdict| match verdict {
            Verdict::Refused(refusal) => Some(refusal),
            _ => None,
        })
    };
    let mut found: Vec<Option<(bool, Refusal)>> = at(running)
        .map(|refused| refused.map(|r| (true, r)))
        .collect();
    let others = MEASURED.into_iter().filter(|kernel| match on.target {
        Target::Known(_) => *kernel > running,
        Target::Unknown => true,
    });
    for other in others {
        for (found, refused) in found.iter_mut().zip(at(other)) {
            // What a newer kernel knows is no fault while the kernel is not known.
            let refused = refused.filter(|r| r.kind != RefusalKind::TooNew);
            if found.is_none() {
                *found = refused.map(|r| (false, r));
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

    /// Whether the mount fails on the kernel in question.
    fn fails(&self, fault: &Fault<'_>) -> bool {
        // Where the other mounts are not known, only `/` is known to be the first.
        let may_be_later =
            fault.refusal.kind.is_conditional() && self.seen().mount.mountpoint != "/";
        let whole = self.mounted.whole.as_ref();
        fault.today && whole.map_or(!may_be_later, |(_, w)| w.failed.contains(&self.list))
    }

    /// What the failing mount does to the machine.
    fn consequence(&self, fault: &Fault<'_>) -> String {
        let mount = self.seen().mount;
        let has = |name: &str| self.seen().options.iter().any(|o| o.name == name);
        let at = &mount.mountpoint;
        if fault.today && !self.fails(fault) {
            return match (fault.refusal.kind.is_conditional(), &self.mounted.whole) {
                (true, Some(_)) => {
                    format!("{at} is mounted only because another mount comes before it")
                }
                (true, None) => format!("{at} is not mounted once it comes before the others"),
                (false, _) => format!(
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
fn kernels(target: Target) -> impl Iterator<Item = KernelVersion> {
    let running = match target {
        Target::Known(kernel) => Some(kernel),
        Target::Unknown => None,
    };
    running.into_iter().chain(MEASURED.into_iter().rev())
}

impl Fault<'_> {
    fn finding(&self, meta: &'static Meta, context: &Context<'_>) -> Finding {
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
            severity: match self.places.iter().any(|place| place.fails(self)) {
                true => Severity::Error,
                false => Severity::Warning,
            },
            message,
            at: self.places.first().and_then(|p| p.seen().at(p.option)),
            evidence: self.evidence(context.host),
        }
    }

    fn spec(&self) -> Option<&'static OptionSpec> {
        let place = self.places.first()?;
        lookup(&place.seen().options[place.option].name)
    }

    fn evidence(&self, host: &Host) -> Vec<Evidence> {
        let mut evidence = vec![Evidence::speaks_for(
            Weight::Strong,
            Source::Knowledge("src/btrfs/data/kernel_versions.tsv: each string mounted".to_owned()),
            format!("`{}` is refused {}", self.text, self.refusal.kernels),
        )];
        if let (RefusalKind::Removed, Some(spec)) = (self.refusal.kind, self.spec()) {
            let said = |version: &dyn std::fmt::Display| {
                let what = if spec.notes.is_empty() { "" } else { "; " };
                format!(
                    "`{}` was taken out in {version}{what}{}",
                    spec.name, spec.notes
                )
            };
            let statement = match spec.presence {
                Presence::RemovedIn(version)
                | Presence::Gap {
                    removed: version, ..
                } => Some(said(&version)),
                Presence::Gone(version) => Some(said(&version)),
                Presence::Always | Presence::DebugBuilds => None,
            };
            let source = || Source::Knowledge(spec.source.to_owned());
            evidence
                .extend(statement.map(|text| Evidence::speaks_for(Weight::Strong, source(), text)));
        }
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

    fn remedy(&self) -> Option<Remedy> {
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

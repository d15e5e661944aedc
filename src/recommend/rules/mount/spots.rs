//! An option where it stands, and one option with all the mounts that have it: what the rules about
//! single options share.

use std::collections::BTreeMap;

use super::super::wording::listed;
use super::fault::is_refused;
use super::view::{List, Mounted};
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{MountOption, Scope, lookup};
use crate::nix::source::Span;
use crate::recommend::{Finding, Meta, MountEdit, Severity};

/// One option of one mount.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) mounted: &'a Mounted<'a>,
    pub(super) list: usize,
    pub(super) option: usize,
}

impl<'a> Spot<'a> {
    /// Every option of every mount whose options are known.
    pub(super) fn all(mounted: &'a [Mounted<'a>]) -> impl Iterator<Item = Spot<'a>> {
        mounted.iter().flat_map(|mounted| {
            mounted
                .lists
                .iter()
                .enumerate()
                .flat_map(move |(list, seen)| {
                    (0..seen.options.len()).map(move |option| Spot {
                        mounted,
                        list,
                        option,
                    })
                })
        })
    }

    pub(super) fn seen(&self) -> &'a List<'a> {
        &self.mounted.lists[self.list]
    }

    pub(super) fn option(&self) -> &'a MountOption {
        &self.seen().options[self.option]
    }

    pub(super) fn mountpoint(&self) -> &'a str {
        &self.seen().mount.mountpoint
    }

    pub(super) fn at(&self) -> Option<Span> {
        self.seen().at(self.option)
    }

    /// Whether the list has an option of one of these names.
    pub(super) fn is_beside(&self, names: &[&str]) -> bool {
        let mut options = self.seen().options.iter();
        options.any(|o| names.contains(&o.name.as_str()))
    }

    /// Whether other rules say that it does nothing: mount/ineffective-per-subvolume,
    /// mount/inconsistent-options and mount/conflicting-options.
    pub(super) fn is_idle(&self) -> bool {
        let on_filesystem =
            lookup(&self.option().name).is_some_and(|spec| spec.scope == Scope::Filesystem);
        let decided = self
            .mounted
            .decider()
            .is_some_and(|first| first != self.list);
        let ignored = || {
            let whole = self.mounted.whole.as_ref();
            whole.is_some_and(|(_, whole)| {
                let here =
                    |i: &crate::btrfs::Ignored| (i.mount, i.option) == (self.list, self.option);
                whole.ignored.iter().any(here)
            })
        };
        on_filesystem && decided && ignored() || self.mounted.is_beaten(self.list, self.option)
    }
}

/// One text, and what it is to a rule, with every place where it stands.
pub(super) struct Said<'a, T> {
    pub(super) text: &'a str,
    pub(super) what: T,
    pub(super) spots: Vec<Spot<'a>>,
}

/// What a rule makes of the options of a host, by their text. What fails a mount, on this kernel or
/// a later one, and what does nothing anywhere is left to the rules about that.
pub(super) fn said<'a, T>(
    mounted: &'a [Mounted<'a>],
    what: impl Fn(&Spot<'a>) -> Option<T>,
) -> Vec<Said<'a, T>> {
    let mut said: BTreeMap<&'a str, Said<'a, T>> = BTreeMap::new();
    for spot in Spot::all(mounted) {
        let Some(what) = what(&spot).filter(|_| !is_refused(&spot)) else {
            continue;
        };
        let text = spot.option().text.as_str();
        let known = said.entry(text).or_insert(Said {
            text,
            what,
            spots: Vec::new(),
        });
        known.spots.push(spot);
    }
    let mut said: Vec<Said<'a, T>> = said.into_values().collect();
    said.retain(|said| !said.spots.iter().all(Spot::is_idle));
    said
}

impl<'a, T> Said<'a, T> {
    /// The mount points, as words.
    pub(super) fn places(&self) -> String {
        let mut points: Vec<&str> = self.spots.iter().map(Spot::mountpoint).collect();
        points.dedup();
        listed(&points)
    }

    /// A finding about it: the knowledge that it rests on, then where it stands.
    pub(super) fn finding(
        &self,
        meta: &'static Meta,
        severity: Severity,
        message: String,
        knowledge: Vec<Evidence>,
    ) -> Finding {
        let stands = |spot: &Spot<'_>| {
            Evidence::speaks_for(
                Weight::Strong,
                Source::Configuration(spot.at()),
                format!(
                    "`{}` stands among the options of {}",
                    self.text,
                    spot.mountpoint()
                ),
            )
        };
        Finding {
            rule: meta.id,
            subject: self.text.to_owned(),
            severity,
            message,
            at: self.spots.first().and_then(Spot::at),
            evidence: knowledge
                .into_iter()
                .chain(self.spots.iter().map(stands))
                .collect(),
        }
    }

    /// The edits that replace it, or take it out, wherever it stands; none where an element cannot
    /// be told from another by its text (mount/duplicate-option comes first).
    pub(super) fn edits(
        &self,
        new: impl Fn(&Spot<'a>) -> Option<String>,
    ) -> Option<Vec<MountEdit>> {
        edits(self.spots.iter().map(|spot| (*spot, new(spot))))
    }
}

/// The edits that replace options (or, where nothing takes their place, remove them), one for each
/// mount. A list that would be left empty gets `defaults`: NixOS takes no empty one.
pub(super) fn edits<'a>(
    changes: impl IntoIterator<Item = (Spot<'a>, Option<String>)>,
) -> Option<Vec<MountEdit>> {
    let mut lists: Vec<(Spot<'a>, BTreeMap<usize, Option<String>>)> = Vec::new();
    for (spot, new) in changes {
        if spot.seen().has_twin(spot.option) {
            return None;
        }
        let same = |s: &Spot<'_>| std::ptr::eq(s.mounted, spot.mounted) && s.list == spot.list;
        match lists.iter_mut().find(|(known, _)| same(known)) {
            Some((_, known)) => drop(known.insert(spot.option, new)),
            None => lists.push((spot, BTreeMap::from([(spot.option, new)]))),
        }
    }
    let edit = |(spot, mut changes): (Spot<'a>, BTreeMap<usize, Option<String>>)| {
        let seen = spot.seen();
        let stays = |option: usize| {
            !seen.is_appended(option) && changes.get(&option).is_none_or(Option::is_some)
        };
        if !(0..seen.options.len()).any(stays)
            && let Some(first) = changes.values_mut().next()
        {
            *first = Some("defaults".to_owned());
        }
        seen.edited(&changes, Vec::new())
    };
    Some(lists.into_iter().map(edit).collect())
}

//! What mounts of one filesystem do not agree on, and how they come to agree.

use std::collections::BTreeMap;

use super::super::wording::listed;
use super::view::Mounted;
use super::vote::{Asked, is_default, majority};
use crate::btrfs::{Aspect, Decided, MountOption, Whole};
use crate::model::Host;
use crate::recommend::MountEdit;

/// One property of a filesystem on which its mounts do not agree.
pub(super) struct Dispute<'a> {
    pub(super) mounted: &'a Mounted<'a>,
    /// What each list says.
    pub(super) asked: Vec<Asked<'a>>,
    /// What all should have: an option, or none of it.
    pub(super) settled: Option<String>,
    /// The lists that must say it, because each of them may be the one that decides.
    must_say: Vec<usize>,
}

/// What the mounts of a host do not agree on.
pub(super) fn disputes<'a>(mounted: &'a [Mounted<'a>], host: &Host) -> Vec<Dispute<'a>> {
    mounted.iter().flat_map(|m| within(m, host)).collect()
}

fn within<'a>(mounted: &'a Mounted<'a>, host: &Host) -> Vec<Dispute<'a>> {
    let mut found = Vec::new();
    if mounted.whole.is_none() || mounted.lists.len() < 2 {
        return found;
    }
    let mut abouts: Vec<Aspect> = Vec::new();
    for option in mounted.lists.iter().flat_map(|list| &list.options) {
        abouts.extend(
            mounted
                .aspect(option)
                .filter(|about| !abouts.contains(about)),
        );
    }
    for about in abouts {
        let said = |list: usize| match mounted.promises(list, about) {
            true => Asked::Elsewhere,
            false => mounted
                .about(list, about)
                .map_or(Asked::Nothing, |(index, option)| {
                    // An option that its own list takes back: mount/conflicting-options.
                    match mounted.is_beaten(list, index) {
                        true => Asked::Nothing,
                        false => Asked::For(index, option),
                    }
                }),
        };
        let asked: Vec<Asked<'a>> = (0..mounted.lists.len()).map(said).collect();
        let (settled, must_say) = match mounted.decider().map(|first| asked[first]) {
            Some(Asked::For(_, option)) => (Some(option.text.clone()), Vec::new()),
            // What the deciding mount does not ask for: mount/ineffective-per-subvolume.
            Some(_) => continue,
            None => {
                let may_decide = may_decide(mounted);
                let agreed = agreed(mounted, &asked, &may_decide);
                let votes: Vec<Asked<'a>> = may_decide.iter().map(|list| asked[*list]).collect();
                let settled = agreed.or_else(|| majority(mounted, about, &votes, host));
                (settled, may_decide)
            }
        };
        let dispute = Dispute {
            mounted,
            asked,
            settled,
            must_say,
        };
        if !mounted.is_unsure(about) && !dispute.edits().is_empty() {
            found.push(dispute);
        }
    }
    found
}

/// The lists of which each may be the one that decides: those that chance chooses from, or all where
/// read-only mounts come before others.
fn may_decide(mounted: &Mounted<'_>) -> Vec<usize> {
    match &mounted.whole {
        Some((
            _,
            Whole {
                decided: Decided::ByChance(candidates),
                mixed_read_only: false,
                ..
            },
        )) => candidates.clone(),
        _ => (0..mounted.lists.len()).collect(),
    }
}

/// What all that may decide ask for alike.
fn agreed(mounted: &Mounted<'_>, asked: &[Asked<'_>], may_decide: &[usize]) -> Option<String> {
    let mut texts = may_decide.iter().map(|list| match asked[*list] {
        Asked::For(_, option) => Some((mounted.shown(option), &option.text)),
        Asked::Nothing | Asked::Elsewhere => None,
    });
    let (shown, text) = texts.next()??;
    texts
        .all(|other| other.is_some_and(|(other, _)| other == shown))
        .then(|| text.clone())
}

impl Dispute<'_> {
    pub(super) fn subject(&self) -> String {
        let names = self.asked.iter().filter_map(|asked| match asked {
            Asked::For(_, option) => Some(option.name.as_str()),
            Asked::Nothing | Asked::Elsewhere => None,
        });
        format!(
            "{} of {}",
            names.min().unwrap_or_default(),
            self.mounted.filesystem.name()
        )
    }

    pub(super) fn message(&self) -> String {
        let say = |(list, asked): (usize, &Asked<'_>)| {
            let at = &self.mounted.lists[list].mount.mountpoint;
            match asked {
                Asked::For(_, option) => Some(format!("`{}` on {at}", option.text)),
                Asked::Nothing => {
                    let matters = self.must_say.contains(&list);
                    matters.then(|| format!("nothing on {at}"))
                }
                Asked::Elsewhere => None,
            }
        };
        let asked: Vec<String> = self.asked.iter().enumerate().filter_map(say).collect();
        let why = match self.mounted.decider() {
            Some(first) => format!(
                "{} is mounted first and decides; a nixos-rebuild switch that reloads another one \
                 puts its value in force until the next boot",
                self.mounted.lists[first].mount.mountpoint
            ),
            None if self
                .mounted
                .whole
                .as_ref()
                .is_some_and(|(_, w)| w.mixed_read_only) =>
            {
                "a read-write mount follows a read-only one, and of its options kernels since 6.8 \
                 take over values but not switches"
                    .to_owned()
            }
            None => "which of them is mounted first is left to chance at every boot, and with it \
                     what the filesystem does"
                .to_owned(),
        };
        format!("One filesystem is asked for {}: {why}", listed(&asked))
    }

    pub(super) fn edits(&self) -> Vec<MountEdit> {
        let right = self
            .settled
            .as_ref()
            .map(|text| self.mounted.shown(&MountOption::new(text, 0)));
        let is_default = is_default(self.mounted, self.settled.as_deref());
        let edit = |(list, asked): (usize, &Asked<'_>)| {
            let seen = &self.mounted.lists[list];
            match (asked, &self.settled) {
                (Asked::For(_, option), _) if Some(self.mounted.shown(option)) == right => None,
                (Asked::For(index, _), settled) => {
                    let changes = BTreeMap::from([(*index, settled.clone())]);
                    Some(seen.edited(&changes, Vec::new()))
                }
                (Asked::Nothing, Some(option)) if !is_default && self.must_say.contains(&list) => {
                    Some(seen.with(option))
                }
                (Asked::Nothing | Asked::Elsewhere, _) => None,
            }
        };
        self.asked.iter().enumerate().filter_map(edit).collect()
    }
}

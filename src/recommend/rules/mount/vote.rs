//! What mounts of one filesystem ask for, and what most of them do.

use std::collections::BTreeMap;

use super::view::Mounted;
use crate::btrfs::{Aspect, Compression, MountOption, Switch, effective};
use crate::model::Host;

/// What a mount says about one property of its filesystem.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    /// This option, at this place of its list.
    For(usize, &'a MountOption),
    /// Nothing.
    Nothing,
    /// Something that does not exist and is to be replaced: mount/unknown-option.
    Elsewhere,
}

/// Options that give up safety, or rewrite what snapshots share (`autodefrag`, btrfs-progs
/// Documentation/ch-mount-options.rst): where votes are even, they lose.
fn is_risky(about: Aspect) -> bool {
    matches!(
        about,
        Aspect::DataCow
            | Aspect::DataSum
            | Aspect::Rescue
            | Aspect::Switch(
                Switch::NoBarrier | Switch::Degraded | Switch::NoTreeLog | Switch::Autodefrag
            )
    )
}

/// Whether an option only says what is so without it.
pub(super) fn is_default(mounted: &Mounted<'_>, option: Option<&str>) -> bool {
    option.is_some_and(|text| {
        let with = effective(
            &[MountOption::new(text, 0)],
            &mounted.target,
            &mounted.facts,
        );
        with.shown_fs == effective(&[], &mounted.target, &mounted.facts).shown_fs
    })
}

/// What most mounts ask for. Where votes are even: what the running system shows, then the cheaper
/// compression, then saying it rather than not, unless it gives up safety.
pub(super) fn majority(
    mounted: &Mounted<'_>,
    about: Aspect,
    asked: &[Asked<'_>],
    host: &Host,
) -> Option<String> {
    let in_force = |shown: &str| {
        mounted.lists.iter().any(|list| {
            let entries = host.metrics.mounts.iter();
            let mut here = entries.filter(|e| e.mountpoint == list.mount.mountpoint);
            here.any(|entry| entry.super_options.iter().any(|o| o == shown))
        })
    };
    let level = |option: &MountOption| {
        let one = std::slice::from_ref(option);
        match effective(one, &mounted.target, &mounted.facts)
            .state
            .compression()
        {
            Some(Compression::Zstd(level)) => i32::from(level),
            Some(Compression::Zlib(level)) => i32::from(level),
            Some(Compression::Lzo) | None => 0,
        }
    };
    // Votes, running, cheaper, said.
    let mut votes: BTreeMap<Option<String>, (usize, bool, i32, &str)> = BTreeMap::new();
    for vote in asked {
        let (shown, vote) = match vote {
            Asked::Elsewhere => continue,
            Asked::Nothing => (None, (0, false, 0, "")),
            Asked::For(_, option) => {
                let shown = mounted.shown(option);
                let vote = (0, in_force(&shown), -level(option), option.text.as_str());
                (Some(shown), vote)
            }
        };
        votes.entry(shown).or_insert(vote).0 += 1;
    }
    let said = |shown: &Option<String>| shown.is_some() != is_risky(about);
    let best = votes.iter().max_by(|(a, x), (b, y)| {
        let running = |runs: bool| runs && !is_risky(about);
        (x.0, running(x.1), said(a), x.2)
            .cmp(&(y.0, running(y.1), said(b), y.2))
            .then_with(|| b.cmp(a))
    });
    best.filter(|(shown, _)| shown.is_some())
        .map(|(_, vote)| vote.3.to_owned())
}

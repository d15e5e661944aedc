//! Mounts of one filesystem that ask for different things.

use std::collections::BTreeMap;

use super::super::wording::listed;
use super::view::{List, Mounted};
use super::vote::{Asked, is_default, majority};
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{Aspect, MountOption};
use crate::model::Host;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, MountEdit, Remedy, Rule, Severity,
};

/// `mount/inconsistent-options`
pub struct InconsistentOptions;

static META: Meta = Meta {
    id: "mount/inconsistent-options",
    severity: Severity::Warning,
    summary: "Mounts of one filesystem ask for different values of what it has only once",
    page: include_str!("inconsistent_options.md"),
};

/// One property of a filesystem on which its mounts do not agree.
struct Dispute<'a> {
    mounted: &'a Mounted<'a>,
    about: Aspect,
    /// What each list says.
    asked: Vec<Asked<'a>>,
    /// What all should have: an option, or none of it.
    settled: Option<String>,
    /// Whether also mounts that say nothing matter.
    all_must_say: bool,
}

fn all<'a>(mounted: &'a [Mounted<'a>], host: &Host) -> Vec<Dispute<'a>> {
    mounted.iter().flat_map(|m| disputes(m, host)).collect()
}

fn disputes<'a>(mounted: &'a Mounted<'a>, host: &Host) -> Vec<Dispute<'a>> {
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
        let (settled, all_must_say) = match mounted.decider().map(|first| asked[first]) {
            Some(Asked::For(_, option)) => (Some(option.text.clone()), false),
            // What the deciding mount does not ask for: mount/ineffective-per-subvolume.
            Some(_) => continue,
            None => (majority(mounted, about, &asked, host), true),
        };
        let dispute = Dispute {
            mounted,
            about,
            asked,
            settled,
            all_must_say,
        };
        if !mounted.is_unsure(about) && !dispute.edits().is_empty() {
            found.push(dispute);
        }
    }
    found
}

impl Dispute<'_> {
    fn subject(&self) -> String {
        format!("{:?} of {}", self.about, self.mounted.filesystem.name()).to_lowercase()
    }

    fn message(&self) -> String {
        let say = |(list, asked): (usize, &Asked<'_>)| {
            let at = &self.mounted.lists[list].mount.mountpoint;
            match asked {
                Asked::For(_, option) => Some(format!("`{}` on {at}", option.text)),
                Asked::Nothing => self.all_must_say.then(|| format!("nothing on {at}")),
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

    fn edits(&self) -> Vec<MountEdit> {
        let right = self
            .settled
            .as_ref()
            .map(|text| self.mounted.shown(&MountOption::new(text, 0)));
        let must_say = self.all_must_say && !is_default(self.mounted, self.settled.as_deref());
        let edit = |(list, asked): (usize, &Asked<'_>)| {
            let seen = &self.mounted.lists[list];
            match (asked, &self.settled) {
                (Asked::For(_, option), _) if Some(self.mounted.shown(option)) == right => None,
                (Asked::For(index, _), settled) => {
                    let changes = BTreeMap::from([(*index, settled.clone())]);
                    Some(seen.edited(&changes, Vec::new()))
                }
                (Asked::Nothing, Some(option)) if must_say => Some(seen.with(option)),
                (Asked::Nothing | Asked::Elsewhere, _) => None,
            }
        };
        self.asked.iter().enumerate().filter_map(edit).collect()
    }
}

impl Rule for InconsistentOptions {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let mounted = Mounted::all(context.host);
        let finding = |dispute: &Dispute<'_>| {
            let mut evidence = vec![Evidence::speaks_for(
                Weight::Strong,
                Source::Knowledge("measured on 14 kernels: 34 pairs of mounts".to_owned()),
                "the first mount decides every option of a btrfs filesystem",
            )];
            let asked = || dispute.mounted.lists.iter().zip(&dispute.asked);
            evidence.extend(asked().filter_map(|(seen, asked)| {
                let Asked::For(index, option) = asked else {
                    return None;
                };
                Some(Evidence::speaks_for(
                    Weight::Moderate,
                    Source::Configuration(seen.at(*index)),
                    format!("{} asks for `{}`", seen.mount.mountpoint, option.text),
                ))
            }));
            let edits = dispute.edits();
            let changed = |seen: &List<'_>| {
                edits
                    .first()
                    .is_some_and(|edit| edit.mountpoint == seen.mount.mountpoint)
            };
            let at =
                asked()
                    .find(|(seen, _)| changed(seen))
                    .and_then(|(seen, asked)| match asked {
                        Asked::For(index, _) => seen.at(*index),
                        Asked::Nothing | Asked::Elsewhere => seen.mount.at,
                    });
            Finding {
                rule: META.id,
                subject: dispute.subject(),
                severity: Severity::Warning,
                message: dispute.message(),
                at,
                evidence,
            }
        };
        all(&mounted, context.host).iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mounted = Mounted::all(context.host);
        let disputes = all(&mounted, context.host);
        let dispute = disputes.iter().find(|d| d.subject() == finding.subject)?;
        let mounts = dispute.edits();
        let title = match &dispute.settled {
            Some(option) => format!("Ask for `{option}` on every mount that says otherwise"),
            None => "Ask for it on no mount".to_owned(),
        };
        (!mounts.is_empty()).then(|| Remedy {
            title,
            actions: vec![Action::EditMountOptions { mounts }],
            costs: Vec::new(),
            applicability: Applicability::Safe,
            effect: Effect::Clarity,
        })
    }
}

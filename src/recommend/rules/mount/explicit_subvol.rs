//! `subvol=` written among the options of a subvolume that disko mounts.

use std::collections::BTreeMap;

use super::super::wording::listed;
use super::view::Mounted;
use crate::analyze::{Evidence, Source, Weight};
use crate::model::MountSource;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `mount/explicit-subvol`
pub struct ExplicitSubvol;

static META: Meta = Meta::new(
    "mount/explicit-subvol",
    Severity::Warning,
    "`subvol=` is written out although disko appends it",
    include_str!("explicit_subvol.md"),
);

/// The mounts of disko's subvolumes that name a subvolume themselves.
struct Named<'a> {
    mounted: &'a Mounted<'a>,
    list: usize,
    /// Options that name the subvolume that disko appends.
    same: Vec<usize>,
    /// `subvol=` of another one.
    other: Vec<usize>,
}

fn all<'a>(mounted: &'a [Mounted<'a>]) -> Vec<Named<'a>> {
    let mut all = Vec::new();
    for filesystem in mounted {
        for (list, seen) in filesystem.lists.iter().enumerate() {
            let (MountSource::Disko(_), Some(appended)) =
                (&seen.mount.source, &seen.mount.subvolume)
            else {
                continue;
            };
            let mut named = Named {
                mounted: filesystem,
                list,
                same: Vec::new(),
                other: Vec::new(),
            };
            for (index, option) in seen.options.iter().enumerate() {
                let value = option.value.as_deref().unwrap_or_default();
                match option.name.as_str() {
                    "subvol" if seen.is_appended(index) => {}
                    "subvol" if value.trim_matches('/') == appended.trim_matches('/') => {
                        named.same.push(index);
                    }
                    "subvol" => named.other.push(index),
                    _ => {}
                }
            }
            if named.all().next().is_some() {
                all.push(named);
            }
        }
    }
    all
}

impl Named<'_> {
    fn all(&self) -> impl Iterator<Item = usize> {
        self.other.iter().chain(&self.same).copied()
    }

    fn mountpoint(&self) -> &str {
        &self.mounted.lists[self.list].mount.mountpoint
    }

    fn message(&self) -> String {
        let seen = &self.mounted.lists[self.list];
        let at = self.mountpoint();
        let appended = seen.mount.subvolume.as_deref().unwrap_or_default();
        let texts = |options: &[usize]| {
            let quoted: Vec<String> = options
                .iter()
                .map(|o| format!("`{}`", seen.options[*o].text))
                .collect();
            listed(&quoted)
        };
        if !self.other.is_empty() {
            return format!(
                "{at} asks for {}, but disko appends `subvol={appended}` behind it and the last \
                 one wins: {appended} is mounted. Say which one is meant by the name of the \
                 subvolume, and take the option out",
                texts(&self.other)
            );
        }
        format!(
            "{at} says {}, which disko appends itself",
            texts(&self.same)
        )
    }
}

impl Rule for ExplicitSubvol {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let mounted = Mounted::all(context.host);
        let finding = |named: &Named<'_>| {
            let seen = &named.mounted.lists[named.list];
            let at = named.all().next().and_then(|option| seen.at(option));
            Finding {
                rule: META.id,
                subject: named.mountpoint().to_owned(),
                severity: Severity::Warning,
                message: named.message(),
                at,
                evidence: vec![
                    Evidence::speaks_for(
                        Weight::Strong,
                        Source::Knowledge(
                            "disko lib/types/btrfs.nix: options = mountOptions ++ \
                             [ \"subvol=…\" ]"
                                .to_owned(),
                        ),
                        "disko appends the subvolume to the options of its mount",
                    ),
                    Evidence::speaks_for(
                        Weight::Strong,
                        Source::Configuration(at),
                        format!("{} names a subvolume itself", named.mountpoint()),
                    ),
                ],
            }
        };
        all(&mounted).iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mounted = Mounted::all(context.host);
        let all = all(&mounted);
        let named = all
            .iter()
            .find(|named| named.mountpoint() == finding.subject)?;
        // Which subvolume is meant is for the owner to say.
        if !named.other.is_empty() {
            return None;
        }
        let seen = &named.mounted.lists[named.list];
        let changes: BTreeMap<usize, Option<String>> =
            named.same.iter().map(|option| (*option, None)).collect();
        let edit = seen.edited(&changes, Vec::new());
        Some(Remedy {
            title: "Leave `subvol=` to disko".to_owned(),
            actions: vec![Action::EditMountOptions { mounts: vec![edit] }],
            costs: Vec::new(),
            applicability: Applicability::Safe,
            effect: Effect::Clarity,
        })
    }
}

//! Filesystems that wait for each discard.

use super::super::wording::listed;
use super::in_force::medium;
use super::trim::{containers, is_async_by_default};
use super::view::{Mounted, observed};
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::btrfs::{Aspect, Discard};
use crate::model::Host;
use crate::model::hardware::Medium;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `mount/discard-sync`
pub struct DiscardSync;

static META: Meta = Meta {
    relieves: &[Cause::DiscardSync],
    ..Meta::new(
        "mount/discard-sync",
        Severity::Warning,
        "Freed space is discarded while a commit waits for it",
        include_str!("discard_sync.md"),
    )
};

/// The options that ask for it, where it is in force and reaches a device that takes it.
fn places(host: &Host, mounted: &Mounted<'_>) -> Vec<(usize, usize)> {
    let sync = mounted
        .in_force()
        .is_some_and(|e| e.state.discard() == Discard::Sync);
    let rotates = medium(host, mounted.filesystem).is_some_and(|m| m.0 == Medium::Rotational);
    let held = containers(host, mounted.filesystem)
        .iter()
        .any(|container| container.allows == Some(false));
    if !sync || rotates || held || mounted.facts.discard == Some(false) {
        return Vec::new();
    }
    mounted.asking(Aspect::Discard, |o| mounted.shown(o) == "discard")
}

impl Rule for DiscardSync {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        let finding = |mounted: &Mounted<'_>| {
            let places = places(host, mounted);
            let (list, option) = *places.first()?;
            let at = mounted.mountpoints(&places);
            let mut evidence = vec![Evidence::speaks_for(
                Weight::Moderate,
                Source::Knowledge("https://btrfs.readthedocs.io/en/latest/Trim.html".to_owned()),
                "the documentation does not recommend it: it discards at once, in many small pieces",
            )];
            evidence.extend(mounted.written(&places));
            evidence.extend(observed(host, at.first()?));
            evidence.push(Evidence::speaks_against(
                Weight::Weak,
                Source::Knowledge("measured on 6.18.44 with 2350 files deleted".to_owned()),
                "where the device answers a discard at once it took 0.95 to 1.04 of the time",
            ));
            Some(Finding {
                rule: META.id,
                subject: mounted.filesystem.name().to_owned(),
                severity: Severity::Warning,
                message: format!(
                    "{} on {} discards freed space within each commit, which waits for the device; \
                     `discard=async` gathers the pieces and discards them later",
                    listed(&mounted.texts(&places)),
                    listed(&at)
                ),
                at: mounted.lists[list].at(option),
                evidence,
            })
        };
        Mounted::all(host).iter().filter_map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let host = context.host;
        let all = Mounted::all(host);
        let mounted = all
            .iter()
            .find(|m| m.filesystem.name() == finding.subject)?;
        // Where the kernel is known to choose it by itself it need not be written.
        let by_itself =
            mounted.facts.discard == Some(true) && is_async_by_default(host) == Some(true);
        let new = (!by_itself).then(|| "discard=async".to_owned());
        let mounts = mounted.edits(&places(host, mounted), |_| new.clone());
        (!mounts.is_empty()).then(|| Remedy {
            title: match by_itself {
                true => "Leave `discard` out: the kernel discards asynchronously".to_owned(),
                false => "Discard asynchronously".to_owned(),
            },
            actions: vec![Action::EditMountOptions { mounts }],
            costs: vec![
                "freed space is discarded some time later: until then what was deleted can still \
                 be read from the device"
                    .to_owned(),
            ],
            applicability: Applicability::Safe,
            effect: Effect::Trim,
        })
    }
}

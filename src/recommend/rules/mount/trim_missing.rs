//! Flash that is never told what is free.

use serde_json::Value as Json;

use super::super::devices::is_guest;
use super::super::wording::listed;
use super::in_force::medium;
use super::trim::{FSTRIM, Fstrim, containers, fstrim, is_async_by_default};
use super::view::Mounted;
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::btrfs::{Aspect, Discard};
use crate::model::Host;
use crate::model::hardware::Medium;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `mount/trim-missing`
pub struct TrimMissing;

static META: Meta = Meta {
    relieves: &[Cause::DiscardMissing],
    ..Meta::new(
        "mount/trim-missing",
        Severity::Warning,
        "Nothing tells a solid state disk which space is free",
        include_str!("trim_missing.md"),
    )
};

/// What tells that nothing discards on a filesystem on flash.
fn untrimmed(host: &Host, mounted: &Mounted<'_>) -> Option<Vec<Evidence>> {
    let (_, flash) = medium(host, mounted.filesystem).filter(|m| m.0 == Medium::SolidState)?;
    // Where LUKS holds discards back, or may: mount/trim-through-luks.
    let passes = containers(host, mounted.filesystem)
        .iter()
        .all(|container| container.allows == Some(true));
    let off = mounted.in_force()?.state.discard() == Discard::Off;
    if !passes || !off || mounted.facts.discard == Some(false) {
        return None;
    }
    let places = mounted.asking(Aspect::Discard, |_| true);
    let mut evidence = vec![flash];
    match is_async_by_default(host) {
        Some(false) => evidence.push(Evidence::speaks_for(
            Weight::Moderate,
            Source::Knowledge("measured on 6.1.176 and 6.6.63".to_owned()),
            format!(
                "before Linux 6.2 nothing is discarded on {} unless `discard` is asked for",
                mounted.filesystem.name()
            ),
        )),
        Some(true) | None if places.is_empty() => return None,
        Some(true) | None => evidence.extend(mounted.written(&places)),
    }
    Some(evidence)
}

struct Case<'a> {
    names: Vec<&'a str>,
    fstrim: Fstrim,
    evidence: Vec<Evidence>,
}

fn case(host: &Host) -> Option<Case<'_>> {
    let fstrim = fstrim(host).filter(|f| !f.on)?;
    // Below a guest's disk lies storage that somebody else looks after.
    if is_guest(host) {
        return None;
    }
    let (mut names, mut evidence) = (Vec::new(), Vec::new());
    for mounted in Mounted::all(host) {
        if let Some(told) = untrimmed(host, &mounted) {
            names.push(mounted.filesystem.name());
            evidence.extend(told);
        }
    }
    evidence.push(match fstrim.said {
        true => Evidence::speaks_for(
            Weight::Moderate,
            Source::Configuration(fstrim.at),
            "services.fstrim.enable is set to false",
        ),
        false => Evidence::speaks_for(
            Weight::Moderate,
            Source::Knowledge("https://github.com/NixOS/nixpkgs/pull/345285".to_owned()),
            "before NixOS 24.11 services.fstrim.enable is false unless it is set",
        ),
    });
    (!names.is_empty()).then_some(Case {
        names,
        fstrim,
        evidence,
    })
}

impl Rule for TrimMissing {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case<'_>| Finding {
            rule: META.id,
            subject: FSTRIM.to_owned(),
            severity: match case.fstrim.said {
                true => Severity::Advice,
                false => Severity::Warning,
            },
            message: format!(
                "Nothing discards free space on {}: neither the mount nor services.fstrim does, \
                 so the disk goes on copying what was deleted",
                listed(&case.names)
            ),
            at: case.fstrim.at,
            evidence: case.evidence,
        };
        case(context.host).map(finding).into_iter().collect()
    }

    fn remedy(&self, context: &Context<'_>, _: &Finding) -> Option<Remedy> {
        let case = case(context.host)?;
        Some(Remedy {
            title: "Run fstrim once a week".to_owned(),
            actions: vec![Action::SetNixosOption {
                path: FSTRIM.split('.').map(str::to_owned).collect(),
                value: Json::Bool(true),
            }],
            costs: vec![
                "what was deleted cannot be brought back from the disk after the next run"
                    .to_owned(),
                "once a week the disk is busy for as long as the run takes".to_owned(),
            ],
            // Somebody who wrote `false` may have had a reason.
            applicability: match case.fstrim.said {
                true => Applicability::Consent,
                false => Applicability::Safe,
            },
            effect: Effect::Trim,
        })
    }
}

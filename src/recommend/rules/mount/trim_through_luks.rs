//! Discards that LUKS holds back.

use super::in_force::medium;
use super::trim::{Container, containers, fstrim};
use super::view::Mounted;
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::btrfs::Aspect;
use crate::model::Host;
use crate::model::hardware::Medium;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, LuksSetting, Meta, Remedy, Rule, Severity,
};

/// `mount/trim-through-luks`
pub struct TrimThroughLuks;

static META: Meta = Meta {
    relieves: &[Cause::DiscardMissing],
    ..Meta::new(
        "mount/trim-through-luks",
        Severity::Warning,
        "Discards are asked for and end at LUKS",
        include_str!("trim_through_luks.md"),
    )
};

const MANUAL: &str = "https://docs.kernel.org/admin-guide/device-mapper/dm-crypt.html";

/// A container that holds back what is asked for above it.
struct Case<'a> {
    container: Container,
    filesystem: &'a str,
    /// What asks for discards, as evidence.
    asked: Vec<Evidence>,
    /// The same in words.
    by: String,
    /// Whether a mount of the filesystem asks, and not the timer for all.
    by_mount: bool,
}

fn cases(host: &Host) -> Vec<Case<'_>> {
    let mut found: Vec<Case<'_>> = Vec::new();
    for mounted in Mounted::all(host) {
        let below = medium(host, mounted.filesystem).map(|(medium, _)| medium);
        if below == Some(Medium::Rotational) {
            continue;
        }
        let places = mounted.asking(Aspect::Discard, |o| mounted.shown(o).starts_with("discard"));
        let fstrim = fstrim(host).filter(|f| f.on && f.said);
        let (asked, by) = match (places.first(), fstrim) {
            (Some((list, option)), _) => {
                let seen = &mounted.lists[*list];
                let text = &seen.options[*option].text;
                let by = format!("`{text}` on {}", seen.mount.mountpoint);
                (mounted.written(&places), by)
            }
            // The timer is set for all: what it does on disks that may rotate is no matter.
            (None, Some(fstrim)) if below == Some(Medium::SolidState) => {
                let asked = Evidence::speaks_for(
                    Weight::Moderate,
                    Source::Configuration(fstrim.at),
                    "services.fstrim.enable is set to true",
                );
                (vec![asked], "services.fstrim".to_owned())
            }
            (None, _) => continue,
        };
        for container in containers(host, mounted.filesystem) {
            let known = found.iter().any(|c| c.container.path == container.path);
            // Somebody who wrote `false` has decided.
            let option = format!("boot.initrd.luks.devices.{}.allowDiscards", container.name);
            if container.allows == Some(false) && !known && !host.settings.is_defined(&option) {
                found.push(Case {
                    container,
                    filesystem: mounted.filesystem.name(),
                    asked: asked.clone(),
                    by: by.clone(),
                    by_mount: !places.is_empty(),
                });
            }
        }
    }
    found
}

fn finding(case: Case<'_>) -> Finding {
    let name = &case.container.name;
    let mut evidence = case.asked;
    evidence.push(Evidence::speaks_for(
        Weight::Moderate,
        Source::Configuration(case.container.at),
        format!("{name} does not set allowDiscards"),
    ));
    evidence.push(Evidence::speaks_against(
        Weight::Weak,
        Source::Knowledge(MANUAL.to_owned()),
        "dm-crypt holds discards back by default, because they show which blocks are in use",
    ));
    Finding {
        rule: META.id,
        subject: name.clone(),
        severity: match case.by_mount {
            true => Severity::Warning,
            false => Severity::Advice,
        },
        message: format!(
            "{} asks for discards, and {name} below {} does not let them through: the disk never \
             learns what is free",
            case.by, case.filesystem
        ),
        at: case.container.at,
        evidence,
    }
}

impl Rule for TrimThroughLuks {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        cases(context.host).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mut cases = cases(context.host).into_iter();
        let case = cases.find(|c| c.container.name == finding.subject)?;
        Some(Remedy {
            title: format!("Let discards through {}", case.container.name),
            actions: vec![Action::SetLuksSetting {
                luks: case.container.path,
                setting: LuksSetting::AllowDiscards,
                on: true,
            }],
            costs: vec![
                "whoever holds the disk sees which blocks are in use, and from that how full it is \
                 and what filesystem is on it"
                    .to_owned(),
                "what was deleted cannot be brought back from the disk".to_owned(),
            ],
            applicability: Applicability::Consent,
            effect: Effect::Trim,
        })
    }
}

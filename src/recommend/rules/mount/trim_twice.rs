//! Space that is discarded as it is freed, and once a week again.

use super::in_force::medium;
use super::trim::{FSTRIM, containers, fstrim, is_async_by_default};
use super::view::Mounted;
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::btrfs::{Aspect, Discard};
use crate::model::Host;
use crate::model::hardware::Medium;
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `mount/trim-twice`
pub struct TrimTwice;

static META: Meta = Meta {
    relieves: &[Cause::FstrimStorm],
    // Harmless: only those who want to know ask for it.
    default_on: false,
    ..Meta::new(
        "mount/trim-twice",
        Severity::Advice,
        "fstrim runs where btrfs discards by itself",
        include_str!("trim_twice.md"),
    )
};

/// Mount points of filesystems that no timer is needed for.
const SMALL: [&str; 7] = [
    "/boot",
    "/boot/efi",
    "/efi",
    "/tmp",
    "/var/tmp",
    "/dev/shm",
    "/run",
];

/// What tells that a filesystem discards by itself, where that is known.
fn discards(host: &Host, mounted: &Mounted<'_>) -> Option<Evidence> {
    let asynchronous = mounted.in_force()?.state.discard() == Discard::Async;
    let withheld = containers(host, mounted.filesystem)
        .iter()
        .any(|container| container.allows != Some(true));
    if !asynchronous || withheld || mounted.facts.discard == Some(false) {
        return None;
    }
    let places = mounted.asking(Aspect::Discard, |o| mounted.shown(o) == "discard=async");
    let flash = medium(host, mounted.filesystem).filter(|m| m.0 == Medium::SolidState);
    if let Some(first) = mounted.written(&places).into_iter().next() {
        return flash.map(|_| first);
    }
    (is_async_by_default(host)? && flash.is_some()).then(|| {
        Evidence::speaks_for(
            Weight::Moderate,
            Source::Knowledge("https://btrfs.readthedocs.io/en/latest/Trim.html".to_owned()),
            format!(
                "the kernel chooses `discard=async` for {}",
                mounted.filesystem.name()
            ),
        )
    })
}

fn finding(host: &Host) -> Option<Finding> {
    let fstrim = fstrim(host).filter(|f| f.on && f.said)?;
    let all = Mounted::all(host);
    let needs_timer = |at: &String| !SMALL.contains(&at.as_str());
    if all.is_empty() || host.storage.others.iter().any(needs_timer) {
        return None;
    }
    let evidence: Option<Vec<Evidence>> = all.iter().map(|m| discards(host, m)).collect();
    let mut evidence = evidence?;
    evidence.push(Evidence::speaks_for(
        Weight::Weak,
        Source::Configuration(fstrim.at),
        "services.fstrim.enable is set to true",
    ));
    evidence.push(Evidence::speaks_against(
        Weight::Moderate,
        Source::Knowledge(
            "https://btrfs.readthedocs.io/en/latest/ch-mount-options.html".to_owned(),
        ),
        "a device may ignore a discard of a small range, and a run over all free space reaches it",
    ));
    Some(Finding {
        rule: META.id,
        subject: FSTRIM.to_owned(),
        severity: Severity::Advice,
        message: "services.fstrim discards once a week what btrfs has discarded as it was freed; \
                  that does no harm but the load of the run. Set services.fstrim.enable = false \
                  to have it once"
            .to_owned(),
        at: fstrim.at,
        evidence,
    })
}

impl Rule for TrimTwice {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        finding(context.host).into_iter().collect()
    }

    fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
        None
    }
}

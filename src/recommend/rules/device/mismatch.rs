//! Owns: disks whose scheduler does not suit them, by what the configuration chooses or the machine
//! shows.

use super::choice::{Chooser, choice};
use super::disk::{Device, of_host};
use crate::analyze::{Evidence, Source, Weight};
use crate::model::Host;
use crate::model::hardware::Medium;
use crate::nix::source::Span;

/// What is wrong with one choice, with all disks that it is wrong for.
pub(super) struct Case {
    pub wrong: Wrong,
    pub disks: Vec<String>,
    pub filesystems: Vec<String>,
    pub at: Option<Span>,
    pub evidence: Vec<Evidence>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// NVMe behind a scheduler that sorts.
    Sorted(Chooser, String),
    /// A rotating disk behind one that does not, as the configuration says.
    Unsorted(Chooser, String),
    /// The same, as the machine shows it.
    ShownUnsorted(String),
}

impl Wrong {
    pub(super) fn subject(&self) -> String {
        match self {
            Wrong::Sorted(by, _) => format!("{} on NVMe", by.describe()),
            Wrong::Unsorted(by, _) => format!("{} on rotating disks", by.describe()),
            Wrong::ShownUnsorted(scheduler) => format!("{scheduler} on rotating disks"),
        }
    }
}

fn wrong_of(host: &Host, device: &Device<'_>) -> Option<(Wrong, Option<Span>, Evidence)> {
    let chosen = choice(host, device).ok()?;
    let shown = device.kernel_name().and_then(|name| {
        let mut all = host.metrics.block_devices.iter();
        let found = all.find(|b| b.name == name)?;
        Some((found.scheduler.as_deref()?, found.source.to_string()))
    });
    let told = |at| {
        let what = format!("the configuration chooses it for {}", device.name);
        Evidence::speaks_for(Weight::Moderate, Source::Configuration(at), what)
    };
    match chosen {
        Some(choice) if device.nvme && matches!(&*choice.scheduler, "bfq" | "mq-deadline") => {
            // What the configuration says does not reach the disk, or not yet.
            if shown.is_some_and(|(shown, _)| shown != choice.scheduler) {
                return None;
            }
            let wrong = Wrong::Sorted(choice.by, choice.scheduler);
            Some((wrong, choice.at, told(choice.at)))
        }
        Some(choice) if device.medium == Medium::Rotational && is_unsorted(&choice.scheduler) => {
            let wrong = Wrong::Unsorted(choice.by, choice.scheduler);
            Some((wrong, choice.at, told(choice.at)))
        }
        None if device.medium == Medium::Rotational => {
            let (scheduler, file) = shown.filter(|(shown, _)| is_unsorted(shown))?;
            let what = format!("{} runs with {scheduler}", device.name);
            let evidence = Evidence::speaks_for(Weight::Strong, Source::Metrics(file), what);
            Some((Wrong::ShownUnsorted(scheduler.to_owned()), None, evidence))
        }
        _ => None,
    }
}

fn is_unsorted(scheduler: &str) -> bool {
    matches!(scheduler, "none" | "kyber")
}

pub(super) fn cases(host: &Host) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (filesystem, device) in of_host(host) {
        let Some((wrong, at, evidence)) = wrong_of(host, &device) else {
            continue;
        };
        let medium = match device.medium {
            Medium::Rotational => "rotates",
            _ => "is an NVMe disk",
        };
        let what = format!("{} {medium}", device.name);
        let is = Evidence::speaks_for(Weight::Moderate, device.source, what);
        let name = filesystem.name().to_owned();
        match cases.iter_mut().find(|case| case.wrong == wrong) {
            Some(case) => {
                case.disks.push(device.name);
                case.evidence.push(is);
                if !case.filesystems.contains(&name) {
                    case.filesystems.push(name);
                }
            }
            None => cases.push(Case {
                wrong,
                disks: vec![device.name],
                filesystems: vec![name],
                at,
                evidence: vec![evidence, is],
            }),
        }
    }
    cases
}

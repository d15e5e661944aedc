//! Two subvolumes or filesystems with one mount point.

use std::collections::BTreeMap;

use super::super::wording::listed;
use crate::analyze::{Evidence, Source, Weight};
use crate::model::{Filesystem, Host, Mount, MountSource};
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `layout/same-mountpoint-twice`
pub struct SameMountpointTwice;

static META: Meta = Meta::new(
    "layout/same-mountpoint-twice",
    Severity::Error,
    "Two subvolumes or filesystems have one mount point",
    include_str!("same_mountpoint_twice.md"),
);

const MEASURED: &str =
    "NixOS's order measured with nixpkgs' lib, disko's read in its lib/types/btrfs.nix (878ec37)";

/// What is said of a mount: its subvolume, or that it is the top level.
fn what(mount: &Mount) -> String {
    match &mount.subvolume {
        Some(name) => format!("the subvolume {name}"),
        None => "the top level".to_owned(),
    }
}

type Claims<'a> = Vec<(&'a Filesystem, &'a Mount)>;

/// Mount points that disko is told of more than once.
fn shared(host: &Host) -> Vec<(&str, Claims<'_>)> {
    let mut by_place: BTreeMap<&str, Claims<'_>> = BTreeMap::new();
    for filesystem in &host.storage.filesystems {
        for mount in &filesystem.mounts {
            if matches!(mount.source, MountSource::Disko(_)) {
                let at = by_place.entry(&mount.mountpoint).or_default();
                at.push((filesystem, mount));
            }
        }
    }
    by_place.retain(|at, claims| {
        claims.len() > 1 || host.storage.others.iter().any(|other| other == at)
    });
    by_place.into_iter().collect()
}

/// Whether NixOS merges what disko says of a mount point: all on one device.
fn one_device(host: &Host, at: &str, claims: &Claims<'_>) -> Option<bool> {
    let mut devices = Vec::new();
    for (filesystem, _) in claims {
        devices.push(&filesystem.device.as_ref().ok()?.value);
    }
    devices.dedup();
    Some(devices.len() == 1 && !host.storage.others.iter().any(|other| other == at))
}

fn finding(host: &Host, at: &str, claims: &Claims<'_>) -> Option<Finding> {
    let mut names: Vec<String> = claims.iter().map(|(_, mount)| what(mount)).collect();
    if host.storage.others.iter().any(|other| other == at) {
        names.push("another filesystem".to_owned());
    }
    let boots = claims.iter().any(|(_, mount)| mount.needed_for_boot);
    let one_device = one_device(host, at, claims)?;
    let known = |text: &str| {
        let source = Source::Knowledge(MEASURED.to_owned());
        Evidence::speaks_for(Weight::Strong, source, text)
    };
    let (severity, harm, why) = match one_device {
        true => (
            if boots {
                Severity::Error
            } else {
                Severity::Warning
            },
            "disko's installer mounts one of them there and NixOS the other: what was installed in \
             the one is not seen in the other. Give one of them another mount point",
            known(
                "NixOS joins the options of both in one list, in which the `subvol=` of the name that \
                 sorts first stands last and wins; of disko's mount commands the name that sorts last \
                 remains, or the top level",
            ),
        ),
        false => (
            Severity::Error,
            "NixOS refuses the configuration, for `device` has conflicting definitions. Give one of \
             them another mount point",
            known("two devices for one entry of `fileSystems` are conflicting definition values"),
        ),
    };
    let written = |(_, mount): &(&Filesystem, &Mount)| {
        let statement = format!("{} is to be mounted at {at}", what(mount));
        Evidence::speaks_for(Weight::Strong, Source::Configuration(mount.at), statement)
    };
    let mut evidence: Vec<Evidence> = claims.iter().map(written).collect();
    evidence.push(why);
    Some(Finding {
        rule: META.id,
        subject: at.to_owned(),
        severity,
        message: format!("{at} is the mount point of {}: {harm}", listed(&names)),
        at: claims.last().and_then(|(_, mount)| mount.at),
        evidence,
    })
}

impl Rule for SameMountpointTwice {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let shared = shared(context.host).into_iter();
        shared
            .filter_map(|(at, claims)| finding(context.host, at, &claims))
            .collect()
    }

    /// Which of them is meant, only its owner knows.
    fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
        None
    }
}

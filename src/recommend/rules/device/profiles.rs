//! Metadata with fewer copies than the filesystem around it needs.

use super::super::devices::is_guest;
use super::copies::{Layout, layout, over_several, unreliable};
use super::disk::{is_stacked, made};
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::Profile;
use crate::model::{Filesystem, Host};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, MkfsSetting, Remedy, Rule, Severity,
};

/// `device/profiles`
pub struct Profiles;

static META: Meta = Meta::new(
    "device/profiles",
    Severity::Warning,
    "Metadata has fewer copies than what lies around it needs",
    include_str!("profiles.md"),
);

struct Case<'a> {
    filesystem: &'a Filesystem,
    layout: Layout,
    wanted: Profile,
    severity: Severity,
    /// Why the profile is wrong, behind its name.
    why: String,
    evidence: Vec<Evidence>,
}

fn case<'a>(host: &Host, filesystem: &'a Filesystem) -> Option<Case<'a>> {
    let layout = layout(host, filesystem)?;
    let (name, metadata) = (filesystem.name(), layout.metadata);
    let told = format!("the metadata of {name} is {metadata}");
    let mut evidence = vec![Evidence::speaks_for(
        Weight::Moderate,
        layout.source.clone(),
        told,
    )];
    let (why, wanted, severity) = if layout.devices > 1 {
        evidence.push(Evidence::speaks_for(
            Weight::Moderate,
            Source::Knowledge(match metadata {
                Profile::Raid5 | Profile::Raid6 => {
                    "btrfs(5), RAID56 STATUS AND RECOMMENDED PRACTICES".to_owned()
                }
                _ => "mkfs.btrfs(8), PROFILES".to_owned(),
            }),
            match metadata {
                Profile::Raid5 => "raid5 is not for metadata: raid1 takes its place",
                Profile::Raid6 => "raid6 is not for metadata: raid1c3 takes its place",
                _ => "on several devices mkfs makes raid1 of metadata",
            },
        ));
        over_several(&layout)?
    } else if matches!(metadata, Profile::Single | Profile::Raid0) && !is_stacked(filesystem) {
        let (unreliable, severity) = unreliable(host, filesystem)?;
        evidence.push(unreliable);
        evidence.push(Evidence::speaks_for(
            Weight::Moderate,
            Source::Knowledge("mkfs.btrfs(8), --metadata".to_owned()),
            "since 5.15 mkfs makes dup of metadata on any single device, and recommends it",
        ));
        let why = "there is no second copy to repair a bad block from, and one bad block of metadata \
                   can cost the whole filesystem";
        (why.to_owned(), Profile::Dup, severity)
    } else {
        return None;
    };
    Some(Case {
        filesystem,
        layout,
        wanted,
        severity,
        why,
        evidence,
    })
}

fn cases(host: &Host) -> Vec<Case<'_>> {
    // Below a virtual disk lies storage that somebody else looks after.
    if is_guest(host) {
        return Vec::new();
    }
    let filesystems = host.storage.filesystems.iter();
    filesystems.filter_map(|f| case(host, f)).collect()
}

/// What disko is told to make, where that is not what is wanted already.
fn change(case: &Case<'_>) -> Option<Action> {
    let (path, arguments) = made(case.filesystem)?;
    let devices = arguments.extra_devices.len() + 1;
    let fits = devices >= usize::from(case.wanted.min_devices());
    let told = arguments.metadata_profile(devices);
    (told != case.wanted && fits).then(|| Action::SetMkfs {
        filesystem: path.to_vec(),
        setting: MkfsSetting::MetadataProfile(case.wanted.name().to_owned()),
    })
}

impl Rule for Profiles {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case<'_>| {
            let name = case.filesystem.name();
            let over = match case.layout.devices {
                1 => String::new(),
                several => format!(" over {several} disks"),
            };
            let mut message = format!(
                "The metadata of {name} is {}{over}: {}",
                case.layout.metadata, case.why
            );
            if change(&case).is_none() {
                let at = case
                    .filesystem
                    .mounts
                    .first()
                    .map(|m| m.mountpoint.as_str());
                message.push_str(&format!(
                    ". `btrfs balance start -mconvert={} {}` converts it",
                    case.wanted,
                    at.unwrap_or(name)
                ));
            }
            Finding {
                rule: META.id,
                subject: name.to_owned(),
                severity: case.severity,
                message,
                at: case.filesystem.at,
                evidence: case.evidence,
            }
        };
        cases(context.host).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let cases = cases(context.host);
        let case = cases
            .iter()
            .find(|c| c.filesystem.name() == finding.subject)?;
        let copies = case.wanted.copies();
        Some(Remedy {
            title: format!(
                "Keep {copies} copies of the metadata of {} ({})",
                case.filesystem.name(),
                case.wanted
            ),
            actions: vec![change(case)?],
            costs: vec![
                format!("each change of metadata is written {copies} times"),
                "the balance that converts it rewrites all metadata once".to_owned(),
            ],
            applicability: Applicability::Safe,
            effect: Effect::Redundancy,
        })
    }
}

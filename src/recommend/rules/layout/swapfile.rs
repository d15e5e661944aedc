//! Swap files where they do not work, or get in the way of snapshots.

use super::swap_files::{DeclaredBy, Fault, SwapFile, fault, swap_files};
use crate::analyze::{Evidence, Source, Weight};
use crate::model::{Filesystem, StorageSource};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `layout/swapfile`
pub struct Swapfile;

static META: Meta = Meta::new(
    "layout/swapfile",
    Severity::Warning,
    "A swap file that cannot be used, or that keeps snapshots from being taken",
    include_str!("swapfile.md"),
);

const MEASURED: &str = "measured by this project on 6.18.44";

fn finding(file: &SwapFile<'_>, fault: &Fault) -> Finding {
    let (path, at) = (&file.path, &file.mount.mountpoint);
    let known = |text: &str| {
        let source = Source::Knowledge(MEASURED.to_owned());
        Evidence::speaks_for(Weight::Strong, source, text)
    };
    let on = Evidence::speaks_for(
        Weight::Moderate,
        Source::Configuration(file.at),
        format!("the swap file {path} lies on the subvolume of {at}"),
    );
    let no_snapshot =
        "a snapshot of the subvolume that holds an active swap file fails (\"Text file busy\")";
    let (severity, message, evidence) = match fault {
        Fault::Profile(profile, source) => (
            Severity::Warning,
            format!(
                "The swap file {path} cannot be turned on: the data of {at} is {profile}, and the \
                 kernel takes swap files only where the data profile is single. Use a partition, or \
                 zram"
            ),
            vec![
                Evidence::speaks_for(
                    Weight::Strong,
                    source.clone(),
                    format!("the data of {at} is {profile}"),
                ),
                known("swapon fails with \"swapfile must have single data profile\""),
            ],
        ),
        Fault::MadeByDd(release) => (
            Severity::Warning,
            format!(
                "The swap file {path} cannot be turned on: NixOS {release} writes it with `dd`, \
                 copied on write, and the kernel refuses that. Make it by hand \
                 (`btrfs filesystem mkswapfile`) and leave `size` out"
            ),
            vec![
                on,
                Evidence::speaks_for(
                    Weight::Strong,
                    Source::Knowledge("https://github.com/NixOS/nixpkgs/issues/156829".to_owned()),
                    "swapon fails with \"swapfile must not be copy-on-write\"",
                ),
            ],
        ),
        Fault::Snapshots(job) => (
            Severity::Warning,
            format!(
                "The swap file {path} lies on the subvolume of {at}, of which {} takes snapshots: \
                 while the swap is on, each of them fails; and a snapshot from before keeps the \
                 swap from being turned on",
                job.by
            ),
            vec![
                on,
                Evidence::speaks_for(
                    Weight::Strong,
                    Source::Configuration(job.at),
                    format!("{} takes snapshots of {at}", job.by),
                ),
                known(no_snapshot),
            ],
        ),
        Fault::Shared => (
            Severity::Advice,
            format!(
                "The swap file {path} lies on the subvolume of {at} with everything else there: no \
                 snapshot of {at} can be taken while the swap is on"
            ),
            vec![on, known(no_snapshot)],
        ),
    };
    Finding {
        rule: META.id,
        subject: path.clone(),
        severity,
        message,
        at: file.at,
        evidence,
    }
}

/// A name and a mount point that nothing has, in the style of the other subvolumes.
fn place(filesystem: &Filesystem) -> Option<(String, &'static str)> {
    let names: Vec<&str> = filesystem
        .subvolumes
        .iter()
        .map(|s| s.name.as_str())
        .collect();
    let all = |prefix: &str| !names.is_empty() && names.iter().all(|n| n.starts_with(prefix));
    let prefix = ["/", "@"].into_iter().find(|prefix| all(prefix));
    let name = format!("{}swap", prefix.unwrap_or_default());
    let mountpoint = ["/swap", "/.swapvol"]
        .into_iter()
        .find(|at| filesystem.mount(at).is_none())?;
    let taken = names
        .iter()
        .any(|n| n.trim_matches('/') == name.trim_matches('/'));
    (!taken).then_some((name, mountpoint))
}

impl Rule for Swapfile {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let files = swap_files(context.host);
        let found = files.iter().filter_map(|file| {
            let fault = fault(context.host, file)?;
            Some(finding(file, &fault))
        });
        found.collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let host = context.host;
        let files = swap_files(host);
        let file = files.iter().find(|f| f.path == finding.subject)?;
        let fault = fault(host, file)?;
        let (StorageSource::Disko(path), DeclaredBy::SwapDevices(element)) =
            (&file.filesystem.source, &file.by)
        else {
            return None;
        };
        // An element that says more than disko can is left to its owner.
        let plain = element.as_object().is_some_and(|set| {
            set.keys()
                .all(|key| matches!(key.as_str(), "device" | "size"))
        });
        if !matches!(fault, Fault::Snapshots(_) | Fault::Shared) || !plain {
            return None;
        }
        let size = file.size?;
        // What hibernates looks for the file by its place on the disk.
        if host.settings.is_defined("boot.resumeDevice") {
            return None;
        }
        let (name, mountpoint) = place(file.filesystem)?;
        let old = file.path.rsplit('/').next()?;
        Some(Remedy {
            title: format!("Give the swap file a subvolume of its own at {mountpoint}"),
            actions: vec![
                Action::EditNixosList {
                    path: vec!["swapDevices".to_owned()],
                    remove: vec![element.clone()],
                    add: Vec::new(),
                },
                Action::AddSwapSubvolume {
                    filesystem: path.clone(),
                    name,
                    mountpoint: mountpoint.to_owned(),
                    file: old.to_owned(),
                    size,
                },
            ],
            costs: vec![format!(
                "the old file {} keeps its {size} until it is deleted by hand, after the switch has \
                 turned it off",
                file.path
            )],
            applicability: Applicability::Safe,
            effect: Effect::Correctness,
        })
    }
}

//! A system on the top level of a btrfs.

use super::super::snapshots::jobs;
use crate::analyze::{Evidence, Source, Weight};
use crate::model::{Filesystem, Host, Mount, StorageSource};
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `layout/filesystem-without-subvolumes`
pub struct FilesystemWithoutSubvolumes;

static META: Meta = Meta {
    default_on: false,
    ..Meta::new(
        "layout/filesystem-without-subvolumes",
        Severity::Advice,
        "The system lies on the top level of a btrfs, which cannot be replaced by a snapshot",
        include_str!("filesystem_without_subvolumes.md"),
    )
};

/// The mount of `/`, where nothing of the filesystem is a subvolume.
fn bare(filesystem: &Filesystem) -> Option<&Mount> {
    let named = |mount: &Mount| -> Option<bool> {
        let options = mount.options.known()?;
        let names = |o: &str| o.split(',').any(|w| w.starts_with("subvol"));
        Some(mount.subvolume.is_some() || options.iter().any(|o| names(&o.value)))
    };
    let any_named: Option<Vec<bool>> = filesystem.mounts.iter().map(named).collect();
    if !filesystem.subvolumes.is_empty() || any_named?.contains(&true) {
        return None;
    }
    filesystem.mount("/")
}

fn finding(host: &Host, filesystem: &Filesystem) -> Option<Finding> {
    let mount = bare(filesystem)?;
    let at = &mount.mountpoint;
    let mut evidence = vec![Evidence::speaks_for(
        Weight::Moderate,
        Source::Configuration(mount.at),
        format!("{at} is mounted without `subvol=`, and no subvolume is declared"),
    )];
    for job in jobs(host).into_iter().filter(|job| job.path == *at) {
        evidence.push(Evidence::speaks_for(
            Weight::Strong,
            Source::Configuration(job.at),
            format!("{} takes snapshots of {at}", job.by),
        ));
    }
    let how = match &filesystem.source {
        StorageSource::Disko(_) => {
            "disko's type `btrfs` with `subvolumes` makes them at the next installation"
        }
        StorageSource::FileSystems => "subvolumes are made by hand, and the data is moved",
    };
    Some(Finding {
        rule: META.id,
        subject: filesystem.name().to_owned(),
        severity: Severity::Advice,
        message: format!(
            "{at} is the top level of its btrfs, which can be snapshotted but neither renamed nor \
             deleted: going back to a snapshot leaves the old files behind it, to be removed one by \
             one, and every snapshot holds the Nix store and the logs too. {how}"
        ),
        at: mount.at,
        evidence,
    })
}

impl Rule for FilesystemWithoutSubvolumes {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let filesystems = context.host.storage.filesystems.iter();
        filesystems
            .filter_map(|f| finding(context.host, f))
            .collect()
    }

    /// How a system is to be divided, only its owner knows.
    fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
        None
    }
}

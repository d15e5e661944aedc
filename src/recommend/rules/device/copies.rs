//! Owns: how many copies a filesystem keeps of data and metadata, and what makes a single one
//! too few.

use super::super::devices::has_kind;
use super::disk::{below, mkfs_args};
use crate::analyze::facts::usage;
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::Profile;
use crate::model::hardware::{DiskKind, Medium};
use crate::model::metrics::{BlockGroup, BlockGroupKind, BtrfsUsage, MaintenanceJob};
use crate::model::{Filesystem, Host};
use crate::recommend::Severity;

/// How a filesystem is laid out, and what tells.
pub(super) struct Layout {
    pub data: Profile,
    pub metadata: Profile,
    pub devices: usize,
    pub source: Source,
}

/// What `btrfs filesystem usage` shows, else what disko makes; `None` where that is not known, or
/// not settled.
pub(super) fn layout(host: &Host, filesystem: &Filesystem) -> Option<Layout> {
    let arguments = mkfs_args(filesystem);
    let declared = arguments.as_ref().map(|a| a.extra_devices.len() + 1);
    let Some(usage) = usage(host, filesystem) else {
        let (arguments, devices) = (arguments?, declared?);
        return (!arguments.is_mixed()).then(|| Layout {
            data: arguments.data_profile(devices),
            metadata: arguments.metadata_profile(devices),
            devices,
            source: Source::Configuration(filesystem.at),
        });
    };
    let mut jobs = host.metrics.maintenance.iter();
    if jobs.any(|m| m.job == MaintenanceJob::Balance && m.running) {
        return None;
    }
    let devices = match usage.devices.len() {
        0 => declared?,
        listed => listed,
    };
    if usage.devices.iter().any(|d| d.path == "missing") {
        return None;
    }
    Some(Layout {
        data: only(usage, BlockGroupKind::Data)?,
        metadata: only(usage, BlockGroupKind::Metadata)?,
        devices,
        source: Source::Metrics(usage.source.to_string()),
    })
}

/// The profile of what one kind holds, if it has only one; empty block groups of another are left
/// over from mkfs or a balance.
fn only(usage: &BtrfsUsage, kind: BlockGroupKind) -> Option<Profile> {
    let holds = |g: &&BlockGroup| g.kind == kind && g.used.0 > 0;
    let mut profiles = usage.block_groups.iter().filter(holds).map(|g| &g.profile);
    let first = profiles.next()?;
    if profiles.any(|other| other != first) {
        return None;
    }
    Profile::from_name(first)
}

/// What speaks against a single copy of metadata on the one disk of a filesystem.
pub(super) fn unreliable(host: &Host, filesystem: &Filesystem) -> Option<(Evidence, Severity)> {
    let own = usage(host, filesystem).map(|u| &u.devices);
    let counted = host.metrics.device_errors.iter().find(|errors| {
        let is_own = own.is_some_and(|own| own.iter().any(|d| d.path == errors.device));
        is_own && errors.total() > 0
    });
    if let Some(errors) = counted {
        let source = Source::Metrics(errors.source.to_string());
        let what = format!("{} errors are counted on {}", errors.total(), errors.device);
        let evidence = Evidence::speaks_for(Weight::Strong, source, what);
        return Some((evidence, Severity::Warning));
    }
    let disks = below(host, filesystem);
    let device = disks.first()?;
    let what = match device.medium {
        _ if device.card => "is an SD card or eMMC",
        _ if has_kind(host, filesystem, &[DiskKind::Usb]) => "is a disk on USB",
        Medium::Rotational => "rotates: such disks lose sectors one by one",
        _ => return None,
    };
    let what = format!("{} {what}", device.name);
    let evidence = Evidence::speaks_for(Weight::Moderate, device.source.clone(), what);
    Some((evidence, Severity::Advice))
}

/// The profile with copies on this many disks more than one.
fn mirrors(losses: u8, devices: usize) -> Profile {
    match (losses, devices) {
        (3.., 4..) => Profile::Raid1c4,
        (2.., 3..) => Profile::Raid1c3,
        _ => Profile::Raid1,
    }
}

/// What is wrong with metadata over several disks: why, what it should be, how bad it is.
pub(super) fn over_several(layout: &Layout) -> Option<(String, Profile, Severity)> {
    let Layout {
        data,
        metadata,
        devices,
        ..
    } = layout;
    let (losses, kept) = (data.tolerated_losses(), metadata.tolerated_losses());
    let wanted = mirrors(losses.max(kept), *devices);
    let disks = |count: u8| match count {
        0 => "of none".to_owned(),
        1 => "of one disk".to_owned(),
        more => format!("of {more} disks"),
    };
    match metadata {
        Profile::Raid5 | Profile::Raid6 => Some((
            "a power failure in the middle of a write can leave a stripe that does not fit \
             together, and where that is metadata it can cost the whole filesystem"
                .to_owned(),
            wanted,
            Severity::Warning,
        )),
        _ if kept < losses && wanted.tolerated_losses() > kept => Some((
            format!(
                "the data is {data} and survives the loss {}, its metadata {}, and without metadata \
                 there is no data",
                disks(losses),
                disks(kept)
            ),
            wanted,
            match kept {
                0 => Severity::Warning,
                _ => Severity::Advice,
            },
        )),
        Profile::Single | Profile::Raid0 => Some((
            "one bad block, or the loss of one disk, takes the whole filesystem and not only the \
             files that lie there"
                .to_owned(),
            wanted,
            // Who asks for both wants a place for what may be lost.
            match data {
                Profile::Raid0 => Severity::Advice,
                _ => Severity::Warning,
            },
        )),
        Profile::Dup => Some((
            "both copies of a block lie on one disk, and its loss takes the whole filesystem and not \
             only the files that lie there"
                .to_owned(),
            wanted,
            Severity::Advice,
        )),
        _ => None,
    }
}

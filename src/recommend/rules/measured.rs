//! What was measured on a filesystem, as long as it still is the one that the configuration mounts.

use crate::analyze::facts;
use crate::model::metrics::{BtrfsUsage, MountEntry, Sourced};
use crate::model::{Filesystem, Host};

/// What `btrfs filesystem usage` says of a filesystem that the configuration still mounts.
pub(super) fn usage_now<'a>(
    host: &'a Host,
    filesystem: &Filesystem,
) -> Option<&'a Sourced<BtrfsUsage>> {
    let usage = facts::usage(host, filesystem)?;
    let devices: Vec<&str> = usage.devices.iter().map(|d| d.path.as_str()).collect();
    (!was_replaced(host, filesystem, &devices)).then_some(usage)
}

/// The mounts of a filesystem that the metrics show.
pub(super) fn shown<'a>(
    host: &'a Host,
    filesystem: &'a Filesystem,
) -> impl Iterator<Item = &'a Sourced<MountEntry>> {
    let entries = host.metrics.mounts.iter();
    entries.filter(|e| e.fstype == "btrfs" && filesystem.mount(&e.mountpoint).is_some())
}

/// Whether the configuration mounts another device by now than the metrics saw in its place: both
/// are named by the kernel (`/dev/vdb`), or both by the mapper, and the one is none of the others.
/// Names of other kinds (`/dev/disk/by-…`) say nothing here. `members` are further devices that are
/// known to belong to the filesystem that was seen.
pub(super) fn was_replaced(host: &Host, filesystem: &Filesystem, members: &[&str]) -> bool {
    let Ok(configured) = &filesystem.device else {
        return false;
    };
    let mut seen: Vec<&str> = shown(host, filesystem).map(|e| e.device.as_str()).collect();
    seen.extend(members);
    let Some(kind) = kind_of_name(&configured.value) else {
        return false;
    };
    !seen.is_empty()
        && seen
            .iter()
            .all(|name| kind_of_name(name) == Some(kind) && *name != configured.value.as_str())
}

#[derive(PartialEq, Clone, Copy)]
enum NameKind {
    Kernel,
    Mapper,
}

fn kind_of_name(device: &str) -> Option<NameKind> {
    let short = device.strip_prefix("/dev/")?;
    match short.split_once('/') {
        None => Some(NameKind::Kernel),
        Some(("mapper", _)) => Some(NameKind::Mapper),
        Some(_) => None,
    }
}

/// Whether a filesystem of the configuration lies on a device that the metrics name.
pub(super) fn lies_on(host: &Host, filesystem: &Filesystem, device: &str) -> bool {
    let members = usage_now(host, filesystem).map_or(&[][..], |usage| &usage.devices);
    let mounted = || shown(host, filesystem).any(|entry| entry.device == device);
    members.iter().any(|member| member.path == device)
        || (mounted() && !was_replaced(host, filesystem, &[]))
}

/// A mount point through which commands reach a filesystem: one that was seen mounted, else its
/// name.
pub(super) fn reached_at<'a>(host: &Host, filesystem: &'a Filesystem) -> &'a str {
    let there = |at: &str| host.metrics.mounts.iter().any(|e| e.mountpoint == at);
    let named = filesystem.name();
    let mut points = filesystem.mounts.iter().map(|m| m.mountpoint.as_str());
    match there(named) {
        true => named,
        false => points.find(|at| there(at)).unwrap_or(named),
    }
}

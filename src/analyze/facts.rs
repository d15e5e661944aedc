//! Owns: which of a host's facts belong to which of its filesystems.
//!
//! Metrics name devices and mount points, the hardware report names disks, the configuration names
//! all three its own way. Here they meet.

use super::evidence::Source;
use crate::btrfs::{
    Atime, EffectiveOptions, Ignored, MkfsArgs, Scope, Whole, effective, lookup, parse_options,
    whole,
};
use crate::model::hardware::Disk;
use crate::model::metrics::{BtrfsUsage, DeviceIo, DfEntry, MountEntry, Sourced};
use crate::model::observation::{Observation, Symptom};
use crate::model::storage::is_below;
use crate::model::{Filesystem, Host, Mount};

/// The name of the disk that a partition's path stands for: `/dev/disk/by-id/x-part1` →
/// `/dev/disk/by-id/x`, `/dev/nvme0n1p2` → `/dev/nvme0n1`, `/dev/sda1` → `/dev/sda`.
fn disk_of(device: &str) -> &str {
    let stem = device.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() == device.len() {
        return device;
    }
    if let Some(disk) = stem.strip_suffix("-part") {
        return disk;
    }
    match stem.strip_suffix('p') {
        // `nvme0n1p2`, `mmcblk0p1`: the name of the disk ends in a digit itself.
        Some(disk) if disk.ends_with(|c: char| c.is_ascii_digit()) => disk,
        _ if stem.starts_with("/dev/sd") || stem.starts_with("/dev/vd") => stem,
        _ => device,
    }
}

/// The kernel name of the disk that a partition's path stands for.
pub fn disk_name(device: &str) -> String {
    let disk = disk_of(device);
    disk.rsplit('/').next().unwrap_or(disk).to_owned()
}

/// The devices that a filesystem is made of: disko's own, and those that `mkfs` is given.
fn devices(filesystem: &Filesystem) -> Vec<String> {
    let mut devices = filesystem.disks.clone();
    if let Some(arguments) = filesystem.mkfs_args.known() {
        let words: Vec<&str> = arguments.iter().map(|a| a.value.as_str()).collect();
        devices.extend(
            MkfsArgs::parse(&words)
                .extra_devices
                .into_iter()
                .map(|d| d.value),
        );
    }
    devices
}

/// The disks below a filesystem, as far as the hardware report knows them.
pub fn disks<'h>(host: &'h Host, filesystem: &Filesystem) -> Vec<&'h Disk> {
    let mut disks: Vec<&Disk> = Vec::new();
    for device in devices(filesystem) {
        let found = host.disk(&device).or_else(|| host.disk(disk_of(&device)));
        if let Some(disk) = found
            && !disks.iter().any(|d| d.kernel_name == disk.kernel_name)
        {
            disks.push(disk);
        }
    }
    disks
}

/// The load of the disks below a filesystem.
pub fn loads<'h>(host: &'h Host, filesystem: &Filesystem) -> Vec<&'h Sourced<DeviceIo>> {
    let mut names: Vec<String> = disks(host, filesystem)
        .iter()
        .map(|d| d.kernel_name.clone())
        .collect();
    if names.is_empty() {
        let mounted = running(host, filesystem);
        let shown = mounted
            .iter()
            .map(|m| disk_of(&m.device).trim_start_matches("/dev/"));
        names.extend(shown.map(str::to_owned));
    }
    host.metrics
        .devices
        .iter()
        .filter(|d| names.contains(&d.name))
        .collect()
}

/// The load of the dm-crypt device of a filesystem, if only one can be meant.
pub fn crypt_load<'h>(host: &'h Host, filesystem: &Filesystem) -> Option<&'h Sourced<DeviceIo>> {
    filesystem.luks().next()?;
    let containers = host
        .storage
        .filesystems
        .iter()
        .flat_map(Filesystem::luks)
        .count();
    let mut mapped = host
        .metrics
        .devices
        .iter()
        .filter(|d| d.name.starts_with("dm-"));
    let first = mapped.next()?;
    (containers == 1 && mapped.next().is_none()).then_some(first)
}

/// The mounts of a filesystem on the running system.
pub fn running<'h>(host: &'h Host, filesystem: &Filesystem) -> Vec<&'h Sourced<MountEntry>> {
    let entries = host.metrics.mounts.iter();
    entries
        .filter(|e| e.fstype == "btrfs" && filesystem.mount(&e.mountpoint).is_some())
        .collect()
}

/// A mount of the running system.
pub fn mounted<'h>(host: &'h Host, mount: &Mount) -> Option<&'h Sourced<MountEntry>> {
    host.metrics
        .mounts
        .iter()
        .find(|e| e.mountpoint == mount.mountpoint)
}

/// What `df` says of a filesystem.
pub fn space<'h>(host: &'h Host, filesystem: &Filesystem) -> Option<&'h Sourced<DfEntry>> {
    host.metrics
        .filesystems
        .iter()
        .find(|e| filesystem.mount(&e.mountpoint).is_some())
}

/// What `btrfs filesystem usage` says of a filesystem.
pub fn usage<'h>(host: &'h Host, filesystem: &Filesystem) -> Option<&'h Sourced<BtrfsUsage>> {
    let all = &host.metrics.usage;
    let named = all.iter().find(|u| {
        u.mountpoint
            .as_deref()
            .is_some_and(|m| filesystem.mount(m).is_some())
    });
    let shown: Vec<&str> = running(host, filesystem)
        .iter()
        .map(|m| m.device.as_str())
        .collect();
    let by_device = || {
        all.iter()
            .find(|u| u.devices.iter().any(|d| shown.contains(&d.path.as_str())))
    };
    let only = || match (all.as_slice(), host.storage.filesystems.len()) {
        ([only], 1) => Some(only),
        _ => None,
    };
    named.or_else(by_device).or_else(only)
}

/// What all mounts of a filesystem come to; `None` while an option is unknown.
pub fn together(host: &Host, filesystem: &Filesystem) -> Option<Whole> {
    let specs = filesystem.mount_specs()?;
    let facts = host.device_facts(filesystem);
    Some(whole(&specs, host.stage1(), &host.target(), &facts))
}

/// The options that are in force on a filesystem: those that the running system shows, else those
/// that the configuration leads to.
pub fn in_force(host: &Host, filesystem: &Filesystem) -> Option<EffectiveOptions> {
    match running(host, filesystem).first() {
        Some(entry) => Some(shown_as_options(host, filesystem, entry, None)),
        None => together(host, filesystem)?.effective,
    }
}

/// Where [`in_force`] is known from.
pub fn in_force_source(host: &Host, filesystem: &Filesystem) -> Source {
    match running(host, filesystem).first() {
        Some(entry) => Source::Metrics(entry.source.to_string()),
        None => Source::Configuration(filesystem.at),
    }
}

fn shown_as_options(
    host: &Host,
    filesystem: &Filesystem,
    entry: &MountEntry,
    more: Option<&str>,
) -> EffectiveOptions {
    let words: Vec<&str> = entry
        .super_options
        .iter()
        .map(String::as_str)
        .chain(more)
        .collect();
    effective(
        &parse_options(&words),
        &host.target(),
        &host.device_facts(filesystem),
    )
}

/// Options of the whole filesystem that are written on a mount and not in force, as indices of the
/// mount and of its option.
pub fn ignored(host: &Host, filesystem: &Filesystem) -> Option<Vec<Ignored>> {
    let entries = running(host, filesystem);
    let Some(entry) = entries.first() else {
        return Some(together(host, filesystem)?.ignored);
    };
    // Adding an option that is in force changes nothing.
    let specs = filesystem.mount_specs()?;
    let now = shown_as_options(host, filesystem, entry, None).state;
    let mut ignored = Vec::new();
    for (mount, spec) in specs.iter().enumerate() {
        // A mount that is not there is not ignored but missing.
        if mounted(host, &filesystem.mounts[mount]).is_none() {
            continue;
        }
        for (option, written) in spec.options.iter().enumerate() {
            let whole = lookup(&written.name).is_some_and(|o| o.scope == Scope::Filesystem);
            let with = || shown_as_options(host, filesystem, entry, Some(&written.text)).state;
            if whole && with() != now {
                ignored.push(Ignored { mount, option });
            }
        }
    }
    Some(ignored)
}

/// The mounts of a filesystem on which reading writes access times; `None` while an option is
/// unknown.
pub fn writing_atimes<'h>(host: &'h Host, filesystem: &'h Filesystem) -> Option<Vec<&'h Mount>> {
    let together = together(host, filesystem)?;
    let writes = |index: usize, mount: &Mount| match mounted(host, mount) {
        Some(entry) => !entry.mount_options.iter().any(|o| o == "noatime"),
        None => {
            let position = together.order.iter().position(|&i| i == index);
            let state = position.and_then(|p| together.mounts.get(p)?.as_ref());
            state.is_some_and(|s| s.state.atime() != Atime::Never)
        }
    };
    let mounts = filesystem.mounts.iter().enumerate();
    Some(
        mounts
            .filter(|(i, m)| writes(*i, m))
            .map(|(_, m)| m)
            .collect(),
    )
}

/// Whether somebody complains, rather than saying that all is well: nobody says since when, or at
/// which work, all is well.
pub fn complains(observation: &Observation) -> bool {
    let well = observation.symptoms.iter().all(|s| *s == Symptom::Fine)
        && !observation.symptoms.is_empty();
    let dated =
        observation.when.is_some() || observation.since.is_some() || observation.severity.is_some();
    !well || dated
}

/// Where a path really lies: impermanence mounts it from elsewhere.
pub fn real_path(host: &Host, path: &str) -> String {
    const PREFIX: &str = "environment.persistence.";
    for (option, value) in host.settings.below(PREFIX) {
        let Some(root) = option
            .strip_prefix(PREFIX)
            .and_then(|o| o.strip_suffix(".directories"))
        else {
            continue;
        };
        let directories = value.as_ref().ok().and_then(|v| v.value.as_array());
        let names = directories.into_iter().flatten().filter_map(|d| {
            d.as_str()
                .or_else(|| d.get("directory").and_then(|d| d.as_str()))
        });
        if names.into_iter().any(|kept| is_below(path, kept)) {
            return format!("{}{path}", root.trim_end_matches('/'));
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_belongs_to_its_disk() {
        let cases = [
            (
                "/dev/disk/by-id/ata-WDC_WD40-part1",
                "/dev/disk/by-id/ata-WDC_WD40",
            ),
            (
                "/dev/disk/by-id/ata-WDC_WD40",
                "/dev/disk/by-id/ata-WDC_WD40",
            ),
            ("/dev/nvme0n1p2", "/dev/nvme0n1"),
            ("/dev/nvme0n1", "/dev/nvme0n1"),
            ("/dev/mmcblk0p1", "/dev/mmcblk0"),
            ("/dev/sda1", "/dev/sda"),
            ("/dev/vda", "/dev/vda"),
            ("/dev/mapper/cryptroot1", "/dev/mapper/cryptroot1"),
        ];
        for (partition, disk) in cases {
            assert_eq!(disk_of(partition), disk);
        }
    }
}

//! What a host swaps to, as its configuration and its tools tell.

use super::super::devices;
use crate::analyze::Source;
use crate::model::Host;
use crate::model::hardware::Medium;

/// Swap that lies on a disk.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DiskSwap {
    /// A file or a device.
    pub(super) path: String,
    /// The medium below it, where that is known.
    pub(super) medium: Medium,
    /// Whether it is a file on a btrfs of the host.
    pub(super) on_btrfs: bool,
    /// What tells of it.
    pub(super) source: Source,
}

fn is_zram(path: &str) -> bool {
    path.rsplit('/').next().unwrap_or(path).starts_with("zram")
}

/// Whether swap goes to compressed memory (zram) on a host; `None` where it may.
pub(super) fn zram(host: &Host) -> Option<bool> {
    let settings = &host.settings;
    let generator = "services.zram-generator.enable";
    if settings.is_true("zramSwap.enable") || settings.is_true(generator) {
        return Some(true);
    }
    let unread = ["zramSwap", "zramSwap.enable", generator]
        .iter()
        .any(|option| settings.get(option).is_some_and(Result::is_err));
    let seen = host.hardware.as_ref().is_some_and(|h| h.has_zram())
        || (host.metrics.swaps.iter()).any(|s| s.iter().any(|area| is_zram(&area.path)));
    // What is seen and not configured comes from a module that is not seen, or is gone.
    (!unread && !seen && host.skipped.is_empty()).then_some(false)
}

/// Whether swap is compressed in memory first (zram or zswap); `None` where it may be.
pub(super) fn compressed(host: &Host) -> Option<bool> {
    let settings = &host.settings;
    if settings.is_true("boot.zswap.enable") {
        return Some(true);
    }
    let parameters = settings.get("boot.kernelParams");
    let texts = match parameters {
        None => Vec::new(),
        Some(Ok(setting)) => {
            let elements = setting.value.as_array().into_iter().flatten();
            elements.filter_map(|e| e.as_str()).collect()
        }
        Some(Err(_)) => return None,
    };
    if texts.iter().any(|t| t.starts_with("zswap.enabled=")) {
        let on = |t: &&&str| matches!(**t, "zswap.enabled=1" | "zswap.enabled=Y");
        let all_off = texts
            .iter()
            .filter(|t| t.starts_with("zswap.enabled="))
            .all(|t| !on(&t));
        return if all_off { zram(host) } else { Some(true) };
    }
    match settings
        .get("boot.zswap.enable")
        .is_some_and(Result::is_err)
    {
        true => None,
        false => zram(host),
    }
}

/// The swap that lies on disks, as far as it is known.
pub(super) fn on_disk(host: &Host) -> Vec<DiskSwap> {
    let mut found: Vec<DiskSwap> = Vec::new();
    for filesystem in &host.storage.filesystems {
        let of_subvolumes = filesystem.subvolumes.iter().flat_map(|s| &s.swap);
        for file in filesystem.swap.iter().chain(of_subvolumes) {
            let path = file.path.as_deref().unwrap_or("a swap file");
            found.push(DiskSwap {
                path: format!("{path} on the filesystem of {}", filesystem.name()),
                medium: devices::medium(host, filesystem).map_or(Medium::Unknown, |m| m.0),
                on_btrfs: true,
                source: Source::Configuration(filesystem.at),
            });
        }
    }
    if let Some(devices) = host.settings.known("swapDevices") {
        for element in devices.value.as_array().into_iter().flatten() {
            if let Some(path) = element.get("device").and_then(|d| d.as_str()) {
                let source = Source::Configuration(devices.at);
                found.push(area(host, path, source));
            }
        }
    }
    if let Some(swaps) = &host.metrics.swaps {
        for swap in swaps.iter().filter(|s| !is_zram(&s.path)) {
            if !found.iter().any(|f| f.path == swap.path) {
                let source = Source::Metrics(swaps.source.to_string());
                found.push(area(host, &swap.path, source));
            }
        }
    }
    found
}

fn area(host: &Host, path: &str, source: Source) -> DiskSwap {
    let filesystem = match path.starts_with("/dev/") {
        true => None,
        false => host.storage.holding(path).map(|(f, _)| f),
    };
    let medium = match filesystem {
        Some(filesystem) => devices::medium(host, filesystem).map(|m| m.0),
        None => of_device(host, path),
    };
    DiskSwap {
        path: path.to_owned(),
        medium: medium.unwrap_or_default(),
        on_btrfs: filesystem.is_some(),
        source,
    }
}

/// The medium of a partition, as `lsblk` tells of the disk above it.
fn of_device(host: &Host, path: &str) -> Option<Medium> {
    let devices = &host.metrics.block_devices;
    let mut name = path.strip_prefix("/dev/")?;
    // A partition of a mapper of a partition: no chain is longer than the list.
    for _ in 0..=devices.len() {
        let device = devices.iter().find(|d| d.name == name)?;
        match &device.parent {
            Some(parent) => name = parent,
            None => return Some(device.medium),
        }
    }
    None
}

/// Whether the configuration or the tools know of any swap, or may.
pub(super) fn may_exist(host: &Host) -> bool {
    let devices = match host.settings.get("swapDevices") {
        None => false,
        Some(Ok(setting)) => setting.value.as_array().is_none_or(|list| !list.is_empty()),
        Some(Err(_)) => true,
    };
    devices || zram(host) != Some(false) || !on_disk(host).is_empty()
}

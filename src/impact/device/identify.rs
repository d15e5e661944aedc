//! Owns: which devices are below a filesystem, and of which class each is, with what tells it.

use std::collections::BTreeSet;

use super::class::DeviceClass;
use crate::analyze::facts;
use crate::analyze::signal::models;
use crate::model::hardware::{Disk, DiskKind, Medium};
use crate::model::metrics::{BlockDevice, Sourced};
use crate::model::{Filesystem, Host};

/// One device below a filesystem.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// Its kernel name.
    pub(super) name: String,
    /// Its model, where known.
    pub(super) model: Option<String>,
    pub(super) class: DeviceClass,
    /// What tells the class.
    pub(super) by: String,
    /// Turns a minute, with where that is from.
    pub(super) rpm: Option<(u32, String)>,
    /// Where it is told that it has no volatile write cache.
    pub(super) write_through: Option<String>,
}

const NVME: [DeviceClass; 2] = [DeviceClass::NvmeGood, DeviceClass::NvmePoor];

/// The devices below a filesystem: those of the hardware report, else those that `lsblk` shows.
/// `None` if none is known, or one of them is of no class.
pub(super) fn members(filesystem: &Filesystem, host: &Host) -> Option<Vec<Member>> {
    let disks = facts::disks(host, filesystem);
    let reported = disks.iter().map(|disk| of_disk(host, disk));
    let members: Option<Vec<Member>> = match disks.is_empty() {
        false => reported.collect(),
        true => {
            let shown = shown(filesystem, host);
            shown.into_iter().map(|d| of_shown(host, d)).collect()
        }
    };
    members.filter(|m| !m.is_empty())
}

/// Whether a dm-crypt device is known to lie between the filesystem and its disks.
pub(super) fn is_encrypted(filesystem: &Filesystem, host: &Host) -> bool {
    let above = || stack(filesystem, host);
    filesystem.luks().next().is_some() || above().iter().any(|d| d.kind.as_deref() == Some("crypt"))
}

fn of_disk(host: &Host, disk: &Disk) -> Option<Member> {
    let model = disk.model.as_deref();
    let guess = match disk.basis.is_guess() {
        true => "by its model name",
        false => "by the hardware report",
    };
    let (class, by) = match disk.kind {
        DiskKind::NvmeSsd => nvme(model),
        DiskKind::SataSsd => (DeviceClass::SataSsd, guess.to_owned()),
        DiskKind::Hdd => rotating(host, &disk.kernel_name, model, guess),
        DiskKind::SataUnknown => match host.medium(disk) {
            Medium::Rotational => rotating(host, &disk.kernel_name, model, "by lsblk"),
            Medium::SolidState => (DeviceClass::SataSsd, "by lsblk".to_owned()),
            Medium::Unknown => return None,
        },
        DiskKind::Emmc => (DeviceClass::Emmc, guess.to_owned()),
        DiskKind::SdCard => (DeviceClass::SdCard, guess.to_owned()),
        DiskKind::Usb => usb(model, disk.named_medium),
        DiskKind::Virtual(_) => (DeviceClass::Virtual, guess.to_owned()),
        DiskKind::Pseudo | DiskKind::EmmcBoot => {
            let class = of_name(&disk.kernel_name)?;
            (class, "by its name".to_owned())
        }
    };
    let driver = disk.controller_driver.as_deref().unwrap_or_default();
    let (class, by) = match driver.contains("iscsi") {
        true => (DeviceClass::Network, format!("by its driver, {driver}")),
        false => (class, by),
    };
    Some(member(host, &disk.kernel_name, model, class, by))
}

fn member(host: &Host, name: &str, model: Option<&str>, class: DeviceClass, by: String) -> Member {
    let smart = host.metrics.smart.iter().find(|s| {
        // Names change from boot to boot: a model that is another's tells of another disk.
        let same = |a: &str, b: &str| a.contains(b) || b.contains(a);
        let models = s.model.as_deref().zip(model);
        s.device.trim_start_matches("/dev/") == name && models.is_none_or(|(a, b)| same(a, b))
    });
    let rpm = smart.and_then(|s| Some((s.rotation_rpm.filter(|r| *r > 0)?, s.source.to_string())));
    let cache = block_device(host, name).filter(|b| b.write_back == Some(false));
    Member {
        name: name.to_owned(),
        model: model.map(str::to_owned),
        class,
        by,
        rpm,
        write_through: cache.map(|b| b.source.to_string()),
    }
}

fn block_device<'h>(host: &'h Host, name: &str) -> Option<&'h Sourced<BlockDevice>> {
    host.metrics.block_devices.iter().find(|b| b.name == name)
}

fn nvme(model: Option<&str>) -> (DeviceClass, String) {
    let known = model.and_then(|m| DeviceClass::of_model(m, &NVME));
    match (known, model) {
        (Some((class, source)), _) => (class, format!("by its model name ({source})")),
        (None, Some(model)) if models::is_budget(model) => (
            DeviceClass::NvmePoor,
            "by its model name (makers' data sheets)".to_owned(),
        ),
        _ => (
            DeviceClass::Nvme,
            "by its bus; whether it has memory of its own is not known".to_owned(),
        ),
    }
}

fn usb(model: Option<&str>, named: Medium) -> (DeviceClass, String) {
    let stick = model.and_then(|m| DeviceClass::of_model(m, &[DeviceClass::UsbStick]));
    match (stick, named) {
        (Some((class, source)), _) => (class, format!("by its model name ({source})")),
        (None, Medium::Rotational) => (DeviceClass::UsbDisk, "by its model name".to_owned()),
        (None, Medium::SolidState) => (DeviceClass::UsbSsd, "by its model name".to_owned()),
        (None, Medium::Unknown) => (
            DeviceClass::Usb,
            "by its bus; what is behind it is not known".to_owned(),
        ),
    }
}

/// A rotating disk: shingled, if anything says so.
fn rotating(host: &Host, name: &str, model: Option<&str>, by: &str) -> (DeviceClass, String) {
    if model.is_some_and(models::is_shingled) {
        let by = "by its model name (lists of makers and of those who measured)";
        return (DeviceClass::ShingledHdd, by.to_owned());
    }
    let is_virtual = host
        .hardware
        .as_ref()
        .is_some_and(|h| h.virtualisation.is_virtual());
    let trims = block_device(host, name)
        .filter(|b| b.discard == Some(true) && b.medium == Medium::Rotational && !is_virtual);
    match trims {
        Some(b) => (
            DeviceClass::ShingledHdd,
            format!("for it rotates and takes TRIM ({})", b.source),
        ),
        None => (DeviceClass::Hdd, by.to_owned()),
    }
}

/// Drivers whose devices have names of their own.
fn of_name(name: &str) -> Option<DeviceClass> {
    let begins = |parts: &[&str]| parts.iter().any(|p| name.starts_with(p));
    if begins(&["nbd", "rbd", "drbd"]) {
        return Some(DeviceClass::Network);
    }
    begins(&["vd", "xvd"]).then_some(DeviceClass::Virtual)
}

/// The devices that the running system shows for a filesystem, and all below them.
fn stack<'h>(filesystem: &Filesystem, host: &'h Host) -> Vec<&'h Sourced<BlockDevice>> {
    let all = &host.metrics.block_devices;
    let mut named: Vec<String> = facts::running(host, filesystem)
        .iter()
        .map(|m| m.device.clone())
        .collect();
    named.extend(filesystem.disks.iter().cloned());
    named.extend(filesystem.device.as_ref().ok().map(|d| d.value.clone()));
    let is_named = |device: &BlockDevice| {
        named.iter().any(|path| {
            let short = path.rsplit('/').next().unwrap_or_default();
            match path.strip_prefix("/dev/") {
                Some(name) if name == device.name => true,
                Some(name) if name.starts_with("mapper/") => {
                    device.mapper.as_deref() == Some(short)
                }
                Some(name) if name.starts_with("disk/by-uuid/") => {
                    device.uuid.as_deref() == Some(short)
                }
                _ => false,
            }
        })
    };
    // All members of a btrfs have its UUID.
    let uuids: BTreeSet<&str> = all
        .iter()
        .filter(|d| is_named(d) && d.fstype.as_deref() == Some("btrfs"))
        .filter_map(|d| d.uuid.as_deref())
        .collect();
    let is_member = |d: &BlockDevice| d.uuid.as_deref().is_some_and(|u| uuids.contains(u));
    let mut open: Vec<&str> = all
        .iter()
        .filter(|d| is_named(d) || is_member(d))
        .map(|d| d.name.as_str())
        .collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if seen.insert(name) {
            let entries = all.iter().filter(|d| d.name == name);
            open.extend(entries.filter_map(|d| d.parent.as_deref()));
        }
    }
    all.iter()
        .filter(|d| seen.contains(d.name.as_str()))
        .collect()
}

/// The disks at the bottom of what the running system shows.
fn shown<'h>(filesystem: &Filesystem, host: &'h Host) -> Vec<&'h Sourced<BlockDevice>> {
    let mut disks = stack(filesystem, host);
    disks.retain(|d| d.parent.is_none() && d.kind.as_deref().is_none_or(|k| k == "disk"));
    disks.dedup_by(|a, b| a.name == b.name);
    disks
}

fn of_shown(host: &Host, device: &Sourced<BlockDevice>) -> Option<Member> {
    let (name, model) = (device.name.as_str(), device.model.as_deref());
    let transport = device.transport.as_deref().unwrap_or_default();
    let by = format!("by lsblk ({})", device.source);
    let is_presented = host
        .hardware
        .as_ref()
        .is_some_and(|h| h.virtualisation.is_virtual())
        || transport == "virtio"
        || model.is_some_and(|m| {
            let m = m.to_uppercase();
            ["QEMU", "VBOX", "VIRTUAL", "AMAZON ELASTIC"]
                .iter()
                .any(|p| m.contains(p))
        });
    let (class, by) = match (transport, device.medium) {
        ("iscsi", _) => (DeviceClass::Network, by),
        _ if of_name(name).is_some() => (of_name(name)?, by),
        _ if is_presented => (DeviceClass::Virtual, by),
        ("nvme", _) => nvme(model),
        _ if name.starts_with("nvme") => nvme(model),
        ("usb", _) => usb(model, Medium::Unknown),
        _ if transport == "mmc" || name.starts_with("mmcblk") => {
            // Only an eMMC has partitions to boot from.
            match block_device(host, &format!("{name}boot0")) {
                Some(_) => (DeviceClass::Emmc, by),
                None => (DeviceClass::SdCard, by),
            }
        }
        ("sata" | "sas" | "ata", Medium::SolidState) => (DeviceClass::SataSsd, by),
        ("sata" | "sas" | "ata", Medium::Rotational) => rotating(host, name, model, &by),
        _ => return None,
    };
    Some(member(host, name, model, class, by))
}

//! The disks of a report: names, size, controller, and what sort each is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::field::{number, objects, strings, text};
use super::model_name;
use crate::ingest::problem::{Problem, quoted};
use crate::model::hardware::{
    Disk, DiskKind, KindBasis, Medium, Serial, VirtualDriver, Virtualisation,
};
use crate::model::units::Bytes;

/// Reads every element of `hardware.disk`, in the order of the report.
pub(super) fn read_all(
    source: &str,
    devices: &Value,
    virtualisation: &Virtualisation,
    problems: &mut Vec<Problem>,
) -> Vec<Disk> {
    let tree = DeviceTree::of(devices);
    let mut named: Vec<(String, &Value)> = Vec::new();
    for device in objects(devices, "disk") {
        match kernel_name(device) {
            Some(name) => named.push((name, device)),
            None => {
                let shown = text(device, "model").unwrap_or("without a model");
                let message = format!("a disk ({}) has no device name; passed over", quoted(shown));
                problems.push(Problem::warning(source, message));
            }
        }
    }
    let siblings: BTreeSet<String> = named.iter().map(|(name, _)| name.clone()).collect();
    let read = |(kernel_name, device): (String, &Value)| {
        let seen = Seen {
            device,
            kernel_name: &kernel_name,
            siblings: &siblings,
            virtualisation,
        };
        let mut names: Vec<String> = strings(device, "unix_device_names")
            // A disk sequence number is new at every boot: it names nothing.
            .filter(|name| !name.starts_with("/dev/disk/by-diskseq/"))
            .map(str::to_owned)
            .collect();
        names.push(format!("/dev/{kernel_name}"));
        names.sort();
        names.dedup();
        let serial = text(device, "serial");
        let model = model_name::full(text(device, "model"), serial, &names);
        let named_medium = model.as_deref().map_or(Medium::Unknown, model_name::medium);
        let (kind, basis) = seen.kind(named_medium);
        let (size, logical_sector) = capacity(source, &kernel_name, device, problems);
        Disk {
            names,
            model,
            serial: serial.map(Serial::new),
            size,
            logical_sector,
            kind,
            basis,
            named_medium,
            controller_driver: tree.controller_driver(device),
            kernel_name,
        }
    };
    named.into_iter().map(read).collect()
}

/// The kernel's name of a disk, by the three places reports have had it.
fn kernel_name(device: &Value) -> Option<String> {
    const ALIASES: [&str; 2] = ["root", "cdrom"];
    let from_sysfs = text(device, "sysfs_id")
        .and_then(|id| id.strip_prefix("/class/block/"))
        // sysfs writes the slash of `cciss/c0d0` as an exclamation mark.
        .map(|name| name.replace('!', "/"));
    let plain = |path: &str| {
        let name = path.strip_prefix("/dev/")?;
        (!name.is_empty() && !name.contains('/') && !ALIASES.contains(&name))
            .then(|| name.to_owned())
    };
    from_sysfs
        .filter(|name| !name.is_empty())
        .or_else(|| text(device, "unix_device_name").and_then(plain))
        .or_else(|| strings(device, "unix_device_names").find_map(plain))
}

/// Size and logical sector size; no size means no medium, which is no problem.
fn capacity(
    source: &str,
    kernel_name: &str,
    device: &Value,
    problems: &mut Vec<Problem>,
) -> (Option<Bytes>, Option<u32>) {
    let sizes = objects(device, "resources").filter(|resource| {
        text(resource, "type") == Some("size") && text(resource, "unit") == Some("sectors")
    });
    for size in sizes {
        let count = size.get("value_1").and_then(number);
        let sector = size.get("value_2").map_or(Some(512), number);
        if let (Some(count), Some(sector)) = (count, sector)
            && let Some(bytes) = count.checked_mul(sector)
        {
            return (Some(Bytes(bytes)), u32::try_from(sector).ok());
        }
        let message = format!(
            "the size of {} is not a number of bytes",
            quoted(kernel_name)
        );
        problems.push(Problem::warning(source, message));
    }
    (None, None)
}

/// One disk with what surrounds it, while its kind is being decided.
struct Seen<'r> {
    device: &'r Value,
    kernel_name: &'r str,
    siblings: &'r BTreeSet<String>,
    virtualisation: &'r Virtualisation,
}

impl Seen<'_> {
    fn has_driver(&self, wanted: &[&str]) -> bool {
        strings(self.device, "drivers")
            .chain(text(self.device, "driver"))
            .any(|driver| wanted.contains(&driver))
    }

    fn has_class(&self, wanted: &str) -> bool {
        strings(self.device, "class_list").any(|class| class == wanted)
    }

    /// The decision list: the first test that holds decides.
    fn kind(&self, named_medium: Medium) -> (DiskKind, KindBasis) {
        use KindBasis as By;
        const PSEUDO: [&str; 8] = ["zram", "loop", "ram", "fd", "dm-", "md", "sr", "nbd"];
        let name = self.kernel_name;
        let begins = |prefix: &str| name.starts_with(prefix);
        if PSEUDO.iter().any(|prefix| begins(prefix)) {
            return (DiskKind::Pseudo, By::KernelName);
        }
        if let Some(rest) = name.strip_prefix("mmcblk") {
            let part = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            if part.starts_with("boot") || part.starts_with("rpmb") {
                return (DiskKind::EmmcBoot, By::KernelName);
            }
            return if self.siblings.contains(&format!("{name}boot0")) {
                (DiskKind::Emmc, By::Sibling)
            } else {
                (DiskKind::SdCard, By::Undecided)
            };
        }
        let nvme = [
            (begins("nvme"), By::KernelName),
            (self.has_class("nvme"), By::ClassList),
            (self.has_driver(&["nvme"]), By::Driver),
        ];
        if let Some((_, basis)) = nvme.into_iter().find(|(holds, _)| *holds) {
            return if self.virtualisation.is_virtual() {
                (DiskKind::Virtual(VirtualDriver::Nvme), basis)
            } else {
                (DiskKind::NvmeSsd, basis)
            };
        }
        if begins("vd") || begins("xvd") {
            return (DiskKind::Virtual(VirtualDriver::VirtioBlk), By::KernelName);
        }
        if self.has_driver(&["virtio_blk"]) {
            return (DiskKind::Virtual(VirtualDriver::VirtioBlk), By::Driver);
        }
        if self.has_driver(&["virtio_scsi"]) {
            return (DiskKind::Virtual(VirtualDriver::VirtioScsi), By::Driver);
        }
        let link = text(self.device, "sysfs_device_link").unwrap_or_default();
        let usb = [
            (self.has_class("usb"), By::ClassList),
            (self.has_driver(&["usb-storage", "uas"]), By::Driver),
            (link.contains("/usb"), By::DevicePath),
        ];
        if let Some((_, basis)) = usb.into_iter().find(|(holds, _)| *holds) {
            return (DiskKind::Usb, basis);
        }
        match named_medium {
            Medium::SolidState => (DiskKind::SataSsd, By::ModelName),
            Medium::Rotational => (DiskKind::Hdd, By::ModelName),
            Medium::Unknown if self.virtualisation.is_virtual() => {
                (DiskKind::Virtual(VirtualDriver::Emulated), By::Undecided)
            }
            Medium::Unknown => (DiskKind::SataUnknown, By::Undecided),
        }
    }
}

/// Every device of the report by its index, to climb from a disk to its controller.
struct DeviceTree<'r> {
    by_index: BTreeMap<u64, (&'r str, &'r Value)>,
    controllers: Vec<&'r Value>,
}

impl<'r> DeviceTree<'r> {
    fn of(devices: &'r Value) -> Self {
        let mut by_index = BTreeMap::new();
        for (class, _) in devices.as_object().into_iter().flatten() {
            for device in objects(devices, class) {
                if let Some(index) = device.get("index").and_then(number) {
                    by_index.entry(index).or_insert((class.as_str(), device));
                }
            }
        }
        DeviceTree {
            by_index,
            controllers: objects(devices, "storage_controller").collect(),
        }
    }

    /// The driver of the storage (or MMC) controller above a disk; the disk's own where the
    /// report shows no controller.
    fn controller_driver(&self, disk: &Value) -> Option<String> {
        let controller = self.by_parents(disk).or_else(|| self.by_path(disk));
        controller
            .and_then(|controller| text(controller, "driver"))
            .or_else(|| text(disk, "driver"))
            .map(str::to_owned)
    }

    fn by_parents(&self, disk: &Value) -> Option<&'r Value> {
        let mut parent = disk.get("attached_to").and_then(number)?;
        // A circle of parents would have more steps than there are devices.
        for _ in 0..self.by_index.len() {
            let &(class, device) = self.by_index.get(&parent)?;
            if matches!(class, "storage_controller" | "mmc_controller") {
                return Some(device);
            }
            parent = device.get("attached_to").and_then(number)?;
        }
        None
    }

    /// For reports without indices: the controller whose sysfs path begins the disk's.
    fn by_path(&self, disk: &Value) -> Option<&'r Value> {
        let link = text(disk, "sysfs_device_link")?;
        let above = |controller: &&&Value| {
            text(controller, "sysfs_id")
                .and_then(|id| link.strip_prefix(id))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let depth = |controller: &&&Value| text(controller, "sysfs_id").map_or(0, str::len);
        self.controllers
            .iter()
            .filter(above)
            .max_by_key(depth)
            .copied()
    }
}

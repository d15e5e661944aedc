//! `lsblk -J -b -O`: what the kernel knows of block devices, among it what facter cannot.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Reading;
use super::json::{bytes, number, objects, text};
use crate::model::hardware::Medium;
use crate::model::metrics::{BlockDevice, Sourced};
use crate::model::units::Bytes;

pub(super) fn read(reading: &mut Reading<'_>, devices: &Value) {
    // Breadth first, with parents; the depth of JSON is bounded by its parser.
    let mut open: Vec<(Option<String>, &Value)> = objects(devices).map(|d| (None, d)).collect();
    let mut seen = BTreeSet::new();
    let mut at = 0;
    while at < open.len() {
        let (parent, device) = open[at].clone();
        at += 1;
        let Some(name) = text(device, "kname").or_else(|| text(device, "name")) else {
            continue;
        };
        for child in device.get("children").into_iter().flat_map(objects) {
            open.push((Some(name.clone()), child));
        }
        // util-linux before 2.33 writes flags as the strings "0" and "1".
        let flag = |key: &str| {
            let value = device.get(key)?;
            value.as_bool().or_else(|| number(value).map(|n| n != 0))
        };
        let sector = |key: &str| {
            device
                .get(key)
                .and_then(bytes)
                .and_then(|b| u32::try_from(b.0).ok())
        };
        let block_device = BlockDevice {
            // A list (`-l`) names the parent in a column.
            parent: parent.or_else(|| text(device, "pkname").filter(|p| *p != name)),
            kind: text(device, "type"),
            size: device.get("size").and_then(bytes),
            model: text(device, "model"),
            transport: text(device, "tran"),
            medium: match flag("rota") {
                Some(true) => Medium::Rotational,
                Some(false) => Medium::SolidState,
                None => Medium::Unknown,
            },
            discard: device
                .get("disc-max")
                .and_then(bytes)
                .map(|most| most.0 > 0),
            scheduler: text(device, "sched"),
            fstype: text(device, "fstype"),
            uuid: text(device, "uuid"),
            queue_depth: device.get("rq-size").and_then(number),
            // In KiB, whether or not `-b` is given.
            read_ahead: device
                .get("ra")
                .and_then(number)
                .and_then(|kib| kib.checked_mul(1024))
                .map(Bytes),
            write_back: None,
            physical_sector: sector("phy-sec"),
            logical_sector: sector("log-sec"),
            firmware: text(device, "rev"),
            mapper: text(device, "name").filter(|short| *short != name && name.starts_with("dm-")),
            name,
        };
        // A device below two others (RAID) is listed below each, with all below it.
        if seen.insert((block_device.name.clone(), block_device.parent.clone())) {
            add(reading, block_device);
        }
    }
}

/// Adds a device, or completes what a source without its place in the tree (sysfs, `nvme list`)
/// told of it.
pub(super) fn add(reading: &mut Reading<'_>, device: BlockDevice) {
    let known = reading.metrics.block_devices.iter_mut().find(|known| {
        known.name == device.name
            && (known.kind.is_none() || device.kind.is_none() || known.parent == device.parent)
    });
    let Some(Sourced { value: known, .. }) = known else {
        let device = reading.sourced(device);
        reading.metrics.block_devices.push(device);
        return;
    };
    let old = std::mem::take(known);
    *known = BlockDevice {
        name: old.name,
        parent: old.parent.or(device.parent),
        kind: old.kind.or(device.kind),
        size: old.size.or(device.size),
        model: old.model.or(device.model),
        transport: old.transport.or(device.transport),
        medium: match old.medium {
            Medium::Unknown => device.medium,
            known => known,
        },
        discard: old.discard.or(device.discard),
        scheduler: old.scheduler.or(device.scheduler),
        queue_depth: old.queue_depth.or(device.queue_depth),
        read_ahead: old.read_ahead.or(device.read_ahead),
        write_back: old.write_back.or(device.write_back),
        physical_sector: old.physical_sector.or(device.physical_sector),
        logical_sector: old.logical_sector.or(device.logical_sector),
        firmware: old.firmware.or(device.firmware),
        mapper: old.mapper.or(device.mapper),
        fstype: old.fstype.or(device.fstype),
        uuid: old.uuid.or(device.uuid),
    };
}

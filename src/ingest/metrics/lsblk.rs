//! `lsblk -J -b -O`: what the kernel knows of block devices, among it what facter cannot.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Reading;
use super::json::{bytes, number, objects, text};
use crate::model::hardware::Medium;
use crate::model::metrics::BlockDevice;

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
        let block_device = BlockDevice {
            name,
            parent,
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
            ..BlockDevice::default()
        };
        // A device below two others (RAID) is listed below each, with all below it.
        if seen.insert((block_device.name.clone(), block_device.parent.clone())) {
            reading
                .metrics
                .block_devices
                .push(reading.sourced(block_device));
        }
    }
}

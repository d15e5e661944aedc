//! `btrfs device usage`: what each device of a filesystem holds.

use super::Reading;
use super::detect_btrfs::device_head;
use super::size;
use super::text::Block;
use super::usage::kind;
use crate::model::metrics::DeviceUse;
use crate::model::units::Bytes;

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut devices: Vec<DeviceUse> = Vec::new();
    for line in &block.lines {
        if let Some((path, id)) = device_head(line.text) {
            devices.push(DeviceUse {
                path: path.to_owned(),
                id: Some(id),
                ..DeviceUse::default()
            });
        } else if !devices
            .last_mut()
            .is_some_and(|device| detail(device, line.text))
        {
            reading.not_understood(line, "`btrfs device usage`");
        }
    }
    for device in devices {
        reading.metrics.device_usage.push(reading.sourced(device));
    }
}

/// `   Data,RAID5/3:   1.00GiB`
fn detail(device: &mut DeviceUse, line: &str) -> bool {
    let Some((key, value)) = line.trim().split_once(':') else {
        return false;
    };
    let value = value.trim();
    // Without root nobody knows what is given to none.
    if key == "Unallocated" && value == "N/A" {
        return true;
    }
    let Some(size) = size::size(value) else {
        return false;
    };
    device.approximate |= size.approximate;
    let bytes = size.bytes;
    match key {
        "Device size" => device.size = Some(bytes),
        "Device slack" => device.slack = Some(bytes),
        "Unallocated" => device.unallocated = Some(bytes),
        _ => {
            let Some((kind, profile)) = key
                .rsplit_once(',')
                .and_then(|(word, profile)| Some((kind(word)?, profile)))
            else {
                return false;
            };
            // Striped profiles name the number of stripes, each number on a line of its own.
            let profile = profile.split('/').next().unwrap_or(profile);
            let known = device
                .allocated
                .iter_mut()
                .find(|(k, p, _)| *k == kind && p == profile);
            match known {
                Some((_, _, sum)) => *sum = Bytes(sum.0.saturating_add(bytes.0)),
                None => device.allocated.push((kind, profile.to_owned(), bytes)),
            }
        }
    }
    // A device that is missing has no size, and slack without root is absurd.
    device.slack = device.slack.filter(|slack| Some(*slack) <= device.size);
    true
}

//! `btrfs device usage`: what each device of a filesystem holds.

use super::Reading;
use super::detect_btrfs::device_head;
use super::size;
use super::text::Block;
use super::usage::{device_path, kind};
use crate::model::metrics::DeviceUse;
use crate::model::units::Bytes;

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut devices: Vec<DeviceUse> = Vec::new();
    let mut is_blind = false;
    for line in &block.lines {
        if let Some((path, id)) = device_head(line.text) {
            devices.push(DeviceUse {
                path: device_path(path).to_owned(),
                id: Some(id),
                ..DeviceUse::default()
            });
        } else if !devices
            .last_mut()
            .is_some_and(|device| detail(device, line.text, &mut is_blind))
        {
            reading.not_understood(line, "`btrfs device usage`");
        }
    }
    if is_blind {
        for device in &mut devices {
            (device.size, device.slack, device.unallocated) = (None, None, None);
        }
        if let Some(first) = block.lines.first() {
            reading.note(
                first.number,
                "made without root: what single devices hold is missing",
            );
        }
    }
    for device in devices {
        reading.metrics.device_usage.push(reading.sourced(device));
    }
}

/// `   Data,RAID5/3:   1.00GiB`
fn detail(device: &mut DeviceUse, line: &str, is_blind: &mut bool) -> bool {
    let Some((key, value)) = line.trim().split_once(':') else {
        return false;
    };
    let value = value.trim();
    // Without root later versions do not say what is given to none; old ones say that all is, and
    // that the slack, of a size they did not see, is nearly 2^64.
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let is_absurd = match size::size(value) {
        Some(slack) => slack.bytes.0 > i64::MAX as u64,
        None => size::decimal(digits).is_some() && digits.len() < value.len(),
    };
    if (key == "Unallocated" && value == "N/A") || (key == "Device slack" && is_absurd) {
        *is_blind = true;
        return true;
    }
    let Some(size) = size::size(value) else {
        return false;
    };
    device.approximate |= size.approximate;
    let bytes = size.bytes;
    match key {
        // One that is missing has none to show.
        "Device size" => device.size = Some(bytes).filter(|bytes| bytes.0 > 0),
        "Device slack" => device.slack = Some(bytes),
        "Unallocated" => device.unallocated = Some(bytes),
        // Of progs 4, the size again.
        "FS occupied" => {}
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
    true
}

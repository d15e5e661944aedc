//! `/sys/block/<device>`: its queue and what is known of the device, as a tree of files, as
//! `grep . /sys/block/*/queue/*` prints it, or as a list of files below one device.

use super::Reading;
use super::text::{Block, Line};
use crate::ingest::problem::quoted;
use crate::model::hardware::Medium;
use crate::model::metrics::BlockDevice;
use crate::model::units::Bytes;

/// One file, with the device above it and what it holds.
struct Entry<'t> {
    /// Kernel name; unknown in a list below one device.
    device: Option<&'t str>,
    /// Path below the device: `queue/rotational`.
    file: &'t str,
    value: &'t str,
}

/// Files beside `queue/`.
const FILES: [&str; 13] = [
    "size",
    "stat",
    "inflight",
    "hidden",
    "range",
    "ro",
    "removable",
    "device/model",
    "device/vendor",
    "device/rev",
    "device/firmware_rev",
    "dm/name",
    "dm/uuid",
];

fn entry(line: &str) -> Option<Entry<'_>> {
    // `/sys/block/vda/queue/rotational:1`
    if let Some(rest) = line.trim_start_matches('/').strip_prefix("sys/block/") {
        let (path, value) = rest.split_once(':')?;
        let (device, file) = path.split_once('/')?;
        return known(file).then_some(Entry {
            device: Some(device),
            file,
            value: value.trim(),
        });
    }
    // `queue/rotational<tab>1|`
    let (file, value) = line.split_once('\t').or_else(|| {
        line.split_once(':')
            .filter(|(file, _)| file.starts_with("queue/"))
    })?;
    known(file).then_some(Entry {
        device: None,
        file,
        value: value.trim().trim_end_matches('|').trim(),
    })
}

fn known(file: &str) -> bool {
    let plain = file
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'/' | b'.'));
    plain && (file.starts_with("queue/") || file.starts_with("slaves/") || FILES.contains(&file))
}

pub(super) fn is_line(line: &str) -> bool {
    entry(line).is_some()
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let whole = block.context.label.clone();
    // A heading names the device of a list without one: `## /sys/block/vda`, `## sda queue`.
    let named = block.context.path.as_deref().and_then(|path| {
        let rest = path
            .strip_prefix("/sys/block/")
            .or_else(|| path.strip_prefix("/dev/"))?;
        rest.split('/')
            .next()
            .filter(|name| !name.is_empty() && !name.contains('*'))
    });
    let mut alone: Option<&Line<'_>> = None;
    for line in &block.lines {
        let Some(entry) = entry(line.text) else {
            let message = format!(
                "not a file of /sys/block: `{}`; passed over",
                quoted(line.text)
            );
            reading.doubt(line.number, message);
            continue;
        };
        if reading.cut == line.number && entry.value.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        let Some(device) = entry.device.or(named) else {
            alone = alone.or(Some(line));
            fill(reading, "", entry.file, entry.value);
            continue;
        };
        fill(reading, device, entry.file, entry.value);
    }
    if let Some(line) = alone {
        let message = match whole.is_empty() {
            true => "the queue of a block device that nothing names; kept without a name",
            false => "the queue of a block device whose name the heading does not tell",
        };
        reading.note(line.number, message);
    }
}

/// Sets the field that a file tells of.
fn fill(reading: &mut Reading<'_>, device: &str, file: &str, value: &str) {
    // In sysfs, `/` in a name is `!` (`cciss!c0d0`).
    let device = device.replace('!', "/");
    let metrics = &mut reading.metrics;
    let place = metrics
        .block_devices
        .iter()
        .position(|d| d.name == device && std::sync::Arc::ptr_eq(&d.source, &reading.source))
        .or_else(|| metrics.block_devices.iter().position(|d| d.name == device));
    let place = place.unwrap_or_else(|| {
        metrics.block_devices.push(crate::model::metrics::Sourced {
            value: BlockDevice {
                name: device,
                ..BlockDevice::default()
            },
            source: std::sync::Arc::clone(&reading.source),
        });
        metrics.block_devices.len() - 1
    });
    let Some(known) = metrics.block_devices.get_mut(place) else {
        return;
    };
    let known = &mut known.value;
    let number = value.parse::<u64>().ok();
    let small = number.and_then(|n| u32::try_from(n).ok());
    let text = (!value.is_empty()).then(|| value.to_owned());
    match file {
        "queue/rotational" => {
            known.medium = match value {
                "0" => Medium::SolidState,
                "1" => Medium::Rotational,
                _ => known.medium,
            }
        }
        // `none [mq-deadline] kyber`: the one in brackets; alone it stands without them.
        "queue/scheduler" => {
            let chosen = value
                .split_once('[')
                .and_then(|(_, rest)| rest.split_once(']'));
            known.scheduler = match chosen {
                Some((chosen, _)) => Some(chosen.to_owned()),
                None => text.filter(|text| !text.contains(' ')),
            }
        }
        "queue/nr_requests" => known.queue_depth = number,
        "queue/read_ahead_kb" => {
            known.read_ahead = number.and_then(|n| n.checked_mul(1024)).map(Bytes)
        }
        "queue/write_cache" => {
            known.write_back = match value {
                "write back" => Some(true),
                "write through" => Some(false),
                _ => None,
            }
        }
        "queue/physical_block_size" => known.physical_sector = small,
        "queue/logical_block_size" => known.logical_sector = small,
        "queue/discard_max_bytes" => known.discard = number.map(|most| most > 0),
        // Sectors of 512 bytes, whatever the device has.
        "size" => known.size = number.and_then(|n| n.checked_mul(512)).map(Bytes),
        "device/model" => known.model = text.or(known.model.take()),
        "device/rev" | "device/firmware_rev" => known.firmware = text.or(known.firmware.take()),
        "dm/name" => known.mapper = text.or(known.mapper.take()),
        // dm-crypt names itself in the UUID: `CRYPT-LUKS2-…-name`.
        "dm/uuid" => {
            let kind = value.split('-').next().unwrap_or_default();
            if matches!(kind, "CRYPT" | "LVM") {
                known.kind = Some(kind.to_lowercase());
            }
        }
        other => {
            if let Some(below) = other.strip_prefix("slaves/") {
                // An array has several; the first stands for them.
                known.parent.get_or_insert_with(|| below.to_owned());
            }
        }
    }
}

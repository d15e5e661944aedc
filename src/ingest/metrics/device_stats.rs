//! `btrfs device stats`, as text, as `-T` table and as JSON.

use serde_json::Value;

use super::Reading;
use super::detect::Format;
use super::json;
use super::text::{self, Block};
use super::usage::device_path;
use crate::ingest::problem::quoted;
use crate::model::metrics::DeviceErrors;

const WHAT: &str = "`btrfs device stats`";

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut devices: Vec<DeviceErrors> = Vec::new();
    if block.format == Format::DeviceStatsTable {
        for line in block.lines.iter().skip(1) {
            if line.text.starts_with("--") {
                continue;
            }
            match row(line.text) {
                Some(device) => devices.push(device),
                None => reading.not_understood(line, WHAT),
            }
        }
    } else {
        for line in &block.lines {
            // [/dev/sda2].write_io_errs    0
            let counter = (|| {
                let (device, rest) = line.text.strip_prefix('[')?.split_once("].")?;
                let device = device_path(device);
                let mut words = rest.split_whitespace();
                let (name, count) = (words.next()?, words.next()?.parse::<u64>().ok()?);
                words.next().is_none().then_some((device, name, count))
            })();
            let understood = counter.is_some_and(|(device, counter, count)| {
                if devices.last().is_none_or(|last| last.device != device) {
                    devices.push(DeviceErrors {
                        device: device.to_owned(),
                        ..DeviceErrors::default()
                    });
                }
                let field = devices.last_mut().and_then(|last| field(last, counter));
                field.map(|field| *field = count).is_some()
            });
            if !understood {
                reading.not_understood(line, WHAT);
            }
        }
    }
    for device in devices {
        reading.metrics.device_errors.push(reading.sourced(device));
    }
}

/// ` 1 /dev/loop1            0           0            0                 0                 0`
fn row(line: &str) -> Option<DeviceErrors> {
    let (rest, counts) = text::last_words(line, 5)?;
    let mut counts = counts.into_iter().map(|word| word.parse::<u64>().ok());
    let mut count = || counts.next().flatten();
    let (write, read, flush, corruption, generation) =
        (count()?, count()?, count()?, count()?, count()?);
    let (id, device) = rest.trim().split_once(char::is_whitespace)?;
    id.parse::<u64>().ok()?;
    Some(DeviceErrors {
        device: device_path(device).to_owned(),
        write,
        read,
        flush,
        corruption,
        generation,
    })
}

pub(super) fn read_json(reading: &mut Reading<'_>, line: usize, devices: &Value) {
    for object in json::objects(devices) {
        let Some(device) = json::text(object, "device") else {
            reading.doubt(
                line,
                "a device of `btrfs device stats` without a name; passed over",
            );
            continue;
        };
        let mut errors = DeviceErrors {
            device: device_path(&device).to_owned(),
            ..DeviceErrors::default()
        };
        for (key, value) in object.as_object().into_iter().flatten() {
            if key == "device" || key == "devid" {
                continue;
            }
            match (field(&mut errors, key), json::number(value)) {
                (Some(field), Some(count)) => *field = count,
                _ => reading.doubt(
                    line,
                    format!("not a counter of {WHAT}: `{}`; passed over", quoted(key)),
                ),
            }
        }
        reading.metrics.device_errors.push(reading.sourced(errors));
    }
}

/// The counter of a name; `/sys/fs/btrfs/<UUID>/devinfo/<id>/error_stats` has shorter ones.
pub(super) fn field<'e>(errors: &'e mut DeviceErrors, name: &str) -> Option<&'e mut u64> {
    match name {
        "write_io_errs" | "write_errs" => Some(&mut errors.write),
        "read_io_errs" | "read_errs" => Some(&mut errors.read),
        "flush_io_errs" | "flush_errs" => Some(&mut errors.flush),
        "corruption_errs" => Some(&mut errors.corruption),
        "generation_errs" => Some(&mut errors.generation),
        _ => None,
    }
}

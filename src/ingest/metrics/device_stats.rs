//! `btrfs device stats`, as text and as JSON.

use serde_json::Value;

use super::Reading;
use super::json;
use super::text::Block;
use crate::ingest::problem::quoted;
use crate::model::metrics::DeviceErrors;

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut devices: Vec<DeviceErrors> = Vec::new();
    for line in &block.lines {
        // [/dev/sda2].write_io_errs    0
        let counter = (|| {
            let (device, rest) = line.text.strip_prefix('[')?.split_once("].")?;
            let mut words = rest.split_whitespace();
            Some((device, words.next()?, words.next()?.parse::<u64>().ok()?))
        })();
        let Some((device, counter, count)) = counter else {
            let message = format!(
                "not a line of `btrfs device stats`: `{}`; passed over",
                quoted(line.text)
            );
            reading.doubt(line.number, message);
            continue;
        };
        if devices.last().is_none_or(|last| last.device != device) {
            devices.push(DeviceErrors {
                device: device.to_owned(),
                ..DeviceErrors::default()
            });
        }
        if let Some(field) = devices.last_mut().and_then(|last| field(last, counter)) {
            *field = count;
        }
    }
    for device in devices {
        reading.metrics.device_errors.push(reading.sourced(device));
    }
}

pub(super) fn read_json(reading: &mut Reading<'_>, devices: &Value) {
    for object in json::objects(devices) {
        let Some(device) = json::text(object, "device") else {
            continue;
        };
        let mut errors = DeviceErrors {
            device,
            ..DeviceErrors::default()
        };
        for (key, value) in object.as_object().into_iter().flatten() {
            if let (Some(field), Some(count)) = (field(&mut errors, key), json::number(value)) {
                *field = count;
            }
        }
        reading.metrics.device_errors.push(reading.sourced(errors));
    }
}

/// The counter of a name.
fn field<'e>(errors: &'e mut DeviceErrors, name: &str) -> Option<&'e mut u64> {
    match name {
        "write_io_errs" => Some(&mut errors.write),
        "read_io_errs" => Some(&mut errors.read),
        "flush_io_errs" => Some(&mut errors.flush),
        "corruption_errs" => Some(&mut errors.corruption),
        "generation_errs" => Some(&mut errors.generation),
        _ => None,
    }
}

//! What disks say of themselves: `smartctl -j`, `nvme list -o json`, `nvme smart-log -o json`.
//! Serial numbers are never kept.

use serde_json::Value;

use super::Reading;
use super::json::{number, objects, text};
use super::text::Context;
use crate::ingest::problem::quoted;
use crate::model::hardware::Medium;
use crate::model::metrics::{BlockDevice, Smart};
use crate::model::units::Bytes;

/// What NVMe counts data in: thousands of 512 bytes.
const NVME_UNIT: u64 = 512_000;

/// Whether it is JSON of `smartctl`.
pub(super) fn is_smartctl(value: &Value) -> bool {
    value.get("smartctl").is_some_and(Value::is_object)
}

/// A value some objects down.
fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

fn count(value: &Value, path: &[&str]) -> Option<u64> {
    at(value, path).and_then(number)
}

pub(super) fn read_smartctl(reading: &mut Reading<'_>, line: usize, value: &Value) {
    for message in at(value, &["smartctl", "messages"])
        .into_iter()
        .flat_map(objects)
    {
        if let Some(said) = text(message, "string") {
            reading.note(line, format!("smartctl said: `{}`", quoted(&said)));
        }
    }
    let Some(device) = at(value, &["device", "name"]).and_then(Value::as_str) else {
        return;
    };
    let health = "nvme_smart_health_information_log";
    let nvme = |key: &str| count(value, &[health, key]);
    let mut smart = Smart {
        device: device.to_owned(),
        model: text(value, "model_name").or_else(|| text(value, "scsi_model_name")),
        firmware: text(value, "firmware_version").or_else(|| text(value, "scsi_revision")),
        protocol: at(value, &["device", "protocol"])
            .and_then(Value::as_str)
            .map(str::to_owned),
        size: count(value, &["user_capacity", "bytes"]).map(Bytes),
        rotation_rpm: count(value, &["rotation_rate"]).and_then(|n| u32::try_from(n).ok()),
        trim: at(value, &["trim", "supported"]).and_then(Value::as_bool),
        passed: at(value, &["smart_status", "passed"]).and_then(Value::as_bool),
        temperature_c: at(value, &["temperature", "current"]).and_then(Value::as_i64),
        power_on_hours: count(value, &["power_on_time", "hours"]),
        wear_percent: nvme("percentage_used")
            .or_else(|| count(value, &["scsi_percentage_used_endurance_indicator"])),
        spare_percent: nvme("available_spare"),
        critical_warning: nvme("critical_warning"),
        media_errors: nvme("media_errors"),
        written: nvme("data_units_written").and_then(units),
        read: nvme("data_units_read").and_then(units),
        ..Smart::default()
    };
    for log in ["read", "write", "verify"] {
        let errors = count(
            value,
            &["scsi_error_counter_log", log, "total_uncorrected_errors"],
        );
        smart.media_errors = match (smart.media_errors, errors) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
    }
    smart.reallocated = count(value, &["scsi_grown_defect_list"]);
    let sector = count(value, &["logical_block_size"]).unwrap_or(512);
    for attribute in at(value, &["ata_smart_attributes", "table"])
        .into_iter()
        .flat_map(objects)
    {
        ata_attribute(&mut smart, attribute, sector);
    }
    // Page 7 of the device statistics says the wear of every SATA SSD in the same way.
    for page in at(value, &["ata_device_statistics", "pages"])
        .into_iter()
        .flat_map(objects)
    {
        for entry in page.get("table").into_iter().flat_map(objects) {
            let valid = at(entry, &["flags", "valid"]).and_then(Value::as_bool) != Some(false);
            let used =
                text(entry, "name").is_some_and(|n| n == "Percentage Used Endurance Indicator");
            if valid && used {
                smart.wear_percent = count(entry, &["value"]).or(smart.wear_percent);
            }
        }
    }
    reading.metrics.smart.push(reading.sourced(smart));
}

fn units(units: u64) -> Option<Bytes> {
    units.checked_mul(NVME_UNIT).map(Bytes)
}

/// One attribute of ATA. Makers give their own meaning to many of them: only those that all give
/// the same are read, and those of wear and of bytes written by their names.
fn ata_attribute(smart: &mut Smart, attribute: &Value, sector: u64) {
    let name = text(attribute, "name").unwrap_or_default();
    let raw = count(attribute, &["raw", "value"]);
    // Some hide other things in the upper bytes.
    let low = raw.map(|raw| raw & 0xffff_ffff);
    match count(attribute, &["id"]) {
        Some(5) => smart.reallocated = low,
        Some(197) => smart.pending = low,
        Some(198) => smart.uncorrectable = low,
        Some(199) => smart.interface_errors = low,
        _ => {}
    }
    let left = count(attribute, &["value"]).filter(|left| *left <= 100);
    match name.as_str() {
        "Total_LBAs_Written" => {
            smart.written = raw.and_then(|n| n.checked_mul(sector)).map(Bytes);
        }
        "Total_LBAs_Read" => smart.read = raw.and_then(|n| n.checked_mul(sector)).map(Bytes),
        "Host_Writes_32MiB" => smart.written = raw.and_then(|n| n.checked_mul(32 << 20)).map(Bytes),
        "Host_Reads_32MiB" => smart.read = raw.and_then(|n| n.checked_mul(32 << 20)).map(Bytes),
        "Media_Wearout_Indicator"
        | "Wear_Leveling_Count"
        | "Percent_Lifetime_Remain"
        | "SSD_Life_Left" => {
            smart.wear_percent = smart.wear_percent.or(left.map(|left| 100 - left));
        }
        _ => {}
    }
    if let Some(when) = text(attribute, "when_failed") {
        smart.failed.push(format!("{name} ({when})"));
    }
}

/// Whether it is JSON of `nvme smart-log`.
pub(super) fn is_smart_log(value: &Value) -> bool {
    value.get("critical_warning").is_some() && value.get("data_units_written").is_some()
}

pub(super) fn read_smart_log(
    reading: &mut Reading<'_>,
    line: usize,
    value: &Value,
    context: &Context,
) {
    let device = context
        .path
        .clone()
        .filter(|path| path.starts_with("/dev/"));
    if device.is_none() {
        reading.note(
            line,
            "a smart-log of a disk that nothing names; kept without a name",
        );
    }
    let field = |key: &str| count(value, &[key]);
    // nvme-cli before 2.9 and after write the bits of the warning as a number or one by one.
    let warning =
        field("critical_warning").or_else(|| count(value, &["critical_warning", "value"]));
    let smart = Smart {
        device: device.unwrap_or_default(),
        protocol: Some("NVMe".to_owned()),
        // Kelvin, as the standard has it.
        temperature_c: field("temperature")
            .and_then(|k| i64::try_from(k).ok())
            .map(|k| k - 273),
        power_on_hours: field("power_on_hours"),
        // Written with `percent_used` since nvme-cli 1.0.
        wear_percent: field("percent_used").or_else(|| field("percentage_used")),
        spare_percent: field("avail_spare").or_else(|| field("available_spare")),
        critical_warning: warning,
        media_errors: field("media_errors"),
        written: field("data_units_written").and_then(units),
        read: field("data_units_read").and_then(units),
        ..Smart::default()
    };
    reading.metrics.smart.push(reading.sourced(smart));
}

/// `nvme list`: flat up to 2.10, nested by subsystem and controller since.
pub(super) fn read_nvme_list(reading: &mut Reading<'_>, devices: &Value) {
    for device in objects(devices) {
        if let Some(path) = text(device, "DevicePath") {
            let name = path.trim_start_matches("/dev/").to_owned();
            namespace(reading, name, device, device);
            continue;
        }
        for subsystem in device.get("Subsystems").into_iter().flat_map(objects) {
            // With several paths to it, the namespaces stand with the subsystem.
            let controllers: Vec<&Value> = subsystem
                .get("Controllers")
                .into_iter()
                .flat_map(objects)
                .collect();
            let shared = subsystem.get("Namespaces").into_iter().flat_map(objects);
            let first = controllers.first().copied().unwrap_or(subsystem);
            let own = controllers.iter().flat_map(|c| {
                c.get("Namespaces")
                    .into_iter()
                    .flat_map(objects)
                    .map(move |n| (*c, n))
            });
            for (controller, space) in shared.map(|n| (first, n)).chain(own) {
                if let Some(name) = text(space, "NameSpace") {
                    namespace(reading, name, controller, space);
                }
            }
        }
    }
}

fn namespace(reading: &mut Reading<'_>, name: String, controller: &Value, space: &Value) {
    let sector = space
        .get("SectorSize")
        .and_then(number)
        .and_then(|n| u32::try_from(n).ok());
    let device = BlockDevice {
        name,
        kind: Some("disk".to_owned()),
        size: space.get("PhysicalSize").and_then(number).map(Bytes),
        model: text(controller, "ModelNumber"),
        transport: Some("nvme".to_owned()),
        medium: Medium::SolidState,
        firmware: text(controller, "Firmware"),
        logical_sector: sector,
        ..BlockDevice::default()
    };
    super::lsblk::add(reading, device);
}

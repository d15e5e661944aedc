//! Outputs in JSON, told apart by their top-level key.

use serde_json::Value;

use super::text::Context;
use super::{
    Reading, device_stats, fio, iostat, lsblk, mounts, pidstat, qgroups, size, smart, subvolumes,
    usage,
};
use crate::ingest::problem::quoted;
use crate::model::units::Bytes;

pub(super) fn read(reading: &mut Reading<'_>, line: usize, value: &Value, context: &Context) {
    let has = |key: &str| value.get(key).is_some();
    if let Some(hosts) = value
        .get("sysstat")
        .and_then(|sysstat| sysstat.get("hosts"))
    {
        for host in objects(hosts) {
            match pidstat::is_json(host) {
                true => pidstat::read_json(reading, host),
                false => iostat::read_json(reading, line, host, context),
            }
        }
    } else if smart::is_smartctl(value) {
        smart::read_smartctl(reading, line, value);
    } else if fio::is_fio(value) {
        fio::read(reading, line, value);
    } else if let Some(devices) = value.get("Devices") {
        smart::read_nvme_list(reading, devices);
    } else if smart::is_smart_log(value) {
        smart::read_smart_log(reading, line, value, context);
    } else if let Some(tree) = value.get("filesystems") {
        mounts::read_findmnt(reading, tree);
    } else if let Some(devices) = value.get("blockdevices") {
        lsblk::read(reading, devices);
    } else if let Some(devices) = value.get("device-stats") {
        device_stats::read_json(reading, line, devices);
    } else if let Some(groups) = value.get("qgroup-show") {
        qgroups::read_json(reading, line, groups, context);
    } else if let Some(list) = value.get("subvolume-list") {
        subvolumes::read_json(reading, line, list, context);
    } else if let Some(groups) = value.get("filesystem-df") {
        usage::read_df_json(reading, line, groups, context);
    } else if has("hardware") && has("virtualisation") {
        reading.doubt(
            line,
            "a facter report: it does not belong among the metrics; not read",
        );
    } else {
        let keys = value.as_object().into_iter().flat_map(|o| o.keys().take(3));
        let keys: Vec<String> = keys.map(|key| format!("`{}`", quoted(key))).collect();
        let message = format!(
            "JSON of no known output (it has {}); not read",
            keys.join(", ")
        );
        reading.doubt(line, message);
    }
}

/// Reads what is whole of a JSON of sysstat that breaks off: its statistics up to the last complete
/// one (an interrupted `iostat` before 12.1.4 never closes them). Whether there was any.
pub(super) fn salvage(
    reading: &mut Reading<'_>,
    line: usize,
    text: &str,
    context: &Context,
) -> bool {
    // `{"sysstat": {"hosts": [{…, "statistics": [` is open around a statistic.
    const OPEN: &[u8] = b"{{[{[";
    let (mut stack, mut end) = (Vec::new(), None);
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => stack.push(byte),
            b'}' | b']' => {
                stack.pop();
                if byte == b'}' && stack == OPEN {
                    end = Some(at + 1);
                }
            }
            _ => {}
        }
    }
    let whole = end
        .and_then(|end| text.get(..end))
        .map(|front| format!("{front}]}}]}}}}"));
    let value = whole.and_then(|whole| serde_json::from_str::<Value>(&whole).ok());
    let Some(value) = value.filter(|value| value.get("sysstat").is_some()) else {
        return false;
    };
    reading.note(
        line,
        "JSON that ends early, as from an interrupted command; its complete reports were read",
    );
    read(reading, line, &value, context);
    true
}

/// A number that older progs write as a string.
pub(super) fn number(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_str()?.trim().parse().ok())
}

/// A size in bytes: number, numeric string, or (without `-b`) with a unit.
pub(super) fn bytes(value: &Value) -> Option<Bytes> {
    number(value)
        .map(Bytes)
        .or_else(|| Some(size::size(value.as_str()?.trim())?.bytes))
}

/// Text at `key`, unless empty.
pub(super) fn text(object: &Value, key: &str) -> Option<String> {
    let text = object.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The objects of a list.
pub(super) fn objects(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter(|element| element.is_object())
}

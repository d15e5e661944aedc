//! Outputs in JSON, told apart by their top-level key.

use serde_json::Value;

use super::text::Context;
use super::{Reading, device_stats, iostat, lsblk, mounts, qgroups, size, subvolumes, usage};
use crate::ingest::problem::quoted;
use crate::model::units::Bytes;

pub(super) fn read(reading: &mut Reading<'_>, line: usize, value: &Value, context: &Context) {
    let has = |key: &str| value.get(key).is_some();
    if let Some(hosts) = value
        .get("sysstat")
        .and_then(|sysstat| sysstat.get("hosts"))
    {
        iostat::read_json(reading, line, hosts, context);
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

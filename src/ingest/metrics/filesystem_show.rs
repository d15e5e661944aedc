//! `btrfs filesystem show`: filesystems with their devices.

use super::Reading;
use super::detect_btrfs::is_missing_device;
use super::size;
use super::text::Block;
use crate::model::metrics::{FilesystemShow, ShownDevice};
use crate::model::units::Bytes;

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut shown: Vec<FilesystemShow> = Vec::new();
    let mut missing = false;
    for line in &block.lines {
        let text = line.text.trim();
        let understood = if is_missing_device(text) {
            missing = true;
            true
        } else if let Some(rest) = text.strip_prefix("Label: ") {
            let filesystem = head(rest);
            let read = filesystem.is_some();
            if let Some(mut filesystem) = filesystem {
                filesystem.missing = std::mem::take(&mut missing);
                shown.push(filesystem);
            }
            read
        } else if let Some(last) = shown.last_mut() {
            detail(last, text)
        } else {
            false
        };
        if !understood {
            reading.not_understood(line, "`btrfs filesystem show`");
        }
    }
    for filesystem in shown {
        reading.metrics.shown.push(reading.sourced(filesystem));
    }
}

/// `'my label'  uuid: b05f4091-…`, or `none  uuid: …`
fn head(text: &str) -> Option<FilesystemShow> {
    // The label may hold anything, the word `uuid:` too.
    let (label, uuid) = text.rsplit_once("uuid: ")?;
    let label = label.trim_end();
    let label = if label == "none" {
        None
    } else {
        Some(label.strip_prefix('\'')?.strip_suffix('\'')?.to_owned())
    };
    let uuid = uuid.trim();
    super::sysfs_btrfs::is_uuid(uuid).then(|| FilesystemShow {
        label,
        uuid: uuid.to_owned(),
        ..FilesystemShow::default()
    })
}

fn detail(shown: &mut FilesystemShow, text: &str) -> bool {
    if text.starts_with("*** Some devices missing") {
        shown.missing = true;
        return true;
    }
    if let Some(rest) = text.strip_prefix("Total devices ") {
        let Some((total, used)) = rest.split_once(" FS bytes used ") else {
            return false;
        };
        shown.total_devices = total.trim().parse().ok();
        shown.used = bytes(shown, used.trim());
        return shown.total_devices.is_some() && shown.used.is_some();
    }
    let device = (|| {
        let rest = text.strip_prefix("devid ")?;
        let (id, rest) = rest.split_once(" size ")?;
        let (size, rest) = rest.split_once(" used ")?;
        let (used, path) = rest.split_once(" path ")?;
        let (path, is_missing) = match path.strip_suffix(" MISSING") {
            Some(path) => (path, true),
            None => (path, super::usage::device_path(path) == "missing"),
        };
        let (size, used) = (size::size(size.trim())?, size::size(used.trim())?);
        shown.approximate |= size.approximate || used.approximate;
        // Of what is missing the tool prints sizes of nothing.
        let known = |bytes: Bytes| (!is_missing).then_some(bytes);
        Some(ShownDevice {
            id: id.trim().parse().ok()?,
            size: known(size.bytes),
            allocated: known(used.bytes),
            path: super::usage::device_path(path).to_owned(),
            missing: is_missing,
        })
    })();
    let read = device.is_some();
    shown.missing |= device.as_ref().is_some_and(|device| device.missing);
    shown.devices.extend(device);
    read
}

fn bytes(shown: &mut FilesystemShow, text: &str) -> Option<Bytes> {
    let size = size::size(text)?;
    shown.approximate |= size.approximate;
    Some(size.bytes)
}

//! What is mounted: `/proc/self/mountinfo`, `/proc/mounts`, `mount`, `findmnt -J`.
//!
//! `procfs-core` reads mountinfo too, but loses the order of the options and keeps the escapes.

use serde_json::Value;

use super::Reading;
use super::detect::Format;
use super::json::{objects, text};
use super::text::Block;
use crate::ingest::problem::quoted;
use crate::model::metrics::MountEntry;

/// Options that belong to a mount; all others belong to its filesystem.
const MOUNT_FLAGS: [&str; 15] = [
    "rw",
    "ro",
    "nosuid",
    "suid",
    "nodev",
    "dev",
    "noexec",
    "exec",
    "noatime",
    "relatime",
    "strictatime",
    "nodiratime",
    "lazytime",
    "nosymfollow",
    "sync",
];

/// `44 27 0:42 / /mnt rw,noatime shared:1 - btrfs /dev/sda rw,subvol=/`
pub(super) fn is_mountinfo(line: &str) -> bool {
    let mut words = line.split(' ');
    let mut is_id = || {
        words
            .next()
            .is_some_and(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_digit()))
    };
    let ids = is_id() && is_id();
    let device = words.next().unwrap_or_default();
    ids && device.contains(':') && line.contains(" - ")
}

/// `/dev/sda /mnt btrfs rw,noatime 0 0`
pub(super) fn is_mounts(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().take(7).collect();
    matches!(words[..], [_, mountpoint, _, _, dump, pass]
        if mountpoint.starts_with('/') && dump.len() == 1 && pass.len() == 1
            && dump.bytes().chain(pass.bytes()).all(|b| b.is_ascii_digit()))
}

/// `/dev/sda on /mnt type btrfs (rw,noatime)`
pub(super) fn is_mount(line: &str) -> bool {
    line.contains(" on /") && line.contains(" type ") && line.ends_with(')')
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    for line in &block.lines {
        // Of a line that breaks off in its options, the last option is not sure.
        let text = match line.text.rsplit_once(',') {
            Some((sure, _)) if reading.cut == line.number => sure,
            _ => line.text,
        };
        let entry = match block.format {
            Format::MountInfo => mountinfo(text),
            Format::Mount => mount(line.text),
            _ => mounts(line.text),
        };
        match entry {
            Some(entry) => reading.metrics.mounts.push(reading.sourced(entry)),
            None => {
                let message = format!("not a mount: `{}`; passed over", quoted(line.text));
                reading.doubt(line.number, message);
            }
        }
    }
}

fn mountinfo(line: &str) -> Option<MountEntry> {
    let (left, right) = line.split_once(" - ")?;
    let left: Vec<&str> = left.split(' ').collect();
    let right: Vec<&str> = right.split(' ').collect();
    let [_, _, _, root, mountpoint, options, ..] = left[..] else {
        return None;
    };
    let [fstype, device, super_options, ..] = right[..] else {
        return None;
    };
    Some(MountEntry {
        mountpoint: unescaped(mountpoint),
        root: Some(unescaped(root)),
        fstype: fstype.to_owned(),
        device: unescaped(device),
        mount_options: split(options),
        super_options: split(super_options),
    })
}

fn mounts(line: &str) -> Option<MountEntry> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [device, mountpoint, fstype, options, ..] = words[..] else {
        return None;
    };
    Some(mixed(
        unescaped(device),
        unescaped(mountpoint),
        fstype,
        options,
    ))
}

fn mount(line: &str) -> Option<MountEntry> {
    let (front, options) = line.rsplit_once(" (")?;
    let (front, fstype) = front.rsplit_once(" type ")?;
    let (device, mountpoint) = front.split_once(" on /")?;
    Some(mixed(
        device.to_owned(),
        format!("/{mountpoint}"),
        fstype,
        options.strip_suffix(')')?,
    ))
}

/// A mount of a source that does not part the mount's options from the filesystem's.
fn mixed(device: String, mountpoint: String, fstype: &str, options: &str) -> MountEntry {
    let (mount_options, super_options) = split(options)
        .into_iter()
        .partition(|option| MOUNT_FLAGS.contains(&option.as_str()));
    MountEntry {
        mountpoint,
        root: None,
        fstype: fstype.to_owned(),
        device,
        mount_options,
        super_options,
    }
}

fn split(options: &str) -> Vec<String> {
    options
        .split(',')
        .filter(|o| !o.is_empty())
        .map(unescaped)
        .collect()
}

/// `findmnt -J`: a tree of mounts, or with `-l` a list.
pub(super) fn read_findmnt(reading: &mut Reading<'_>, tree: &Value) {
    let mut open: Vec<&Value> = objects(tree).collect();
    open.reverse();
    while let Some(node) = open.pop() {
        let children: Vec<&Value> = node.get("children").into_iter().flat_map(objects).collect();
        open.extend(children.into_iter().rev());
        let (Some(mountpoint), Some(source), Some(fstype)) = (
            text(node, "target"),
            text(node, "source"),
            text(node, "fstype"),
        ) else {
            continue;
        };
        // A subvolume or bind mount has its root in brackets: `/dev/sda2[/@home]`.
        let (device, root) = match source.strip_suffix(']').and_then(|s| s.split_once('[')) {
            Some((device, root)) => (device.to_owned(), Some(root.to_owned())),
            None => (source, None),
        };
        let options = text(node, "options").unwrap_or_default();
        let mut entry = MountEntry {
            root: text(node, "fsroot").or(root),
            ..mixed(device, mountpoint, &fstype, &options)
        };
        // `-o VFS-OPTIONS,FS-OPTIONS` parts them.
        if let Some(own) = text(node, "vfs-options") {
            entry.mount_options = split(&own);
        }
        if let Some(of_filesystem) = text(node, "fs-options") {
            entry.super_options = split(&of_filesystem);
        }
        reading.metrics.mounts.push(reading.sourced(entry));
    }
}

/// `\040` and its like, which the kernel writes for blanks, tabs, line ends, `\` and `#`.
pub(super) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = tail;
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

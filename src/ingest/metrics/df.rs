//! `df` in any form: with blocks of any size, `-P`, `-T`, `-h`, `-i`, `--output`, translated.

use super::Reading;
use super::size;
use super::text::{Block, Line};
use crate::ingest::problem::quoted;
use crate::model::metrics::{DfEntry, InodeUse};
use crate::model::units::Bytes;

/// Types that tell a type column from a device name with a space in it.
const FILESYSTEMS: [&str; 20] = [
    "btrfs", "ext2", "ext3", "ext4", "xfs", "f2fs", "bcachefs", "zfs", "vfat", "exfat", "ntfs3",
    "tmpfs", "devtmpfs", "ramfs", "overlay", "nfs", "nfs4", "cifs", "fuseblk", "efivarfs",
];

/// Whether the head of a `df` table begins `lines`. Translations change every word of it, so the
/// row below must agree.
pub(super) fn is_header(lines: &[Line<'_>]) -> bool {
    let Some(head) = lines.first() else {
        return false;
    };
    if head.text.starts_with("Filesystem ") && head.text.ends_with("Mounted on") {
        return true;
    }
    // `Use%`, `Verw%`; a row has `15%`, and `iostat` has `%util`.
    let has_share = head
        .words()
        .any(|word| word.ends_with('%') && word.starts_with(char::is_alphabetic));
    if Row::of(head.text).is_some() {
        return false;
    }
    if !(has_share || block_size(head.text).is_some()) || head.words().count() < 4 {
        return false;
    }
    lines[1..]
        .iter()
        .filter(|line| !line.text.is_empty())
        .take(2)
        .any(|line| Row::of(line.text).is_some())
}

/// The size of a block by the head: `1K-blocks`, `1024-blocks`, `1B-blocks`, `1K-Blöcke`, `1K`.
fn block_size(head: &str) -> Option<u64> {
    head.split_whitespace().find_map(|word| {
        let unit = match word.split_once('-') {
            Some((unit, rest)) if rest.to_lowercase().starts_with("bl") => unit,
            None if word.starts_with(|c: char| c.is_ascii_digit()) => word,
            _ => return None,
        };
        size::size(unit)
            .map(|size| size.bytes.0)
            .filter(|&bytes| bytes > 0)
    })
}

/// A row, taken apart around its share in use.
struct Row<'t> {
    /// What stands before the numbers: the device, and perhaps a type.
    front: Vec<&'t str>,
    /// Total, used, free.
    numbers: [&'t str; 3],
    /// What follows the share: the mountpoint, after inode counts where asked for.
    back: &'t str,
}

impl<'t> Row<'t> {
    /// Looks for three numbers and a share: names of devices and mountpoints may hold blanks.
    fn of(line: &'t str) -> Option<Self> {
        let is_number = |word: &str| {
            word == "-"
                || (word.starts_with(|c: char| c.is_ascii_digit()) && size::size(word).is_some())
        };
        let is_share = |word: &str| {
            word == "-"
                || word
                    .strip_suffix('%')
                    .is_some_and(|n| size::decimal(n).is_some())
        };
        let words: Vec<&str> = line.split_whitespace().collect();
        let last_path = words.iter().rposition(|word| word.starts_with('/'))?;
        let share = (4..last_path)
            .find(|&i| is_share(words[i]) && words[i - 3..i].iter().all(|word| is_number(word)))?;
        // The words are slices of the line: the back begins behind the share.
        let begin = words[share].as_ptr() as usize - line.as_ptr() as usize + words[share].len();
        Some(Row {
            front: words[..share - 3].to_vec(),
            numbers: [words[share - 3], words[share - 2], words[share - 1]],
            back: line[begin..].trim(),
        })
    }
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let Some((head, rest)) = block.lines.split_first() else {
        return;
    };
    let has = |word: &str| head.words().any(|w| w == word);
    let block_size = block_size(head.text);
    // `df -i` counts inodes where sizes stand else; `--output` may add them behind the sizes.
    let only_inodes = block_size.is_none() && !has("Size") && head.text.contains("nodes");
    let inodes_behind = !only_inodes && has("Inodes") && has("IUsed");

    // Very old tools put a long device name on a line of its own.
    let mut joined: Vec<(usize, String)> = Vec::new();
    for line in rest {
        match joined.last_mut() {
            Some((_, front))
                if line.text.starts_with(' ') && !front.trim().contains(char::is_whitespace) =>
            {
                front.push_str(line.text);
            }
            _ => joined.push((line.number, line.text.to_owned())),
        }
    }
    let rows: Vec<(usize, Row<'_>)> = joined
        .iter()
        .filter_map(|(number, line)| match Row::of(line) {
            Some(row) => Some((*number, row)),
            None => {
                let message = format!("not a line of `df`: `{}`; passed over", quoted(line));
                reading.doubt(*number, message);
                None
            }
        })
        .collect();
    let human = rows.iter().any(|(_, row)| {
        row.numbers
            .iter()
            .any(|n| n.ends_with(|c: char| c.is_ascii_alphabetic()))
    });
    let typed = rows.iter().all(|(_, row)| row.front.len() > 1)
        && rows
            .iter()
            .any(|(_, row)| row.front.last().is_some_and(|t| FILESYSTEMS.contains(t)));

    for (number, row) in rows {
        let (device, fstype) = match row.front.split_last() {
            Some((last, front)) if typed => (front.join(" "), Some((*last).to_owned())),
            _ => (row.front.join(" "), None),
        };
        let count = |word: &str| size::size(word).map(|size| size.bytes.0);
        let [total, used, free] = row.numbers;
        if only_inodes {
            if let (Some(total), Some(used)) = (count(total), count(used)) {
                let mountpoint = row.back.to_owned();
                let entry = InodeUse {
                    device,
                    total,
                    used,
                    mountpoint,
                };
                reading.metrics.inodes.push(reading.sourced(entry));
            }
            continue;
        }
        let mut mountpoint = row.back;
        if inodes_behind {
            let mut parts = row.back.splitn(2, char::is_whitespace);
            let inodes = parts.next().and_then(count);
            let mut parts = parts
                .next()
                .unwrap_or_default()
                .trim_start()
                .splitn(2, char::is_whitespace);
            let inodes_used = parts.next().and_then(count);
            mountpoint = parts.next().unwrap_or_default().trim_start();
            if let (Some(total), Some(used)) = (inodes, inodes_used) {
                let mountpoint = mountpoint.to_owned();
                let entry = InodeUse {
                    device: device.clone(),
                    total,
                    used,
                    mountpoint,
                };
                reading.metrics.inodes.push(reading.sourced(entry));
            }
        }
        if block_size.is_none() && !human {
            reading.doubt(
                number,
                "the head does not say how large a block is; passed over",
            );
            continue;
        }
        let bytes = |word: &str| {
            let size = size::size(word)?;
            // With -h, a number without a unit is bytes; else it counts blocks.
            let unit = if human { 1 } else { block_size.unwrap_or(1) };
            size.bytes.0.checked_mul(unit).map(Bytes)
        };
        let entry = DfEntry {
            device,
            fstype,
            size: bytes(total),
            used: bytes(used),
            available: bytes(free),
            mountpoint: mountpoint.to_owned(),
            approximate: human,
        };
        reading.metrics.filesystems.push(reading.sourced(entry));
    }
}

//! Tells the outputs of btrfs-progs, of the tools around them, and of `/sys/fs/btrfs` by their first
//! lines.

use super::detect::Format;
use super::text::Line;
use super::{filefrag, lsattr, property, sysfs_btrfs};

/// The format that begins at the first of `lines`, where it is one of btrfs.
pub(super) fn format(lines: &[Line<'_>]) -> Option<Format> {
    let line = lines.first()?.text;
    let next = lines.get(1).map_or("", |line| line.text);
    let begins = |prefix: &str| line.starts_with(prefix);
    let format = if begins("Label: ") && line.contains("uuid: ") || is_missing_device(line) {
        Format::FilesystemShow
    } else if device_head(line).is_some() && next.trim_start().starts_with("Device size:") {
        Format::DeviceUsage
    } else if begins("Id") && line.contains("Write errors") && line.contains("Flush errors") {
        Format::DeviceStatsTable
    } else if next.starts_with('\t') && next.trim_start().starts_with("Name:") && !begins("\t") {
        Format::SubvolumeShow
    } else if begins("superblock: bytenr=") {
        Format::DumpSuper
    } else if begins("Processed ") && line.contains(" regular extents ")
        || begins("Type ") && line.contains(" Perc ") && line.contains(" Uncompressed ")
        || matches!(line, "No files." | "All empty or still-delalloced files.")
    {
        Format::Compsize
    } else if property::is_property(line) {
        Format::Property
    } else if filefrag::begins(line) {
        Format::Filefrag
    } else if lsattr::flags(line).is_some() || lsattr::is_folder(line, lines) {
        Format::Lsattr
    } else if is_commit_stats(lines) {
        Format::CommitStats
    } else if sysfs_btrfs::is_dump(line) {
        Format::SysfsBtrfs
    } else if sysfs_btrfs::is_features(line) {
        Format::BtrfsFeatures
    } else {
        return None;
    };
    Some(format)
}

/// Whether a line belongs to a block of this format even where it looks like the begin of another:
/// names of files may look like anything.
pub(super) fn holds(format: Format, line: &str) -> bool {
    let is_row = |mark: &str| line.starts_with("ID ") && line.contains(mark);
    match format {
        Format::SubvolumeShow | Format::DumpSuper => line.starts_with('\t'),
        Format::FilesystemShow => line.starts_with("\tdevid "),
        Format::Subvolumes => is_row(" path "),
        Format::Lsattr => lsattr::flags(line).is_some(),
        // The head stands first where there is only one file.
        Format::Compsize => line.starts_with("Type "),
        _ => false,
    }
}

/// Whether the last line of a block of this format ends in a number, so that the number may be cut
/// where the file ends without a line end.
pub(super) fn ends_in_number(format: Format, line: &str) -> bool {
    match format {
        Format::Usage
        | Format::FilesystemDf
        | Format::DeviceUsage
        | Format::DeviceStats
        | Format::DeviceStatsTable
        | Format::DumpSuper
        | Format::SubvolumeShow
        | Format::Compsize
        | Format::CommitStats
        | Format::SysfsBtrfs
        | Format::Scrub => true,
        Format::FilesystemShow => line.contains("bytes used"),
        // Where there is a path, it is the last.
        Format::Qgroups => line
            .split_whitespace()
            .next_back()
            .is_some_and(|word| super::size::size(word).is_some()),
        _ => false,
    }
}

/// `/dev/sda2, ID: 1`
pub(super) fn device_head(line: &str) -> Option<(&str, u64)> {
    let (path, id) = line.rsplit_once(", ID: ")?;
    Some((path, id.trim().parse().ok()?))
}

/// `warning, device 2 is missing`, on standard error before the list.
pub(super) fn is_missing_device(line: &str) -> bool {
    line.starts_with("warning, device ") && line.ends_with(" is missing")
}

/// `commits 9` above `cur_commit_ms 0`; or `btrfs filesystem commit-stats`.
fn is_commit_stats(lines: &[Line<'_>]) -> bool {
    let line = |index: usize| lines.get(index).map_or("", |line| line.text);
    (line(0).starts_with("commits ") && line(1).contains("_commit_ms "))
        || line(0) == "Commit stats since mount:"
        || (line(0).starts_with("UUID: ") && line(1) == "Commit stats since mount:")
}

//! Tells the format of an output by its first lines.

use super::detect_btrfs;
use super::df;
use super::mounts;
use super::text::Line;
use super::versions;

/// The outputs that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `df`, in any form.
    Df,
    /// `btrfs filesystem usage`.
    Usage,
    /// `btrfs filesystem df`.
    FilesystemDf,
    /// `iostat` as text.
    Iostat,
    /// `/proc/pressure/*`.
    Pressure,
    /// `/proc/self/mountinfo`.
    MountInfo,
    /// `/proc/mounts`.
    Mounts,
    /// `mount`.
    Mount,
    /// `/proc/meminfo`.
    MemInfo,
    /// `/proc/swaps`.
    Swaps,
    /// `compsize`.
    Compsize,
    /// `btrfs device stats`.
    DeviceStats,
    /// `btrfs subvolume list`.
    Subvolumes,
    /// `btrfs subvolume list -t`.
    SubvolumeTable,
    /// `btrfs qgroup show`.
    Qgroups,
    /// `btrfs scrub status`.
    Scrub,
    /// `btrfs balance status`.
    Balance,
    /// `btrfs filesystem show`.
    FilesystemShow,
    /// `btrfs device usage`.
    DeviceUsage,
    /// `btrfs device stats -T`.
    DeviceStatsTable,
    /// `btrfs subvolume show`.
    SubvolumeShow,
    /// `btrfs property`.
    Property,
    /// `btrfs inspect-internal dump-super`.
    DumpSuper,
    /// `filefrag`.
    Filefrag,
    /// `lsattr`.
    Lsattr,
    /// `/sys/fs/btrfs/<UUID>`, with the names of its files.
    SysfsBtrfs,
    /// `/sys/fs/btrfs/<UUID>/commit_stats`, `btrfs filesystem commit-stats`.
    CommitStats,
    /// `/sys/fs/btrfs/features`.
    BtrfsFeatures,
    /// `uname -a`, `/proc/version`.
    Uname,
    /// `uname -r`.
    Kernel,
    /// `btrfs --version`.
    BtrfsProgs,
    /// `nixos-version`.
    NixosVersion,
    /// Any other tool of the system.
    System(super::system::Kind),
}

impl Format {
    /// Whether a second first line begins a second output of this format. For the others such a
    /// line is a part of the same output.
    pub(super) fn restarts(self) -> bool {
        if let Format::System(kind) = self {
            return kind.restarts();
        }
        matches!(
            self,
            Format::Df
                | Format::Usage
                | Format::Compsize
                | Format::MemInfo
                | Format::Swaps
                | Format::SubvolumeTable
                | Format::Qgroups
                | Format::DeviceStatsTable
        )
    }

    /// Whether a line is one of this format whatever it looks like.
    pub(super) fn holds(self, line: &str) -> bool {
        detect_btrfs::holds(self, line)
    }
}

/// The format that begins at the first of `lines`.
pub(super) fn format(lines: &[Line<'_>]) -> Option<Format> {
    let line = lines.first()?.text;
    let words: Vec<&str> = line.split_whitespace().take(8).collect();
    let first = *words.first()?;
    let begins = |prefix: &str| line.starts_with(prefix);
    let format = if let Some(format) = detect_btrfs::format(lines) {
        format
    } else if let Some(kind) = super::system::detect(lines) {
        Format::System(kind)
    } else if line == "Overall:" {
        Format::Usage
    } else if first.ends_with(',') && line.contains(": total=") && line.contains(", used=") {
        Format::FilesystemDf
    } else if begins("[") && line.contains("].") && line.contains("_errs") {
        Format::DeviceStats
    } else if begins("Processed ") && line.contains(" files, ") {
        Format::Compsize
    } else if line.contains(" avg10=") && line.contains(" total=") {
        Format::Pressure
    } else if begins("MemTotal:") {
        Format::MemInfo
    } else if begins("Filename") && words.get(1) == Some(&"Type") {
        Format::Swaps
    } else if first == "ID" && words.get(2) == Some(&"gen") {
        Format::Subvolumes
    } else if line.starts_with("ID\tgen") || words.starts_with(&["ID", "gen", "top", "level"]) {
        Format::SubvolumeTable
    } else if first.eq_ignore_ascii_case("qgroupid") {
        Format::Qgroups
    } else if begins("scrub status for") || begins("scrub done for") || is_scrub(lines) {
        Format::Scrub
    } else if begins("No balance found on") || begins("Balance on '") {
        Format::Balance
    } else if begins("Linux version ") || (first == "Linux" && line.contains(" #")) {
        Format::Uname
    } else if is_iostat(lines) {
        Format::Iostat
    } else if mounts::is_mountinfo(line) {
        Format::MountInfo
    } else if mounts::is_mount(line) {
        Format::Mount
    } else if mounts::is_mounts(line) {
        Format::Mounts
    } else if begins("btrfs-progs v") {
        Format::BtrfsProgs
    } else if versions::is_nixos(line) {
        Format::NixosVersion
    } else if versions::is_kernel(line) {
        Format::Kernel
    } else if df::is_header(lines) {
        Format::Df
    } else {
        return None;
    };
    Some(format)
}

fn is_scrub(lines: &[Line<'_>]) -> bool {
    let started = |line: &Line<'_>| {
        let text = line.text.trim_start().to_lowercase();
        text.starts_with("scrub ") || text == "no stats available"
    };
    let next = lines.iter().skip(1).find(|line| !line.text.is_empty());
    // `btrfs scrub start -B -d` names no filesystem.
    let is_device = |text: &str| text.starts_with("scrub device ") && text.contains(" (id ");
    if is_device(&lines[0].text.to_lowercase()) {
        return true;
    }
    lines[0].text.starts_with("UUID:") && next.is_some_and(started)
}

/// `iostat`: its banner when a table of it follows, or the head of a table.
fn is_iostat(lines: &[Line<'_>]) -> bool {
    let is_table = |line: &Line<'_>| {
        let has = |names: &[&str]| line.words().any(|word| names.contains(&word));
        line.text.starts_with("avg-cpu:")
            || (has(&["Device", "Device:"]) && has(&["tps", "r/s", "w/s", "d/s", "f/s"]))
    };
    let is_banner = lines[0].text.starts_with("Linux ") && lines[0].text.ends_with("CPU)");
    is_table(&lines[0]) || (is_banner && lines.iter().take(8).any(is_table))
}

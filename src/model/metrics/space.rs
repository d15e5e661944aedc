//! How full filesystems are, and what compression makes of their contents.

use serde::Serialize;

use super::state::ToldGroup;
use crate::model::units::{Bytes, Percent};

/// One line of `df`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DfEntry {
    /// Device or share.
    pub device: String,
    /// Filesystem type, where asked for (`df -T`).
    pub fstype: Option<String>,
    /// Total size; on btrfs `used + available` is less than this.
    pub size: Option<Bytes>,
    /// Used.
    pub used: Option<Bytes>,
    /// What an ordinary user may still write; on btrfs with mixed profiles only a guess.
    pub available: Option<Bytes>,
    /// Where it is mounted. Every subvolume repeats the totals of its filesystem.
    pub mountpoint: String,
    /// Whether the sizes are rounded (`df -h` rounds up to two digits).
    pub approximate: bool,
}

impl DfEntry {
    /// The share in use, as `df` computes it: used of used and available.
    pub fn use_percent(&self) -> Option<Percent> {
        let (used, available) = (self.used?, self.available?);
        let whole = Bytes(used.0.checked_add(available.0)?);
        used.fraction_of(whole).map(|share| Percent(share * 100.0))
    }
}

/// One line of `df -i`. btrfs has no fixed number of inodes and reports zero of zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InodeUse {
    /// Device or share.
    pub device: String,
    /// Inodes there are; 0 on btrfs.
    pub total: u64,
    /// Inodes in use.
    pub used: u64,
    /// Where it is mounted.
    pub mountpoint: String,
}

/// Space of one btrfs filesystem.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct BtrfsUsage {
    /// Where it is mounted, where a heading or a command line says so.
    pub mountpoint: Option<String>,
    /// Raw size of all devices.
    pub device_size: Option<Bytes>,
    /// Raw space given to block groups.
    pub allocated: Option<Bytes>,
    /// Raw space given to none. Below about 1 GiB, metadata cannot grow.
    pub unallocated: Option<Bytes>,
    /// Raw size of devices that are absent.
    pub missing: Option<Bytes>,
    /// Space of devices beyond the filesystem; absurd values (run without root) are left out.
    pub slack: Option<Bytes>,
    /// Raw space in use.
    pub used: Option<Bytes>,
    /// Data that may still be written if all unallocated space becomes data.
    pub free_estimated: Option<Bytes>,
    /// The same if it becomes data of the dearest profile.
    pub free_minimum: Option<Bytes>,
    /// Free space as `df` shows it.
    pub free_statfs: Option<Bytes>,
    /// Raw bytes for one byte of data (DUP and RAID1: 2).
    pub data_ratio: Option<f64>,
    /// Raw bytes for one byte of metadata.
    pub metadata_ratio: Option<f64>,
    /// Metadata kept back for the filesystem's own needs.
    pub global_reserve: Option<Bytes>,
    /// How much of that is in use; anything but zero means distress.
    pub global_reserve_used: Option<Bytes>,
    /// Whether one kind has block groups of several profiles.
    pub multiple_profiles: Option<bool>,
    /// Space of zoned devices that only a reset of its zone gives back.
    pub zone_unusable: Option<Bytes>,
    /// Size of a zone of zoned devices.
    pub zone_size: Option<Bytes>,
    /// Block groups by kind and profile.
    pub block_groups: Vec<BlockGroup>,
    /// Its devices; empty when the command ran without root.
    pub devices: Vec<UsageDevice>,
    /// Whether the sizes are rounded (printed with units, to two decimals).
    pub approximate: bool,
    /// Block groups of which somebody told a part only; of these [`Self::block_groups`] has none.
    pub told: Vec<ToldGroup>,
    /// The share in use, where only that was told.
    pub used_percent: Option<Percent>,
}

impl BtrfsUsage {
    /// Size and use summed over the block groups of one kind (logical, not raw).
    pub fn of_kind(&self, kind: BlockGroupKind) -> Option<(Bytes, Bytes)> {
        self.block_groups
            .iter()
            .filter(|group| group.kind == kind)
            .map(|group| (group.size.0, group.used.0))
            .reduce(|a, b| (a.0.saturating_add(b.0), a.1.saturating_add(b.1)))
            .map(|(size, used)| (Bytes(size), Bytes(used)))
    }
}

/// The block groups of one kind and profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlockGroup {
    /// What they hold.
    pub kind: BlockGroupKind,
    /// How they are replicated, as printed (`single`, `DUP`, `RAID1`).
    pub profile: String,
    /// Logical size.
    pub size: Bytes,
    /// Logical use.
    pub used: Bytes,
}

/// What a block group holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockGroupKind {
    /// File contents.
    Data,
    /// Trees.
    Metadata,
    /// The chunk tree.
    System,
    /// Data and metadata together (`mkfs --mixed`).
    Mixed,
}

/// One device of a btrfs filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsageDevice {
    /// Its path, or `missing`.
    pub path: String,
    /// Raw space given to block groups on it.
    pub allocated: Bytes,
    /// Raw space given to none.
    pub unallocated: Option<Bytes>,
}

/// What `compsize` found below one directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CompressionUse {
    /// The directory, where a command line or a heading says so.
    pub path: Option<String>,
    /// Files seen.
    pub files: u64,
    /// Extents of their contents.
    pub extents: u64,
    /// One row for each algorithm (`none`, `zstd`, `lzo`, `zlib`, `prealloc`), without the total.
    pub rows: Vec<CompressionRow>,
    /// Whether sizes are rounded (without `-b`).
    pub approximate: bool,
}

/// One row of `compsize`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompressionRow {
    /// Algorithm, or `none`, or `prealloc`.
    pub algorithm: String,
    /// Bytes on disk.
    pub disk: Bytes,
    /// Bytes before compression.
    pub uncompressed: Bytes,
    /// Bytes that files refer to.
    pub referenced: Bytes,
}

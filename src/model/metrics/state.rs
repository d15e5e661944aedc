//! Owns: what the kernel and its tools show of a btrfs filesystem beside its space.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{BlockGroup, BlockGroupKind, DeviceErrors};
use crate::model::units::{Bytes, Millis, Percent};

/// A mounted btrfs filesystem as `/sys/fs/btrfs/<UUID>` shows it. `None` is what this kernel (or
/// this user) does not see.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FilesystemState {
    /// Its UUID.
    pub uuid: String,
    /// Its label, unless empty.
    pub label: Option<String>,
    /// Bytes of a node of its trees.
    pub node_size: Option<u64>,
    /// Bytes of a sector.
    pub sector_size: Option<u64>,
    /// Checksum algorithm (`crc32c`).
    pub checksum: Option<String>,
    /// Features that are on (`free_space_tree`, `block_group_tree`).
    pub features: BTreeSet<String>,
    /// Transactions (Linux 6.0 and later).
    pub commits: Option<CommitStats>,
    /// The job that excludes others (`none`, `balance`).
    pub exclusive_operation: Option<String>,
    /// How mirrors are chosen (`pid`).
    pub read_policy: Option<String>,
    /// Block groups used less than this are reclaimed, in percent; 0 is off.
    pub bg_reclaim_percent: Option<u64>,
    /// Quotas, where the kernel shows them.
    pub quota: Option<QuotaMode>,
    /// Whether the numbers of the quotas are out of date.
    pub quota_inconsistent: Option<bool>,
    /// Kernel names of its devices.
    pub devices: Vec<String>,
    /// Number of its devices that are missing.
    pub missing: Option<u64>,
    /// Space by kind and profile.
    pub block_groups: Vec<BlockGroup>,
    /// Space by kind, with what is reserved.
    pub space: Vec<SpaceState>,
    /// Metadata kept back for its own needs, and how much of that is left.
    pub global_reserve: Option<(Bytes, Bytes)>,
    /// Bytes that wait to be discarded.
    pub discardable: Option<Bytes>,
    /// Read-ahead.
    pub read_ahead: Option<Bytes>,
    /// Error counters of its devices, by `devid:1`, where the kernel shows them (5.14 and later).
    pub device_errors: Vec<DeviceErrors>,
    /// What of it was read so far.
    #[serde(skip)]
    pub unfinished: Unfinished,
}

/// Single numbers of `/sys/fs/btrfs/<UUID>`, of which a fact is made when all of it is there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unfinished {
    /// Numbers by their path below the UUID.
    pub numbers: BTreeMap<String, u64>,
    /// Counters of transactions by the time they were read at.
    pub commits: Vec<(f64, CommitStats)>,
    /// Quota groups by name (`0_256`).
    pub groups: BTreeSet<String>,
    /// Whether any of them has a limit.
    pub limited: bool,
    /// Devices by their number, with whether they are missing.
    pub missing: BTreeMap<u64, bool>,
}

/// Transactions of a filesystem since it was mounted, or since the sample before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct CommitStats {
    /// How many.
    pub commits: u64,
    /// How long the last one took.
    pub last: Option<Millis>,
    /// How long the longest took.
    pub max: Option<Millis>,
    /// How long all took together.
    pub total: Option<Millis>,
    /// The seconds between two samples, where these are their difference; `None` is since mount.
    pub over_s: Option<f64>,
}

/// Space of one kind (`data`, `metadata`, `system`, `mixed`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SpaceState {
    /// The kind, as the kernel names it.
    pub kind: String,
    /// Logical size of its block groups.
    pub total: Bytes,
    /// Logical use.
    pub used: Bytes,
    /// Promised to running operations.
    pub may_use: Option<Bytes>,
    /// Freed by the running transaction, not yet usable.
    pub pinned: Option<Bytes>,
}

/// How quotas account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaMode {
    /// Full accounting, which walks back-references.
    Full,
    /// Simple quotas (Linux 6.7 and later), which charge the owner once.
    Simple,
}

/// `btrfs filesystem show`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FilesystemShow {
    /// Its label.
    pub label: Option<String>,
    /// Its UUID.
    pub uuid: String,
    /// Devices it should have.
    pub total_devices: Option<u64>,
    /// Bytes used, logical.
    pub used: Option<Bytes>,
    /// Its devices that are there.
    pub devices: Vec<ShownDevice>,
    /// Whether some are missing.
    pub missing: bool,
    /// Whether the sizes are rounded (without `--raw`).
    pub approximate: bool,
}

/// One device of [`FilesystemShow`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ShownDevice {
    /// Its number in the filesystem.
    pub id: u64,
    /// Size.
    pub size: Option<Bytes>,
    /// Raw space given to block groups.
    pub allocated: Option<Bytes>,
    /// Its path.
    pub path: String,
    /// Whether the tool marks it as missing.
    pub missing: bool,
}

/// One device of `btrfs device usage`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeviceUse {
    /// Its path, or `missing`.
    pub path: String,
    /// Its number in the filesystem.
    pub id: Option<u64>,
    /// Its size.
    pub size: Option<Bytes>,
    /// What of it lies beyond the filesystem.
    pub slack: Option<Bytes>,
    /// Raw bytes given to block groups, by kind and profile.
    pub allocated: Vec<(BlockGroupKind, String, Bytes)>,
    /// Raw bytes given to none.
    pub unallocated: Option<Bytes>,
    /// Whether the sizes are rounded (without `-b`).
    pub approximate: bool,
}

/// `btrfs subvolume show`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SubvolumeShow {
    /// Its path from the top level; `/` is the top level itself.
    pub path: String,
    /// Its UUID.
    pub uuid: Option<String>,
    /// The UUID of what it is a snapshot of.
    pub parent_uuid: Option<String>,
    /// Its number.
    pub id: Option<u64>,
    /// The transaction that last changed it.
    pub generation: Option<u64>,
    /// The transaction that made it.
    pub generation_made: Option<u64>,
    /// Whether it is read-only.
    pub read_only: Option<bool>,
    /// Its snapshots.
    pub snapshots: Vec<String>,
    /// Bytes it refers to, where quotas are on.
    pub referenced: Option<Bytes>,
    /// Bytes that nobody else refers to, where quotas are on.
    pub exclusive: Option<Bytes>,
    /// Most bytes it may refer to.
    pub limit_referenced: Option<Bytes>,
    /// Most bytes it may have to itself.
    pub limit_exclusive: Option<Bytes>,
    /// Whether the sizes are rounded.
    pub approximate: bool,
}

/// A superblock (`btrfs inspect-internal dump-super`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SuperBlock {
    /// The device it was read from.
    pub device: Option<String>,
    /// UUID of the filesystem.
    pub uuid: Option<String>,
    /// Its label, unless empty.
    pub label: Option<String>,
    /// Checksum algorithm (`crc32c`).
    pub checksum: Option<String>,
    /// Bytes of a node of its trees.
    pub node_size: Option<u64>,
    /// Bytes of a sector.
    pub sector_size: Option<u64>,
    /// Devices it should have.
    pub devices: Option<u64>,
    /// Raw size of all devices.
    pub total: Option<Bytes>,
    /// Bytes used, logical.
    pub used: Option<Bytes>,
    /// Features that are on, named as in `/sys/fs/btrfs` (`free_space_tree`).
    pub features: BTreeSet<String>,
}

/// Extents of one file (`filefrag`). Of compressed files it counts pieces of 128 KiB.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fragmentation {
    /// The file.
    pub path: String,
    /// Its extents.
    pub extents: u64,
    /// Its size, where shown (`filefrag -v`).
    pub size: Option<Bytes>,
    /// Whether its extents are compressed, where shown.
    pub compressed: Option<bool>,
}

/// Attributes of one file or directory (`lsattr`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FileFlags {
    /// Its path.
    pub path: String,
    /// `C`: overwritten in place, without checksums and compression.
    pub nocow: bool,
    /// `c`: to be compressed.
    pub compress: bool,
    /// `m`: not to be compressed.
    pub no_compress: bool,
}

/// Properties of one file, directory, subvolume or filesystem (`btrfs property get`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Property {
    /// Its path, where a command line or a heading says so.
    pub path: Option<String>,
    /// `ro`, of a subvolume.
    pub read_only: Option<bool>,
    /// `compression`: an algorithm, or `none`.
    pub compression: Option<String>,
    /// `label`, of a filesystem.
    pub label: Option<String>,
}

/// The block groups of one kind, as far as somebody told of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToldGroup {
    /// What they hold.
    pub kind: BlockGroupKind,
    /// How they are replicated, in the words of whoever told it (`RAID1C3/4`).
    pub profile: Option<String>,
    /// Logical size.
    pub size: Option<Bytes>,
    /// Logical use.
    pub used: Option<Bytes>,
    /// The share in use.
    pub used_percent: Option<Percent>,
}

/// Options that a configuration is said to ask for, which is not yet what is in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RequestedOptions {
    /// What they are asked for: a mount point or the name of a subvolume.
    pub place: String,
    /// The options.
    pub options: Vec<String>,
}

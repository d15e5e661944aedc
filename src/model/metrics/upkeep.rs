//! What a filesystem keeps and is kept by: errors counted, subvolumes, quotas, scrub and balance.

use serde::Serialize;

use super::state::QuotaMode;
use crate::model::units::Percent;

/// Error counters of one btrfs device, since they were last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeviceErrors {
    /// Device path, or `devid:2` for one that is gone.
    pub device: String,
    /// Failed writes.
    pub write: u64,
    /// Failed reads.
    pub read: u64,
    /// Failed flushes.
    pub flush: u64,
    /// Blocks with a wrong checksum.
    pub corruption: u64,
    /// Blocks of a wrong generation: writes that the device lost.
    pub generation: u64,
}

impl DeviceErrors {
    /// All five counters together.
    pub fn total(&self) -> u64 {
        [
            self.write,
            self.read,
            self.flush,
            self.corruption,
            self.generation,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

/// What `btrfs subvolume list` showed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SubvolumeCount {
    /// The path asked, where a command line or a heading says so.
    pub path: Option<String>,
    /// Subvolumes, snapshots among them.
    pub total: u64,
    /// Snapshots; unknown without the `-q` column.
    pub snapshots: Option<u64>,
    /// Their paths, sorted.
    pub paths: Vec<String>,
    /// Whether there may be more of them (of the snapshots, where these are told): somebody said
    /// "more than 3000".
    pub at_least: bool,
}

/// Whether a filesystem keeps quota groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QuotaState {
    /// The path asked, where a command line or a heading says so.
    pub path: Option<String>,
    /// The UUID of the filesystem, where only `/sys/fs/btrfs` told of it.
    pub uuid: Option<String>,
    /// On or off.
    pub enabled: bool,
    /// Quota groups there are.
    pub groups: u64,
    /// Whether any has a limit.
    pub limited: bool,
    /// Groups of subvolumes that are gone.
    pub stale: u64,
    /// Full accounting, or simple quotas, which cost next to nothing; unknown where not shown.
    pub mode: Option<QuotaMode>,
    /// Whether the numbers are out of date, so that a rescan is due or running.
    pub inconsistent: Option<bool>,
}

/// The state of a scrub or a balance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Maintenance {
    /// Which of the two.
    pub job: MaintenanceJob,
    /// The path asked, where a command line or a heading says so.
    pub path: Option<String>,
    /// Whether it was running.
    pub running: bool,
    /// How it stood.
    pub state: MaintenanceState,
    /// What a scrub found, in its own words, when it found errors.
    pub errors: Option<String>,
    /// Bytes a second, as the tool tells.
    pub rate_bytes_s: Option<f64>,
    /// How much of it is done.
    pub done: Option<Percent>,
}

/// How a job stood.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MaintenanceState {
    /// The tool did not say, or in words that are not known.
    #[default]
    Unknown,
    /// There is none, and of a scrub no record.
    Never,
    /// It runs.
    Running,
    /// A balance that waits for `btrfs balance resume`.
    Paused,
    /// It came to its end.
    Finished,
    /// Somebody cancelled it.
    Aborted,
    /// It was cut short, as by a shutdown.
    Interrupted,
}

/// A job over a whole filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MaintenanceJob {
    /// Reading and checking everything.
    Scrub,
    /// Rewriting block groups.
    Balance,
}

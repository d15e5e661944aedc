//! How a host behaves: what its own tools measured, each fact with the name of its source.

mod activity;
mod counters;
mod health;
mod state;

pub use activity::{CpuInfo, FioJob, FioSide, LoadAverage, Process, ProcessState, VmActivity};
pub use counters::{Clock, Counters, CpuCounters, DiskCounters, Sample, StallCounters, VmCounters};
pub use health::{KernelEvent, KernelEventKind, Smart};
pub use state::{
    CommitStats, DeviceUse, FileFlags, FilesystemShow, FilesystemState, Fragmentation, Property,
    QuotaMode, RequestedOptions, ShownDevice, SpaceState, SubvolumeShow, SuperBlock, ToldGroup,
    Unfinished,
};

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::hardware::Medium;
use super::units::{Bytes, Millis, Percent};

/// A fact with the name of the file it was read from, so that evidence can quote it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sourced<T> {
    /// The fact.
    pub value: T,
    /// The name of its file, as shown to people.
    #[serde(serialize_with = "as_text")]
    pub source: Arc<str>,
}

fn as_text<S: Serializer>(source: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(source)
}

impl<T> Deref for Sourced<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Everything measured on one host, in the order of its files.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Space by mounted filesystem (`df`).
    pub filesystems: Vec<Sourced<DfEntry>>,
    /// Inodes by mounted filesystem (`df -i`).
    pub inodes: Vec<Sourced<InodeUse>>,
    /// Space of btrfs filesystems by block group (`btrfs filesystem usage`, `… df`).
    pub usage: Vec<Sourced<BtrfsUsage>>,
    /// Load of block devices (`iostat`).
    pub devices: Vec<Sourced<DeviceIo>>,
    /// Processor time over the same span (`iostat`).
    pub cpu: Option<Sourced<CpuUse>>,
    /// Pressure stall information (`/proc/pressure`).
    pub pressure: Pressure,
    /// What is mounted with which options (`/proc/self/mountinfo`, `/proc/mounts`, `findmnt`).
    pub mounts: Vec<Sourced<MountEntry>>,
    /// Memory (`/proc/meminfo`).
    pub memory: Option<Sourced<MemInfo>>,
    /// Active swap (`/proc/swaps`); an empty list is a host without swap.
    pub swaps: Option<Sourced<Vec<SwapArea>>>,
    /// Block devices with their queue facts (`lsblk -J -O`).
    pub block_devices: Vec<Sourced<BlockDevice>>,
    /// Release of the running kernel (`uname -r`): `6.18.1`.
    pub kernel: Option<Sourced<String>>,
    /// Version of btrfs-progs (`btrfs --version`): `6.17`.
    pub btrfs_progs: Option<Sourced<String>>,
    /// NixOS release (`nixos-version`): `25.11.717.abc (Xantusia)`.
    pub nixos: Option<Sourced<String>>,
    /// How far data is compressed (`compsize`).
    pub compression: Vec<Sourced<CompressionUse>>,
    /// Error counters of btrfs devices (`btrfs device stats`).
    pub device_errors: Vec<Sourced<DeviceErrors>>,
    /// Subvolumes and snapshots (`btrfs subvolume list`).
    pub subvolumes: Vec<Sourced<SubvolumeCount>>,
    /// Whether quota groups are on (`btrfs qgroup show`).
    pub quotas: Vec<Sourced<QuotaState>>,
    /// Jobs over a whole filesystem (`btrfs scrub status`, `btrfs balance status`).
    pub maintenance: Vec<Sourced<Maintenance>>,
    /// Programs and kernel threads while the machine was watched (iotop, pidstat, ps, top,
    /// `/proc/<pid>`).
    pub processes: Vec<Sourced<Process>>,
    /// Paging and swapping (`vmstat`, two samples of `/proc/vmstat`).
    pub vm: Option<Sourced<VmActivity>>,
    /// Load average (`/proc/loadavg`).
    pub load: Option<Sourced<LoadAverage>>,
    /// The processor (`/proc/cpuinfo`).
    pub cpu_info: Option<Sourced<CpuInfo>>,
    /// Seconds since boot (`/proc/uptime`).
    pub uptime_s: Option<Sourced<f64>>,
    /// Health of disks by their own account (`smartctl -j`, `nvme smart-log`).
    pub smart: Vec<Sourced<Smart>>,
    /// What the kernel complained of (`dmesg`, `journalctl -k`).
    pub kernel_events: Vec<Sourced<KernelEvent>>,
    /// What the kernel shows of mounted btrfs filesystems (`/sys/fs/btrfs`).
    pub states: Vec<Sourced<FilesystemState>>,
    /// Filesystems with their devices (`btrfs filesystem show`).
    pub shown: Vec<Sourced<FilesystemShow>>,
    /// Extents of single files (`filefrag`).
    pub fragmentation: Vec<Sourced<Fragmentation>>,
    /// Attributes of files (`lsattr`).
    pub flags: Vec<Sourced<FileFlags>>,
    /// Properties of files and subvolumes (`btrfs property`).
    pub properties: Vec<Sourced<Property>>,
    /// What single devices of a filesystem hold (`btrfs device usage`).
    pub device_usage: Vec<Sourced<DeviceUse>>,
    /// Single subvolumes (`btrfs subvolume show`).
    pub subvolume_shows: Vec<Sourced<SubvolumeShow>>,
    /// Superblocks (`btrfs inspect-internal dump-super`).
    pub supers: Vec<Sourced<SuperBlock>>,
    /// Features that the running kernel supports (`/sys/fs/btrfs/features`).
    pub kernel_features: Option<Sourced<BTreeSet<String>>>,
    /// Measurements of a benchmark (`fio --output-format=json`).
    pub fio: Vec<Sourced<FioJob>>,
    /// Services and programs that are known to run, by their names (`systemctl list-units`).
    pub services: Vec<Sourced<String>>,
    /// What the configuration is said to ask of mounts.
    pub requested: Vec<Sourced<RequestedOptions>>,
    /// The storage driver of Docker (`docker info`): `overlay2`, `btrfs`.
    pub docker_driver: Option<Sourced<String>>,
    /// Counters as they were read; what they tell stands in the fields above.
    #[serde(skip)]
    pub counters: Counters,
}

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

/// Load of one block device, averaged over the reports of one run. `None` is what that form of
/// `iostat` does not print.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DeviceIo {
    /// Kernel name (`nvme0n1`, `dm-0`).
    pub name: String,
    /// Reads per second.
    pub r_per_s: Option<f64>,
    /// Writes per second.
    pub w_per_s: Option<f64>,
    /// Bytes read per second.
    pub read_bytes_s: Option<f64>,
    /// Bytes written per second.
    pub write_bytes_s: Option<f64>,
    /// Time of a read, queue included, weighted by the number of reads.
    pub r_await_ms: Option<Millis>,
    /// Time of a write, queue included, weighted by the number of writes.
    pub w_await_ms: Option<Millis>,
    /// Flushes per second (sysstat 12.3 and later).
    pub f_per_s: Option<f64>,
    /// Time of a flush, weighted by the number of flushes.
    pub f_await_ms: Option<Millis>,
    /// Discards per second.
    pub d_per_s: Option<f64>,
    /// Bytes discarded per second.
    pub discard_bytes_s: Option<f64>,
    /// Time of a discard, weighted by the number of discards.
    pub d_await_ms: Option<Millis>,
    /// Requests of any sort per second, where the tool does not part them (`tps`).
    pub per_s: Option<f64>,
    /// Bytes read and written per second, where the tool does not part them.
    pub bytes_s: Option<f64>,
    /// Time of a request of any sort, where the tool does not part them.
    pub await_ms: Option<Millis>,
    /// Mean number of requests in the queue.
    pub aqu_sz: Option<f64>,
    /// Share of time with a request in flight; says little of NVMe and RAID.
    pub util_percent: Option<Percent>,
    /// The worst of the reports in the above.
    pub util_peak: Option<Percent>,
    /// Reports averaged.
    pub samples: u32,
    /// Whether this may be the average since boot (a single report), not a moment under load.
    pub since_boot: bool,
}

/// Shares of processor time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct CpuUse {
    /// Programs, niced ones included.
    pub user: Percent,
    /// Kernel.
    pub system: Percent,
    /// Idle with I/O outstanding.
    pub iowait: Percent,
    /// Taken by the hypervisor.
    pub steal: Percent,
    /// Idle.
    pub idle: Percent,
    /// Reports averaged.
    pub samples: u32,
    /// Whether this may be the average since boot.
    pub since_boot: bool,
}

/// Pressure stall information by resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Pressure {
    /// Waiting for I/O.
    pub io: Option<Sourced<Psi>>,
    /// Waiting for a processor.
    pub cpu: Option<Sourced<Psi>>,
    /// Waiting for memory.
    pub memory: Option<Sourced<Psi>>,
    /// Waiting for I/O, over a span that was watched.
    pub io_stall: Option<Sourced<Stall>>,
    /// Waiting for a processor, over a span that was watched.
    pub cpu_stall: Option<Sourced<Stall>>,
    /// Waiting for memory, over a span that was watched.
    pub memory_stall: Option<Sourced<Stall>>,
}

/// Shares of the time between two readings of a total (or since boot) in which tasks waited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Stall {
    /// Share in which at least one task waited.
    pub some: Percent,
    /// Share in which all waited, where counted.
    pub full: Option<Percent>,
    /// How long the span was, in seconds.
    pub seconds: f64,
    /// Whether it is the average since boot.
    pub since_boot: bool,
}

/// One file of `/proc/pressure`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Psi {
    /// Share of time in which at least one task waited.
    pub some: PsiShares,
    /// Share of time in which all waited; absent for the processor before Linux 5.13.
    pub full: Option<PsiShares>,
}

/// Shares over three windows, and the total since boot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct PsiShares {
    /// Over 10 seconds.
    pub avg10: Percent,
    /// Over 60 seconds.
    pub avg60: Percent,
    /// Over 300 seconds.
    pub avg300: Percent,
    /// Microseconds since boot, where told in full.
    pub total_us: Option<u64>,
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MountEntry {
    /// Where.
    pub mountpoint: String,
    /// The path in the filesystem that is mounted (`/@home`; for a bind mount `/@/var/log`), where
    /// the source tells.
    pub root: Option<String>,
    /// Filesystem type.
    pub fstype: String,
    /// Device or pseudo source.
    pub device: String,
    /// Options of this mount: `rw`, `noatime`, `nodev` …
    pub mount_options: Vec<String>,
    /// Options of the whole filesystem: `compress=zstd:3`, `space_cache=v2`, `subvol=/@` …
    pub super_options: Vec<String>,
}

impl MountEntry {
    /// The subvolume path that the kernel shows (`/@home`).
    pub fn subvolume(&self) -> Option<&str> {
        self.super_options
            .iter()
            .find_map(|option| option.strip_prefix("subvol="))
    }
}

/// Memory, from `/proc/meminfo`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MemInfo {
    /// What the kernel manages.
    pub total: Bytes,
    /// What could be given to programs without swapping.
    pub available: Option<Bytes>,
    /// Waiting to be written.
    pub dirty: Option<Bytes>,
    /// Being written.
    pub writeback: Option<Bytes>,
    /// Swap there is.
    pub swap_total: Option<Bytes>,
    /// Swap free.
    pub swap_free: Option<Bytes>,
    /// Used for nothing.
    pub free: Option<Bytes>,
    /// Contents of files, shared memory included.
    pub cached: Option<Bytes>,
    /// Kernel caches (inodes, directory entries) that can be given up.
    pub reclaimable: Option<Bytes>,
    /// Memory that zswap uses for compressed pages.
    pub zswap: Option<Bytes>,
    /// What those pages were before.
    pub zswapped: Option<Bytes>,
}

/// One line of `/proc/swaps`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SwapArea {
    /// Device or file.
    pub path: String,
    /// `partition` or `file`.
    pub kind: String,
    /// Size.
    pub size: Bytes,
    /// In use.
    pub used: Bytes,
}

/// One block device of `lsblk`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BlockDevice {
    /// Kernel name.
    pub name: String,
    /// Kernel name of the device below it (the disk of a partition).
    pub parent: Option<String>,
    /// `disk`, `part`, `crypt`, `lvm`, `raid1`, `rom`, `loop` …
    pub kind: Option<String>,
    /// Capacity, exact only with `lsblk -b`.
    pub size: Option<Bytes>,
    /// Model.
    pub model: Option<String>,
    /// `nvme`, `sata`, `sas`, `usb`, `mmc`, `virtio` …
    pub transport: Option<String>,
    /// The kernel's opinion of the medium; unreliable in virtual machines and behind USB.
    pub medium: Medium,
    /// Whether it takes discards.
    pub discard: Option<bool>,
    /// I/O scheduler.
    pub scheduler: Option<String>,
    /// Requests that the scheduler may hold.
    pub queue_depth: Option<u64>,
    /// Read-ahead.
    pub read_ahead: Option<Bytes>,
    /// Whether the device has a volatile write cache, which flushes must empty.
    pub write_back: Option<bool>,
    /// Physical sector size in bytes.
    pub physical_sector: Option<u32>,
    /// Logical sector size in bytes.
    pub logical_sector: Option<u32>,
    /// Firmware revision.
    pub firmware: Option<String>,
    /// Its name below `/dev/mapper`, where it is a device of the mapper.
    pub mapper: Option<String>,
    /// Filesystem on it.
    pub fstype: Option<String>,
    /// UUID of the filesystem on it, the same on all members of a btrfs.
    pub uuid: Option<String>,
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

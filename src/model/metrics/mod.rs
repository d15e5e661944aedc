//! How a host behaves: what its own tools measured, each fact with the name of its source.

mod activity;
mod counters;
mod health;
mod load;
mod space;
mod state;
mod upkeep;

pub use activity::{CpuInfo, FioJob, FioSide, LoadAverage, Process, ProcessState, VmActivity};
pub use counters::{Clock, Counters, CpuCounters, DiskCounters, Sample, StallCounters, VmCounters};
pub use health::{KernelEvent, KernelEventKind, Smart};
pub use load::{CpuUse, DeviceIo, MemInfo, Pressure, Psi, PsiShares, Stall, SwapArea};
pub use space::{
    BlockGroup, BlockGroupKind, BtrfsUsage, CompressionRow, CompressionUse, DfEntry, InodeUse,
    UsageDevice,
};
pub use state::{
    CommitStats, DeviceUse, FileFlags, FilesystemShow, FilesystemState, Fragmentation, Property,
    QuotaMode, RequestedOptions, ShownDevice, SpaceState, SubvolumeShow, SuperBlock, ToldGroup,
    Unfinished,
};

pub use upkeep::{
    DeviceErrors, Maintenance, MaintenanceJob, MaintenanceState, QuotaState, SubvolumeCount,
};

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::hardware::Medium;
use super::units::Bytes;

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

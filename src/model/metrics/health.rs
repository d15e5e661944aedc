//! Owns: how well the disks of a host are, by their own account and by the kernel's.

use std::fmt;

use serde::Serialize;

use crate::model::units::Bytes;

/// What a disk says of itself (`smartctl -j -a`, `nvme smart-log`). `None` is what it does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Smart {
    /// Device path (`/dev/nvme0`).
    pub device: String,
    /// Model.
    pub model: Option<String>,
    /// Firmware version.
    pub firmware: Option<String>,
    /// `NVMe`, `ATA` or `SCSI`.
    pub protocol: Option<String>,
    /// Capacity.
    pub size: Option<Bytes>,
    /// Revolutions per minute; 0 is a solid state disk.
    pub rotation_rpm: Option<u32>,
    /// Whether it takes TRIM. A rotating disk that does is shingled.
    pub trim: Option<bool>,
    /// Its own verdict, which acquits nobody.
    pub passed: Option<bool>,
    /// Temperature in degrees Celsius.
    pub temperature_c: Option<i64>,
    /// Hours of work.
    pub power_on_hours: Option<u64>,
    /// Share of its endurance that is used, in percent; may exceed 100.
    pub wear_percent: Option<u64>,
    /// Spare blocks left, in percent.
    pub spare_percent: Option<u64>,
    /// NVMe: bits of distress.
    pub critical_warning: Option<u64>,
    /// Errors of the medium that were not repaired.
    pub media_errors: Option<u64>,
    /// Sectors replaced.
    pub reallocated: Option<u64>,
    /// Sectors that wait to be replaced.
    pub pending: Option<u64>,
    /// Sectors that could not be read offline.
    pub uncorrectable: Option<u64>,
    /// Errors of the cable or its plugs.
    pub interface_errors: Option<u64>,
    /// Bytes written in its life.
    pub written: Option<Bytes>,
    /// Bytes read in its life.
    pub read: Option<Bytes>,
    /// Attributes that are or were below their threshold, by name.
    pub failed: Vec<String>,
}

/// What sort of trouble a line of the kernel's log tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KernelEventKind {
    /// An NVMe controller did not answer in time, or its completion was found by polling.
    NvmeTimeout,
    /// An NVMe controller was reset, or is gone.
    NvmeReset,
    /// An error, exception or reset of an ATA port or a SCSI host.
    AtaError,
    /// A USB device was reset or lost.
    UsbReset,
    /// A request failed.
    IoError,
    /// A task was blocked for minutes.
    HungTask,
    /// btrfs: a checksum does not fit.
    ChecksumError,
    /// btrfs: the device counters rose (`bdev … errs:`).
    DeviceError,
    /// btrfs: a transaction was aborted, or the filesystem was forced read-only.
    ForcedReadOnly,
    /// btrfs: no space was left for metadata.
    NoSpace,
    /// A process was killed for lack of memory.
    OutOfMemory,
    /// A processor was stuck in the kernel.
    SoftLockup,
    /// Writing pages of a cgroup or the machine waited (`workqueue: … hogged CPU`).
    WorkqueueHog,
    /// An MMC or SD host did not get an answer.
    MmcError,
    /// The kernel met a bug of its own.
    KernelBug,
}

impl KernelEventKind {
    /// Its word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::NvmeTimeout => "nvme-timeout",
            Self::NvmeReset => "nvme-reset",
            Self::AtaError => "ata-error",
            Self::UsbReset => "usb-reset",
            Self::IoError => "io-error",
            Self::HungTask => "hung-task",
            Self::ChecksumError => "checksum-error",
            Self::DeviceError => "device-error",
            Self::ForcedReadOnly => "forced-read-only",
            Self::NoSpace => "no-space",
            Self::OutOfMemory => "out-of-memory",
            Self::SoftLockup => "soft-lockup",
            Self::WorkqueueHog => "workqueue-hog",
            Self::MmcError => "mmc-error",
            Self::KernelBug => "kernel-bug",
        }
    }
}

impl fmt::Display for KernelEventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Lines of the kernel's log that tell of the same trouble of the same device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KernelEvent {
    /// Which trouble.
    pub kind: KernelEventKind,
    /// Kernel name of the device (`nvme0`, `sda`, `ata3`), or the task (`btrfs-transacti`).
    pub subject: Option<String>,
    /// The first such line, without its time.
    pub line: String,
    /// How many there are.
    pub count: u64,
}

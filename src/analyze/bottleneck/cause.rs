//! Owns: the root causes, by the names that everybody uses for them.

use serde::{Deserialize, Serialize};

/// A root cause of slowness. What is known of each stands in `causes/<id>.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Random rewrites split large database files into thousands of extents.
    CowFragmentationDatabase,
    /// The same in images of virtual machines.
    CowFragmentationVmImage,
    /// The same in torrents, game files, profiles, journals.
    CowFragmentationOther,
    /// The compression level is too high for the processor.
    CompressionCpuBound,
    /// Compressible data, and a device that is short of bandwidth.
    CompressionMissing,
    /// A program allocates before it writes, so nothing is compressed.
    PreallocationDefeatsCompression,
    /// Options of subvolumes that the kernel ignores: the first mount decides.
    SubvolumeMountOptionsIgnored,
    /// Quota groups make snapshot deletion and balance walk back-references.
    QgroupsEnabled,
    /// Thousands of snapshots of the same changing data.
    TooManySnapshots,
    /// Many subvolumes deleted at once.
    SnapshotDeletionLoad,
    /// All space is allocated and metadata cannot grow.
    MetadataFullUnallocatedZero,
    /// Data really is full.
    FilesystemNearlyFull,
    /// Reading writes access times, multiplied by snapshots.
    AtimeWrites,
    /// autodefrag rewrites extents around small writes.
    AutodefragWriteAmplification,
    /// Discards block commits.
    DiscardSync,
    /// The same filesystem is trimmed once for each bind mount.
    FstrimStorm,
    /// An SSD that is never trimmed.
    DiscardMissing,
    /// A job over the whole filesystem is running.
    ScrubOrBalanceRunning,
    /// A deduplicator or indexer scans.
    BackgroundDedupeOrIndexer,
    /// Metadata and small extents are scattered on a rotating disk.
    HddSeekBound,
    /// A shingled disk whose cache zone is full.
    SmrDrive,
    /// A slow or spiky medium or bridge.
    UsbOrSdCard,
    /// The controller hangs in a power state.
    NvmeFirmwareOrPowerState,
    /// Errors of the medium, the cable or the controller.
    FailingDisk,
    /// The working set exceeds memory, and the page cache is read again and again.
    RamTooSmall,
    /// The same with swap busy.
    SwapThrash,
    /// Gigabytes of dirty pages are written in one burst.
    DirtyRatioTooLarge,
    /// The scheduler does not suit the device.
    WrongIoScheduler,
    /// dm-crypt queues what a fast device could take at once.
    LuksWorkqueue,
    /// Docker's btrfs driver: a subvolume for each layer.
    DockerBtrfsDriver,
    /// Large files are copied up through overlayfs.
    OverlayCow,
    /// Millions of small files and links in the Nix store are deleted or linked.
    NixStoreGcOptimise,
    /// Nix itself computes.
    NixEvalOrDbCpu,
    /// Small synchronous commits: each costs a log write and flushes.
    FsyncHeavy,
    /// Parity is read, changed and written.
    #[serde(rename = "raid5-6-slow")]
    Raid56Slow,
    /// One reader uses one mirror.
    #[serde(rename = "raid1-read-policy")]
    Raid1ReadPolicy,
    /// The old free space cache is rewritten in commits.
    #[serde(rename = "space-cache-v1")]
    SpaceCacheV1,
    /// Mounting reads every block group item.
    MountSlowBlockGroups,
    /// A kernel with a known regression.
    OldKernelBug,
    /// Waiting is counted that nobody does.
    MetricArtifact,
    /// A download or remote storage is slow.
    NetworkOrSubstituter,
    /// The program itself changed or does needless work.
    ApplicationBehaviour,
    /// Another filesystem or layer is the bottleneck.
    NotBtrfsAtAll,
    /// A number that frightens, and no symptom.
    NoProblemFound,
    /// The device delivers what it is made for: nothing to gain.
    HardwareLimit,
}

impl Cause {
    /// All causes, in their order.
    pub const ALL: [Cause; 45] = [
        Self::CowFragmentationDatabase,
        Self::CowFragmentationVmImage,
        Self::CowFragmentationOther,
        Self::CompressionCpuBound,
        Self::CompressionMissing,
        Self::PreallocationDefeatsCompression,
        Self::SubvolumeMountOptionsIgnored,
        Self::QgroupsEnabled,
        Self::TooManySnapshots,
        Self::SnapshotDeletionLoad,
        Self::MetadataFullUnallocatedZero,
        Self::FilesystemNearlyFull,
        Self::AtimeWrites,
        Self::AutodefragWriteAmplification,
        Self::DiscardSync,
        Self::FstrimStorm,
        Self::DiscardMissing,
        Self::ScrubOrBalanceRunning,
        Self::BackgroundDedupeOrIndexer,
        Self::HddSeekBound,
        Self::SmrDrive,
        Self::UsbOrSdCard,
        Self::NvmeFirmwareOrPowerState,
        Self::FailingDisk,
        Self::RamTooSmall,
        Self::SwapThrash,
        Self::DirtyRatioTooLarge,
        Self::WrongIoScheduler,
        Self::LuksWorkqueue,
        Self::DockerBtrfsDriver,
        Self::OverlayCow,
        Self::NixStoreGcOptimise,
        Self::NixEvalOrDbCpu,
        Self::FsyncHeavy,
        Self::Raid56Slow,
        Self::Raid1ReadPolicy,
        Self::SpaceCacheV1,
        Self::MountSlowBlockGroups,
        Self::OldKernelBug,
        Self::MetricArtifact,
        Self::NetworkOrSubstituter,
        Self::ApplicationBehaviour,
        Self::NotBtrfsAtAll,
        Self::NoProblemFound,
        Self::HardwareLimit,
    ];

    /// Its name in reports.
    pub fn id(self) -> &'static str {
        match self {
            Self::CowFragmentationDatabase => "cow-fragmentation-database",
            Self::CowFragmentationVmImage => "cow-fragmentation-vm-image",
            Self::CowFragmentationOther => "cow-fragmentation-other",
            Self::CompressionCpuBound => "compression-cpu-bound",
            Self::CompressionMissing => "compression-missing",
            Self::PreallocationDefeatsCompression => "preallocation-defeats-compression",
            Self::SubvolumeMountOptionsIgnored => "subvolume-mount-options-ignored",
            Self::QgroupsEnabled => "qgroups-enabled",
            Self::TooManySnapshots => "too-many-snapshots",
            Self::SnapshotDeletionLoad => "snapshot-deletion-load",
            Self::MetadataFullUnallocatedZero => "metadata-full-unallocated-zero",
            Self::FilesystemNearlyFull => "filesystem-nearly-full",
            Self::AtimeWrites => "atime-writes",
            Self::AutodefragWriteAmplification => "autodefrag-write-amplification",
            Self::DiscardSync => "discard-sync",
            Self::FstrimStorm => "fstrim-storm",
            Self::DiscardMissing => "discard-missing",
            Self::ScrubOrBalanceRunning => "scrub-or-balance-running",
            Self::BackgroundDedupeOrIndexer => "background-dedupe-or-indexer",
            Self::HddSeekBound => "hdd-seek-bound",
            Self::SmrDrive => "smr-drive",
            Self::UsbOrSdCard => "usb-or-sd-card",
            Self::NvmeFirmwareOrPowerState => "nvme-firmware-or-power-state",
            Self::FailingDisk => "failing-disk",
            Self::RamTooSmall => "ram-too-small",
            Self::SwapThrash => "swap-thrash",
            Self::DirtyRatioTooLarge => "dirty-ratio-too-large",
            Self::WrongIoScheduler => "wrong-io-scheduler",
            Self::LuksWorkqueue => "luks-workqueue",
            Self::DockerBtrfsDriver => "docker-btrfs-driver",
            Self::OverlayCow => "overlay-cow",
            Self::NixStoreGcOptimise => "nix-store-gc-optimise",
            Self::NixEvalOrDbCpu => "nix-eval-or-db-cpu",
            Self::FsyncHeavy => "fsync-heavy",
            Self::Raid56Slow => "raid5-6-slow",
            Self::Raid1ReadPolicy => "raid1-read-policy",
            Self::SpaceCacheV1 => "space-cache-v1",
            Self::MountSlowBlockGroups => "mount-slow-block-groups",
            Self::OldKernelBug => "old-kernel-bug",
            Self::MetricArtifact => "metric-artifact",
            Self::NetworkOrSubstituter => "network-or-substituter",
            Self::ApplicationBehaviour => "application-behaviour",
            Self::NotBtrfsAtAll => "not-btrfs-at-all",
            Self::NoProblemFound => "no-problem-found",
            Self::HardwareLimit => "hardware-limit",
        }
    }

    /// What is known of it: the text of its file.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::CowFragmentationDatabase => {
                include_str!("causes/cow-fragmentation-database.toml")
            }
            Self::CowFragmentationVmImage => include_str!("causes/cow-fragmentation-vm-image.toml"),
            Self::CowFragmentationOther => include_str!("causes/cow-fragmentation-other.toml"),
            Self::CompressionCpuBound => include_str!("causes/compression-cpu-bound.toml"),
            Self::CompressionMissing => include_str!("causes/compression-missing.toml"),
            Self::PreallocationDefeatsCompression => {
                include_str!("causes/preallocation-defeats-compression.toml")
            }
            Self::SubvolumeMountOptionsIgnored => {
                include_str!("causes/subvolume-mount-options-ignored.toml")
            }
            Self::QgroupsEnabled => include_str!("causes/qgroups-enabled.toml"),
            Self::TooManySnapshots => include_str!("causes/too-many-snapshots.toml"),
            Self::SnapshotDeletionLoad => include_str!("causes/snapshot-deletion-load.toml"),
            Self::MetadataFullUnallocatedZero => {
                include_str!("causes/metadata-full-unallocated-zero.toml")
            }
            Self::FilesystemNearlyFull => include_str!("causes/filesystem-nearly-full.toml"),
            Self::AtimeWrites => include_str!("causes/atime-writes.toml"),
            Self::AutodefragWriteAmplification => {
                include_str!("causes/autodefrag-write-amplification.toml")
            }
            Self::DiscardSync => include_str!("causes/discard-sync.toml"),
            Self::FstrimStorm => include_str!("causes/fstrim-storm.toml"),
            Self::DiscardMissing => include_str!("causes/discard-missing.toml"),
            Self::ScrubOrBalanceRunning => include_str!("causes/scrub-or-balance-running.toml"),
            Self::BackgroundDedupeOrIndexer => {
                include_str!("causes/background-dedupe-or-indexer.toml")
            }
            Self::HddSeekBound => include_str!("causes/hdd-seek-bound.toml"),
            Self::SmrDrive => include_str!("causes/smr-drive.toml"),
            Self::UsbOrSdCard => include_str!("causes/usb-or-sd-card.toml"),
            Self::NvmeFirmwareOrPowerState => {
                include_str!("causes/nvme-firmware-or-power-state.toml")
            }
            Self::FailingDisk => include_str!("causes/failing-disk.toml"),
            Self::RamTooSmall => include_str!("causes/ram-too-small.toml"),
            Self::SwapThrash => include_str!("causes/swap-thrash.toml"),
            Self::DirtyRatioTooLarge => include_str!("causes/dirty-ratio-too-large.toml"),
            Self::WrongIoScheduler => include_str!("causes/wrong-io-scheduler.toml"),
            Self::LuksWorkqueue => include_str!("causes/luks-workqueue.toml"),
            Self::DockerBtrfsDriver => include_str!("causes/docker-btrfs-driver.toml"),
            Self::OverlayCow => include_str!("causes/overlay-cow.toml"),
            Self::NixStoreGcOptimise => include_str!("causes/nix-store-gc-optimise.toml"),
            Self::NixEvalOrDbCpu => include_str!("causes/nix-eval-or-db-cpu.toml"),
            Self::FsyncHeavy => include_str!("causes/fsync-heavy.toml"),
            Self::Raid56Slow => include_str!("causes/raid5-6-slow.toml"),
            Self::Raid1ReadPolicy => include_str!("causes/raid1-read-policy.toml"),
            Self::SpaceCacheV1 => include_str!("causes/space-cache-v1.toml"),
            Self::MountSlowBlockGroups => include_str!("causes/mount-slow-block-groups.toml"),
            Self::OldKernelBug => include_str!("causes/old-kernel-bug.toml"),
            Self::MetricArtifact => include_str!("causes/metric-artifact.toml"),
            Self::NetworkOrSubstituter => include_str!("causes/network-or-substituter.toml"),
            Self::ApplicationBehaviour => include_str!("causes/application-behaviour.toml"),
            Self::NotBtrfsAtAll => include_str!("causes/not-btrfs-at-all.toml"),
            Self::NoProblemFound => include_str!("causes/no-problem-found.toml"),
            Self::HardwareLimit => include_str!("causes/hardware-limit.toml"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_reports_use_the_same_names() {
        for cause in Cause::ALL {
            assert_eq!(
                serde_json::to_string(&cause).unwrap(),
                format!("\"{}\"", cause.id())
            );
        }
    }
}

//! The rules, in reading order.

pub mod device;
pub mod integrity;
pub mod layout;
pub mod mount;
pub mod system;

mod devices;
mod evidence;
mod measured;
mod persistence;
mod snapshots;
mod wording;

#[cfg(test)]
mod tests;

use super::Rule;

/// All rules: what fails first, then what is ignored, what is slow, and what is untidy.
pub static RULES: &[&dyn Rule] = &[
    &mount::needed_for_boot::NeededForBoot,
    &mount::unknown_option::UnknownOption,
    &mount::removed_option::RemovedOption,
    &mount::invalid_value::InvalidValue,
    &mount::space_cache::SpaceCache,
    &mount::explicit_subvol::ExplicitSubvol,
    &mount::explicit_subvolid::ExplicitSubvolid,
    &mount::dangerous_option::DangerousOption,
    &mount::deprecated_option::DeprecatedOption,
    &mount::conflicting_options::ConflictingOptions,
    &mount::ineffective_per_subvolume::IneffectivePerSubvolume,
    &mount::inconsistent_options::InconsistentOptions,
    &mount::unstated_option::UnstatedOption,
    &mount::clamped_value::ClampedValue,
    &mount::noacl::NoAcl,
    &mount::commit_interval::CommitInterval,
    &mount::lazytime_without_effect::LazytimeWithoutEffect,
    &mount::read_only_subvolume::ReadOnlySubvolume,
    &mount::nofail_on_essential::NofailOnEssential,
    &mount::atime::AccessTimes,
    &mount::duplicate_option::DuplicateOption,
    &mount::nodatacow_mount_option::NodatacowMountOption,
    &mount::compression_missing::CompressionMissing,
    &mount::compression_level::CompressionLevel,
    &mount::compress_force::CompressForce,
    &mount::autodefrag::Autodefrag,
    &mount::discard_sync::DiscardSync,
    &mount::trim_missing::TrimMissing,
    &mount::trim_through_luks::TrimThroughLuks,
    &mount::trim_twice::TrimTwice,
    &mount::redundant_option::RedundantOption,
    &mount::removal_needs_negation::RemovalNeedsNegation,
    &mount::drift::Drift,
    &layout::rolled_back_root::RolledBackRoot,
    &layout::nix_store_apart::NixStoreApart,
    &layout::log_apart::LogApart,
    &layout::home_apart::HomeApart,
    &layout::database_on_cow::DatabaseOnCow,
    &layout::vm_images_on_cow::VmImagesOnCow,
    &layout::snapshots_of_nocow::SnapshotsOfNocow,
    &layout::containers::Containers,
    &layout::caches_in_snapshots::CachesInSnapshots,
    &layout::tmp::Tmp,
    &layout::tiering::Tiering,
    &layout::same_mountpoint_twice::SameMountpointTwice,
    &layout::nested_subvolumes::NestedSubvolumes,
    &layout::options_without_mountpoint::OptionsWithoutMountpoint,
    &layout::swapfile::Swapfile,
    &layout::snapshot_retention::SnapshotRetention,
    &layout::filesystem_without_subvolumes::FilesystemWithoutSubvolumes,
    &layout::merge_alike::MergeAlike,
    &system::duplicate_sysctl::DuplicateSysctl,
    &system::postgres_on_cow::PostgresOnCow,
    &system::dirty_bytes_and_ratio::DirtyBytesAndRatio,
    &system::dirty_limits::DirtyLimits,
    &system::zram_sysctls::ZramSysctls,
    &system::zram_missing::ZramMissing,
    &system::swappiness::Swappiness,
    &system::page_cluster::PageCluster,
    &system::vfs_cache_pressure::VfsCachePressure,
    &system::tmpfs_for_builds::TmpfsForBuilds,
    &system::nix_optimise::NixOptimise,
    &system::docker_driver::DockerDriver,
    &system::bees_or_dedupe::BeesOrDedupe,
    &device::luks_workqueues::LuksWorkqueues,
    &device::luks_sector_size::LuksSectorSize,
    &integrity::device_errors::CountedErrors,
    &integrity::metadata_space::MetadataSpace,
    &integrity::nearly_full::NearlyFull,
    &integrity::mixed_profiles::MixedProfiles,
    &integrity::nocow_without_repair::NocowWithoutRepair,
    &device::profiles::Profiles,
    &device::scheduler::Scheduler,
    &device::elevator::Elevator,
    &device::queue_depth::QueueDepth,
    &device::readahead::Readahead,
    &device::read_policy::ReadPolicy,
    &device::block_group_tree::BlockGroupTree,
    &device::checksum::SlowChecksum,
    &device::nodesize::Nodesize,
    &device::slow_medium::SlowMedium,
    &integrity::scrub_missing::ScrubMissing,
    &integrity::scrub_per_mount::ScrubPerMount,
    &integrity::qgroups::Qgroups,
];

/// A rule by its id.
pub fn rule(id: &str) -> Option<&'static dyn Rule> {
    RULES.iter().copied().find(|rule| rule.meta().id == id)
}

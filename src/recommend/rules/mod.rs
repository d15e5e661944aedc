//! The rules, in reading order.

pub mod device;
pub mod integrity;
pub mod layout;
pub mod mount;
pub mod system;

mod devices;
mod evidence;
mod snapshots;
mod wording;

#[cfg(test)]
mod tests;

use super::Rule;

/// All rules: what fails first, then what is ignored, what is slow, and what is untidy.
pub static RULES: &[&dyn Rule] = &[
    &mount::unknown_option::UnknownOption,
    &mount::invalid_value::InvalidValue,
    &mount::explicit_subvol::ExplicitSubvol,
    &mount::conflicting_options::ConflictingOptions,
    &mount::ineffective_per_subvolume::IneffectivePerSubvolume,
    &mount::inconsistent_options::InconsistentOptions,
    &mount::unstated_option::UnstatedOption,
    &mount::atime::AccessTimes,
    &mount::redundant_option::RedundantOption,
    &layout::database_on_cow::DatabaseOnCow,
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
    &integrity::scrub_missing::ScrubMissing,
];

/// A rule by its id.
pub fn rule(id: &str) -> Option<&'static dyn Rule> {
    RULES.iter().copied().find(|rule| rule.meta().id == id)
}

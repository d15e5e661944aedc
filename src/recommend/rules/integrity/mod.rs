//! Rules about keeping data whole.

pub(super) mod redundancy;

pub mod device_errors;
pub mod drift;
pub mod metadata_space;
pub mod mixed_profiles;
pub mod nearly_full;
pub mod nocow_without_repair;
pub mod qgroups;
pub mod scrub_missing;
pub mod scrub_per_mount;

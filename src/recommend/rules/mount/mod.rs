//! Rules about mount options: what fails, what is ignored, what contradicts itself.

mod dispute;
mod fault;
mod in_force;
mod trim;
mod view;
mod vote;
mod worth;

pub mod atime;
pub mod autodefrag;
pub mod compress_force;
pub mod compression_level;
pub mod compression_missing;
pub mod conflicting_options;
pub mod discard_sync;
pub mod explicit_subvol;
pub mod inconsistent_options;
pub mod ineffective_per_subvolume;
pub mod invalid_value;
pub mod nodatacow_mount_option;
pub mod redundant_option;
pub mod trim_missing;
pub mod trim_through_luks;
pub mod trim_twice;
pub mod unknown_option;

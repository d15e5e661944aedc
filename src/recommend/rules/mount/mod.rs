//! Rules about mount options: what fails, what is ignored, what contradicts itself.

mod dispute;
mod fault;
mod spots;
mod view;
mod vote;

pub mod atime;
pub mod clamped_value;
pub mod commit_interval;
pub mod conflicting_options;
pub mod dangerous_option;
pub mod deprecated_option;
pub mod duplicate_option;
pub mod explicit_subvol;
pub mod explicit_subvolid;
pub mod inconsistent_options;
pub mod ineffective_per_subvolume;
pub mod invalid_value;
pub mod lazytime_without_effect;
pub mod noacl;
pub mod redundant_option;
pub mod removed_option;
pub mod space_cache;
pub mod unknown_option;
pub mod unstated_option;

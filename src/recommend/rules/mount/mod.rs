//! Rules about mount options: what fails, what is ignored, what contradicts itself.

mod dispute;
mod fault;
mod view;
mod vote;

pub mod atime;
pub mod conflicting_options;
pub mod explicit_subvol;
pub mod inconsistent_options;
pub mod ineffective_per_subvolume;
pub mod invalid_value;
pub mod redundant_option;
pub mod unknown_option;
pub mod unstated_option;

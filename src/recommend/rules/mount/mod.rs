//! Rules about mount options: what fails, what is ignored, what contradicts itself.

mod dispute;
mod fault;
mod running;
mod view;
mod vote;

pub mod atime;
pub mod conflicting_options;
pub mod drift;
pub mod explicit_subvol;
pub mod inconsistent_options;
pub mod ineffective_per_subvolume;
pub mod invalid_value;
pub mod needed_for_boot;
pub mod nofail_on_essential;
pub mod read_only_subvolume;
pub mod redundant_option;
pub mod removal_needs_negation;
pub mod unknown_option;

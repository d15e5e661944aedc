//! Rules about what lies on which subvolume.

mod databases;
mod placed;
mod retention;
mod rollback;
mod swap_files;

pub mod database_on_cow;
pub mod filesystem_without_subvolumes;
pub mod merge_alike;
pub mod nested_subvolumes;
pub mod options_without_mountpoint;
pub mod same_mountpoint_twice;
pub mod snapshot_retention;
pub mod swapfile;

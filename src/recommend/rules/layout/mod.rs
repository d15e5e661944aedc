//! Rules about what lies on which subvolume.

pub(super) mod attributes;
pub(super) mod databases;
mod engines;
mod held;
mod initrd_scripts;
mod kept;
mod nested;
mod own_place;
mod placed;
mod retention;
mod rollback;
mod script;
mod stateful;
mod swap_files;

pub mod caches_in_snapshots;
pub mod containers;
pub mod database_on_cow;
pub mod filesystem_without_subvolumes;
pub mod home_apart;
pub mod log_apart;
pub mod merge_alike;
pub mod nested_subvolumes;
pub mod nix_store_apart;
pub mod options_without_mountpoint;
pub mod rolled_back_root;
pub mod same_mountpoint_twice;
pub mod snapshot_retention;
pub mod snapshots_of_nocow;
pub mod swapfile;
pub mod tiering;
pub mod tmp;
pub mod vm_images_on_cow;

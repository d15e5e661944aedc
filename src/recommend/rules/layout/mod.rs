//! Rules about what lies on which subvolume.

mod attributes;
mod databases;
mod engines;
mod held;
mod kept;
mod own_place;
mod placed;
mod rollback;
mod script;
mod stateful;

pub mod caches_in_snapshots;
pub mod containers;
pub mod database_on_cow;
pub mod home_apart;
pub mod log_apart;
pub mod nix_store_apart;
pub mod rolled_back_root;
pub mod snapshots_of_nocow;
pub mod tiering;
pub mod tmp;
pub mod vm_images_on_cow;

//! Rules about what lies on which subvolume.

pub(super) mod databases;
mod placed;

pub mod database_on_cow;

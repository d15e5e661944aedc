//! Rules about what lies on which subvolume.

mod databases;
mod placed;

pub mod database_on_cow;

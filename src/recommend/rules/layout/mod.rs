//! Rules about what lies on which subvolume.

mod databases;

pub mod database_on_cow;

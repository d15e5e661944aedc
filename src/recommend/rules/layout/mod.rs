//! Rules about what lies on which subvolume.

mod attributes;
mod databases;
mod held;
mod own_place;
mod placed;
mod rollback;
mod script;

pub mod database_on_cow;

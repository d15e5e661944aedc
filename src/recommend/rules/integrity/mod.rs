//! Rules about keeping data whole.

mod redundancy;

pub mod scrub_missing;

//! Rules about keeping data whole.

pub mod scrub_missing;

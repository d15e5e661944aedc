//! Owns: what the tests of the whole program share.

#[allow(dead_code, reason = "each test uses its part of it")]
pub(crate) mod loopfs;
#[allow(dead_code, reason = "each test uses its part of it")]
pub(crate) mod machine;
#[allow(dead_code, reason = "each test uses its part of it")]
pub(crate) mod mounts;
#[allow(dead_code, reason = "each test uses its part of it")]
pub(crate) mod named;
#[allow(dead_code, reason = "each test uses its part of it")]
pub(crate) mod project;

//! Bytes and Nix values into the model: hardware reports, metrics, people's words.
//!
//! Owns every input format. Its parsers are pure and cannot fail: each returns what it understood
//! and a list of [`problem::Problem`]s saying what it did not. It must never judge what it read:
//! no diagnosis, no advice, no edits.

pub mod facter;
pub mod metrics;
pub mod observations;
pub mod problem;

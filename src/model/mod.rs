//! The facts of one host as plain types: hardware, storage, services, metrics, observations.
//!
//! Owns the words every later part speaks. It must never know where a fact was read from beyond
//! the name of its source: no files, no formats, no Nix syntax, no advice.

pub mod hardware;
pub mod metrics;
pub mod observation;
pub mod units;

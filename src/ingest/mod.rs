//! Bytes and Nix values → the model of one host.
//!
//! Owns every input format. Its parsers cannot fail: each returns what it understood and a list of
//! problems saying what it did not. Must never judge what it read: no diagnosis, no rules, no edits.

pub mod disko;
pub mod facter;
pub mod facts;
mod kernel;
pub mod metrics;
mod mounts;
pub mod nixos;
pub mod observations;
pub mod oracle;
mod persistence;
pub mod problem;
mod reach;
mod values;

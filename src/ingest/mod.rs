//! Bytes and Nix values → the model of one host.
//!
//! Owns every input format. Must never know what follows from a fact: no diagnosis, no rules.

pub mod disko;
pub mod nixos;
mod values;

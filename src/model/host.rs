//! One machine: everything that is known about it, in one place.

use super::{Settings, Storage, UnknownFact};
use crate::nix::source::FileId;

/// How a host was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    /// A `nixosConfigurations` entry of a flake.
    Flake,
    /// A file that was named, or that stands where such files stand.
    File,
}

/// The facts of one host.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// How it was found.
    pub found: Found,
    /// The files that make it, in the order they were read.
    pub files: Vec<FileId>,
    /// Disks to mounts.
    pub storage: Storage,
    /// NixOS options.
    pub settings: Settings,
    /// What could not be read.
    pub unknown: Vec<UnknownFact>,
}

//! The facts of one host as plain types: hardware, storage, settings, metrics, observations.
//!
//! Owns what is known about a machine and where each fact was read. Must never know how a fact is
//! read (no files, no formats, no evaluation), nor what follows from it.

pub mod account;
pub mod hardware;
pub mod host;
pub mod metrics;
pub mod observation;
pub mod preferences;
pub mod release;
pub mod settings;
pub mod storage;
pub mod texts;
pub mod units;

pub use account::Account;
pub use host::{Facts, Found, Host, Platform};
pub use preferences::Preferences;
pub use release::{Release, ReleaseError};
pub use settings::{Setting, Settings};
pub use storage::{
    Bind, Filesystem, Layer, Luks, Mount, MountSource, Place, Storage, StorageSource, Subvolume,
    SwapFile,
};
pub use texts::Texts;

use crate::nix::source::Span;

/// A fact and the literal that wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct Located<T> {
    /// The fact.
    pub value: T,
    /// Where it was written, if somebody wrote it.
    pub at: Option<Span>,
}

impl<T> Located<T> {
    /// A fact with its place.
    pub fn new(value: T, at: Option<Span>) -> Self {
        Located { value, at }
    }
}

/// A fact, and what tells it in words: `boot.kernelPackages (hosts/nas.nix:4:3)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Told<T> {
    /// The fact.
    pub value: T,
    /// What tells it.
    pub by: String,
}

/// Something about the configuration that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct UnknownFact {
    /// What it is: an attribute path, or a file.
    pub what: String,
    /// Why it is not known.
    pub why: String,
    /// Where knowledge ended.
    pub at: Option<Span>,
}

/// A fact that may be unknown.
pub type Reading<T> = Result<T, UnknownFact>;

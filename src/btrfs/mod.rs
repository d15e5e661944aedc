//! Owns: all that is known of btrfs as a filesystem.
//!
//! Mount options as types over a table of measured facts ([`option`]), how a kernel reads an
//! option string ([`verdict`](verdict())), what a list of them gives ([`effective`](effective())),
//! which mount of a filesystem decides ([`whole`](whole())), what a running system takes over
//! ([`transition`]), what contradicts itself ([`conflicts`]), and the arguments of `mkfs.btrfs`
//! ([`MkfsArgs`]). All of it is pure: no files, no clock, no machine.
//!
//! Must never know: Nix and its syntax, the other parts of this crate, the machine it runs on.

pub mod conflict;
pub mod effective;
pub mod kernel;
pub mod mkfs;
pub mod option;
pub mod parse;
pub mod remount;
pub mod setting;
pub mod state;
pub mod suggest;
mod table;
pub mod verdict;
pub mod whole;

pub use conflict::{Finding, FindingKind, conflicts};
pub use effective::{Assumption, EffectiveOptions, effective};
pub use kernel::{KernelRange, KernelVersion, KernelVersionError, MEASURED, Target};
pub use mkfs::{Arg, Checksum, Feature, MkfsArgs, Profile};
pub use option::{OPTIONS, OptionSpec, Presence, Remount, Scope, ValueSyntax, lookup};
pub use parse::{MountOption, parse_options};
pub use remount::{Change, Effect, RemountCommand, When, remount_command_options, transition};
pub use setting::{Aspect, Atime, Compression, Discard, Rescue, Setting, SpaceCache, Switch};
pub use state::{DEFAULT_COMMIT_SECONDS, DEFAULT_MAX_INLINE, DeviceFacts, State};
pub use suggest::{closest, suggest};
pub use verdict::{Refusal, RefusalKind, Verdict, aspect, verdict, verdicts};
pub use whole::{Decided, Ignored, MountSpec, Stage1, Whole, whole};

#[cfg(test)]
mod measured_tests;
#[cfg(test)]
mod property_tests;

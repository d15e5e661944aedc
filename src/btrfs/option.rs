//! Owns: what is to be known of a mount option: what values it takes, what it belongs to, what a
//! remount does with it, and on which kernels it exists. The rows are in [`OPTIONS`].
//!
//! Sources: behaviour was measured on 6.18.44 (`data/mount_probe.tsv`) and thirteen other kernels
//! from 6.1 to 7.3 (`data/kernel_versions.tsv`); what a remount does, on 6.18.44 with util-linux
//! 2.38 and 2.41; the versions before 6.1 are those of btrfs-progs' `ch-mount-options.rst`.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::kernel::KernelVersion;
use super::setting::Setting;
pub use super::table::OPTIONS;

/// What an option's value looks like, and what it means.
#[derive(Debug, Clone, Copy)]
pub enum ValueSyntax {
    /// No value: with one, the mount fails ("Unexpected value").
    Flag(Setting),
    /// No value: with one, it is another, unknown option to libmount and the kernel.
    MountFlag(Setting),
    /// An algorithm with a level; none is zlib. The same values for both options.
    Compress {
        /// True for `compress-force`.
        force: bool,
    },
    /// A number without unit, of at least `min`.
    U32 {
        /// The least number taken.
        min: u32,
        /// What the number sets.
        set: fn(u32) -> Setting,
    },
    /// A number of bytes with an optional K, M, G suffix.
    Bytes {
        /// What the number sets.
        set: fn(u32) -> Setting,
    },
    /// One of these words; `bare` is the meaning without a value, none where that fails.
    OneOf {
        /// The words and their meanings.
        words: &'static [(&'static str, Setting)],
        /// The meaning without a value.
        bare: Option<Setting>,
    },
    /// One or more recovery modes.
    Rescue,
    /// A path, not empty since 6.8.
    Path(Setting),
    /// The number of a subvolume; 0 is the top level.
    SubvolumeId,
    /// Any value or none, the kernel never sees it.
    Any,
}

/// What an option changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The whole filesystem, through whichever mount point it is given.
    Filesystem,
    /// The mount point that it is given for.
    Mount,
    /// Nothing in the kernel: `mount`, systemd or NixOS reads it.
    Userspace,
}

/// What `mount -o remount,OPTION` on a running system does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Remount {
    /// Works at once.
    Live,
    /// Works for what is written from then on; existing files stay as they are.
    NewWritesOnly,
    /// Succeeds and changes nothing.
    Ignored,
    /// Fails, and with it every other option of the same remount.
    Rejected,
}

/// On which kernels an option exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Presence {
    /// On all that are covered here (6.1 and newer).
    Always,
    /// Until this release took it away.
    RemovedIn(KernelVersion),
    /// Taken away and given back.
    Gap {
        /// The first release without it.
        removed: KernelVersion,
        /// The first release with it again.
        back: KernelVersion,
    },
    /// On none covered here; it once existed until the release in the text.
    Gone(&'static str),
    /// Only in kernels built for debugging.
    DebugBuilds,
}

/// What is known of one mount option.
#[derive(Debug, Clone, Copy)]
pub struct OptionSpec {
    /// The name, before any `=`. For [`ValueSyntax::Any`] a trailing `*` stands for any ending.
    pub name: &'static str,
    /// Its values.
    pub syntax: ValueSyntax,
    /// What it changes.
    pub scope: Scope,
    /// What a remount does with it.
    pub remount: Remount,
    /// What a remount must say to undo it, where that exists. Leaving the option out of the list
    /// undoes nothing, save for `nodev`, `nosuid`, `noexec` and `nosymfollow` (measured, 6.18.44).
    pub undo: Option<&'static str>,
    /// Whether it asks for nothing but the default of every kernel covered here.
    pub is_default: bool,
    /// On which kernels it exists.
    pub presence: Presence,
    /// Since when the kernel (or its documentation) calls it deprecated.
    pub deprecated: Option<&'static str>,
    /// What a user should know, as a sentence; empty when the name says it all.
    pub notes: &'static str,
    /// Where this row is from.
    pub source: &'static str,
}

/// The rows by their names; those of whole namespaces are left to [`lookup`].
static BY_NAME: LazyLock<FxHashMap<&'static str, &'static OptionSpec>> =
    LazyLock::new(|| OPTIONS.iter().map(|spec| (spec.name, spec)).collect());

/// The row of an option by its name.
pub fn lookup(name: &str) -> Option<&'static OptionSpec> {
    // A name that ends in `*` is none of the rows of that spelling.
    let exact = || BY_NAME.get(name).filter(|_| !name.ends_with('*'));
    let namespace = || match name.get(..2)? {
        "x-" => BY_NAME.get("x-*"),
        "X-" => BY_NAME.get("X-*"),
        _ => None,
    };
    exact().or_else(namespace).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_stands_once_and_every_undo_exists() {
        for (i, spec) in OPTIONS.iter().enumerate() {
            assert!(
                OPTIONS[..i].iter().all(|other| other.name != spec.name),
                "{} twice",
                spec.name
            );
            assert!(!spec.source.is_empty(), "{} without source", spec.name);
            for undo in spec.undo.into_iter().flat_map(|undo| undo.split(',')) {
                let name = undo.split('=').next().unwrap();
                assert!(lookup(name).is_some(), "undo of {}: {undo}", spec.name);
            }
        }
    }

    #[test]
    fn names_are_exact_but_for_the_userspace_namespaces() {
        assert_eq!(lookup("compress").map(|s| s.scope), Some(Scope::Filesystem));
        assert_eq!(lookup("noatime").map(|s| s.scope), Some(Scope::Mount));
        assert_eq!(
            lookup("x-systemd.automount").map(|s| s.scope),
            Some(Scope::Userspace)
        );
        assert_eq!(lookup("x-*").map(|s| s.name), Some("x-*"));
        // Every namespace of the table is known to the lookup.
        for spec in OPTIONS.iter().filter(|spec| spec.name.ends_with('*')) {
            let inside = spec.name.replace('*', "any");
            assert_eq!(lookup(&inside).map(|s| s.name), Some(spec.name));
        }
        for unknown in [
            "Compress",
            "compresss",
            "compression",
            "",
            "nocompress",
            "defaultss",
        ] {
            assert!(lookup(unknown).is_none(), "{unknown}");
        }
    }
}

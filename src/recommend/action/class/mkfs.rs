//! Owns: which decisions of `mkfs.btrfs` can be changed later, and how.
//!
//! Sources: btrfs-balance(8) for profiles; btrfstune(8) of btrfs-progs 6.17: "the filesystem must be
//! unmounted"; tried on 6.18.44 with btrfs-progs 6.14, where `btrfstune` refuses a mounted filesystem,
//! and its checksum conversion is not built in.

use super::{Class, ClassOf};
use crate::model::Filesystem;
use crate::recommend::action::MkfsSetting;

/// How a feature is switched on a filesystem that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureChange {
    /// `btrfstune` with this option, on the unmounted filesystem.
    Tune(&'static str),
    /// One mount with these options, nothing else of the filesystem being mounted.
    Mount(&'static str),
    /// A `btrfs` command on the mounted filesystem: its words before the mount point.
    Btrfs(&'static str),
    /// By a new mkfs alone.
    Mkfs,
}

/// What switches a feature of `mkfs.btrfs --features` on or off later.
pub fn feature_change(name: &str, on: bool) -> FeatureChange {
    use FeatureChange::{Btrfs, Mkfs, Mount, Tune};
    match (name, on) {
        ("block-group-tree" | "bgt", true) => Tune("--convert-to-block-group-tree"),
        ("block-group-tree" | "bgt", false) => Tune("--convert-from-block-group-tree"),
        ("free-space-tree" | "fst", true) => Tune("--convert-to-free-space-tree"),
        // Refused while there is a block group tree (measured on 6.18.44).
        ("free-space-tree" | "fst", false) => Mount("clear_cache,space_cache=v1"),
        ("no-holes", true) => Tune("-n"),
        ("extref", true) => Tune("-r"),
        ("skinny-metadata", true) => Tune("-x"),
        ("squota", true) => Tune("--enable-simple-quota"),
        ("squota", false) => Tune("--remove-simple-quota"),
        ("quota", true) => Btrfs("quota enable"),
        ("quota", false) => Btrfs("quota disable"),
        _ => Mkfs,
    }
}

/// Whether the running system cannot do without a filesystem, so that it is unmounted only by a
/// rescue system.
pub fn holds_the_system(filesystem: &Filesystem) -> bool {
    let initrd = crate::btrfs::whole::MOUNTED_IN_INITRD;
    filesystem
        .mounts
        .iter()
        .any(|m| m.needed_for_boot || initrd.contains(&m.mountpoint.as_str()))
}

pub(super) fn class_of_setting(setting: &MkfsSetting, filesystem: Option<&Filesystem>) -> ClassOf {
    let (class, reason) = match setting {
        MkfsSetting::DataProfile(_) => (
            Class::Migrate,
            "a balance rewrites all data in the new profile, while the filesystem stays mounted",
        ),
        MkfsSetting::MetadataProfile(_) => (
            Class::Migrate,
            "a balance rewrites all metadata in the new profile, while the filesystem stays mounted",
        ),
        MkfsSetting::Label(_) => (
            Class::Live,
            "`btrfs filesystem label` changes it while the filesystem is mounted",
        ),
        MkfsSetting::Checksum(_) => (
            Class::Reinstall,
            "mkfs decides it; converting checksums is an experiment in btrfs-progs",
        ),
        MkfsSetting::NodesizeBytes(_) => {
            (Class::Reinstall, "mkfs decides it, and nothing converts it")
        }
        MkfsSetting::Feature { name, on } => match feature_change(name, *on) {
            FeatureChange::Tune(_) | FeatureChange::Mount(_) => (
                Class::Migrate,
                match filesystem.is_none_or(holds_the_system) {
                    true => {
                        "the unmounted filesystem is converted; this one holds the running system, \
                         so a rescue system does it"
                    }
                    false => "the filesystem is unmounted and converted",
                },
            ),
            FeatureChange::Btrfs(_) => (
                Class::Live,
                "a `btrfs` command changes it while the filesystem is mounted",
            ),
            FeatureChange::Mkfs => (Class::Reinstall, "mkfs decides it, and nothing converts it"),
        },
    };
    ClassOf {
        class,
        reason: reason.to_owned(),
    }
}

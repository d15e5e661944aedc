//! The vocabulary of change: what a recommendation does, said once.
//!
//! An action is lowered to edits by `rewrite`, to commands for the running system by
//! `rewrite::commands`, and to its class here, from the facts about the kernel.

mod class;
mod mkfs;
mod sets;
mod trade;

pub use class::{
    ClassOf, FeatureChange, feature_change, filesystem_at, holds_the_system, subvolume_at,
};
pub use mkfs::MkfsSetting;
pub use sets::{Sets, Setting, Target, contradiction};
pub use trade::{Good, Trade};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::model::units::Bytes;

/// When a change takes effect, and what that costs. Ordered by disruption.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The running system takes it on `nixos-rebuild switch`, or by a remount.
    Live,
    /// It takes effect at the next boot.
    Reboot,
    /// The filesystem stays; data is moved or rewritten, a service stops.
    Migrate,
    /// It needs mkfs, luksFormat or a new partition table.
    Reinstall,
}

impl Class {
    /// All classes, the least disruptive first.
    pub const ALL: [Class; 4] = [Class::Live, Class::Reboot, Class::Migrate, Class::Reinstall];

    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Class::Live => "live",
            Class::Reboot => "reboot",
            Class::Migrate => "migrate",
            Class::Reinstall => "reinstall",
        }
    }
}

/// A setting of a LUKS container that NixOS passes on when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LuksSetting {
    /// Discards pass through to the device.
    AllowDiscards,
    /// dm-crypt does its work in the caller's context instead of its work queues.
    BypassWorkqueues,
}

impl LuksSetting {
    /// Its name in `boot.initrd.luks.devices.<name>` and in disko's `settings`.
    pub fn name(self) -> &'static str {
        match self {
            LuksSetting::AllowDiscards => "allowDiscards",
            LuksSetting::BypassWorkqueues => "bypassWorkqueues",
        }
    }
}

/// The change of one mount's options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountEdit {
    /// Which mount.
    pub mountpoint: String,
    /// Elements to take out, as written.
    pub remove: Vec<String>,
    /// Elements to add; each takes the place of the removed one with the same index, further ones
    /// go to the end.
    pub add: Vec<String>,
}

/// What a directory may have of its own, inherited by what is made in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DirectoryAttribute {
    /// New files are overwritten in place: `chattr +C`.
    NoCow,
    /// New files are compressed with this algorithm, at the level of the mount
    /// (`btrfs property set … compression`).
    Compression(Algorithm),
}

/// A compression algorithm of btrfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "each is the algorithm of the same name")]
pub enum Algorithm {
    Zlib,
    Lzo,
    Zstd,
}

/// A change of a machine, independent of how its files are written.
///
/// Filesystems and subvolumes are named by their attribute path below the configuration:
/// `disko.devices.….content` and `….subvolumes.<name>`, or `fileSystems.<mount point>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Action {
    /// Sets, adds, removes or replaces the options of some mounts, all or none.
    EditMountOptions {
        /// The mounts.
        mounts: Vec<MountEdit>,
    },
    /// Declares a subvolume with nothing in it.
    AddSubvolume {
        /// The filesystem.
        filesystem: Vec<String>,
        /// Its name, as written among its siblings (with or without a leading slash).
        name: String,
        /// Where it is mounted, if it is.
        mountpoint: Option<String>,
        /// Its mount options.
        options: Vec<String>,
    },
    /// Makes a directory a subvolume of its own: what lies in it moves.
    SplitSubvolume {
        /// The filesystem.
        filesystem: Vec<String>,
        /// Its name, as written among its siblings.
        name: String,
        /// The directory, where it is mounted from then on.
        mountpoint: String,
        /// Its mount options.
        options: Vec<String>,
    },
    /// Gives a subvolume up: what lies in it moves to the directory that it was mounted on.
    MergeSubvolume {
        /// The subvolume.
        subvolume: Vec<String>,
    },
    /// Gives a subvolume another name.
    RenameSubvolume {
        /// The subvolume.
        subvolume: Vec<String>,
        /// The new name.
        name: String,
    },
    /// Keeps a subvolume, without mounting it.
    UnmountSubvolume {
        /// The subvolume.
        subvolume: Vec<String>,
    },
    /// Declares a subvolume that holds a swap file.
    AddSwapSubvolume {
        /// The filesystem.
        filesystem: Vec<String>,
        /// Its name, as written among its siblings.
        name: String,
        /// Where it is mounted.
        mountpoint: String,
        /// The name of the file in it.
        file: String,
        /// The size of the file; a multiple of a mebibyte.
        size: Bytes,
    },
    /// Sets what `mkfs.btrfs` makes of a filesystem that disko describes.
    SetMkfs {
        /// The filesystem.
        filesystem: Vec<String>,
        /// What is set.
        setting: MkfsSetting,
    },
    /// Sets a boolean of a LUKS container that disko describes, or of
    /// `boot.initrd.luks.devices.<name>`.
    SetLuksSetting {
        /// Attribute path of the container.
        luks: Vec<String>,
        /// Which.
        setting: LuksSetting,
        /// Its value.
        on: bool,
    },
    /// Adds arguments for `cryptsetup luksFormat`.
    AddLuksFormatArgs {
        /// Attribute path of the container.
        luks: Vec<String>,
        /// The arguments, one element each.
        arguments: Vec<String>,
    },
    /// Sets a NixOS option.
    SetNixosOption {
        /// Its attribute path.
        path: Vec<String>,
        /// Its value: null, a boolean, a number, a string, a list, or a set of these.
        value: Json,
    },
    /// Removes elements from a NixOS option that is a list, and adds some.
    EditNixosList {
        /// Its attribute path.
        path: Vec<String>,
        /// Elements to take out.
        remove: Vec<Json>,
        /// Elements to add; each takes the place of the removed one with the same index, further
        /// ones go to the end.
        add: Vec<Json>,
    },
    /// Adds lines to a NixOS option of type `lines`, such as `services.udev.extraRules`.
    AppendNixosLines {
        /// Its attribute path.
        path: Vec<String>,
        /// The lines, without line ends.
        lines: Vec<String>,
    },
    /// Takes back what the configuration says of a NixOS option.
    UnsetNixosOption {
        /// Its attribute path.
        path: Vec<String>,
    },
    /// Gives a directory an attribute that new files in it inherit, through tmpfiles.
    SetDirectoryAttribute {
        /// The directory.
        directory: String,
        /// The attribute.
        attribute: DirectoryAttribute,
    },
}

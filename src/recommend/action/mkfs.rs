//! Owns: the settings of `mkfs.btrfs` that an action can ask for.

use serde::{Deserialize, Serialize};

/// One thing that `mkfs.btrfs` decides (mkfs.btrfs(8)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what", content = "value")]
pub enum MkfsSetting {
    /// The profile of data (`--data`), by its name; a balance converts it too.
    DataProfile(String),
    /// The profile of metadata (`--metadata`), by its name; a balance converts it too.
    MetadataProfile(String),
    /// The checksum (`--csum`), by its name.
    Checksum(String),
    /// The size of tree nodes in bytes (`--nodesize`).
    NodesizeBytes(u32),
    /// A feature (`--features`), on or off.
    Feature {
        /// Its name: `block-group-tree`.
        name: String,
        /// False for `^name`.
        on: bool,
    },
    /// The label (`--label`); it can be changed while mounted too.
    Label(String),
}

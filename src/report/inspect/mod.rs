//! What was read of every host, as a document that programs read.
//!
//! The types here are the contract: `schema/inspect-1.json` is generated from them. A value is what
//! Nix says, or `null` with an entry in `unknown` that says why.

mod build;
mod text;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use build::{Told, document, document_told};
pub use text::{render, render_told};

use crate::model::Found;

/// The version of the document's format.
pub const FORMAT: &str = "btrfs-tune/inspect/1";

/// What was read of a project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Document {
    /// `btrfs-tune/inspect/1`.
    pub format: String,
    /// The hosts, by name.
    pub hosts: Vec<HostDocument>,
    /// What was skipped.
    pub problems: Vec<Problem>,
}

/// What was read of one host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HostDocument {
    /// Its name.
    pub name: String,
    /// How it was found.
    pub found: Found,
    /// The release of NixOS that it is built from, or has at least everything of; absent where
    /// nothing tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub release: Option<Version>,
    /// The kernel that it boots next; absent where nothing tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kernel: Option<Version>,
    /// The files that make it, relative to the root of the project, in the order of their names.
    pub files: Vec<String>,
    /// Its btrfs filesystems.
    pub filesystems: Vec<Filesystem>,
    /// `boot.kernel.sysctl`, by key.
    pub sysctl: BTreeMap<String, Setting>,
    /// The options that tell what the machine does and where its data lies, by their full path.
    pub services: BTreeMap<String, Setting>,
    /// What is not known of all this.
    pub unknown: Vec<Unknown>,
    /// What the real Nix said of it; absent where it was not asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nix: Option<Nix>,
}

/// A version, and what tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Version {
    /// Such as `25.05`, `6.12` or `6.12.43`: a kernel without a third number is the whole series.
    pub version: String,
    /// What tells it, in words, with the place.
    pub by: String,
}

/// What the real Nix said of a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Nix {
    /// Which Nix it is, as it says itself.
    pub version: String,
    /// The option paths of what it said and the files leave unknown; each stands for all below it.
    /// Elements of lists are known by their index.
    pub told: Vec<String>,
    /// Where it contradicts what was read: bugs of this program, unless the host was found by
    /// convention.
    pub disagreements: Vec<Disagreement>,
}

/// A value of which the files were read to say something else than Nix does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Disagreement {
    /// The option path, or what it is.
    pub what: String,
    /// What was read.
    pub read: String,
    /// Where.
    pub read_at: Option<At>,
    /// What Nix says.
    pub real: String,
    /// Where Nix has that from.
    pub real_at: Option<At>,
}

/// Who said a value, if not the files as they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToldBy {
    /// The real Nix, which was asked.
    Nix,
}

/// One btrfs filesystem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Filesystem {
    /// What NixOS mounts; `null` where it is not known.
    pub device: Option<String>,
    /// Where it is defined below `disko.devices`; `null` where `fileSystems` defines it.
    pub path: Option<Vec<String>>,
    /// Which option defines it.
    pub source: Source,
    /// The label that `mkfs.btrfs` or `fileSystems` gives it.
    pub label: Option<String>,
    /// What lies between the disk and the filesystem, from the disk up.
    pub layers: Vec<Layer>,
    /// Words for `mkfs.btrfs`; `null` where the list is not known.
    pub mkfs_args: Option<Vec<Text>>,
    /// Where its top level, or what it shows where no subvolume is named, is mounted.
    pub mountpoint: Option<String>,
    /// The options of that mount: of disko as written (`["defaults"]` where nothing is), of
    /// `fileSystems` merged; `null` where the list is not known.
    pub options: Option<Vec<Text>>,
    /// What `fileSystems` says beside disko's options of that mount; absent where it says nothing,
    /// `null` where the list is not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub added: Option<Option<Vec<Text>>>,
    /// Swap files in its top level, by attribute name.
    pub swap: Vec<Swap>,
    /// Its subvolumes, by attribute name; those of `fileSystems` by mount point.
    pub subvolumes: Vec<Subvolume>,
    /// What the first mount makes of all options; `null` while any of them is not known.
    pub effective: Option<Effective>,
    /// The devices that make it, its own first, `null` for one that is not known; `null` where
    /// `mkfs_args` are not wholly known.
    pub members: Option<Vec<Option<String>>>,
    /// Who said all of it, where its files do not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<ToldBy>,
}

/// Which option defines a filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Source {
    /// `disko.devices`.
    #[serde(rename = "disko")]
    Disko,
    /// `fileSystems`.
    #[serde(rename = "fileSystems")]
    FileSystems,
}

/// A layer between a disk and a filesystem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Layer {
    /// Its kind.
    pub kind: LayerKind,
    /// Its name in disko.
    pub name: String,
}

/// The kind of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LayerKind {
    /// A partition.
    Partition,
    /// A LUKS container.
    Luks,
    /// A logical volume.
    Lvm,
    /// A Linux software RAID.
    Mdraid,
}

/// A text, and the literal that wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Text {
    /// The text; `null` where it is not known.
    pub text: Option<String>,
    /// The string literal that wrote it; `null` where none did.
    pub at: Option<At>,
    /// Who said it, where its files do not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<ToldBy>,
}

/// One subvolume, or one mount of `fileSystems`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Subvolume {
    /// Its name as written; `null` where a mount names none.
    pub name: Option<String>,
    /// Where it is mounted; `null` where it is not, or where that is not known.
    pub mountpoint: Option<String>,
    /// The options: of disko as written (`["defaults"]` where nothing is), of `fileSystems`
    /// merged; `null` where the list is not known.
    pub options: Option<Vec<Text>>,
    /// What `fileSystems` says beside disko's options; absent where it says nothing, `null` where
    /// the list is not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub added: Option<Option<Vec<Text>>>,
    /// Swap files in it, by attribute name.
    pub swap: Vec<Swap>,
    /// Who said all of it, where its files do not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<ToldBy>,
}

/// A swap file that disko makes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Swap {
    /// Its path below the mount point; `null` where it is not known.
    pub path: Option<String>,
    /// Its size as written, such as `8G`; `null` where it is not known.
    pub size: Option<String>,
    /// Its priority; `null` where the kernel chooses, or where it is not known.
    pub priority: Option<i64>,
    /// The options of `swapon`; `null` where the list is not known.
    pub options: Option<Vec<Text>>,
}

/// What the kernel makes of all mounts of a filesystem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Effective {
    /// The mount point whose options the filesystem gets at boot; `null` where none is mounted, or
    /// where chance decides.
    pub first_mount: Option<String>,
    /// The options of the filesystem as `/proc/mounts` shows them; `null` where chance decides
    /// between different ones.
    pub options: Option<Vec<String>>,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    /// The value.
    pub value: Json,
    /// The literal that wrote it; `null` where none did.
    pub at: Option<At>,
    /// Who said it, where its files do not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<ToldBy>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct At {
    /// The file, relative to the root of the project, with `/`.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
    /// The length in characters.
    pub length: u32,
}

/// Something that is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Unknown {
    /// The path of the option.
    pub what: String,
    /// Why it is not known.
    pub why: String,
    /// Where knowledge ended.
    pub at: Option<At>,
}

/// Something that was skipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The host that it is about; `null` for the whole project.
    pub host: Option<String>,
    /// What was skipped.
    pub what: String,
    /// Why.
    pub why: String,
    /// Where.
    pub at: Option<At>,
}

/// The JSON Schema of [`Document`].
pub fn schema() -> Json {
    let mut schema = schemars::schema_for!(Document);
    schema.insert("$id".to_owned(), FORMAT.into());
    schema.insert("title".to_owned(), "btrfs-tune inspect".into());
    schema.to_value()
}

//! Owns: what an action gives up, from the facts about the kernel (`docs` of the options table,
//! mkfs.btrfs(8), btrfs(5)): what needs the consent of the people at the machine, and is told.

use serde::{Deserialize, Serialize};

use super::{Action, DirectoryAttribute, MkfsSetting};
use crate::btrfs::{DEFAULT_COMMIT_SECONDS, MkfsArgs, Profile, Switch, effective, parse_options};
use crate::model::{Filesystem, Host, StorageSource};

/// Something that is given up.
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
pub enum Good {
    /// Silent corruption of data is found.
    Checksums,
    /// Data is compressed.
    Compression,
    /// A bad copy is repaired from a good one.
    SelfRepair,
    /// What was written before a crash is there after it.
    Durability,
    /// The filesystem survives a power failure.
    Consistency,
    /// There are several copies.
    Redundancy,
    /// `fsync` is quick.
    FsyncTime,
}

/// A good that is given up, and what that means here.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Trade {
    /// What is given up.
    pub good: Good,
    /// What that means, in one sentence.
    pub what: String,
}

/// What is given up with copy on write, wherever that is (btrfs(5), "nodatacow"). `heals`: whether
/// the profile of the data could repair it, where that is known.
fn no_cow(of: &str, heals: Option<bool>) -> Vec<Trade> {
    let trade = |good, what: String| Trade { good, what };
    let mut trades = vec![
        trade(
            Good::Checksums,
            format!("{of} have no checksums: silent corruption is not found"),
        ),
        trade(Good::Compression, format!("{of} are not compressed")),
    ];
    if heals != Some(false) {
        let what = match heals {
            Some(_) => format!("a bad copy of {of} is not repaired from the good one"),
            None => format!("where there are copies, a bad one of {of} is not repaired"),
        };
        trades.push(trade(Good::SelfRepair, what));
    }
    trades
}

impl Action {
    /// What it gives up on a host; empty if nothing.
    pub fn trades(&self, host: &Host) -> Vec<Trade> {
        let mut trades = match self {
            Action::EditMountOptions { mounts } => mounts
                .iter()
                .flat_map(|edit| {
                    let found = host.storage.mount(&edit.mountpoint);
                    let lists = found.and_then(|(_, mount)| {
                        let before = mount.options.known()?.iter();
                        let before: Vec<String> = before.map(|o| o.value.clone()).collect();
                        let after = mount.options_after(&edit.remove, &edit.add)?;
                        Some((before, after))
                    });
                    // Where it is not known what was there, all that is added counts.
                    let (before, after) = lists.unwrap_or((Vec::new(), edit.add.clone()));
                    of_options(&before, &after, found.map(|(f, _)| f), host)
                })
                .collect(),
            Action::AddSubvolume {
                filesystem,
                options,
                ..
            }
            | Action::SplitSubvolume {
                filesystem,
                options,
                ..
            } => {
                // Options of the filesystem that another mount gives are nothing new.
                let of = by_path(filesystem, host);
                let known = of.and_then(|f| f.mounts.first()?.options.known());
                let known = known.unwrap_or_default().iter();
                let before: Vec<String> = known.map(|o| o.value.clone()).collect();
                of_options(&before, options, of, host)
            }
            Action::SetDirectoryAttribute {
                directory,
                attribute: DirectoryAttribute::NoCow,
            } => {
                let of = host.storage.holding(directory).map(|(f, _)| f);
                no_cow(&format!("new files below {directory}"), heals(of))
            }
            Action::SetMkfs {
                filesystem,
                setting,
            } => of_profile(setting, by_path(filesystem, host)),
            Action::SetDirectoryAttribute { .. }
            | Action::MergeSubvolume { .. }
            | Action::RenameSubvolume { .. }
            | Action::UnmountSubvolume { .. }
            | Action::AddSwapSubvolume { .. }
            | Action::SetLuksSetting { .. }
            | Action::AddLuksFormatArgs { .. }
            | Action::SetNixosOption { .. }
            | Action::EditNixosList { .. }
            | Action::AppendNixosLines { .. }
            | Action::UnsetNixosOption { .. } => Vec::new(),
        };
        trades.sort();
        trades.dedup();
        trades
    }
}

fn of_options(
    before: &[String],
    after: &[String],
    filesystem: Option<&Filesystem>,
    host: &Host,
) -> Vec<Trade> {
    let facts = filesystem.map_or_else(Default::default, |f| host.device_facts(f));
    let state =
        |options: &[String]| effective(&parse_options(options), &host.target(), &facts).state;
    let (before, after) = (state(before), state(after));
    let mut trades = Vec::new();
    let mut trade = |good, what: String| trades.push(Trade { good, what });
    if !before.is(Switch::NoBarrier) && after.is(Switch::NoBarrier) {
        trade(
            Good::Consistency,
            "without barriers a power failure can destroy the filesystem".to_owned(),
        );
    }
    if !before.is(Switch::NoTreeLog) && after.is(Switch::NoTreeLog) {
        trade(
            Good::FsyncTime,
            "without the tree log each fsync writes a whole transaction".to_owned(),
        );
    }
    let (old, new) = (before.commit_seconds(), after.commit_seconds());
    if new > DEFAULT_COMMIT_SECONDS && new > old {
        trade(
            Good::Durability,
            format!("a crash loses up to {new} seconds of writes instead of {old}"),
        );
    }
    if !before.is_nodatacow() && after.is_nodatacow() {
        trades.extend(no_cow("new files", heals(filesystem)));
    } else if before.has_checksums() && !after.has_checksums() {
        let lost = no_cow("new files", heals(filesystem));
        trades.extend(lost);
    }
    trades
}

/// Whether data can be repaired as mkfs lays it out; `None` where that is not known.
fn heals(filesystem: Option<&Filesystem>) -> Option<bool> {
    let filesystem = filesystem?;
    let arguments: Vec<&str> = filesystem
        .mkfs_args
        .known()?
        .iter()
        .map(|a| &*a.value)
        .collect();
    match (&filesystem.source, filesystem.disks.len()) {
        (StorageSource::Disko(_), devices @ 1..) => Some(
            MkfsArgs::parse(&arguments)
                .data_profile(devices)
                .self_heals(),
        ),
        _ => None,
    }
}

fn of_profile(setting: &MkfsSetting, filesystem: Option<&Filesystem>) -> Vec<Trade> {
    let (what, name, of_data) = match setting {
        MkfsSetting::DataProfile(name) => ("data", name, true),
        MkfsSetting::MetadataProfile(name) => ("metadata", name, false),
        _ => return Vec::new(),
    };
    let Some(new) = Profile::from_name(name) else {
        return Vec::new();
    };
    let old = filesystem.and_then(|f| {
        let words = f.mkfs_args.known()?.iter().map(|a| &*a.value);
        let arguments = MkfsArgs::parse(&words.collect::<Vec<_>>());
        let devices = f.disks.len().max(1);
        Some(match of_data {
            true => arguments.data_profile(devices),
            false => arguments.metadata_profile(devices),
        })
    });
    let trade = |what: String| {
        vec![Trade {
            good: Good::Redundancy,
            what,
        }]
    };
    match old {
        Some(old) if new.tolerated_losses() < old.tolerated_losses() => trade(format!(
            "{new} of {what} survives the loss of {} devices, {old} of {}",
            new.tolerated_losses(),
            old.tolerated_losses()
        )),
        Some(old) if old.self_heals() && !new.self_heals() => trade(format!(
            "a bad block of {what} is not repaired: {new} has no second copy, {old} has"
        )),
        None if !new.self_heals() => trade(format!("there is no second copy of {what}")),
        _ => Vec::new(),
    }
}

fn by_path<'a>(path: &[String], host: &'a Host) -> Option<&'a Filesystem> {
    let mut all = host.storage.filesystems.iter();
    all.find(|f| matches!(&f.source, StorageSource::Disko(own) if own == path))
}

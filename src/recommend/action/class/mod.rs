//! Owns: when an action takes effect, from the facts about the kernel and NixOS.

mod mkfs;
mod option;

pub use mkfs::{FeatureChange, feature_change, holds_the_system};

use super::{Action, Class, DirectoryAttribute, MountEdit};
use crate::btrfs::remount::{self, Change, When};
use crate::btrfs::whole::MOUNTED_IN_INITRD;
use crate::btrfs::{Decided, parse_options, whole};
use crate::model::{Filesystem, Host, StorageSource, Subvolume, storage::is_below};
use option::{Done, class_of_option};

/// A class and the fact that makes it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassOf {
    /// When it takes effect.
    pub class: Class,
    /// Why, in one sentence.
    pub reason: String,
}

impl ClassOf {
    fn new(class: Class, reason: &str) -> Self {
        ClassOf {
            class,
            reason: reason.to_owned(),
        }
    }

    /// When several actions together have taken effect: with the last of them.
    pub fn of_all(actions: &[Action], host: &Host) -> Option<Self> {
        let of_one = |action: &Action| match action {
            // What was made a moment ago holds nothing.
            Action::SetDirectoryAttribute {
                directory,
                attribute: DirectoryAttribute::NoCow,
            } if actions.iter().any(|a| makes(a, directory)) => ClassOf::new(
                Class::Live,
                "the directory is new and empty: everything made in it inherits the attribute",
            ),
            action => action.class(host),
        };
        actions.iter().map(of_one).rev().max_by_key(|c| c.class)
    }
}

/// Whether an action makes a directory, empty.
fn makes(action: &Action, directory: &str) -> bool {
    match action {
        Action::AddSubvolume { mountpoint, .. } => mountpoint.as_deref() == Some(directory),
        Action::AddSwapSubvolume { mountpoint, .. } => mountpoint == directory,
        _ => false,
    }
}

impl Action {
    /// When the change takes effect on this host, from the facts about its kernel.
    pub fn class(&self, host: &Host) -> ClassOf {
        let class = ClassOf::new;
        match self {
            Action::EditMountOptions { mounts } => mounts
                .iter()
                .map(|edit| class_of_mount_edit(edit, host))
                .max_by_key(|c| c.class)
                .unwrap_or_else(|| class(Class::Live, "it changes no mount")),
            // NixOS switch: new entries of fstab are mounted through local-fs.target.
            Action::AddSubvolume {
                mountpoint: Some(_),
                ..
            } => class(
                Class::Live,
                "the subvolume is made by hand before the switch, since disko creates subvolumes \
                 only when it formats; the switch then mounts it",
            ),
            Action::AddSubvolume {
                mountpoint: None, ..
            } => class(
                Class::Live,
                "the subvolume is made by hand, since disko creates subvolumes only when it formats",
            ),
            Action::AddSwapSubvolume { .. } => class(
                Class::Live,
                "the subvolume and its file are made by hand before the switch, since disko makes \
                 them only when it formats; the switch then mounts it and turns the swap on",
            ),
            // Measured on 6.18.44: a mounted subvolume is renamed and /proc/mounts follows; a
            // remount ignores `subvol=`, whatever it names; the next mount by the old name fails.
            Action::RenameSubvolume { .. } => class(
                Class::Live,
                "a mounted subvolume can be renamed; it is done by hand right after the switch, \
                 for the next boot looks for the new name",
            ),
            Action::UnmountSubvolume { subvolume } => class_of_unmount(subvolume, host),
            Action::SplitSubvolume { .. } => class(
                Class::Migrate,
                "disko creates subvolumes only when it formats; on an installed machine the \
                 subvolume is made by hand and the data moved into it",
            ),
            Action::MergeSubvolume { .. } => class(
                Class::Migrate,
                "what lies in the subvolume is moved to the directory below its mount point",
            ),
            Action::SetNixosOption { path, value } => class_of_option(path, Done::Set(value), host),
            Action::EditNixosList { path, remove, add } => {
                let (removes, adds) = (!remove.is_empty(), !add.is_empty());
                class_of_option(path, Done::Edited { removes, adds }, host)
            }
            Action::AppendNixosLines { path, .. } => {
                let (removes, adds) = (false, true);
                class_of_option(path, Done::Edited { removes, adds }, host)
            }
            Action::UnsetNixosOption { path } if is_idle_list(path, host) => class(
                Class::Live,
                "nothing is mounted with these options, so nothing changes",
            ),
            Action::UnsetNixosOption { path } => class_of_option(path, Done::Unset, host),
            Action::SetMkfs {
                filesystem,
                setting,
            } => mkfs::class_of_setting(setting, filesystem_at(filesystem, host)),
            Action::SetLuksSetting { .. } => class(
                Class::Reboot,
                "the initrd opens the container with the settings it finds there; \
                 `cryptsetup refresh` does it for the running system",
            ),
            Action::AddLuksFormatArgs { .. } => class(
                Class::Reinstall,
                "luksFormat writes them into the header when the container is made",
            ),
            Action::SetDirectoryAttribute {
                directory,
                attribute: DirectoryAttribute::NoCow,
            } if holds_nothing(directory, host) => class(
                Class::Live,
                "the directory holds nothing: everything made in it inherits the attribute",
            ),
            Action::SetDirectoryAttribute {
                attribute: DirectoryAttribute::NoCow,
                ..
            } => class(
                Class::Migrate,
                "the attribute is inherited by new files only; existing files are copied anew, \
                 with the service stopped",
            ),
            // Measured on 6.18.44: new files get it, existing ones are not rewritten.
            Action::SetDirectoryAttribute {
                attribute: DirectoryAttribute::Compression(_),
                ..
            } => class(
                Class::Live,
                "files written from then on are compressed; existing files stay as they are",
            ),
        }
    }
}

/// The filesystem with this attribute path.
pub fn filesystem_at<'h>(path: &[String], host: &'h Host) -> Option<&'h Filesystem> {
    host.storage.filesystems.iter().find(|f| match &f.source {
        StorageSource::Disko(own) => own == path,
        StorageSource::FileSystems => f.mounts.iter().any(
            |m| matches!(path, [root, at, ..] if root == "fileSystems" && *at == m.mountpoint),
        ),
    })
}

/// The subvolume with this attribute path, and the filesystem that it is in.
pub fn subvolume_at<'h>(
    path: &[String],
    host: &'h Host,
) -> Option<(&'h Filesystem, &'h Subvolume)> {
    host.storage
        .filesystems
        .iter()
        .find_map(|f| Some((f, f.subvolumes.iter().find(|s| s.path == path)?)))
}

/// Whether a path leads to the mount options of something of disko's that is not mounted.
fn is_idle_list(path: &[String], host: &Host) -> bool {
    let Some((last, holder)) = path.split_last() else {
        return false;
    };
    let of_disko = path.first().is_some_and(|first| first == "disko");
    let filesystem = filesystem_at(holder, host).map(|f| &f.mountpoint);
    let mountpoint = filesystem.or_else(|| Some(&subvolume_at(holder, host)?.1.mountpoint));
    of_disko && last == "mountOptions" && mountpoint == Some(&Ok(None))
}

fn class_of_unmount(subvolume: &[String], host: &Host) -> ClassOf {
    let mountpoint = subvolume_at(subvolume, host).and_then(|(_, s)| s.mountpoint.as_ref().ok());
    let Some(Some(mountpoint)) = mountpoint else {
        return ClassOf::new(
            Class::Reboot,
            "where the subvolume is mounted is not known, and some places stay mounted until the \
             next boot",
        );
    };
    // switch-to-configuration leaves `/` and `/nix` alone; the rest of these is always in use.
    if MOUNTED_IN_INITRD.contains(&mountpoint.as_str()) {
        return ClassOf::new(
            Class::Reboot,
            "the running system cannot do without this mount, so it stays until the next boot",
        );
    }
    ClassOf::new(
        Class::Live,
        "the switch unmounts what is no longer configured; while files on it are in use, that \
         fails and the mount stays until the next boot",
    )
}

/// Whether a directory was counted and found to hold nothing.
fn holds_nothing(directory: &str, host: &Host) -> bool {
    let mut counted = host.metrics.compression.iter().filter(|c| {
        c.path
            .as_deref()
            .is_some_and(|p| is_below(directory, p) && is_below(p, directory))
    });
    counted
        .next()
        .is_some_and(|c| c.rows.iter().all(|row| row.referenced.0 == 0))
}

fn class_of_mount_edit(edit: &MountEdit, host: &Host) -> ClassOf {
    let found = host.storage.mount(&edit.mountpoint);
    let lists = found.and_then(|(filesystem, mount)| {
        let before: Vec<String> = mount
            .options
            .known()?
            .iter()
            .map(|o| o.value.clone())
            .collect();
        Some((
            filesystem,
            before,
            mount.options_after(&edit.remove, &edit.add)?,
        ))
    });
    let Some((filesystem, before, after)) = lists else {
        return ClassOf {
            class: Class::Reboot,
            reason: format!("the options of {} are not all known", edit.mountpoint),
        };
    };
    let (before, after) = (parse_options(&before), parse_options(&after));
    let facts = host.device_facts(filesystem);
    let effects = remount::transition(&before, &after, &host.target(), &facts);
    // What another mount keeps from having effect today is not missed when it goes.
    let idle = idle_options(filesystem, &edit.mountpoint, host);
    let late = effects.iter().find(|e| {
        matches!(e.when, When::NextBoot | When::Never | When::Rejected)
            && !(e.change == Change::Removed && idle.contains(&e.option))
    });
    match late {
        Some(effect) => ClassOf {
            class: Class::Reboot,
            reason: effect.reason.to_string(),
        },
        None => ClassOf {
            class: Class::Live,
            reason: "nixos-rebuild switch remounts with the new options, and the kernel takes \
                     them on a remount"
                .to_owned(),
        },
    }
}

/// The options of a mount that are not in force, because another mount of the filesystem decides.
fn idle_options(filesystem: &Filesystem, mountpoint: &str, host: &Host) -> Vec<String> {
    let Some(specs) = filesystem.mount_specs() else {
        return Vec::new();
    };
    let facts = host.device_facts(filesystem);
    let whole = whole(&specs, host.stage1(), &host.target(), &facts);
    // Left to chance, it may be in force.
    let Decided::By(_) = whole.decided else {
        return Vec::new();
    };
    let idle = whole
        .ignored
        .iter()
        .filter(|i| specs[i.mount].mountpoint == mountpoint);
    idle.map(|i| specs[i.mount].options[i.option].text.clone())
        .collect()
}

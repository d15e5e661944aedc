//! Owns: when an action takes effect, from the facts about the kernel and NixOS.

use super::{Action, Class, MountEdit};
use crate::btrfs::remount::{self, Change, When};
use crate::btrfs::{Decided, parse_options, whole};
use crate::model::{Filesystem, Host};

/// A class and the fact that makes it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassOf {
    /// When it takes effect.
    pub class: Class,
    /// Why, in one sentence.
    pub reason: String,
}

impl Action {
    /// When the change takes effect on this host, from the facts about its kernel.
    pub fn class(&self, host: &Host) -> ClassOf {
        let class = |class, reason: &str| ClassOf {
            class,
            reason: reason.to_owned(),
        };
        match self {
            Action::EditMountOptions { mounts } => mounts
                .iter()
                .map(|edit| class_of_mount_edit(edit, host))
                .max_by_key(|c| c.class)
                .unwrap_or_else(|| class(Class::Live, "it changes no mount")),
            Action::AddSubvolume { .. } | Action::AddSwapSubvolume { .. } => class(
                Class::Live,
                "the subvolume is made by hand before the switch, since disko creates subvolumes \
                 only when it formats",
            ),
            Action::RenameSubvolume { .. } | Action::UnmountSubvolume { .. } => class(
                Class::Reboot,
                "a mounted subvolume stays mounted until the next boot",
            ),
            Action::SplitSubvolume { .. } | Action::MergeSubvolume { .. } => class(
                Class::Migrate,
                "disko creates subvolumes only when it formats; on an installed machine the \
                 subvolume is made by hand and the data moved into it",
            ),
            Action::SetNixosOption { path, .. }
            | Action::EditNixosList { path, .. }
            | Action::AppendNixosLines { path, .. }
            | Action::UnsetNixosOption { path } => class_of_option(path),
            Action::SetMkfs { .. } => class(
                Class::Reinstall,
                "mkfs decides it when the filesystem is made",
            ),
            Action::SetLuksSetting { .. } => class(
                Class::Reboot,
                "the container is opened by the initrd, with the settings it finds there",
            ),
            Action::AddLuksFormatArgs { .. } => class(
                Class::Reinstall,
                "luksFormat writes them into the header when the container is made",
            ),
            Action::SetDirectoryAttribute { .. } => class(
                Class::Migrate,
                "the attribute is inherited by new files only; existing files are copied anew, \
                 with the service stopped",
            ),
        }
    }
}

fn class_of_option(path: &[String]) -> ClassOf {
    let starts = |prefix: &[&str]| {
        path.len() >= prefix.len() && path.iter().zip(prefix).all(|(a, b)| a == b)
    };
    let (class, reason) = if starts(&["boot", "kernel", "sysctl"]) {
        (
            Class::Live,
            "systemd-sysctl writes changed keys when the configuration is switched",
        )
    } else if starts(&["boot"]) {
        (Class::Reboot, "it is read while booting")
    } else {
        (
            Class::Live,
            "nixos-rebuild switch starts and stops the units that it concerns",
        )
    };
    ClassOf {
        class,
        reason: reason.to_owned(),
    }
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

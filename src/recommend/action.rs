//! The vocabulary of change: what a recommendation does, said once.
//!
//! An action is lowered to edits by `rewrite`, to commands for the running system by
//! `rewrite::commands`, and to its class here, from the facts about the kernel.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::btrfs::remount::{self, Change, When};
use crate::btrfs::{Decided, parse_options, whole};
use crate::model::{Filesystem, Host};

/// When a change takes effect, and what that costs. Ordered by disruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

/// A change of a machine, independent of how its files are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Action {
    /// Changes the options of some mounts, all or none.
    EditMountOptions {
        /// The mounts.
        mounts: Vec<MountEdit>,
    },
    /// Declares a subvolume of a filesystem that disko describes, with its mount.
    AddSubvolume {
        /// Attribute path of the filesystem's `content`.
        filesystem: Vec<String>,
        /// Its name, as written among its siblings (with or without a leading slash).
        name: String,
        /// Where it is mounted.
        mountpoint: String,
        /// Its mount options.
        options: Vec<String>,
    },
    /// Sets a NixOS option.
    SetNixosOption {
        /// Its attribute path.
        path: Vec<String>,
        /// Its value: a boolean, a number, a string or a list of strings.
        value: Json,
    },
    /// Appends elements to a NixOS option that is a list of strings.
    AppendNixosOption {
        /// Its attribute path.
        path: Vec<String>,
        /// The elements.
        elements: Vec<String>,
    },
    /// Sets a boolean of a LUKS container that disko describes.
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
    /// New files below a directory are not copied on write (`chattr +C`), through tmpfiles.
    NoCowDirectory {
        /// The directory.
        directory: String,
    },
}

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
            Action::AddSubvolume { .. } => class(
                Class::Migrate,
                "disko creates subvolumes only when it formats; on an installed machine the \
                 subvolume is made by hand and the data moved into it",
            ),
            Action::SetNixosOption { path, .. } => class_of_option(path),
            Action::AppendNixosOption { path, .. } => class_of_option(path),
            Action::SetLuksSetting { .. } => class(
                Class::Reboot,
                "the container is opened by the initrd, with the settings it finds there",
            ),
            Action::AddLuksFormatArgs { .. } => class(
                Class::Reinstall,
                "luksFormat writes them into the header when the container is made",
            ),
            Action::NoCowDirectory { .. } => class(
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

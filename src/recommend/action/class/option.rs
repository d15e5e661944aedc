//! Owns: when a changed NixOS option takes effect, as a table of option paths.
//!
//! Sources, by the names used in the table:
//! - switch: NixOS/nixpkgs `pkgs/by-name/sw/switch-to-configuration-ng/src/main.rs` (0145c6da):
//!   units whose files changed are restarted, active targets are started again, which brings in new
//!   mounts and swap devices; swap that goes is turned off; changed swap options are not taken over.
//! - sysctl: `nixos/modules/config/sysctl.nix`: `systemd-sysctl` restarts when its file changes; a key
//!   that is no longer listed keeps its value, for nothing writes it.
//! - modules: `nixos/modules/system/boot/kernel.nix` (045d702e): `systemd-modules-load` restarts when
//!   the list changes, and loads; nothing unloads.
//! - tmpfiles: `nixos/modules/system/boot/systemd/tmpfiles.nix` (04659916): the unit
//!   `systemd-tmpfiles-resetup` runs `systemd-tmpfiles --create --remove` when the rules change.
//! - udev: udev(7): rules act on events; `udevadm trigger` makes events for what is there.
//! - zram: Linux `Documentation/admin-guide/blockdev/zram.rst`: size and algorithm are set before the
//!   device is initialised, and it is reset to set them anew.
//! - docker: docs.docker.com/engine/storage/drivers: images and containers of one driver are not seen
//!   by another.

use serde_json::Value as Json;

use super::{Class, ClassOf};
use crate::model::Host;

/// What is done to an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done<'a> {
    /// It gets this value.
    Set(&'a Json),
    /// Its list or text gains elements, or loses some as well.
    Edited {
        /// Whether something goes.
        removes: bool,
        /// Whether something comes.
        adds: bool,
    },
    /// The configuration says nothing of it any more.
    Unset,
}

impl Done<'_> {
    /// Whether something is taken back.
    fn removes(self) -> bool {
        match self {
            Done::Set(value) => value.is_null(),
            Done::Edited { removes, .. } => removes,
            Done::Unset => true,
        }
    }
}

/// When options below a path take effect.
struct Row {
    /// The path; `*` stands for any one attribute.
    path: &'static [&'static str],
    /// When it is set or grows.
    set: (Class, &'static str),
    /// When it is taken back, where that differs.
    removed: Option<(Class, &'static str)>,
}

const fn row(path: &'static [&'static str], class: Class, reason: &'static str) -> Row {
    Row {
        path,
        set: (class, reason),
        removed: None,
    }
}

const fn one_way(path: &'static [&'static str], live: &'static str, gone: &'static str) -> Row {
    Row {
        path,
        set: (Class::Live, live),
        removed: Some((Class::Reboot, gone)),
    }
}

const UDEV: &str = "udev rules act on events: `udevadm trigger` after the switch makes them for the \
                    devices that are there";
const TIMER: &str = "the switch starts the timer";
const DATA: &str = "the service looks for its data in the new place, so the data is moved there \
                    while it is stopped";

/// The longest path that fits decides.
const ROWS: &[Row] = &[
    row(&["boot"], Class::Reboot, "it is read while booting"),
    one_way(
        &["boot", "kernel", "sysctl"],
        "systemd-sysctl writes changed keys when the configuration is switched",
        "a key that is no longer listed keeps its value until the next boot",
    ),
    one_way(
        &["boot", "kernelModules"],
        "systemd-modules-load loads new modules when the configuration is switched",
        "a loaded module stays until the next boot",
    ),
    row(
        &["boot", "tmp"],
        Class::Reboot,
        "what has files open in /tmp keeps the old one, so it changes while booting",
    ),
    row(
        &["disko"],
        Class::Reinstall,
        "disko acts on it when it formats",
    ),
    row(
        &["environment", "persistence"],
        Class::Migrate,
        "what lies in the old place is hidden by the new mount, so it is moved first",
    ),
    row(
        &["fileSystems"],
        Class::Reboot,
        "a mount in use keeps what it was mounted from and where until the next boot",
    ),
    row(
        &["hardware"],
        Class::Reboot,
        "drivers, firmware and microcode are loaded while booting",
    ),
    row(&["hardware", "block"], Class::Live, UDEV),
    row(&["services", "udev"], Class::Live, UDEV),
    row(
        &["nix"],
        Class::Live,
        "the switch restarts nix-daemon, and every new nix command reads the new nix.conf",
    ),
    row(&["nix", "gc"], Class::Live, TIMER),
    row(&["nix", "optimise"], Class::Live, TIMER),
    row(&["services", "fstrim"], Class::Live, TIMER),
    row(&["services", "btrfs", "autoScrub"], Class::Live, TIMER),
    row(&["services", "snapper"], Class::Live, TIMER),
    row(&["services", "btrbk"], Class::Live, TIMER),
    row(&["services", "*", "dataDir"], Class::Migrate, DATA),
    row(&["services", "*", "stateDir"], Class::Migrate, DATA),
    one_way(
        &["swapDevices"],
        "the switch turns new swap on and swap that goes off",
        "swap whose options change keeps the old ones until the next boot",
    ),
    one_way(
        &["systemd", "tmpfiles"],
        "systemd-tmpfiles-resetup applies the rules when the configuration is switched",
        "what a rule made or set stays as it is",
    ),
    row(
        &["virtualisation", "docker", "storageDriver"],
        Class::Migrate,
        "docker does not see the images and containers of another driver: they are saved, and \
         loaded again",
    ),
    row(
        &[
            "virtualisation",
            "docker",
            "daemon",
            "settings",
            "storage-driver",
        ],
        Class::Migrate,
        "docker does not see the images and containers of another driver: they are saved, and \
         loaded again",
    ),
    row(
        &[
            "virtualisation",
            "docker",
            "daemon",
            "settings",
            "data-root",
        ],
        Class::Migrate,
        DATA,
    ),
    one_way(
        &["zramSwap"],
        "the switch starts the new zram swap",
        "a zram device keeps its size and algorithm until it is reset, as the next boot does",
    ),
];

const SWITCHED: &str = "nixos-rebuild switch starts and stops the units that it concerns";

/// When a change of a NixOS option takes effect.
pub(super) fn class_of_option(path: &[String], done: Done<'_>, host: &Host) -> ClassOf {
    let fits = |row: &&Row| {
        row.path.len() <= path.len()
            && row
                .path
                .iter()
                .zip(path)
                .all(|(known, name)| *known == "*" || known == name)
    };
    let found = ROWS.iter().filter(fits).max_by_key(|row| row.path.len());
    let Some(row) = found else {
        return of(Class::Live, SWITCHED);
    };
    // The device that is there is not reset by a switch.
    let is_there = row.path == ["zramSwap"] && host.settings.is_true("zramSwap.enable");
    // An element that takes the place of another may be the same swap with other options.
    let back = match done {
        Done::Edited { removes, adds } if row.path == ["swapDevices"] => removes && adds,
        done => done.removes() && row.path != ["swapDevices"],
    };
    match row.removed {
        Some((class, reason)) if back || is_there => of(class, reason),
        _ => of(row.set.0, row.set.1),
    }
}

fn of(class: Class, reason: &str) -> ClassOf {
    ClassOf {
        class,
        reason: reason.to_owned(),
    }
}

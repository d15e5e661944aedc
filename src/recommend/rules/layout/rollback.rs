//! What is empty again after each boot: a tmpfs, and subvolumes that the initrd throws away and
//! makes anew.

use super::script::replaced_subvolumes;
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::Stage1;
use crate::model::storage::Place;
use crate::model::{Filesystem, Host, Mount, Release};
use crate::nix::source::Span;

/// The last release that is known to run the scripted initrd unless the configuration says
/// otherwise (nixpkgs nixos/modules/system/boot/systemd/initrd.nix).
const SCRIPTED_BY_DEFAULT: Release = Release::new(25, 11);

/// A subvolume that begins anew at each boot.
#[derive(Debug, Clone)]
pub(super) struct RolledBack<'h> {
    pub(super) filesystem: &'h Filesystem,
    pub(super) mount: &'h Mount,
    /// The option that holds the script.
    pub(super) option: String,
    /// Where the script is written.
    pub(super) at: Option<Span>,
}

impl RolledBack<'_> {
    /// The same as evidence.
    pub(super) fn evidence(&self) -> Evidence {
        let subvolume = self.mount.subvolume.as_deref().unwrap_or_default();
        Evidence::speaks_for(
            Weight::Strong,
            Source::Configuration(self.at),
            format!(
                "{} replaces the subvolume {subvolume} of {} at each boot",
                self.option, self.mount.mountpoint
            ),
        )
    }
}

/// Who empties the place of a path at each boot.
#[derive(Debug, Clone)]
pub(super) enum Lost<'h> {
    /// A script of the initrd.
    RolledBack(RolledBack<'h>),
    /// It lies in a tmpfs.
    InMemory(&'h str),
}

impl Lost<'_> {
    /// The same as evidence.
    pub(super) fn evidence(&self) -> Evidence {
        match self {
            Lost::RolledBack(rolled) => rolled.evidence(),
            Lost::InMemory(at) => Evidence::speaks_for(
                Weight::Strong,
                Source::Configuration(None),
                format!("{at} is a tmpfs"),
            ),
        }
    }

    /// What it is, before words that tell when.
    pub(super) fn place(&self) -> String {
        match self {
            Lost::RolledBack(rolled) => {
                format!("{}, which is rolled back", rolled.mount.mountpoint)
            }
            Lost::InMemory(at) => format!("{at}, a tmpfs that is empty"),
        }
    }
}

/// What empties the place where a path lies, if something does.
pub(super) fn lost<'h>(host: &'h Host, path: &str) -> Option<Lost<'h>> {
    match host.storage.locate(path)?.1 {
        Place::Btrfs(_, mount) => {
            let rolled = rolled_back(host).into_iter();
            let mut here = rolled.filter(|r| r.mount.mountpoint == mount.mountpoint);
            here.next().map(Lost::RolledBack)
        }
        Place::Other(at) => {
            let memory = host.storage.in_memory.iter();
            let mut here = memory.filter(|place| *place == at);
            here.next().map(|place| Lost::InMemory(place))
        }
    }
}

/// All mounts whose subvolume begins anew at each boot, as far as a script says so that can be read
/// and that the initrd runs.
pub(super) fn rolled_back(host: &Host) -> Vec<RolledBack<'_>> {
    let mut found: Vec<RolledBack<'_>> = Vec::new();
    for (option, text, at) in scripts(host) {
        for name in replaced_subvolumes(text) {
            let Some((filesystem, mounts)) = mounts_of(host, &name, text) else {
                continue;
            };
            for mount in mounts {
                if found.iter().all(|f| f.mount.mountpoint != mount.mountpoint) {
                    let option = option.clone();
                    found.push(RolledBack {
                        filesystem,
                        mount,
                        option,
                        at,
                    });
                }
            }
        }
    }
    found
}

/// The filesystem and mounts of a subvolume of this name. Of several filesystems that have one, the
/// one whose device the script names.
fn mounts_of<'h>(
    host: &'h Host,
    name: &str,
    script: &str,
) -> Option<(&'h Filesystem, Vec<&'h Mount>)> {
    let of = |filesystem: &'h Filesystem| {
        let is = |mount: &&Mount| mount.subvolume.as_deref() == Some(name);
        let mounts: Vec<&Mount> = filesystem.mounts.iter().filter(is).collect();
        (!mounts.is_empty()).then_some((filesystem, mounts))
    };
    let mut found: Vec<_> = host.storage.filesystems.iter().filter_map(of).collect();
    if found.len() > 1 {
        let named = |f: &Filesystem| f.device.as_ref().is_ok_and(|d| script.contains(&d.value));
        found.retain(|(filesystem, _)| named(filesystem));
    }
    match found.len() {
        1 => found.pop(),
        _ => None,
    }
}

/// The scripts that the initrd runs before it mounts `/`, with their options.
fn scripts(host: &Host) -> Vec<(String, &str, Option<Span>)> {
    let settings = &host.settings;
    let (scripted, systemd) = match host.stage1() {
        Stage1::Scripted => (true, false),
        Stage1::Systemd => (false, true),
        Stage1::Unknown => {
            let said = settings.is_defined("boot.initrd.systemd.enable");
            let old = host.release().is_some_and(|r| r <= SCRIPTED_BY_DEFAULT);
            (true, said || !old || !host.skipped.is_empty())
        }
    };
    let mut found = Vec::new();
    if scripted {
        for option in ["postDeviceCommands", "postResumeCommands"] {
            let option = format!("boot.initrd.{option}");
            if let Some(setting) = settings.known(&option)
                && let Some(text) = setting.value.as_str()
            {
                found.push((option, text, setting.at));
            }
        }
    }
    if systemd {
        const SERVICES: &str = "boot.initrd.systemd.services.";
        for (option, setting) in settings.below(SERVICES) {
            let (Some(service), Ok(setting)) = (option.strip_suffix(".script"), setting) else {
                continue;
            };
            let wanted = ["wantedBy", "requiredBy"].iter().any(|by| {
                let by = settings.known(&format!("{service}.{by}"));
                let targets = by.and_then(|by| by.value.as_array());
                targets.is_some_and(|targets| !targets.is_empty())
            });
            let off = settings.get(&format!("{service}.enable"));
            let on = off.is_none_or(|s| s.as_ref().is_ok_and(|s| s.value == true));
            if let Some(text) = setting.value.as_str()
                && wanted
                && on
            {
                found.push((option.to_owned(), text, setting.at));
            }
        }
    }
    found
}

/// Whether all is known that could keep something through a boot.
pub(super) fn persistence_is_known(host: &Host) -> bool {
    const ROOTS: [&str; 4] = [
        "environment.persistence",
        "preservation",
        "fileSystems",
        "disko",
    ];
    let about = |what: &str| ROOTS.iter().any(|root| what.starts_with(root));
    let read = host
        .storage
        .filesystems
        .iter()
        .all(Filesystem::is_fully_read);
    read && !host.unknown.iter().any(|fact| about(&fact.what))
        && !host.settings.unknown().any(|fact| about(&fact.what))
}

/// Whether anything is kept through boots by impermanence or preservation.
pub(super) fn uses_persistence(host: &Host) -> bool {
    let below = |root: &str| host.settings.below(root).next().is_some();
    below("environment.persistence.") || below("preservation.")
}

//! Swap files of a host, where they lie, and what is wrong with them.

use serde_json::Value as Json;

use super::super::integrity::redundancy::data_profile;
use super::super::snapshots::{SnapshotJob, jobs_of};
use crate::analyze::Source;
use crate::btrfs::Profile;
use crate::model::storage::is_below;
use crate::model::units::Bytes;
use crate::model::{Filesystem, Host, Mount, Release};
use crate::nix::source::Span;

/// Who declares a swap file.
pub(super) enum DeclaredBy {
    /// An element of `swapDevices`.
    SwapDevices(Json),
    /// disko, which makes the file when it formats.
    Disko,
}

/// A swap file on btrfs.
pub(super) struct SwapFile<'a> {
    /// Its path.
    pub(super) path: String,
    /// Its size, where it is given.
    pub(super) size: Option<Bytes>,
    pub(super) by: DeclaredBy,
    pub(super) filesystem: &'a Filesystem,
    /// The mount that it is reached through.
    pub(super) mount: &'a Mount,
    pub(super) at: Option<Span>,
}

/// The swap files of a host that lie on btrfs, as far as they are known.
pub(super) fn swap_files(host: &Host) -> Vec<SwapFile<'_>> {
    let mut found = of_disko(host);
    let Some(setting) = host.settings.known("swapDevices") else {
        return found;
    };
    for element in setting.value.as_array().into_iter().flatten() {
        let path = element.get("device").and_then(Json::as_str);
        let Some(path) = path.filter(|p| p.starts_with('/') && !is_below(p, "/dev")) else {
            continue;
        };
        // Encrypted swap writes to a device of its own.
        if element
            .get("randomEncryption")
            .is_some_and(|r| *r != Json::Bool(false))
        {
            continue;
        }
        if let Some((filesystem, mount)) = host.storage.holding(path) {
            found.push(SwapFile {
                path: path.to_owned(),
                size: element
                    .get("size")
                    .and_then(Json::as_u64)
                    .map(|mib| Bytes(mib * Bytes::MIB)),
                by: DeclaredBy::SwapDevices(element.clone()),
                filesystem,
                mount,
                at: setting.at,
            });
        }
    }
    found
}

fn of_disko(host: &Host) -> Vec<SwapFile<'_>> {
    let mut found = Vec::new();
    for filesystem in &host.storage.filesystems {
        let top = (&filesystem.swap, &filesystem.mountpoint, filesystem.at);
        let below = filesystem.subvolumes.iter();
        let below = below.map(|s| (&s.swap, &s.mountpoint, s.at));
        for (files, mountpoint, at) in std::iter::once(top).chain(below) {
            let Ok(Some(mountpoint)) = mountpoint else {
                continue;
            };
            let Some(mount) = filesystem.mount(mountpoint) else {
                continue;
            };
            for file in files {
                let Ok(name) = &file.path else { continue };
                found.push(SwapFile {
                    path: format!("{}/{name}", mountpoint.trim_end_matches('/')),
                    size: None,
                    by: DeclaredBy::Disko,
                    filesystem,
                    mount,
                    at,
                });
            }
        }
    }
    found
}

/// Directories that hold other things than swap.
const SHARED: [&str; 12] = [
    "/",
    "/home",
    "/nix",
    "/persist",
    "/persistent",
    "/root",
    "/srv",
    "/tmp",
    "/var",
    "/var/lib",
    "/var/log",
    "/nix/persist",
];

impl SwapFile<'_> {
    /// Whether the file lies right in the directory that is mounted; in a directory below it may be
    /// a subvolume that nothing declares.
    pub(super) fn is_direct(&self) -> bool {
        let directory = self.path.rsplit_once('/').map_or("", |(above, _)| above);
        let directory = if directory.is_empty() { "/" } else { directory };
        directory == self.mount.mountpoint
    }

    /// Whether the subvolume is known to hold other things too.
    pub(super) fn is_shared(&self, host: &Host) -> bool {
        let at = self.mount.mountpoint.as_str();
        let persists = host
            .storage
            .binds
            .iter()
            .any(|bind| is_below(&bind.from, at));
        // A subvolume for swap is known by its name, whenever it is mounted.
        let named = |text: &str| text.contains("swap");
        let own = named(at) || self.mount.subvolume.as_deref().is_some_and(named);
        persists || SHARED.contains(&at) || self.mount.needed_for_boot && !own
    }
}

/// The last release whose `mkswap-` service is known to write the file with plain `dd`.
const PLAIN_DD: Release = Release::new(22, 5);

/// What is wrong with a swap file.
pub(super) enum Fault {
    /// The data has more than one copy, or is striped.
    Profile(Profile, Source),
    /// NixOS makes the file in a way that btrfs does not take.
    MadeByDd(Release),
    /// Snapshots are taken of the subvolume.
    Snapshots(SnapshotJob),
    /// It lies on a subvolume with other things, of which no snapshot can be taken.
    Shared,
}

/// The first thing that is wrong with a swap file.
pub(super) fn fault(host: &Host, file: &SwapFile<'_>) -> Option<Fault> {
    let profile = data_profile(host, file.filesystem);
    if let Some((profile, source)) = profile.filter(|(p, _)| *p != Profile::Single) {
        return Some(Fault::Profile(profile, source));
    }
    let sized = matches!(&file.by, DeclaredBy::SwapDevices(_)) && file.size.is_some();
    if let Some(release) = host.release().filter(|r| sized && *r <= PLAIN_DD) {
        return Some(Fault::MadeByDd(release));
    }
    if !file.is_direct() {
        return None;
    }
    let job = jobs_of(host, &file.mount.mountpoint).into_iter().next();
    match job {
        Some(job) => Some(Fault::Snapshots(job)),
        None => file.is_shared(host).then_some(Fault::Shared),
    }
}

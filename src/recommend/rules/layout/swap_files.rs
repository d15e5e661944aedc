//! Swap files of a host, and where they lie.

use serde_json::Value as Json;

use crate::model::storage::is_below;
use crate::model::units::Bytes;
use crate::model::{Filesystem, Host, Mount};
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

//! Owns: places of a machine in commands: filesystems, mounts, the top level, and the tests that they
//! are what the configuration says.

use super::Check;
use super::quote::{raw, shell_word};
use crate::analyze::facts;
use crate::model::{Filesystem, Host, Mount};

/// Something below an absolute path, or a name below the top level of a filesystem, that leads
/// nowhere else: no `..`, no empty name.
pub(super) fn within(name: &str) -> Option<&str> {
    let name = name.trim_matches('/');
    let leads_on = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    name.split('/').all(leads_on).then_some(name)
}

/// An absolute path without detours.
pub(super) fn absolute(path: &str) -> Option<&str> {
    let inner = path.strip_prefix('/')?;
    (inner.is_empty() || within(inner) == Some(inner)).then_some(path)
}

/// The device of a filesystem, as a word.
pub(super) fn device(filesystem: &Filesystem) -> Option<String> {
    let device = &filesystem.device.as_ref().ok()?.value;
    absolute(device).map(shell_word)
}

/// A mount of a filesystem through which commands reach it: that of `/`, else one that the running
/// system shows, else the first.
pub(super) fn reached_at<'h>(filesystem: &'h Filesystem, host: &Host) -> Option<&'h Mount> {
    let mut mounts = filesystem.mounts.iter();
    let shown = mounts.find(|m| facts::mounted(host, m).is_some());
    filesystem
        .mount("/")
        .or(shown)
        .or(filesystem.mounts.first())
        .filter(|m| absolute(&m.mountpoint).is_some())
}

/// A command of its own that sees the top level of a filesystem as `"$top"`. The directory is fresh
/// and in `/run`, where nothing cleans up behind it; whatever happens, it is gone afterwards.
pub(super) fn at_top(device: &str, body: &str) -> String {
    format!(
        "(top=$(mktemp -d /run/btrfs-tune.XXXXXX) && {CLEAN_UP} && \
         mount -t btrfs -o subvolid=5 -- {device} \"$top\" && {body})"
    )
}

/// The same with the directory tree of one mount, without what is mounted below it.
pub(super) fn below_mounts(mountpoint: &str, body: &str) -> String {
    format!(
        "(top=$(mktemp -d /run/btrfs-tune.XXXXXX) && {CLEAN_UP} && \
         mount --bind -- {mountpoint} \"$top\" && {body})"
    )
}

const CLEAN_UP: &str = "trap 'mountpoint -q -- \"$top\" && umount -- \"$top\"; rmdir -- \"$top\"' EXIT && \
                        trap 'exit 1' HUP INT TERM";

/// A name below the top level, as a word.
pub(super) fn in_top(name: &str) -> String {
    format!("\"$top\"/{}", shell_word(name))
}

/// Whether a word names a subvolume.
pub(super) fn is_subvolume(word: &str) -> String {
    format!("btrfs subvolume show -- {word} >/dev/null 2>&1")
}

/// Whether a subvolume is mounted at a place.
pub(super) fn is_mounted(mountpoint: &str, subvolume: Option<&str>) -> String {
    let at = shell_word(mountpoint);
    let (columns, wanted) = match subvolume {
        Some(name) => {
            let name = raw(name.trim_matches('/'));
            ("FSTYPE,FSROOT", format!("btrfs /{name}"))
        }
        None => ("FSTYPE", "btrfs".to_owned()),
    };
    format!(
        "test \"$(LC_ALL=C findmnt -nro {columns} --mountpoint {at} | tail -n 1)\" = {}",
        shell_word(&wanted)
    )
}

/// Whether nothing is mounted at a place.
pub(super) fn is_no_mount(mountpoint: &str) -> String {
    let at = shell_word(mountpoint);
    format!("test -z \"$(findmnt -nro TARGET --mountpoint {at})\"")
}

/// That a filesystem is mounted at a place, and that it is the one that the configuration names.
pub(super) fn is_filesystem(filesystem: &Filesystem, mount: &Mount) -> Option<Vec<Check>> {
    let device = device(filesystem)?;
    let mountpoint = absolute(&mount.mountpoint)?;
    let at = shell_word(mountpoint);
    // Any member stands for a filesystem on several devices, so the two are compared by their UUID.
    let uuid = |word: &str| format!("blkid -p -s UUID -o value -- {word}");
    let source = format!("\"$(findmnt -nvo SOURCE --mountpoint {at} | tail -n 1)\"");
    let (is, wants) = (uuid(&source), uuid(&device));
    let what = match &mount.subvolume {
        Some(name) => format!("the btrfs subvolume {}", name.trim_start_matches('/')),
        None => "a btrfs".to_owned(),
    };
    Some(vec![
        Check {
            test: is_mounted(mountpoint, mount.subvolume.as_deref()),
            otherwise: format!("{what} is not what is mounted at {mountpoint}"),
        },
        Check {
            test: format!("wanted=$({wants}) && test \"$({is})\" = \"$wanted\""),
            otherwise: format!("{mountpoint} is not on the device that the configuration names"),
        },
    ])
}

/// [`is_filesystem`] for the mount through which commands reach a filesystem.
pub(super) fn checks(filesystem: &Filesystem, host: &Host) -> Option<Vec<Check>> {
    is_filesystem(filesystem, reached_at(filesystem, host)?)
}

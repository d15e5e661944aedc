//! What is refused before anything is written.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::journal::Place;
use super::{ApplyError, Change};

/// Where Nix keeps what nobody changes.
const STORE: &str = "/nix/store";

/// A change of a file that may be written.
#[derive(Debug)]
pub(super) struct Checked<'c> {
    pub(super) change: &'c Change,
    /// The file itself, where the change names a symlink.
    pub(super) target: PathBuf,
}

/// The files to be written, each once; or why nothing is.
pub(super) fn check<'c>(
    disk: &dyn Disk,
    place: &Place,
    changes: &'c [Change],
    also_read: &[PathBuf],
) -> Result<Vec<Checked<'c>>, ApplyError> {
    let mut checked: Vec<Checked<'c>> = Vec::new();
    for change in changes {
        if change.before == change.after {
            continue;
        }
        let target = one(disk, place, change)?;
        match checked.iter().find(|c| c.target == target) {
            Some(other) if other.change.after == change.after => {}
            Some(other) => return Err(twice(change, &other.change.shown)),
            None => checked.push(Checked { change, target }),
        }
    }
    // The proof took a file that is read under two names for two files.
    for path in also_read {
        if changes.iter().any(|change| change.path == *path) {
            continue;
        }
        let Ok(target) = disk.canonical(path) else {
            continue;
        };
        if let Some(c) = checked.iter().find(|c| c.target == target) {
            return Err(twice(c.change, &path.display().to_string()));
        }
    }
    Ok(checked)
}

fn twice(change: &Change, other: &str) -> ApplyError {
    refused(
        change,
        format!("it is read as {other} too, of which nothing was proven"),
        "let the configuration import the file under one name",
    )
}

fn one(disk: &dyn Disk, place: &Place, change: &Change) -> Result<PathBuf, ApplyError> {
    let io = |source: io::Error| ApplyError::nothing(&change.shown, source);
    let target = disk.canonical(&change.path).map_err(io)?;
    if target.starts_with(STORE) {
        return Err(refused(
            change,
            "it lies in the Nix store".to_owned(),
            "change it where it comes from",
        ));
    }
    if !target.starts_with(&place.root) {
        return Err(refused(
            change,
            format!("it is {}, outside the project", target.display()),
            "run the program on the project that the file belongs to",
        ));
    }
    if target.to_str().is_none() {
        return Err(refused(
            change,
            "its name is not UTF-8".to_owned(),
            "rename it",
        ));
    }
    let metadata = disk.look(&target).map_err(io)?;
    is_writable(disk, change, &target, &metadata)?;
    if disk.read(&target).map_err(io)? != change.before.as_bytes() {
        return Err(ApplyError::Changed {
            path: change.shown.clone(),
        });
    }
    Ok(target)
}

fn is_writable(
    disk: &dyn Disk,
    change: &Change,
    target: &Path,
    metadata: &fs::Metadata,
) -> Result<(), ApplyError> {
    if !metadata.is_file() {
        return Err(refused(
            change,
            "it is not a regular file".to_owned(),
            "put a file in its place",
        ));
    }
    if metadata.nlink() > 1 {
        let others = metadata.nlink() - 1;
        let names = if others == 1 { "name" } else { "names" };
        return Err(refused(
            change,
            format!("it has {others} other {names} (hard links), which would keep the old text"),
            "make it a file of its own: cp FILE FILE.new && mv FILE.new FILE",
        ));
    }
    // Renaming needs no permission on the file itself, but its owner has said that it stays.
    if metadata.permissions().readonly() {
        return Err(refused(
            change,
            format!("it is read-only (mode {:04o})", metadata.mode() & 0o7777),
            "chmod u+w it, if it may be changed",
        ));
    }
    disk.may_write(target)
        .map_err(|source| ApplyError::nothing(&change.shown, source))
}

fn refused(change: &Change, why: String, help: &str) -> ApplyError {
    ApplyError::Refused {
        path: change.shown.clone(),
        why,
        help: help.to_owned(),
    }
}

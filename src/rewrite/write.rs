//! Bytes to disk: all files or none.
//!
//! Every new text is staged beside its file, synced, and only then renamed into place. Mode and
//! owner stay; a symlink's target is written, not the link. A file that changed since it was read
//! is refused.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::proof::Workspace;
use crate::nix::source::Sources;

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file is not what it was when it was read.
    #[error("{0} has changed since it was read; nothing was written")]
    Changed(String),
    /// The operating system said no before anything was put in place.
    #[error("{path}: {source}; nothing was written")]
    Staging {
        /// The file.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system said no in the middle; files already in place are whole and new, the
    /// others whole and old.
    #[error("{path}: {source}; already written: {written:?}")]
    Placing {
        /// The file.
        path: String,
        /// What the operating system said.
        source: io::Error,
        /// The files that were written.
        written: Vec<String>,
    },
}

/// Writes all changed texts of a workspace, and gives the paths written.
pub fn write(workspace: &Workspace, read: &Sources) -> Result<Vec<String>, WriteError> {
    let mut staged: Vec<(String, PathBuf, NamedTempFile)> = Vec::new();
    for (id, text) in workspace.texts() {
        let Some(file) = read.file(*id) else { continue };
        if file.text() == text {
            continue;
        }
        let shown = file.shown().to_owned();
        let staging = |source| WriteError::Staging {
            path: shown.clone(),
            source,
        };
        let target = fs::canonicalize(file.path()).map_err(staging)?;
        if fs::read(&target).map_err(staging)? != file.text().as_bytes() {
            return Err(WriteError::Changed(shown));
        }
        let temporary = stage(&target, text).map_err(staging)?;
        staged.push((shown, target, temporary));
    }
    let mut written = Vec::new();
    for (shown, target, temporary) in staged {
        let placed = temporary
            .persist(&target)
            .map_err(|e| e.error)
            .and_then(|_| sync_parent(&target));
        if let Err(source) = placed {
            return Err(WriteError::Placing {
                path: shown,
                source,
                written,
            });
        }
        written.push(shown);
    }
    Ok(written)
}

/// A synced copy of the new text beside its file, with the file's mode and owner.
fn stage(target: &Path, text: &str) -> io::Result<NamedTempFile> {
    let metadata = fs::metadata(target)?;
    // Renaming needs no permission on the file itself, but its owner has said that it stays.
    if metadata.permissions().readonly() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the file is read-only",
        ));
    }
    File::options().append(true).open(target)?;
    let directory = target.parent().unwrap_or(Path::new("/"));
    let mut temporary = tempfile::Builder::new()
        .prefix(".btrfs-tune-")
        .tempfile_in(directory)?;
    temporary.write_all(text.as_bytes())?;
    temporary
        .as_file()
        .set_permissions(metadata.permissions())?;
    use std::os::unix::fs::MetadataExt;
    let own = temporary.as_file().metadata()?;
    if (own.uid(), own.gid()) != (metadata.uid(), metadata.gid()) {
        std::os::unix::fs::fchown(
            temporary.as_file(),
            Some(metadata.uid()),
            Some(metadata.gid()),
        )?;
    }
    temporary.as_file().sync_all()?;
    Ok(temporary)
}

fn sync_parent(target: &Path) -> io::Result<()> {
    match target.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

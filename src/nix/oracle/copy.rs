//! A private copy of a directory, in which files may be replaced, and which Nix may put in its store.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use super::OracleError;
use super::run::{Limits, Runner, directory};

/// Larger files than this are not Nix and are left out of the private copy.
const LARGEST_COPIED: u64 = 4 * 1024 * 1024;
/// More files than this are no configuration.
const MOST_COPIED: usize = 200_000;

/// A private copy of a directory, in which files may be replaced.
#[derive(Debug)]
pub struct PrivateCopy {
    directory: tempfile::TempDir,
    original: PathBuf,
}

impl PrivateCopy {
    /// Copies a directory: no version control, no build results, no large files.
    pub fn of(original: &Path) -> Result<Self, OracleError> {
        let copy = Self::empty(original)?;
        copy_all(original, copy.directory.path(), &mut 0)?;
        Ok(copy)
    }

    /// Copies what Nix would see of a tree that a flake is in.
    pub fn tracked(original: &Path, limits: &Limits) -> Result<Self, OracleError> {
        Self::of_flake(&Runner::new(limits)?, original)
    }

    /// Copies what Nix would see of a flake: of a git work tree the files that git knows, for what
    /// is copied gets into the store, where everybody can read it.
    pub(super) fn of_flake(runner: &Runner, original: &Path) -> Result<Self, OracleError> {
        if !original.join(".git").exists() {
            return Self::of(original);
        }
        let mut command = runner.command("git");
        // A repository must not have programs of its own run.
        command
            .args([
                "-c",
                "core.fsmonitor=false",
                "-c",
                "core.hooksPath=/dev/null",
            ])
            .args(["-c", "safe.directory=*", "-C"])
            .arg(original)
            .args(["ls-files", "-z", "--cached"]);
        let ended = runner.run(command)?;
        if !ended.ok {
            return Err(OracleError::Git(ended.err.trim().to_owned()));
        }
        let copy = Self::empty(original)?;
        for name in ended.out.split(|b| *b == 0).filter(|name| !name.is_empty()) {
            copy.take(Path::new(OsStr::from_bytes(name)))?;
        }
        Ok(copy)
    }

    fn empty(original: &Path) -> Result<Self, OracleError> {
        Ok(PrivateCopy {
            directory: directory()?,
            original: original.to_path_buf(),
        })
    }

    /// Takes one file of the original over.
    fn take(&self, name: &Path) -> Result<(), OracleError> {
        let plain = |c: Component<'_>| matches!(c, Component::Normal(_));
        if !name.components().all(plain) {
            return Ok(());
        }
        let (from, to) = (self.original.join(name), self.directory.path().join(name));
        // What git knows may be deleted on disk, and a submodule is a directory.
        let Ok(metadata) = fs::symlink_metadata(&from) else {
            return Ok(());
        };
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(copy_one(&from, &to, &metadata)?)
    }

    /// The copy.
    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    /// Where a path of the original lies in the copy.
    pub fn path(&self, original: &Path) -> Option<PathBuf> {
        let relative = original.strip_prefix(&self.original).ok()?;
        Some(self.directory.path().join(relative))
    }

    /// Replaces a file of the original in the copy.
    pub fn replace(&self, original: &Path, text: &str) -> Result<(), OracleError> {
        match self.path(original) {
            Some(path) => Ok(fs::write(path, text)?),
            None => Ok(()),
        }
    }
}

fn copy_all(from: &Path, to: &Path, count: &mut usize) -> Result<(), OracleError> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let target = to.join(&name);
        let metadata = fs::symlink_metadata(entry.path())?;
        *count += 1;
        if *count > MOST_COPIED {
            return Err(OracleError::TooLarge(MOST_COPIED));
        }
        if metadata.is_dir() {
            if name != ".git" && name != "target" {
                fs::create_dir(&target)?;
                copy_all(&entry.path(), &target, count)?;
            }
        } else {
            copy_one(&entry.path(), &target, &metadata)?;
        }
    }
    Ok(())
}

/// Copies a file or a symlink; sockets, devices and FIFOs are no part of a configuration.
fn copy_one(from: &Path, to: &Path, metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from)?, to)?;
    } else if metadata.is_file() && metadata.len() <= LARGEST_COPIED {
        fs::copy(from, to)?;
    }
    Ok(())
}

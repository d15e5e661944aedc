//! The note of what is being written, from which the next run puts right what a crash left.
//!
//! It is on the medium before the first other file is, and goes when all is done. Under its first
//! name everything that it lists is to be undone; renaming it to its second name is the one step
//! that decides that everything stays. Neither undoing nor deciding needs space on the disk.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::disk::Disk;

const FORMAT: &str = "btrfs-tune/journal/1";

/// Begins the name of every file that is staged.
pub(super) const STAGED: &str = ".btrfs-tune-";

/// Where the journal of a project is kept, and what its paths are relative to.
#[derive(Debug, Clone)]
pub struct Place {
    /// Canonical; nothing outside it is written.
    pub(super) root: PathBuf,
    /// Canonical: the work tree, or the directory of the project.
    pub(super) base: PathBuf,
    /// The journal.
    journal: PathBuf,
}

impl Place {
    /// In the git directory where there is one, for nobody sees a file there; else in the
    /// project's directory, under a name with a dot.
    pub fn of(root: &Path, directory: &Path, in_git: bool) -> io::Result<Place> {
        let root = fs::canonicalize(root)?;
        if in_git {
            let journal = git_directory(&root)?.join("btrfs-tune-journal");
            let base = root.clone();
            return Ok(Place {
                root,
                base,
                journal,
            });
        }
        let base = fs::canonicalize(directory)?;
        Ok(Place {
            root,
            journal: base.join(".btrfs-tune-journal"),
            base,
        })
    }

    /// The journal while everything is to be undone.
    pub(super) fn open(&self) -> PathBuf {
        self.journal.clone()
    }

    /// The journal once everything stays.
    pub(super) fn decided(&self) -> PathBuf {
        self.journal.with_extension("done")
    }

    /// The journal before it is whole.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.journal.with_extension("new")
    }

    /// A file that can be locked where a directory cannot.
    pub(super) fn lock(&self) -> PathBuf {
        self.journal.with_extension("lock")
    }

    pub(super) fn directory(&self) -> &Path {
        self.journal.parent().unwrap_or(&self.base)
    }
}

/// The git directory of a work tree; that of a linked work tree or a submodule is named in a file.
fn git_directory(root: &Path) -> io::Result<PathBuf> {
    let dot_git = root.join(".git");
    if dot_git.is_dir() {
        return Ok(dot_git);
    }
    let text = fs::read_to_string(&dot_git)?;
    let named = text.strip_prefix("gitdir:").map(str::trim);
    let named = named.ok_or_else(|| {
        let message = format!("{} names no git directory", dot_git.display());
        io::Error::new(io::ErrorKind::InvalidData, message)
    })?;
    fs::canonicalize(root.join(named))
}

/// What is being written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    format: String,
    /// Git is to commit the files, and everything stays once it has.
    pub(super) commit: bool,
    pub(super) files: Vec<Entry>,
}

/// One file of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The file, relative to the base of the place if it is below it.
    path: PathBuf,
    /// The name beside it of its new text, and after the exchange of its old one.
    staged: String,
    /// The digest of its old text.
    pub(super) old: String,
    /// The digest of its new text.
    pub(super) new: String,
    /// Whether the old text is to be kept under another name.
    pub(super) backup: bool,
}

impl Entry {
    pub(super) fn new(
        place: &Place,
        target: &Path,
        staged: String,
        texts: (&[u8], &[u8]),
        backup: bool,
    ) -> Entry {
        Entry {
            path: target
                .strip_prefix(&place.base)
                .unwrap_or(target)
                .to_path_buf(),
            staged,
            old: digest(texts.0),
            new: digest(texts.1),
            backup,
        }
    }

    /// The file.
    pub(super) fn target(&self, place: &Place) -> PathBuf {
        place.base.join(&self.path)
    }

    /// As people name it.
    pub(super) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// The new text, or the old one after the exchange.
    pub(super) fn staged(&self, place: &Place) -> PathBuf {
        self.target(place).with_file_name(&self.staged)
    }

    /// All names that it may have files under besides its own.
    pub(super) fn names(&self, place: &Place) -> [PathBuf; 4] {
        let (staged, copy) = (self.staged(place), self.copy(place));
        [unfinished(&staged), unfinished(&copy), staged, copy]
    }

    /// The old text, where two files cannot change places.
    pub(super) fn copy(&self, place: &Place) -> PathBuf {
        self.target(place)
            .with_file_name(format!("{}.old", self.staged))
    }
}

impl Journal {
    pub(super) fn new(commit: bool, files: Vec<Entry>) -> Journal {
        Journal {
            format: FORMAT.to_owned(),
            commit,
            files,
        }
    }

    /// Puts it on the medium, whole or not at all.
    pub(super) fn save(&self, disk: &dyn Disk, place: &Place) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(self)?;
        let new = place.unfinished();
        let named = (|| {
            let mut file = disk.create(&new)?;
            disk.fill(&mut file, &bytes)?;
            disk.sync(&file)?;
            disk.rename_to_free(&new, &place.open())
        })();
        // What cannot be removed here, the next run removes.
        if let Err(error) = &named {
            let _ = disk.remove(&new);
            // Some disks do what they say has failed.
            if error.kind() != io::ErrorKind::AlreadyExists {
                let _ = disk.remove(&place.open());
            }
            return named;
        }
        let synced = disk.sync_directory(place.directory());
        if synced.is_err() {
            let _ = disk.remove(&place.open());
        }
        synced
    }

    /// Reads what a crash left under a name.
    pub(super) fn load(disk: &dyn Disk, path: &Path) -> io::Result<Option<Journal>> {
        let bytes = match disk.read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        let journal: Journal =
            serde_json::from_slice(&bytes).map_err(|_| invalid("this is no journal"))?;
        if journal.format != FORMAT {
            return Err(invalid("another version of this program has written it"));
        }
        match journal.files.iter().all(Entry::is_ours) {
            true => Ok(Some(journal)),
            false => Err(invalid("it names files that this program does not write")),
        }
    }
}

impl Entry {
    /// A journal may come with an archive from anywhere: it never reaches a file beside which
    /// nothing is staged, nor any other file than those that are.
    fn is_ours(&self) -> bool {
        let plain = |part: Component<'_>| !matches!(part, Component::ParentDir);
        let rest = self.staged.strip_prefix(STAGED);
        let is_staged = rest.is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        });
        self.path.file_name().is_some() && self.path.components().all(plain) && is_staged
    }
}

/// The name of a file that is not whole yet.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// The digest of a text.
pub(super) fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! Bytes to disk: all files or none, whatever happens.
//!
//! Owns what is refused ([`check`]), the order of the steps, and what the next run makes of what a
//! crash left ([`recover`]). Touches the disk through [`Disk`] alone. Must never know why a text
//! changes.
//!
//! The steps, under a lock of the project:
//!
//! 1. Whatever a killed run left is undone, or finished if it was decided.
//! 2. Every file is checked: it is inside the project, regular, writable, and what it was when read.
//! 3. The journal names all files, with the digests of their old and new texts. It is synced.
//! 4. Every new text is staged beside its file, with its owner, mode and attributes, and synced.
//! 5. Every file changes places with its new text. What comes out must be the text that was read;
//!    otherwise they change back. The directories are synced.
//! 6. With `--commit`, git commits.
//! 7. The journal is renamed, which decides that everything stays. Until here all is undone on an
//!    error, by changing places again.
//! 8. The old texts are removed, or become backups; then the journal goes.
//!
//! Where files cannot change places (an old NFS, say), the old text is copied and synced before
//! the new one is renamed over it.

mod check;
mod disk;
mod error;
mod journal;
mod recover;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;

pub use disk::{Disk, System};
pub use error::{ApplyError, Left};
pub use journal::Place;
pub use recover::{Note, Outcome};

use check::Checked;
use disk::is_unsupported;
use journal::{Entry, Journal, STAGED, digest, unfinished};

/// The new text of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its name for people.
    pub shown: String,
    /// Where it was read.
    pub path: PathBuf,
    /// What was read.
    pub before: String,
    /// What it is to be.
    pub after: String,
}

/// How files are written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The old texts are kept beside them.
    pub backup: bool,
    /// Git commits them before it is decided that they stay.
    pub commit: bool,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its name for people.
    pub path: String,
    /// Where its old text is kept, relative to the project.
    pub backup: Option<PathBuf>,
}

/// The right to write in a project: nobody else has it at the same time.
pub struct Applier<'d> {
    disk: &'d dyn Disk,
    place: Place,
    _lock: Lock,
}

impl std::fmt::Debug for Applier<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Applier")
            .field("place", &self.place)
            .finish()
    }
}

/// Files that are in place, and can still be undone.
#[derive(Debug)]
pub struct Pending<'a> {
    applier: &'a Applier<'a>,
    journal: Option<Journal>,
    shown: Vec<String>,
}

/// Why a file did not change places.
enum Misplaced {
    /// It was not what it should be; it still is what it was.
    Foreign,
    /// The operating system said no.
    Io(io::Error),
}

/// Why it is not decided that everything stays.
enum Undecided {
    /// The journal has its first name.
    Open(io::Error),
    /// It has one of the two.
    Unknown(io::Error),
}

impl From<io::Error> for Misplaced {
    fn from(error: io::Error) -> Self {
        Misplaced::Io(error)
    }
}

impl<'d> Applier<'d> {
    /// Locks a project, and puts right what a killed run left. `committed` says whether git has
    /// these files as they are now.
    pub fn begin(
        disk: &'d dyn Disk,
        place: Place,
        committed: &dyn Fn(&[PathBuf]) -> Result<bool, String>,
    ) -> Result<(Applier<'d>, Vec<Note>), ApplyError> {
        let lock = lock(&place)?;
        let applier = Applier {
            disk,
            place,
            _lock: lock,
        };
        let notes = applier.recover(committed)?;
        Ok((applier, notes))
    }

    /// The files that would be written, as they are on disk; or why nothing would be.
    pub fn check(
        &self,
        changes: &[Change],
        also_read: &[PathBuf],
    ) -> Result<Vec<(String, PathBuf)>, ApplyError> {
        let checked = check::check(self.disk, &self.place, changes, also_read)?;
        let named = |c: Checked<'_>| (c.change.shown.clone(), c.target);
        Ok(checked.into_iter().map(named).collect())
    }

    /// Puts all new texts in place, or none.
    pub fn put(
        &self,
        changes: &[Change],
        also_read: &[PathBuf],
        options: Options,
    ) -> Result<Pending<'_>, ApplyError> {
        let checked = check::check(self.disk, &self.place, changes, also_read)?;
        if checked.is_empty() {
            return Ok(Pending {
                applier: self,
                journal: None,
                shown: Vec::new(),
            });
        }
        let run = random();
        let entries = checked.iter().enumerate().map(|(i, c)| {
            let texts = (c.change.before.as_bytes(), c.change.after.as_bytes());
            let staged = format!("{STAGED}{run:016x}-{i}");
            Entry::new(&self.place, &c.target, staged, texts, options.backup)
        });
        let journal = Journal::new(options.commit, entries.collect());
        let saved = journal.save(self.disk, &self.place);
        saved.map_err(|e| ApplyError::nothing(&self.place.open().display().to_string(), e))?;
        for (entry, checked) in journal.files.iter().zip(&checked) {
            let shown = &checked.change.shown;
            let text = checked.change.after.as_bytes();
            let staged = self.stage(&entry.staged(&self.place), &checked.target, text);
            staged.map_err(|e| self.taken_back(&journal, ApplyError::nothing(shown, e)))?;
        }
        for (entry, checked) in journal.files.iter().zip(&checked) {
            let placed = self.change_places(entry, &entry.old);
            placed.map_err(|why| {
                let path = checked.change.shown.clone();
                let error = match why {
                    Misplaced::Foreign => ApplyError::Changed { path },
                    Misplaced::Io(source) => ApplyError::nothing(&path, source),
                };
                self.taken_back(&journal, error)
            })?;
        }
        for directory in self.directories(&journal) {
            let synced = self.disk.sync_directory(&directory);
            synced.map_err(|e| {
                let shown = directory.display().to_string();
                self.taken_back(&journal, ApplyError::nothing(&shown, e))
            })?;
        }
        Ok(Pending {
            applier: self,
            journal: Some(journal),
            shown: checked.iter().map(|c| c.change.shown.clone()).collect(),
        })
    }

    /// A whole, synced file with the owner, mode and attributes of another.
    fn stage(&self, path: &Path, like: &Path, text: &[u8]) -> io::Result<()> {
        // A name of its own until it is whole: what has its name is never a part of a text.
        let part = unfinished(path);
        let mut file = self.disk.create(&part)?;
        self.disk.fill(&mut file, text)?;
        self.disk.resemble(&file, like)?;
        self.disk.sync(&file)?;
        self.disk.rename(&part, path)
    }

    /// Lets a file and what is staged for it change places, if the file has the text that is
    /// expected.
    fn change_places(&self, entry: &Entry, expected: &str) -> Result<(), Misplaced> {
        let (target, staged) = (entry.target(&self.place), entry.staged(&self.place));
        match self.disk.exchange(&staged, &target) {
            Ok(()) => {
                // Only now nobody can change it unseen any more.
                let out = self.digest(&staged);
                if matches!(&out, Ok(Some(digest)) if digest == expected) {
                    return Ok(());
                }
                self.disk.exchange(&staged, &target)?;
                Err(out.map_or_else(Misplaced::Io, |_| Misplaced::Foreign))
            }
            Err(error) if is_unsupported(&error) => {
                let text = self.disk.read(&target)?;
                if digest(&text) != expected {
                    return Err(Misplaced::Foreign);
                }
                if expected == entry.old {
                    let copy = entry.copy(&self.place);
                    self.stage(&copy, &target, &text)?;
                    self.disk
                        .sync_directory(copy.parent().unwrap_or(&self.place.base))?;
                }
                Ok(self.disk.rename(&staged, &target)?)
            }
            Err(error) => Err(Misplaced::Io(error)),
        }
    }

    /// The digest of a regular file; `None` if there is none.
    fn digest(&self, path: &Path) -> io::Result<Option<String>> {
        use rustix::io::Errno;
        match self.disk.read(path) {
            Ok(bytes) => Ok(Some(digest(&bytes))),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::InvalidInput => Ok(None),
                _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Ok(None),
                _ => Err(error),
            },
        }
    }

    fn holds(&self, path: &Path, text: &str) -> io::Result<bool> {
        Ok(self.digest(path)?.as_deref() == Some(text))
    }

    fn directories(&self, journal: &Journal) -> BTreeSet<PathBuf> {
        let files = journal.files.iter().map(|entry| entry.target(&self.place));
        files
            .filter_map(|file| file.parent().map(Path::to_path_buf))
            .collect()
    }

    /// Undoes everything because of an error, and says which; or what could not be undone.
    fn taken_back(&self, journal: &Journal, error: ApplyError) -> ApplyError {
        match self.undo(journal) {
            Ok(_) => error,
            Err((path, source)) => ApplyError::Io {
                path,
                source,
                left: Left::Some {
                    new: self.new_files(journal),
                    because: error.to_string(),
                },
            },
        }
    }

    fn new_files(&self, journal: &Journal) -> Vec<String> {
        // One that cannot be read may well be new.
        let is_new = |e: &&Entry| self.holds(&e.target(&self.place), &e.new).unwrap_or(true);
        let new = journal.files.iter().filter(is_new);
        new.map(Entry::shown).collect()
    }
}

impl Pending<'_> {
    /// The files, as people name them.
    pub fn files(&self) -> &[String] {
        &self.shown
    }

    /// Everything stays.
    pub fn keep(self) -> Result<Vec<Written>, ApplyError> {
        let Some(journal) = self.journal else {
            return Ok(Vec::new());
        };
        let (applier, place) = (self.applier, &self.applier.place);
        match applier.decide() {
            Ok(()) => {}
            Err(Undecided::Open(source)) => {
                let error = ApplyError::nothing(&place.open().display().to_string(), source);
                return Err(applier.taken_back(&journal, error));
            }
            // Which name the journal has on the medium is not known, so nothing is touched: either
            // way the next run makes all of it new, or none.
            Err(Undecided::Unknown(source)) => {
                return Err(ApplyError::Io {
                    path: place.decided().display().to_string(),
                    source,
                    left: Left::All,
                });
            }
        }
        let finished = applier.finish(&journal);
        let backups = finished.map_err(|(path, source)| ApplyError::Io {
            path,
            source,
            left: Left::All,
        })?;
        let shown = |path: PathBuf| match path.strip_prefix(&place.base) {
            Ok(below) => below.to_path_buf(),
            Err(_) => path,
        };
        let written = self.shown.into_iter().zip(backups);
        Ok(written
            .map(|(path, backup)| Written {
                path,
                backup: backup.map(shown),
            })
            .collect())
    }

    /// Nothing stays.
    pub fn undo(self) -> Result<(), ApplyError> {
        let Some(journal) = &self.journal else {
            return Ok(());
        };
        match self.applier.undo(journal) {
            Ok(_) => Ok(()),
            Err((path, source)) => Err(ApplyError::Io {
                path,
                source,
                left: Left::Some {
                    new: self.applier.new_files(journal),
                    because: "it was to be undone".to_owned(),
                },
            }),
        }
    }
}

/// Held while this process may write.
struct Lock {
    _file: File,
    /// A file that is there for nothing else.
    own: Option<PathBuf>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(path) = &self.own {
            // Still locked, so whoever waits for it finds that it is gone.
            let _ = fs::remove_file(path);
        }
    }
}

/// How often a lock is tried for, and how long is waited between: a run that is just ending, or a
/// process that one has just started, holds it for a moment.
const TRIES: usize = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

fn lock(place: &Place) -> Result<Lock, ApplyError> {
    for _ in 1..TRIES {
        match try_lock(place) {
            Err(ApplyError::Busy) => std::thread::sleep(BETWEEN_TRIES),
            done => return done,
        }
    }
    try_lock(place)
}

/// Locks the project's directory, which leaves no file behind; where directories cannot be locked,
/// a file beside the journal.
fn try_lock(place: &Place) -> Result<Lock, ApplyError> {
    use rustix::io::Errno;
    let exclusive = FlockOperation::NonBlockingLockExclusive;
    let error = |path: &Path, source| ApplyError::nothing(&path.display().to_string(), source);
    let directory = File::open(&place.base).map_err(|e| error(&place.base, e))?;
    match rustix::fs::flock(&directory, exclusive) {
        Ok(()) => {
            return Ok(Lock {
                _file: directory,
                own: None,
            });
        }
        Err(Errno::WOULDBLOCK) => return Err(ApplyError::Busy),
        Err(_) => {}
    }
    let path = place.lock();
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    let file = options.open(&path).map_err(|e| error(&path, e))?;
    match rustix::fs::flock(&file, exclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(ApplyError::Busy),
        Err(errno) => return Err(error(&path, errno.into())),
    }
    let inode = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let held = file.metadata().map(inode).map_err(|e| error(&path, e))?;
    match fs::metadata(&path).map(inode) {
        Ok(there) if there == held => Ok(Lock {
            _file: file,
            own: Some(path),
        }),
        // The one that held it has removed it just now.
        _ => Err(ApplyError::Busy),
    }
}

/// A number that no other run has.
fn random() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}

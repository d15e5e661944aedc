//! Undoing and finishing, at once after an error or in the next run after a crash.

use std::io;
use std::path::{Path, PathBuf};

use super::journal::{Entry, Journal};
use super::{Applier, ApplyError, Misplaced, Undecided};

/// What the next run did about a file that a killed run had begun to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The file.
    pub path: String,
    /// What it is now.
    pub outcome: Outcome,
}

/// What became of a file of a killed run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has its old text.
    Undone,
    /// It has its new text.
    Finished,
    /// Somebody has changed it since; the text from before the killed run is kept here.
    Kept(PathBuf),
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = &self.path;
        match &self.outcome {
            Outcome::Undone => {
                write!(f, "a run was killed while it wrote {path}: it was undone")
            }
            Outcome::Finished => {
                write!(
                    f,
                    "a run was killed after it wrote {path}: it was completed"
                )
            }
            Outcome::Kept(kept) => write!(
                f,
                "a run was killed while it wrote {path}, which has been changed since: it stays as \
                 it is, and the text from before that run is in {}",
                kept.display()
            ),
        }
    }
}

/// The name of what failed, and what the operating system said.
type Failed = (String, io::Error);

impl Applier<'_> {
    /// Puts right what a killed run left.
    pub(super) fn recover(
        &self,
        committed: &dyn Fn(&[PathBuf]) -> Result<bool, String>,
    ) -> Result<Vec<Note>, ApplyError> {
        let (disk, place) = (self.disk, &self.place);
        let leftover = |path: &Path, why: String| ApplyError::Leftover {
            path: path.display().to_string(),
            why,
        };
        let load = |path: &Path| {
            Journal::load(disk, path).map_err(|error| leftover(path, error.to_string()))
        };
        let unfinished = place.unfinished();
        self.remove(&unfinished)
            .map_err(|(_, e)| leftover(&unfinished, e.to_string()))?;
        let mut notes = Vec::new();
        if let Some(journal) = load(&place.decided())? {
            notes.extend(self.finish_left(&journal)?);
        }
        let Some(journal) = load(&place.open())? else {
            return Ok(notes);
        };
        let files: Vec<PathBuf> = journal.files.iter().map(|e| e.target(place)).collect();
        let mut all_new = true;
        for entry in &journal.files {
            let is_new = self.holds(&entry.target(place), &entry.new);
            all_new &= is_new.map_err(|e| leftover(&place.open(), e.to_string()))?;
        }
        if journal.commit && all_new {
            let is_committed = committed(&files).map_err(|why| leftover(&place.open(), why))?;
            if is_committed {
                self.decide()
                    .map_err(|(Undecided::Open(e) | Undecided::Unknown(e))| {
                        leftover(&place.open(), e.to_string())
                    })?;
                notes.extend(self.finish_left(&journal)?);
                return Ok(notes);
            }
        }
        let undone = self.undo(&journal);
        notes.extend(undone.map_err(|(path, e)| leftover(&place.open(), format!("{path}: {e}")))?);
        Ok(notes)
    }

    fn finish_left(&self, journal: &Journal) -> Result<Vec<Note>, ApplyError> {
        let finished = self.finish(journal);
        finished.map_err(|(path, e)| ApplyError::Leftover {
            path: self.place.decided().display().to_string(),
            why: format!("{path}: {e}"),
        })?;
        let note = |entry: &Entry| Note {
            path: entry.shown(),
            outcome: Outcome::Finished,
        };
        Ok(journal.files.iter().map(note).collect())
    }

    /// From here everything stays.
    pub(super) fn decide(&self) -> Result<(), Undecided> {
        let (open, decided) = (self.place.open(), self.place.decided());
        if let Err(error) = self.disk.rename(&open, &decided) {
            // Some disks do what they say has failed.
            return Err(match self.is_there(&open) {
                Ok(true) => Undecided::Open(error),
                Ok(false) | Err(_) => Undecided::Unknown(error),
            });
        }
        let synced = self.disk.sync_directory(self.place.directory());
        synced.map_err(|error| match self.disk.rename(&decided, &open) {
            Ok(()) => Undecided::Open(error),
            Err(_) => Undecided::Unknown(error),
        })
    }

    /// Removes the old texts, or keeps them as backups; then the journal goes.
    pub(super) fn finish(&self, journal: &Journal) -> Result<Vec<Option<PathBuf>>, Failed> {
        let place = &self.place;
        let mut backups = Vec::new();
        for entry in &journal.files {
            let mut backup = None;
            if entry.backup {
                for old in [entry.copy(place), entry.staged(place)] {
                    let held = self.holds(&old, &entry.old);
                    if held.map_err(|e| (entry.shown(), e))? {
                        backup = Some(self.put_aside(&old, &entry.target(place))?);
                    }
                }
            }
            for name in entry.names(place) {
                self.remove(&name)?;
            }
            backups.push(backup);
        }
        self.close(journal, &place.decided())?;
        Ok(backups)
    }

    /// Gives every file its old text again. Goes on after an error, of which the first is given.
    pub(super) fn undo(&self, journal: &Journal) -> Result<Vec<Note>, Failed> {
        let mut notes = Vec::new();
        let mut failed = None;
        for entry in &journal.files {
            let restored = self.restore(entry).and_then(|outcome| {
                for name in entry.names(&self.place) {
                    self.remove(&name)?;
                }
                Ok(outcome)
            });
            match restored {
                Ok(outcome) => notes.extend(outcome.map(|outcome| Note {
                    path: entry.shown(),
                    outcome,
                })),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => self.close(journal, &self.place.open()).map(|()| notes),
        }
    }

    /// The last steps: all names are on the medium before the journal goes.
    fn close(&self, journal: &Journal, name: &Path) -> Result<(), Failed> {
        for directory in self.directories(journal) {
            let synced = self.disk.sync_directory(&directory);
            synced.map_err(|e| (directory.display().to_string(), e))?;
        }
        self.remove(name)?;
        let directory = self.place.directory();
        let synced = self.disk.sync_directory(directory);
        synced.map_err(|e| (directory.display().to_string(), e))
    }

    /// Gives a file its old text again; `None` if it never lost it.
    fn restore(&self, entry: &Entry) -> Result<Option<Outcome>, Failed> {
        let place = &self.place;
        let (target, staged, copy) = (entry.target(place), entry.staged(place), entry.copy(place));
        let failed = |e: io::Error| (entry.shown(), e);
        let staged_is_there = self.is_there(&staged).map_err(failed)?;
        if self.holds(&target, &entry.new).map_err(failed)? {
            let never_placed = self.holds(&staged, &entry.new).map_err(failed)?;
            if staged_is_there && !never_placed {
                // Whatever is staged, it stood in the file's place.
                match self.change_places(entry, &entry.new) {
                    Ok(()) => return Ok(Some(Outcome::Undone)),
                    Err(Misplaced::Io(error)) => return Err(failed(error)),
                    Err(Misplaced::Foreign) => {}
                }
            } else if !staged_is_there && self.holds(&copy, &entry.old).map_err(failed)? {
                self.disk.rename(&copy, &target).map_err(failed)?;
                return Ok(Some(Outcome::Undone));
            } else {
                return Ok(None);
            }
        }
        // It never changed places, or somebody has written it since.
        if self.holds(&target, &entry.old).map_err(failed)? {
            return Ok(None);
        }
        for old in [&staged, &copy] {
            if self.holds(old, &entry.old).map_err(failed)? {
                let kept = self.put_aside(old, &target)?;
                return Ok(Some(Outcome::Kept(kept)));
            }
        }
        Ok(None)
    }

    /// Renames an old text to the first free name of `FILE.orig`, `FILE.orig.1` …
    fn put_aside(&self, old: &Path, target: &Path) -> Result<PathBuf, Failed> {
        let mut number = 0_u32;
        loop {
            let mut name = target.as_os_str().to_owned();
            name.push(".orig");
            if number > 0 {
                name.push(format!(".{number}"));
            }
            let name = PathBuf::from(name);
            match self.disk.rename_to_free(old, &name) {
                Ok(()) => return Ok(name),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err((name.display().to_string(), error)),
            }
        }
    }

    fn is_there(&self, path: &Path) -> io::Result<bool> {
        match self.disk.look(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes a file, if it is there.
    fn remove(&self, path: &Path) -> Result<(), Failed> {
        match self.disk.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err((path.display().to_string(), error))
            }
            _ => Ok(()),
        }
    }
}

//! Owns: a disk with a fault at a chosen step.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::super::{Disk, System};

/// What happens at the chosen step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It fails once.
    Fails(Errno),
    /// It is done, but said to have failed.
    FailsDone(Errno),
    /// It and all later steps that write fail.
    FailsFrom(Errno),
    /// The process is killed before it.
    Killed,
    /// The process is killed in it, or right after it.
    KilledDone,
}

pub(super) const FAULTS: [Fault; 8] = [
    Fault::Fails(Errno::IO),
    Fault::Fails(Errno::NOSPC),
    Fault::FailsDone(Errno::IO),
    Fault::FailsFrom(Errno::IO),
    Fault::FailsFrom(Errno::NOSPC),
    Fault::FailsFrom(Errno::ROFS),
    Fault::Killed,
    Fault::KilledDone,
];

/// The disk of this machine, with one fault. A killed process does nothing any more, so that every
/// later step of it fails without having an effect.
pub(super) struct Faulty {
    fault: Fault,
    at: usize,
    steps: Cell<usize>,
    pub(super) hit: Cell<bool>,
    pub(super) dead: Cell<bool>,
    exchanges: bool,
}

impl Faulty {
    pub(super) fn new(fault: Fault, at: usize, exchanges: bool) -> Self {
        let (steps, hit, dead) = (Cell::new(0), Cell::new(false), Cell::new(false));
        Faulty {
            fault,
            at,
            steps,
            hit,
            dead,
            exchanges,
        }
    }

    fn step<T>(&self, writes: bool, run: impl FnOnce(bool) -> io::Result<T>) -> io::Result<T> {
        let failed = |errno: Errno| Err(errno.into());
        if self.dead.get() {
            return failed(Errno::IO);
        }
        let step = self.steps.get() + 1;
        self.steps.set(step);
        if step == self.at {
            self.hit.set(true);
        }
        match self.fault {
            Fault::Fails(errno) if step == self.at => failed(errno),
            Fault::FailsFrom(errno) if step >= self.at && writes => failed(errno),
            Fault::FailsDone(errno) if step == self.at => run(false).and_then(|_| failed(errno)),
            Fault::Killed if step == self.at => {
                self.dead.set(true);
                failed(Errno::IO)
            }
            Fault::KilledDone if step == self.at => {
                self.dead.set(true);
                let _ = run(true);
                failed(Errno::IO)
            }
            _ => run(false),
        }
    }
}

impl Disk for Faulty {
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.step(false, |_| System.canonical(path))
    }
    fn look(&self, path: &Path) -> io::Result<fs::Metadata> {
        self.step(false, |_| System.look(path))
    }
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.step(false, |_| System.read(path))
    }
    fn may_write(&self, path: &Path) -> io::Result<()> {
        self.step(false, |_| System.may_write(path))
    }
    fn create(&self, path: &Path) -> io::Result<File> {
        self.step(true, |_| System.create(path))
    }
    fn fill(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        self.step(true, |half| match half {
            true => file.write_all(&bytes[..bytes.len() / 2]),
            false => System.fill(file, bytes),
        })
    }
    fn resemble(&self, file: &File, other: &Path) -> io::Result<()> {
        self.step(true, |_| System.resemble(file, other))
    }
    fn sync(&self, file: &File) -> io::Result<()> {
        self.step(true, |_| System.sync(file))
    }
    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.step(true, |_| System.sync_directory(path))
    }
    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        self.step(true, |_| match self.exchanges {
            true => System.exchange(one, other),
            false => Err(Errno::INVAL.into()),
        })
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(true, |_| System.rename(from, to))
    }
    fn rename_to_free(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(true, |_| System.rename_to_free(from, to))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(true, |_| System.remove(path))
    }
}

//! The real Nix as a second reader: asked to confirm what the evaluator and the edits say.
//!
//! It runs `nix-instantiate` on `nix/evaluate.nix`, which evaluates one host without nixpkgs, in a
//! private copy of the tree where texts are edited. No network, no builds, and a time limit.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

/// The evaluation helper, which travels with the program.
const EVALUATE: &str = include_str!("../../nix/evaluate.nix");
/// How long one evaluation may take.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// Larger files than this are not Nix and are left out of the private copy.
const LARGEST_COPIED: u64 = 4 * 1024 * 1024;

/// Why the real Nix gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum OracleError {
    /// There is no Nix on this machine.
    #[error("nix-instantiate was not found; install Nix, or do without --verify")]
    Missing,
    /// It could not be run, or the copy could not be made.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It took too long.
    #[error("nix-instantiate did not finish within {} seconds", TIME_LIMIT.as_secs())]
    TimedOut,
    /// It refused the configuration.
    #[error("nix-instantiate: {0}")]
    Refused(String),
    /// It printed something that is no JSON.
    #[error("nix-instantiate printed no JSON: {0}")]
    NoJson(#[from] serde_json::Error),
}

/// What the real Nix makes of one host: `{ config, fileSystems, swapDevices }`.
pub fn evaluate(root: &Path, host: Option<&str>) -> Result<Json, OracleError> {
    let directory = tempfile::tempdir()?;
    let helper = directory.path().join("evaluate.nix");
    std::fs::write(&helper, EVALUATE)?;
    let mut command = Command::new("nix-instantiate");
    command
        .args(["--eval", "--strict", "--json"])
        .arg(&helper)
        .args(["--option", "allow-import-from-derivation", "false"])
        .arg("--argstr")
        .arg("root")
        .arg(root);
    if let Some(host) = host {
        command.args(["--argstr", "host", host]);
    }
    let (ok, out, err) = run(command)?;
    match ok {
        true => Ok(serde_json::from_slice(&out)?),
        false => {
            let message = String::from_utf8_lossy(&err);
            Err(OracleError::Refused(message.trim().to_owned()))
        }
    }
}

/// Runs a command to its end or the time limit.
fn run(mut command: Command) -> Result<(bool, Vec<u8>, Vec<u8>), OracleError> {
    let spawned = command
        .env_remove("NIX_PATH")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(OracleError::Missing);
        }
        Err(error) => return Err(error.into()),
    };
    // Both pipes are drained while it runs, or it would wait for us for ever.
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stdout.as_mut().map(|pipe| pipe.read_to_end(&mut bytes));
        bytes
    });
    let errors = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stderr.as_mut().map(|pipe| pipe.read_to_end(&mut bytes));
        bytes
    });
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > TIME_LIMIT {
            child.kill()?;
            child.wait()?;
            return Err(OracleError::TimedOut);
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let out = reader.join().unwrap_or_default();
    let err = errors.join().unwrap_or_default();
    Ok((status.success(), out, err))
}

/// A private copy of a directory, in which files may be replaced.
#[derive(Debug)]
pub struct PrivateCopy {
    directory: tempfile::TempDir,
    original: PathBuf,
}

impl PrivateCopy {
    /// Copies a directory: no version control, no build results, no large files.
    pub fn of(original: &Path) -> Result<Self, OracleError> {
        let directory = tempfile::tempdir()?;
        copy(original, directory.path())?;
        Ok(PrivateCopy {
            directory,
            original: original.to_path_buf(),
        })
    }

    /// Where a path of the original lies in the copy.
    pub fn path(&self, original: &Path) -> Option<PathBuf> {
        let relative = original.strip_prefix(&self.original).ok()?;
        Some(self.directory.path().join(relative))
    }

    /// Replaces a file of the original in the copy.
    pub fn replace(&self, original: &Path, text: &str) -> Result<(), OracleError> {
        match self.path(original) {
            Some(path) => Ok(std::fs::write(path, text)?),
            None => Ok(()),
        }
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        let target = to.join(&name);
        if kind.is_dir() {
            if name != ".git" && name != "target" {
                std::fs::create_dir(&target)?;
                copy(&entry.path(), &target)?;
            }
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(entry.path())?, &target)?;
        } else if kind.is_file() && entry.metadata()?.len() <= LARGEST_COPIED {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

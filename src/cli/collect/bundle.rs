//! Owns: the form of a bundle, and its way to disk. All of it is made in memory and appears under
//! its name at once, whole: whatever ends the program before leaves nothing behind.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use miette::miette;
use rustix::fs::{AtFlags, CWD, OFlags, linkat};
use serde::Serialize;

/// The folder that everything in a bundle is in.
const FOLDER: &str = "btrfs-tune";

/// The version of the form of a bundle.
const FORM: u32 = 1;

/// One file of a bundle.
#[derive(Debug, Default, Serialize)]
pub(super) struct Entry {
    /// Its path below the bundle's folder.
    pub(super) path: String,
    /// The command that printed it, or the path that it was read from.
    pub(super) from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exit: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) milliseconds: Option<u64>,
    /// When samples were taken, in seconds since boot.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) samples: Vec<f64>,
    /// Why it is not whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) incomplete: Option<String>,
    /// What was left out, and how often.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) left_out: Vec<String>,
    /// Whether btrfs-tune does not read it itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) for_people: bool,
    #[serde(skip)]
    pub(super) text: String,
}

/// Something that could not be seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Unseen {
    pub(super) what: String,
    /// The reason, and what is unknown because of it.
    pub(super) why: String,
}

/// The list of contents.
#[derive(Debug, Serialize)]
pub(super) struct Manifest {
    #[serde(rename = "btrfs-tune-bundle")]
    form: u32,
    /// The program that made it.
    version: &'static str,
    /// When, as UTC.
    pub(super) collected: String,
    pub(super) seconds: u64,
    /// What `t=` counts from.
    clock: &'static str,
    pub(super) root: bool,
    /// Whether identifiers were left in.
    pub(super) identifiers: bool,
    pub(super) unseen: Vec<Unseen>,
    pub(super) files: Vec<Entry>,
}

impl Manifest {
    pub(super) fn new(collected: String, seconds: u64, root: bool, identifiers: bool) -> Self {
        Manifest {
            form: FORM,
            version: env!("CARGO_PKG_VERSION"),
            collected,
            seconds,
            clock: "seconds since boot, sleep included (CLOCK_BOOTTIME)",
            root,
            identifiers,
            unseen: Vec::new(),
            files: Vec::new(),
        }
    }

    /// The bytes of the archive.
    pub(super) fn archive(&self) -> io::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_secs());
        let mut contents = serde_json::to_string_pretty(self)?;
        contents.push('\n');
        let manifest = [("manifest.json", contents.as_str())];
        let files = self
            .files
            .iter()
            .map(|e| (e.path.as_str(), e.text.as_str()));
        for (path, text) in manifest.into_iter().chain(files) {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(now);
            tar.append_data(&mut header, format!("{FOLDER}/{path}"), text.as_bytes())?;
        }
        tar.into_inner()
    }
}

/// Where a bundle goes.
#[derive(Debug)]
pub(super) enum Output {
    Stdout,
    File { path: PathBuf, force: bool },
}

impl Output {
    /// Refuses before anything is collected what could not be written afterwards.
    pub(super) fn check(&self) -> miette::Result<()> {
        let Output::File { path, force } = self else {
            return Ok(());
        };
        match fs::symlink_metadata(path) {
            Ok(m) if m.is_dir() => {
                return Err(miette!(
                    help = "name a file in it",
                    "{}: is a directory",
                    path.display()
                ));
            }
            Ok(_) if !force => {
                return Err(miette!(
                    help = "give another name with -o, or --force",
                    "{}: is there already",
                    path.display()
                ));
            }
            Ok(_) | Err(_) => {}
        }
        let folder = folder_of(path);
        let is_writable = rustix::fs::access(&folder, rustix::fs::Access::WRITE_OK);
        is_writable.map_err(|error| {
            miette!(
                help = "give a path in a directory of your own with -o",
                "{}: {}",
                folder.display(),
                io::Error::from(error)
            )
        })
    }

    /// Writes the archive, packed if its name asks for it.
    pub(super) fn write(&self, archive: &[u8]) -> miette::Result<()> {
        match self {
            Output::Stdout => match io::stdout().lock().write_all(archive) {
                Err(error) => Err(miette!("standard output: {error}")),
                Ok(()) => Ok(()),
            },
            Output::File { path, force } => {
                let packed =
                    packed(path, archive).map_err(|e| miette!("{}: {e}", path.display()))?;
                write(path, &packed, *force).map_err(|error| {
                    let help = "nothing was written; give another path with -o";
                    miette!(help = help, "{}: {error}", path.display())
                })
            }
        }
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn packed(path: &Path, archive: &[u8]) -> io::Result<Vec<u8>> {
    let name = path.to_string_lossy().to_lowercase();
    if name.ends_with(".gz") || name.ends_with(".tgz") {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(archive)?;
        gzip.finish()
    } else if name.ends_with(".zst") {
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        Ok(ruzstd::encoding::compress_to_vec(archive, level))
    } else {
        Ok(archive.to_vec())
    }
}

/// A file without a name gets its name when it is whole; where the filesystem has no such files, or
/// one is to be replaced, a temporary one is renamed.
fn write(path: &Path, bytes: &[u8], force: bool) -> io::Result<()> {
    if !force {
        let unnamed = OpenOptions::new()
            .write(true)
            .mode(0o600)
            .custom_flags(OFlags::TMPFILE.bits().cast_signed())
            .open(folder_of(path));
        if let Ok(mut file) = unnamed {
            whole(&mut file, bytes)?;
            let here = format!("/proc/self/fd/{}", file.as_raw_fd());
            match linkat(CWD, here, CWD, path, AtFlags::SYMLINK_FOLLOW) {
                Ok(()) => return Ok(()),
                Err(rustix::io::Errno::EXIST) => return Err(rustix::io::Errno::EXIST.into()),
                // No /proc, or no links here.
                Err(_) => {}
            }
        }
    }
    let mut file = tempfile::Builder::new()
        .prefix(".btrfs-tune-")
        .tempfile_in(folder_of(path))?;
    whole(file.as_file_mut(), bytes)?;
    if force {
        file.persist(path)?;
    } else {
        file.persist_noclobber(path)?;
    }
    Ok(())
}

fn whole(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_data()
}

/// `2026-11-23T21:40:10Z`.
pub(super) fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years of the proleptic calendar that begin in March, so that a leap day ends one.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn days_of_the_calendar() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_470_010, "2026-11-23T21:40:10Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(utc(seconds), expected);
        }
    }

    #[test]
    fn a_file_is_written_once_and_replaced_only_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        write(&path, b"one", false).unwrap();
        let again = write(&path, b"two", false).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write(&path, b"two", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

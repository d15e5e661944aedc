//! Owns: from paths to files. A folder is walked, a tar is opened, each by what it holds and not by
//! its name; a `/proc` or `/sys` that somebody copied tells by its paths what its files are.
//!
//! All of it is bounded, for what people send is not trusted: see the limits below.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::OFlags;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::counters;
use super::packing::{Packing, is_tar};
use super::{LARGEST, read_below, read_bytes};
use crate::ingest::problem::{Problem, Severity};
use crate::ingest::{facter, observations};
use crate::model::hardware::Hardware;
use crate::model::metrics::Metrics;
use crate::model::observation::Observation;

/// What all files of one call may hold together, 256 MiB.
const LARGEST_TOGETHER: u64 = 256 << 20;
/// Files of one call. A whole `/sys/fs/btrfs` of a large machine has a few thousand.
const MOST_FILES: usize = 20_000;
/// Folders in folders.
const DEEPEST: usize = 32;
/// Entries of folders and archives that are looked at, whatever they are.
const MOST_ENTRIES: usize = 200_000;

/// Things passed over that are told one by one: a copy of `/sys` is full of links.
const MOST_PASSED: usize = 20;

/// Files below `/proc` that are told by their path. Others say by themselves what they are.
const OF_PROC: [&str; 15] = [
    "cpuinfo",
    "diskstats",
    "loadavg",
    "meminfo",
    "mounts",
    "pressure/cpu",
    "pressure/io",
    "pressure/irq",
    "pressure/memory",
    "self/mountinfo",
    "self/mounts",
    "stat",
    "swaps",
    "uptime",
    "vmstat",
];

/// The key that makes a JSON file the list of contents of a bundle of `btrfs-tune collect`.
pub const MANIFEST_KEY: &str = "btrfs-tune-bundle";

/// All that a set of paths told.
#[derive(Debug, Default)]
pub struct Gathered {
    /// What the host's tools measured.
    pub metrics: Metrics,
    /// The first facter report among the files.
    pub hardware: Option<Hardware>,
    /// What files of observations say.
    pub observations: Vec<Observation>,
    /// What was not read, and why.
    pub problems: Vec<Problem>,
}

/// Reads folders with all below them, archives and single files, each in the order of names. What
/// cannot be read below a given path is a problem and never stops the rest; the error is that of a
/// given path itself.
pub fn read_paths(paths: &[PathBuf]) -> io::Result<Gathered> {
    let mut gathered = Gathered::default();
    let mut walk = Walk::default();
    for path in paths {
        let before = if paths.len() > 1 {
            name_of(path)
        } else {
            String::new()
        };
        walk.given(path, &before)
            .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
    }
    gathered.problems.append(&mut walk.problems);
    if let Some(more) = walk.passed.checked_sub(MOST_PASSED + 1) {
        let message = format!("{} more links, devices and such passed over", more + 1);
        gathered.problems.push(Problem::note("--metrics", message));
    }
    let people = manifest(&walk.files, &mut gathered.problems);
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for file in walk.files {
        take(file, &people, &mut values, &mut gathered);
    }
    for (source, text) in values {
        gathered
            .problems
            .extend(read_bytes(&source, text.as_bytes(), &mut gathered.metrics));
    }
    let metrics = &gathered.metrics;
    let problems = &mut gathered.problems;
    problems.retain(|problem| !counters::solved(problem, metrics));
    // What was passed over on the way stands beside what was read there.
    gathered.problems.sort_by(|a, b| a.source.cmp(&b.source));
    Ok(gathered)
}

/// Reads a folder (or any other path) for its measurements alone.
pub fn read_dir(path: &Path) -> io::Result<(Metrics, Vec<Problem>)> {
    let gathered = read_paths(&[path.to_owned()])?;
    Ok((gathered.metrics, gathered.problems))
}

/// A file that was found.
struct Found {
    /// What facts and problems call it.
    name: String,
    /// Where it lies, for the `/proc` or `/sys` that it may be of.
    place: PathBuf,
    bytes: Vec<u8>,
    /// Whether it is a link of `/sys`, which tells by its name.
    is_link: bool,
}

/// Reads one file into what is gathered; values of `/sys` are put together first, for each is a
/// file of its own.
fn take(
    file: Found,
    people: &BTreeSet<String>,
    values: &mut BTreeMap<String, String>,
    gathered: &mut Gathered,
) {
    let Found {
        name,
        place,
        bytes,
        is_link,
    } = file;
    if is_manifest(&bytes) {
        return;
    }
    if let Some((root, path)) = of_sys(&place) {
        add_value(
            values.entry(source_of(&name, &root)).or_default(),
            &path,
            &bytes,
            is_link,
        );
        return;
    }
    if is_facter(&bytes) {
        let (hardware, problems) = facter::read(&name, &bytes);
        let broken = problems.iter().any(|p| p.severity == Severity::Error);
        if gathered.hardware.is_some() {
            let another = Problem::note(&name, "another facter report; the first one is used");
            gathered.problems.push(another);
        } else if !broken {
            gathered.hardware = Some(hardware);
        }
        gathered.problems.extend(problems);
        return;
    }
    if let Some(text) = observations_of(&bytes) {
        let (said, problems) = observations::read_toml(&name, text);
        gathered.observations.extend(said);
        gathered.problems.extend(problems);
        return;
    }
    let heading = of_proc(&place);
    let problems = read_below(heading.as_deref(), &name, &bytes, &mut gathered.metrics);
    // A bundle holds more than is read by this program, for the people who look at it.
    if !people.contains(&name) {
        gathered.problems.extend(problems);
    }
}

/// The normal parts of a path, as text.
fn parts(path: &Path) -> Vec<String> {
    path.components()
        .filter_map(|c| match c {
            Component::Normal(part) => Some(part.to_string_lossy().into_owned()),
            _ => None,
        })
        .collect()
}

/// `/proc/pressure/io` of `…/proc/pressure/io`.
fn of_proc(place: &Path) -> Option<String> {
    let parts = parts(place);
    let at = parts.iter().rposition(|p| p == "proc")?;
    let rest = parts[at + 1..].join("/");
    OF_PROC
        .contains(&rest.as_str())
        .then(|| format!("/proc/{rest}"))
}

/// The folder that stands for `/`, and the path below it, of a value of btrfs or a block device.
fn of_sys(place: &Path) -> Option<(String, String)> {
    let parts = parts(place);
    let at = parts
        .windows(2)
        .rposition(|two| two[0] == "sys" && (two[1] == "block" || two[1] == "fs"))?;
    let below = &parts[at..];
    let is_value = match below[1].as_str() {
        "block" => below.len() >= 4,
        _ => below.len() >= 5 && below[2] == "btrfs",
    };
    is_value.then(|| (parts[..at].join("/"), format!("/{}", below.join("/"))))
}

/// What the values of one `/sys` are called: the file that the first of them came from, up to `sys`.
fn source_of(name: &str, root: &str) -> String {
    match name.rfind("sys/") {
        Some(at) => name[..at + 3].to_owned(),
        None => format!("{root}/sys"),
    }
}

/// Whether a link is a member of a filesystem, or what a device lies on. Its name is what it tells.
fn tells_by_name(place: &Path) -> bool {
    let folder = place.parent().and_then(Path::file_name);
    folder.is_some_and(|name| name == "devices" || name == "slaves") && of_sys(place).is_some()
}

/// Adds a value in the form that `grep -r . /sys/…` prints: `path:value`.
fn add_value(text: &mut String, path: &str, bytes: &[u8], is_link: bool) {
    if is_link {
        text.push_str(path);
        text.push_str(":\n");
        return;
    }
    if bytes.contains(&0) {
        return;
    }
    for line in String::from_utf8_lossy(bytes).lines() {
        if !line.trim().is_empty() {
            text.push_str(path);
            text.push(':');
            text.push_str(line);
            text.push('\n');
        }
    }
}

/// The keys of a JSON object, if the bytes are one.
fn keys(bytes: &[u8]) -> Option<BTreeMap<String, IgnoredAny>> {
    let begins = bytes.iter().find(|b| !b.is_ascii_whitespace());
    (begins == Some(&b'{'))
        .then(|| serde_json::from_slice(bytes).ok())
        .flatten()
}

fn is_facter(bytes: &[u8]) -> bool {
    keys(bytes).is_some_and(|k| k.contains_key("hardware") && k.contains_key("virtualisation"))
}

fn is_manifest(bytes: &[u8]) -> bool {
    let begin = &bytes[..bytes.len().min(256)];
    String::from_utf8_lossy(begin).contains(MANIFEST_KEY)
        && keys(bytes).is_some_and(|k| k.contains_key(MANIFEST_KEY))
}

/// The text of a file of observations: it has a table of them.
fn observations_of(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.lines()
        .any(|line| line.trim() == "[[observation]]")
        .then_some(text)
}

/// As much of a bundle's list of contents as reading needs.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    files: Vec<Listed>,
    #[serde(default)]
    unseen: Vec<Unseen>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    path: String,
    #[serde(default)]
    for_people: bool,
}

#[derive(Deserialize)]
struct Unseen {
    #[serde(default)]
    what: String,
    #[serde(default)]
    why: String,
}

/// What the bundles among the files say of themselves: what they could not see becomes notes; the
/// files that are there for people are returned.
fn manifest(files: &[Found], problems: &mut Vec<Problem>) -> BTreeSet<String> {
    let mut people = BTreeSet::new();
    for file in files.iter().filter(|f| is_manifest(&f.bytes)) {
        let listed: Manifest = match serde_json::from_slice(&file.bytes) {
            Ok(listed) => listed,
            Err(error) => {
                let message = format!("a list of contents of another form: {error}; not read");
                problems.push(Problem::warning(&file.name, message));
                continue;
            }
        };
        let folder = file.name.strip_suffix("manifest.json").unwrap_or_default();
        let of_people = listed.files.into_iter().filter(|f| f.for_people);
        people.extend(of_people.map(|f| format!("{folder}{}", f.path)));
        for Unseen { what, why } in listed.unseen.into_iter().take(MOST_UNSEEN) {
            let message = format!("not seen when it was collected: {what}: {why}");
            problems.push(Problem::note(&file.name, message));
        }
    }
    people
}

/// Things a bundle may say that it could not see.
const MOST_UNSEEN: usize = 50;

/// The walk over all paths of one call, with what is left of its limits.
#[derive(Default)]
struct Walk {
    files: Vec<Found>,
    problems: Vec<Problem>,
    bytes: u64,
    entries: usize,
    /// Things passed over so far.
    passed: usize,
    /// Whether a limit was met: that is told once.
    full: bool,
}

impl Walk {
    /// A path that somebody named: links are followed, and it must be readable.
    fn given(&mut self, path: &Path, before: &str) -> io::Result<()> {
        let kind = fs::metadata(path)?.file_type();
        if kind.is_dir() {
            let entries = sorted(path)?;
            self.folder(before, entries, 0);
            return Ok(());
        }
        if !kind.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let bytes = self.bytes_of(path)?;
        self.file(name_of(path), path, bytes);
        Ok(())
    }

    fn folder(&mut self, before: &str, entries: Vec<PathBuf>, depth: usize) {
        for path in entries {
            let name = joined(before, &name_of(&path));
            if !self.has_room(&name) {
                return;
            }
            self.entries += 1;
            let kind = match fs::symlink_metadata(&path) {
                Ok(metadata) => metadata.file_type(),
                Err(error) => {
                    self.unreadable(&name, &error);
                    continue;
                }
            };
            if kind.is_dir() && depth < DEEPEST {
                match sorted(&path) {
                    Ok(entries) => self.folder(&name, entries, depth + 1),
                    Err(error) => self.unreadable(&name, &error),
                }
            } else if kind.is_dir() {
                self.passed(&name, "too many folders in folders");
            } else if kind.is_symlink() && tells_by_name(&path) {
                self.link(name, path);
            } else if kind.is_symlink() {
                self.passed(&name, "a symbolic link");
            } else if !kind.is_file() {
                self.passed(&name, "not a regular file");
            } else {
                match self.bytes_of(&path) {
                    Ok(bytes) => self.file(name, &path, bytes),
                    Err(error) => self.unreadable(&name, &error),
                }
            }
        }
    }

    /// The content of a file, up to one byte more than is read.
    fn bytes_of(&self, path: &Path) -> io::Result<Vec<u8>> {
        // Whatever became of the path meanwhile: opening a FIFO does not wait for its writer.
        let mut options = OpenOptions::new();
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
        options.read(true).custom_flags(flags.cast_signed());
        let file: File = options.open(path)?;
        let mut bytes = Vec::new();
        file.take(self.room()).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// How much of one file is looked at: one byte more than may be used, to see that it is more.
    fn room(&self) -> u64 {
        LARGEST.min(LARGEST_TOGETHER.saturating_sub(self.bytes)) + 1
    }

    /// A file that was read: unpacked if it is packed, opened if it is an archive.
    fn file(&mut self, name: String, place: &Path, bytes: Vec<u8>) {
        let unpacked = match Packing::of(&bytes) {
            Packing::None if is_tar(&bytes) => return self.archive(&name, place, &bytes),
            Packing::None => return self.keep(name, place.to_owned(), bytes),
            Packing::Foreign(what) => {
                let message = format!("packed with {what}; not read");
                let help = "unpack it, or pack with gzip or zstd";
                self.problems
                    .push(Problem::error(&name, message).help(help));
                return;
            }
            packing => packing.unpack(&bytes, LARGEST_TOGETHER.saturating_sub(self.bytes)),
        };
        match unpacked {
            Ok(inner) if is_tar(&inner) => self.archive(&name, place, &inner),
            Ok(inner) => self.keep(name, place.with_extension(""), inner),
            Err(error) => {
                let message = format!("cannot unpack it: {error}; not read");
                self.problems.push(Problem::error(&name, message));
            }
        }
    }

    fn archive(&mut self, archive: &str, place: &Path, bytes: &[u8]) {
        let mut tar = tar::Archive::new(bytes);
        let entries = match tar.entries() {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(archive, &error),
        };
        let first = self.files.len();
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let message = format!("the archive is damaged: {error}; the rest is not read");
                    self.problems.push(Problem::error(archive, message));
                    break;
                }
            };
            self.entries += 1;
            let inside = entry.path_bytes();
            let inside = String::from_utf8_lossy(&inside).into_owned();
            let inside = inside.trim_start_matches("./");
            let name = format!("{archive}:{}", shown(inside));
            if !self.has_room(&name) {
                break;
            }
            let kind = entry.header().entry_type();
            if kind.is_dir() || kind.is_pax_global_extensions() {
                continue;
            }
            if !kind.is_file() && !kind.is_contiguous() && !kind.is_gnu_sparse() {
                let place = place.join(inside);
                if kind.is_symlink() && tells_by_name(&place) {
                    self.link(name, place);
                } else {
                    self.passed(&name, "not a regular file");
                }
                continue;
            }
            let mut content = Vec::new();
            match entry.take(self.room()).read_to_end(&mut content) {
                Ok(_) if is_tar(&content) => self.passed(&name, "an archive in an archive"),
                Ok(_) => self.keep(name, place.join(inside), content),
                Err(error) => self.unreadable(&name, &error),
            }
        }
        if let Some(added) = self.files.get_mut(first..) {
            added.sort_by(|a, b| a.name.cmp(&b.name));
        }
    }

    fn keep(&mut self, name: String, place: PathBuf, bytes: Vec<u8>) {
        if bytes.len() as u64 > LARGEST {
            let message = "larger than 64 MiB; not read";
            self.problems.push(Problem::error(&name, message));
            return;
        }
        self.bytes += bytes.len() as u64;
        if self.has_room(&name) {
            self.files.push(Found {
                name,
                place,
                bytes,
                is_link: false,
            });
        }
    }

    /// Whether a limit of the whole is not met yet; if it is, that is said once.
    fn has_room(&mut self, name: &str) -> bool {
        let limit = if self.bytes > LARGEST_TOGETHER {
            "more than 256 MiB together"
        } else if self.files.len() >= MOST_FILES || self.entries >= MOST_ENTRIES {
            "too many files"
        } else {
            return true;
        };
        if !self.full {
            self.full = true;
            let message = format!("{limit}; from here on nothing is read");
            self.problems.push(Problem::error(name, message));
        }
        false
    }

    fn link(&mut self, name: String, place: PathBuf) {
        if self.has_room(&name) {
            self.files.push(Found {
                name,
                place,
                bytes: Vec::new(),
                is_link: true,
            });
        }
    }

    fn passed(&mut self, name: &str, what: &str) {
        self.passed += 1;
        if self.passed > MOST_PASSED {
            return;
        }
        let message = format!("{what}; passed over");
        self.problems.push(Problem::note(name, message));
    }

    fn unreadable(&mut self, name: &str, error: &io::Error) {
        let message = format!("cannot read it: {error}");
        self.problems.push(Problem::error(name, message));
    }
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)?.take(MOST_ENTRIES) {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    shown(&name.to_string_lossy())
}

/// A name without what steers a terminal.
fn shown(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn joined(before: &str, name: &str) -> String {
    match before {
        "" => name.to_owned(),
        _ => format!("{before}/{name}"),
    }
}

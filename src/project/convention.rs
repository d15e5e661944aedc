//! Hosts that only the names of directories tell: `hosts/X/disko.nix` belongs to X.
//!
//! Used where no flake says which file makes which host, or where a flake cannot be read to the
//! end. Every file that defines btrfs storage is then read by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::shape::{self, Piece, Shape};
use super::{HostName, Origin};
use crate::ingest::problem::Problem;
use crate::model::{Storage, StorageSource};
use crate::nix::eval::{Evaluator, Unknown};
use crate::nix::guard::MAX_BYTES;
use crate::nix::source::Sources;

/// More files than the largest configuration seen has by a factor of ten (24,838 in 212 of them).
const MOST_FILES: usize = 20_000;
/// More storage files than any configuration seen has by a factor of five.
const MOST_STORAGE_FILES: usize = 200;
/// Files of a directory that stand for the directory.
const GENERIC: &[&str] = &[
    "boot",
    "btrfs",
    "configuration",
    "default",
    "disk",
    "disk-config",
    "disk-configuration",
    "disko",
    "disko-config",
    "disko-configuration",
    "disks",
    "drives",
    "file-systems",
    "fileSystems",
    "filesystem",
    "filesystems",
    "fs",
    "hardware",
    "hardware-configuration",
    "host",
    "layout",
    "machine",
    "module",
    "mounts",
    "nixos",
    "partitions",
    "storage",
    "system",
    "volumes",
];
/// Directories whose entries are hosts.
const HOST_DIRECTORIES: &[&str] = &[
    "host",
    "hosts",
    "machine",
    "machines",
    "nixos",
    "nixosConfigurations",
    "nodes",
    "systems",
];
/// Entries of such directories that are no hosts.
const NO_HOSTS: &[&str] = &[
    "base",
    "common",
    "core",
    "features",
    "global",
    "lib",
    "mixins",
    "modules",
    "optional",
    "presets",
    "profiles",
    "roles",
    "services",
    "shared",
    "templates",
    "users",
];
/// Files that stand for the host's directory, in the order of preference.
const ENTRIES: &[&str] = &["default.nix", "configuration.nix"];
/// What stands between a directory of hosts and its hosts, beside platforms.
const KIND: &str = "nixos";
/// Directories of what others are to copy or to test; no machine is made of it.
const NO_MACHINES: &[&str] = &[
    "example",
    "examples",
    "template",
    "templates",
    "test",
    "tests",
];

/// A host made of storage files, and the files it stands for.
#[derive(Debug)]
pub(super) struct Made {
    pub name: HostName,
    pub origin: Origin,
}

/// What a walk through a tree finds, each in the order of their paths.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// The files that may define btrfs storage.
    pub storage: Vec<PathBuf>,
    /// The files that stand for a host: `hosts/X/default.nix`, `hosts/X/configuration.nix`,
    /// `hosts/X.nix`.
    pub entries: Vec<PathBuf>,
    /// Why not everything was looked at.
    pub cut_short: Option<Problem>,
}

/// Looks for storage files and host files below a directory.
pub(super) fn walk(sources: &Sources, directory: &Path) -> Walked {
    let mut walked = Walked::default();
    let mut seen = 0;
    let mut walk = ignore::WalkBuilder::new(directory);
    // Only what the tree itself says counts, not how this machine is set up.
    walk.git_global(false)
        .git_exclude(false)
        .follow_links(false)
        .filter_entry(|entry| {
            let is_directory = entry.file_type().is_some_and(|t| t.is_dir());
            let name = entry.file_name().to_string_lossy();
            !is_directory || entry.depth() == 0 || !NO_MACHINES.contains(&&*name)
        })
        .sort_by_file_path(Path::cmp);
    for entry in walk.build().flatten() {
        let path = entry.path();
        let is_file = entry.file_type().is_some_and(|t| t.is_file());
        if !is_file || path.extension().is_none_or(|e| e != "nix") {
            continue;
        }
        seen += 1;
        if seen > MOST_FILES || walked.storage.len() >= MOST_STORAGE_FILES {
            let message = "there are more files here than are looked at for btrfs storage";
            let problem = Problem::warning(&sources.shown(directory), message);
            walked.cut_short =
                Some(problem.help(format!("name the host's files in {}", super::FILE_NAME)));
            break;
        }
        let small = entry.metadata().is_ok_and(|m| m.len() <= MAX_BYTES as u64);
        if small && sources.read_text(path).is_ok_and(|text| may_define(&text)) {
            walked.storage.push(path.to_path_buf());
        }
        if stands_for_host(directory, path) && walked.entries.len() < MOST_STORAGE_FILES {
            walked.entries.push(path.to_path_buf());
        }
    }
    walked
}

fn stands_for_host(root: &Path, file: &Path) -> bool {
    let Some((_, home)) = host_of(root, file) else {
        return false;
    };
    let in_home = ENTRIES.iter().any(|name| home.join(name) == *file);
    in_home
        || (file.parent() == Some(&home) && !is_generic(&stem(file)) && !named_after(&home, root))
}

/// Whether a directory is a host's own, not one of several hosts' files.
fn named_after(home: &Path, root: &Path) -> bool {
    host_of(root, &home.join("default.nix")).is_some_and(|(_, of)| of == *home)
}

/// Whether a text can define btrfs storage at all. Evaluation decides whether it does.
fn may_define(text: &str) -> bool {
    const ONE_OF: [&str; 4] = ["disko", "subvolumes", "fileSystems", "content"];
    let code = || {
        text.lines()
            .filter(|line| !line.trim_start().starts_with('#'))
    };
    code().any(|line| line.contains("btrfs") || line.contains("subvol"))
        && code().any(|line| ONE_OF.iter().any(|word| line.contains(word)))
}

/// What the storage files of a tree make, beside what could not be read.
pub(super) fn hosts(
    sources: &Rc<Sources>,
    directory: &Path,
    files: &[PathBuf],
    entries: &[PathBuf],
) -> (Vec<Made>, Vec<Problem>) {
    let mut problems = Vec::new();
    // Parts of one host, with the directory that gives it its name.
    let mut named: BTreeMap<String, (PathBuf, Vec<Piece>)> = BTreeMap::new();
    let mut unnamed: Vec<Piece> = Vec::new();
    let mut made = Vec::new();
    for file in files {
        let mut units = match units(sources, file) {
            Ok(units) => units,
            Err(unknown) => {
                problems.push(unreadable(sources, file, &unknown));
                continue;
            }
        };
        // What only speaks of btrfs is no host, and whether it defines one may not be known.
        units.retain(|unit| {
            let origin = Origin::of(unit.pieces.clone(), unit.node.clone());
            let storing = has_storage(&origin, sources);
            if let (false, Some(unknown)) = (storing, unread(&origin, sources)) {
                problems.push(unreadable(sources, file, &unknown));
            }
            storing
        });
        if units.is_empty() {
            continue;
        }
        let by_path = match units.as_slice() {
            [unit] if unit.pieces.iter().any(Piece::names_host) => None,
            _ => host_of(directory, file),
        };
        match (units.as_slice(), by_path) {
            ([unit], Some((name, home))) if unit.node.is_none() => {
                let parts = named.entry(name).or_insert_with(|| (home, Vec::new()));
                parts.1.extend(unit.pieces.iter().cloned());
            }
            ([unit], None) if unit.pieces.iter().all(|p| p.keys.is_empty()) => {
                unnamed.extend(unit.pieces.iter().cloned());
            }
            _ => {
                for unit in units {
                    let home = file.parent().unwrap_or(directory).to_path_buf();
                    match unit.node {
                        Some(_) => made.push(Made {
                            name: HostName(unit.name),
                            origin: Origin::of(unit.pieces, unit.node),
                        }),
                        None => {
                            let parts =
                                named.entry(unit.name).or_insert_with(|| (home, Vec::new()));
                            parts.1.extend(unit.pieces);
                        }
                    }
                }
            }
        }
    }
    for (name, (home, pieces)) in named {
        made.extend(together(sources, &name, &home, pieces));
    }
    // Hosts that share a layout hold nothing that speaks of btrfs themselves.
    for entry in entries {
        let Some((name, _)) = host_of(directory, entry) else {
            continue;
        };
        let known = made.iter().any(|m| {
            m.name.0 == name
                || m.name
                    .0
                    .strip_prefix(&name)
                    .is_some_and(|r| r.starts_with('/'))
        });
        let origin = Origin::of(vec![Piece::whole(entry)], None);
        if !known
            && origin.files(sources).iter().any(|f| files.contains(f))
            && has_storage(&origin, sources)
        {
            let name = HostName(name);
            made.push(Made { name, origin });
        }
    }
    // A layout that some host imports is that host's.
    let used: BTreeSet<PathBuf> = made
        .iter()
        .flat_map(|made| made.origin.files(sources))
        .collect();
    unnamed.retain(|piece| !used.contains(&piece.file));
    let whole: Vec<_> = unnamed.iter().map(|p| p.file.clone()).collect();
    for piece in unnamed {
        let imported = |other: &PathBuf| {
            *other != piece.file
                && Origin::of(vec![Piece::whole(other)], None)
                    .files(sources)
                    .contains(&piece.file)
        };
        if !whole.iter().any(imported) {
            let name = name_of_file(directory, &piece.file);
            made.push(Made {
                name: HostName(name),
                origin: Origin::of(vec![piece], None),
            });
        }
    }
    made.sort_by(|a, b| a.name.cmp(&b.name));
    tell_apart(&mut made, sources);
    (made, problems)
}

/// One machine in a file.
#[derive(Debug)]
pub(super) struct Unit {
    pub name: String,
    pub pieces: Vec<Piece>,
    /// Its name in a hive, which its modules get as `name`.
    pub node: Option<String>,
}

/// The machines that a file describes.
///
/// The file as a whole counts if it describes storage; only else is it searched for modules below
/// keys of its own.
pub(super) fn units(sources: &Rc<Sources>, file: &Path) -> Result<Vec<Unit>, Rc<Unknown>> {
    let e = Evaluator::new(Rc::clone(sources));
    let unit = |pieces: Vec<Piece>| Unit {
        name: pieces
            .iter()
            .find_map(Piece::name)
            .map_or_else(|| stem(file), str::to_owned),
        pieces,
        node: None,
    };
    let stores = |pieces: &[Piece]| has_storage(&Origin::of(pieces.to_vec(), None), sources);
    let whole = vec![Piece::whole(file)];
    let shape = shape::read(&e, file)?;
    let top = match shape {
        Shape::Hive(nodes) => {
            return Ok(nodes
                .into_iter()
                .map(|(name, pieces)| Unit {
                    node: Some(name.clone()),
                    name,
                    pieces,
                })
                .collect());
        }
        Shape::Modules(pieces) => {
            let mut storing: Vec<Vec<Piece>> = pieces.iter().map(|p| vec![p.clone()]).collect();
            storing.retain(|p| stores(p));
            if !storing.is_empty() {
                return Ok(storing.into_iter().map(unit).collect());
            }
            if pieces.is_empty() { whole } else { pieces }
        }
        Shape::Flake | Shape::Module => whole,
    };
    if stores(&top) {
        return Ok(vec![unit(top)]);
    }
    let mut storing: Vec<Vec<Piece>> = shape::nested(&e, file)
        .into_iter()
        .map(|p| vec![p])
        .collect();
    storing.retain(|p| stores(p));
    if storing.is_empty() {
        return Ok(vec![unit(top)]);
    }
    Ok(storing.into_iter().map(unit).collect())
}

/// Whether what an origin gives has a btrfs, be it only partly known.
pub(super) fn has_storage(origin: &Origin, sources: &Rc<Sources>) -> bool {
    origin
        .evaluate(sources)
        .is_ok_and(|(e, configuration, _)| !storage(&e, &configuration).filesystems.is_empty())
}

fn storage(e: &Evaluator, configuration: &crate::nix::module::Configuration) -> Storage {
    crate::ingest::nixos::read("", crate::model::Found::Convention, e, configuration).storage
}

/// Why nothing is known of what an origin gives.
fn unread(origin: &Origin, sources: &Rc<Sources>) -> Option<Rc<Unknown>> {
    match origin.evaluate(sources) {
        Ok((e, configuration, _)) if configuration.definitions(&e, &[]).is_empty() => {
            configuration.skipped.first().map(|s| Rc::clone(&s.why))
        }
        Ok(_) => None,
        Err(unknown) => Some(unknown),
    }
}

/// The parts of one host as one host, or apart where they are alternatives to each other.
fn together(sources: &Rc<Sources>, name: &str, home: &Path, pieces: Vec<Piece>) -> Vec<Made> {
    let made = |name: String, pieces: Vec<Piece>| Made {
        name: HostName(name),
        origin: Origin::of(pieces, None),
    };
    // What the host itself imports says more than that files lie side by side.
    for entry in ENTRIES {
        let entry = home.join(entry);
        if !entry.is_file() || pieces.iter().any(|p| !p.keys.is_empty()) {
            continue;
        }
        let origin = Origin::of(vec![Piece::whole(&entry)], None);
        let files = origin.files(sources);
        if pieces.iter().any(|p| files.contains(&p.file)) && has_storage(&origin, sources) {
            let name = HostName(name.to_owned());
            return vec![Made { name, origin }];
        }
    }
    // A file that another one imports comes with it.
    let closures: Vec<BTreeSet<PathBuf>> = pieces
        .iter()
        .map(|p| Origin::of(vec![p.clone()], None).files(sources))
        .collect();
    let imported = |index: usize| {
        let file = &pieces[index].file;
        (0..pieces.len()).any(|other| {
            let earlier = other < index || !closures[index].contains(&pieces[other].file);
            pieces[other].file != *file && closures[other].contains(file) && earlier
        })
    };
    let kept: Vec<Piece> = (0..pieces.len())
        .filter(|index| !imported(*index))
        .map(|index| pieces[index].clone())
        .collect();
    if kept.len() > 1 && alternatives(sources, &kept) {
        let apart = kept.into_iter().map(|piece| {
            let part = piece
                .name()
                .map_or_else(|| stem(&piece.file), str::to_owned);
            made(format!("{name}/{part}"), vec![piece])
        });
        return apart.collect();
    }
    vec![made(name.to_owned(), kept)]
}

/// Whether parts describe the same filesystem twice, as only alternatives do.
fn alternatives(sources: &Rc<Sources>, pieces: &[Piece]) -> bool {
    let mut seen = BTreeSet::new();
    for piece in pieces {
        let Ok((e, configuration, _)) = Origin::of(vec![piece.clone()], None).evaluate(sources)
        else {
            continue;
        };
        for filesystem in storage(&e, &configuration).filesystems {
            let key = match &filesystem.source {
                StorageSource::Disko(path) => path.join("."),
                StorageSource::FileSystems => {
                    let points = filesystem.mounts.iter().map(|m| m.mountpoint.as_str());
                    points.collect::<Vec<_>>().join(" ")
                }
            };
            if !seen.insert(key) {
                return true;
            }
        }
    }
    false
}

/// The host that a path speaks of, and the directory of that host.
pub(super) fn host_of(root: &Path, file: &Path) -> Option<(String, PathBuf)> {
    let relative = file.strip_prefix(root).ok()?;
    let names: Vec<&str> = relative
        .components()
        .map(|c| match c {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let last = names.len().checked_sub(1)?;
    for index in 0..last {
        if !HOST_DIRECTORIES.contains(&names[index]) {
            continue;
        }
        let mut next = index + 1;
        if next < last && is_platform(names[next]) {
            next += 1;
        }
        // In `hosts/nixos/disko.nix` it is the host.
        let inside = next + 1 < last || !is_generic(&file_stem(names[last]));
        if next < last && names[next] == KIND && inside {
            next += 1;
        }
        // `nixos/hosts/X`: the inner one counts.
        if next < last && HOST_DIRECTORIES.contains(&names[next]) {
            continue;
        }
        let is_file = next == last;
        let name = match is_file {
            true => file_host(names[next])?,
            false => names[next].to_owned(),
        };
        if NO_HOSTS.contains(&name.as_str()) || (is_file && is_generic(&name)) {
            return None;
        }
        let depth = if is_file { next } else { next + 1 };
        let home = names[..depth]
            .iter()
            .fold(root.to_path_buf(), |p, n| p.join(n));
        return Some((name, home));
    }
    None
}

/// Whether a name says what a file holds, not whose it is.
pub(super) fn is_generic(name: &str) -> bool {
    GENERIC.contains(&name.trim_start_matches('_'))
}

fn file_stem(name: &str) -> String {
    stem(Path::new(name))
}

/// `x.nix`, `x.hardware.nix`, `x-disko.nix`, `disko-x.nix` → `x`
fn file_host(name: &str) -> Option<String> {
    let mut name = name.strip_suffix(".nix")?;
    if let Some((host, what)) = name.rsplit_once(['.', '-', '_'])
        && is_generic(what)
        && !host.is_empty()
        && !is_generic(name)
    {
        name = host;
    } else if let Some((what, host)) = name.split_once(['.', '-', '_'])
        && is_generic(what)
        && !host.is_empty()
        && !is_generic(name)
    {
        name = host;
    }
    Some(name.to_owned())
}

fn is_platform(name: &str) -> bool {
    ["x86_64-", "aarch64-", "armv7l-", "i686-", "riscv64-"]
        .iter()
        .any(|p| name.starts_with(p))
}

/// What a file without a host's directory is called after.
fn name_of_file(root: &Path, file: &Path) -> String {
    let named = stem(file);
    if !is_generic(&named) {
        return named;
    }
    let above = file.parent().into_iter().flat_map(Path::ancestors);
    let mut above = above
        .take_while(|d| d.starts_with(root))
        .filter_map(Path::file_name);
    let telling = above.find(|n| !is_generic(&n.to_string_lossy()));
    telling.map_or(named, |n| n.to_string_lossy().into_owned())
}

/// Two hosts of one name are called after their files too.
fn tell_apart(made: &mut [Made], sources: &Sources) {
    let names: Vec<HostName> = made.iter().map(|m| m.name.clone()).collect();
    for made in made.iter_mut() {
        if names.iter().filter(|n| **n == made.name).count() < 2 {
            continue;
        }
        if let Some(piece) = made.origin.pieces.first() {
            let keys = piece.keys.iter().map(|k| format!("#{k}"));
            made.name.0 = format!(
                "{} ({}{})",
                made.name.0,
                sources.shown(&piece.file),
                keys.collect::<String>()
            );
        }
    }
}

pub(super) fn stem(file: &Path) -> String {
    file.file_stem()
        .map_or_else(|| "host".to_owned(), |s| s.to_string_lossy().into_owned())
}

fn unreadable(sources: &Sources, file: &Path, unknown: &Unknown) -> Problem {
    let message = format!(
        "it may define btrfs storage, and cannot be read: {}",
        unknown.why
    );
    let problem = Problem::warning(&sources.shown(file), message);
    match unknown.at {
        Some(at) => {
            let place = sources.place(at);
            problem.at(place.line as usize, place.column as usize)
        }
        None => problem,
    }
}

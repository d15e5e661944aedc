//! Hosts that only the names of directories tell: `hosts/X/disko.nix` belongs to X.
//!
//! Used where no flake says which file makes which host, or where a flake cannot be read to the
//! end. Every file that defines btrfs storage is then read by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::paths::{ENTRIES, host_of, name_of_file, stands_for_host, stem};
use super::shape::{self, Piece, Shape};
use super::{HostName, Origin};
use crate::ingest::problem::Problem;
use crate::model::{Storage, StorageSource};
use crate::nix::eval::{Evaluator, Unknown};
use crate::nix::guard::MAX_BYTES;
use crate::nix::source::Sources;

/// More files than the largest configuration seen has by far (212 of them have 24,838).
const MOST_FILES: usize = 10_000;
/// Of whatever kind: a home directory or a whole system is no configuration.
const MOST_ENTRIES: usize = 30_000;
/// How deep a directory is looked into that is neither a git work tree nor a flake:
/// `modules/hosts/X/disko.nix`.
const UNMARKED_DEPTH: usize = 4;
/// More storage files than any configuration seen has by a factor of five.
const MOST_STORAGE_FILES: usize = 200;
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

/// Directories near the top of another that hold a flake, relative to it.
pub(super) fn flakes_below(directory: &Path) -> Vec<PathBuf> {
    /// Enough to name them in a message.
    const MOST: usize = 5;
    const DEPTH: usize = 3;
    let walk = ignore::WalkBuilder::new(directory)
        .max_depth(Some(DEPTH))
        .git_global(false)
        .git_exclude(false)
        .follow_links(false)
        .sort_by_file_path(Path::cmp)
        .build();
    let flakes = walk
        .flatten()
        .take(MOST_FILES)
        .filter(|entry| entry.file_name() == "flake.nix");
    let below = flakes.filter_map(|entry| {
        let parent = entry.path().parent()?;
        Some(parent.strip_prefix(directory).ok()?.to_path_buf())
    });
    below.take(MOST).collect()
}

/// Looks for storage files and host files below a directory.
pub(super) fn walk(sources: &Sources, directory: &Path) -> Walked {
    let mut walked = Walked::default();
    let mut seen = 0;
    let mut walk = ignore::WalkBuilder::new(directory);
    // A home directory or a whole system was hardly meant; a project says that it is one.
    let says_so = |d: &Path| d.join(".git").exists() || d.join("flake.nix").exists();
    if !directory.ancestors().any(says_so) {
        walk.max_depth(Some(UNMARKED_DEPTH));
    }
    // Only what the tree itself says counts, not how this machine is set up.
    walk.git_global(false)
        .git_exclude(false)
        .follow_links(false)
        .same_file_system(true)
        .filter_entry(|entry| {
            let is_directory = entry.file_type().is_some_and(|t| t.is_dir());
            let name = entry.file_name().to_string_lossy();
            !is_directory || entry.depth() == 0 || !NO_MACHINES.contains(&&*name)
        })
        .sort_by_file_path(Path::cmp);
    for (entries, entry) in walk.build().flatten().enumerate() {
        let path = entry.path();
        let is_file = entry.file_type().is_some_and(|t| t.is_file());
        let is_nix = is_file && path.extension().is_some_and(|e| e == "nix");
        seen += usize::from(is_nix);
        let too_many = entries > MOST_ENTRIES || seen > MOST_FILES;
        if too_many || walked.storage.len() >= MOST_STORAGE_FILES {
            let message = "there are more files here than are looked at for btrfs storage";
            let problem = Problem::warning(&sources.shown(directory), message);
            walked.cut_short =
                Some(problem.help(format!("name the host's files in {}", super::FILE_NAME)));
            break;
        }
        if !is_nix {
            continue;
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
    let mut gathered = Gathered {
        sources,
        directory,
        named: BTreeMap::new(),
        unnamed: Vec::new(),
        made: Vec::new(),
        problems: Vec::new(),
    };
    for file in files {
        gathered.sort(file);
    }
    gathered.top();
    for (name, (home, pieces)) in std::mem::take(&mut gathered.named) {
        let made = together(sources, &name, &home, pieces);
        gathered.made.extend(made);
    }
    for entry in entries {
        gathered.sharing(entry, files);
    }
    gathered.left();
    let Gathered {
        mut made,
        mut problems,
        ..
    } = gathered;
    made.sort_by(|a, b| a.name.cmp(&b.name));
    tell_apart(&mut made, sources);
    let pieces = made.iter().flat_map(|made| &made.origin.pieces);
    problems.extend(assumption(sources, pieces));
    (made, problems)
}

/// Storage files on their way to hosts.
struct Gathered<'a> {
    sources: &'a Rc<Sources>,
    directory: &'a Path,
    /// The parts of each host, with the directory that gives it its name.
    named: BTreeMap<String, (PathBuf, Vec<Piece>)>,
    /// Files of which no name says whose they are.
    unnamed: Vec<Piece>,
    made: Vec<Made>,
    problems: Vec<Problem>,
}

impl Gathered<'_> {
    /// Puts what a file holds where it belongs.
    fn sort(&mut self, file: &Path) {
        let sources = self.sources;
        let mut units = match units(sources, file) {
            Ok(units) => units,
            Err(unknown) => {
                return self.problems.push(unreadable(sources, file, &unknown));
            }
        };
        // What only speaks of btrfs is no host, but whether it defines one may not be known.
        units.retain(|unit| {
            let origin = Origin::of(unit.pieces.clone(), unit.node.clone());
            let storing = has_storage(&origin, sources);
            if let (false, Some(unknown)) = (storing, unread(&origin, sources)) {
                self.problems.push(unreadable(sources, file, &unknown));
            }
            storing
        });
        let by_path = host_of(self.directory, file);
        let single = units.len() == 1;
        for unit in units {
            let whole = unit.pieces.iter().all(|p| p.keys.is_empty());
            let told = unit.pieces.iter().any(Piece::names_host);
            let (name, home) = match &by_path {
                _ if unit.node.is_some() => {
                    self.made.push(Made {
                        name: HostName(unit.name),
                        origin: Origin::of(unit.pieces, unit.node),
                    });
                    continue;
                }
                Some((name, home)) if single && !told => (name.clone(), home.clone()),
                None if single && whole => {
                    self.unnamed.extend(unit.pieces);
                    continue;
                }
                _ => {
                    let home = file.parent().unwrap_or(self.directory);
                    (unit.name, home.to_path_buf())
                }
            };
            let parts = self.named.entry(name).or_insert((home, Vec::new()));
            parts.1.extend(unit.pieces);
        }
    }

    /// Where no directory speaks of hosts, what lies at the top is one machine.
    fn top(&mut self) {
        let Some(name) = self.directory.file_name() else {
            return;
        };
        if !self.named.is_empty() || !self.made.is_empty() {
            return;
        }
        let at_top = |p: &Piece| p.file.parent() == Some(self.directory);
        let (top, below): (Vec<Piece>, Vec<Piece>) = std::mem::take(&mut self.unnamed)
            .into_iter()
            .partition(at_top);
        self.unnamed = below;
        if !top.is_empty() {
            let name = name.to_string_lossy().into_owned();
            self.named.insert(name, (self.directory.to_path_buf(), top));
        }
    }

    /// A host that imports a shared layout need not speak of btrfs itself.
    fn sharing(&mut self, entry: &Path, files: &[PathBuf]) {
        let Some((name, _)) = host_of(self.directory, entry) else {
            return;
        };
        let is_known = |made: &Made| {
            let rest = made.name.0.strip_prefix(&name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let origin = Origin::of(vec![Piece::whole(entry)], None);
        if !self.made.iter().any(is_known)
            && origin.files(self.sources).iter().any(|f| files.contains(f))
            && has_storage(&origin, self.sources)
        {
            let name = HostName(name);
            self.made.push(Made { name, origin });
        }
    }

    /// Files that no host uses are called after themselves; what one imports comes with it.
    fn left(&mut self) {
        let files = |origin: &Origin| origin.files(self.sources);
        let used: BTreeSet<PathBuf> = self.made.iter().flat_map(|m| files(&m.origin)).collect();
        let mut left = std::mem::take(&mut self.unnamed);
        left.retain(|piece| !used.contains(&piece.file));
        for piece in without_imported(self.sources, left) {
            self.made.push(Made {
                name: HostName(name_of_file(self.directory, &piece.file)),
                origin: Origin::of(vec![piece], None),
            });
        }
    }
}

/// The pieces that no other of them imports; of those that import each other, the first.
fn without_imported(sources: &Rc<Sources>, pieces: Vec<Piece>) -> Vec<Piece> {
    let closures: Vec<BTreeSet<PathBuf>> = pieces
        .iter()
        .map(|p| Origin::of(vec![p.clone()], None).files(sources))
        .collect();
    let imported = |index: usize| {
        let file = &pieces[index].file;
        (0..pieces.len()).any(|other| {
            let counts = other < index || !closures[index].contains(&pieces[other].file);
            pieces[other].file != *file && closures[other].contains(file) && counts
        })
    };
    let kept = (0..pieces.len()).filter(|index| !imported(*index));
    kept.map(|index| pieces[index].clone()).collect()
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
        // A layout that applies on a condition of the machine that uses it.
        let assumed: Vec<Piece> = top.iter().map(|p| p.clone().assumed()).collect();
        let top = if stores(&assumed) { assumed } else { top };
        return Ok(vec![unit(top)]);
    }
    Ok(storing.into_iter().map(unit).collect())
}

/// Says which files are read as if their conditions held.
pub(super) fn assumption<'p>(
    sources: &Sources,
    pieces: impl Iterator<Item = &'p Piece>,
) -> Vec<Problem> {
    let message = "what it defines applies on a condition that does not hold, or is not known, \
                   by this file alone; it is read as if it held";
    let mut files: Vec<&PathBuf> = pieces.filter(|p| p.assumed).map(|p| &p.file).collect();
    files.dedup();
    let told = files
        .into_iter()
        .map(|f| Problem::note(&sources.shown(f), message));
    told.collect()
}

/// Whether what an origin gives has a btrfs, be it only partly known.
pub(super) fn has_storage(origin: &Origin, sources: &Rc<Sources>) -> bool {
    origin
        .evaluate(sources)
        .is_ok_and(|(e, configuration)| !storage(&e, &configuration).filesystems.is_empty())
}

fn storage(e: &Evaluator, configuration: &crate::nix::module::Configuration) -> Storage {
    crate::ingest::nixos::read("", crate::model::Found::Convention, e, configuration).storage
}

/// Why nothing is known of what an origin gives.
fn unread(origin: &Origin, sources: &Rc<Sources>) -> Option<Rc<Unknown>> {
    match origin.evaluate(sources) {
        Ok((e, configuration)) if configuration.definitions(&e, &[]).is_empty() => {
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
    let kept = without_imported(sources, pieces);
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

/// Whether parts describe one filesystem or mount twice, as only alternatives do: NixOS would
/// refuse two devices for it. Options alone, to be added to a mount of another file, are none.
fn alternatives(sources: &Rc<Sources>, pieces: &[Piece]) -> bool {
    let mut seen = BTreeSet::new();
    for piece in pieces {
        let Ok((e, configuration)) = Origin::of(vec![piece.clone()], None).evaluate(sources) else {
            continue;
        };
        let mut own = BTreeSet::new();
        for filesystem in storage(&e, &configuration).filesystems {
            let mut keys: Vec<String> = filesystem
                .mounts
                .iter()
                .map(|m| m.mountpoint.clone())
                .collect();
            if let StorageSource::Disko(path) = &filesystem.source {
                keys.push(path.join("."));
            }
            own.extend(keys);
        }
        if own.iter().any(|key| seen.contains(key)) {
            return true;
        }
        seen.extend(own);
    }
    false
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

//! From a project to its hosts: what the owner says, then the flake, then the names of files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::paths::{is_generic, stem};
use super::shape::Piece;
use super::{Entry, HostName, Origin, Project, convention, flake};
use crate::ingest::problem::Problem;
use crate::model::Found;
use crate::nix::eval::{Evaluator, Unknown, Why};
use crate::nix::module::{Configuration, Skipped};
use crate::nix::source::Sources;

/// The hosts of a project.
#[derive(Debug, Default)]
pub struct Discovery {
    /// In the order of their names.
    pub hosts: Vec<FoundHost>,
    /// What was in the way of finding them, or is wrong in what the owner says.
    pub problems: Vec<Problem>,
    /// Why the flake, or the file that was named, could not be read.
    pub failure: Option<Rc<Unknown>>,
    /// A flake's hosts or their modules are not all known.
    pub incomplete: bool,
}

/// A host, and how it was found.
#[derive(Debug, Clone)]
pub struct FoundHost {
    /// Its name.
    pub name: HostName,
    /// How it was found.
    pub found: Found,
    pub(super) origin: Origin,
}

impl FoundHost {
    /// What it is made from.
    pub fn entry(&self) -> Entry {
        self.origin.entry()
    }
}

impl Discovery {
    /// The names of the hosts.
    pub fn names(&self) -> Vec<HostName> {
        self.hosts.iter().map(|h| h.name.clone()).collect()
    }

    /// A host by name.
    pub fn host(&self, name: &HostName) -> Option<&FoundHost> {
        self.hosts.iter().find(|h| h.name == *name)
    }
}

pub(super) fn discover(project: &Project, sources: &Rc<Sources>) -> Discovery {
    let mut discovery = match &project.entry {
        Entry::Flake(flake) => of_flake(project, sources, flake),
        Entry::File(file) => of_file(project, sources, file),
        Entry::Parts(files) => by_convention(project, sources, files),
    };
    configured(project, &mut discovery);
    discovery.hosts.sort_by(|a, b| a.name.cmp(&b.name));
    discovery
}

/// Lays what the owner says over what was found.
fn configured(project: &Project, discovery: &mut Discovery) {
    let config = &project.config;
    discovery.problems.extend(config.problems.iter().cloned());
    let shown = |path: &Path| {
        let path = path.strip_prefix(&project.root).unwrap_or(path);
        path.display().to_string()
    };
    if project.is_file && !matches!(project.entry, Entry::Flake(_)) {
        // A file that is named is what is asked for; the owner may say whose it is.
        let file = project.entry_file();
        let owners = config
            .hosts
            .iter()
            .filter(|h| h.files.iter().any(|f| f == file));
        let mut hosts: Vec<FoundHost> = owners.map(stated).collect();
        if !hosts.is_empty() {
            std::mem::swap(&mut discovery.hosts, &mut hosts);
        }
        return;
    }
    let named: BTreeSet<&PathBuf> = config.hosts.iter().flat_map(|h| &h.files).collect();
    discovery.hosts.retain(|host| {
        let overruled = config.host(&host.name).is_some_and(|h| !h.files.is_empty());
        // A file that the owner gives to a host is not a host of its own beside it.
        let given = host.origin.flake.is_none()
            && !host.origin.pieces.is_empty()
            && host.origin.pieces.iter().all(|p| named.contains(&p.file));
        !overruled && !given
    });
    for host in &config.hosts {
        if !host.files.is_empty() {
            discovery.hosts.push(stated(host));
        } else if discovery.host(&host.name).is_none() {
            let path = config.path.as_deref().unwrap_or(&project.directory);
            let message = format!("no host `{}` was found", host.name.0.escape_debug());
            let names = discovery.names();
            let names: Vec<&str> = names.iter().map(|n| n.0.as_str()).collect();
            let help = match names.is_empty() {
                true => "name its `files`".to_owned(),
                false => format!("name its `files`; found were: {}", names.join(", ")),
            };
            let problem = Problem::error(&shown(path), message);
            let problem = problem.at(host.at.0 as usize, host.at.1 as usize);
            discovery.problems.push(problem.help(help));
        }
    }
}

fn stated(host: &super::HostConfig) -> FoundHost {
    FoundHost {
        name: host.name.clone(),
        found: Found::Config,
        origin: Origin::of(host.files.iter().map(|f| Piece::whole(f)).collect(), None),
    }
}

// ---- a file -------------------------------------------------------------------------------------

fn of_file(project: &Project, sources: &Rc<Sources>, file: &Path) -> Discovery {
    let whole = |name: String| FoundHost {
        name: HostName(name),
        found: Found::File,
        origin: Origin::of(vec![Piece::whole(file)], None),
    };
    let units = match convention::units(sources, file) {
        Ok(units) => units,
        Err(failure) => {
            return Discovery {
                hosts: vec![whole(name_of(project, file))],
                failure: Some(failure),
                ..Discovery::default()
            };
        }
    };
    let problems = convention::assumption(sources, units.iter().flat_map(|u| &u.pieces));
    let single = units.len() == 1;
    let mut hosts: Vec<FoundHost> = Vec::new();
    for unit in units {
        let by_file =
            single && unit.node.is_none() && unit.pieces.iter().all(|p| p.keys.is_empty());
        let name = match by_file {
            true => name_of(project, file),
            false => unit.name,
        };
        let taken = hosts.iter().any(|h| h.name.0 == name);
        let keys = unit.pieces.last().map(|p| p.keys.join("."));
        hosts.push(FoundHost {
            name: HostName(match keys {
                Some(keys) if taken => keys,
                _ => name,
            }),
            found: Found::File,
            origin: Origin::of(unit.pieces, unit.node),
        });
    }
    Discovery {
        hosts,
        problems,
        ..Discovery::default()
    }
}

/// `hosts/vps/disko.nix` is about `vps`.
fn name_of(project: &Project, file: &Path) -> String {
    let stem = stem(file);
    let directory = project.directory.file_name().filter(|_| is_generic(&stem));
    directory.map_or(stem, |d| d.to_string_lossy().into_owned())
}

/// A directory with several storage files and nothing that holds them together.
fn by_convention(project: &Project, sources: &Rc<Sources>, files: &[PathBuf]) -> Discovery {
    let named = |file: &PathBuf| project.config.hosts.iter().any(|h| h.files.contains(file));
    let files: Vec<PathBuf> = files.iter().filter(|f| !named(f)).cloned().collect();
    let walked = convention::walk(sources, &project.directory);
    let (made, mut problems) =
        convention::hosts(sources, &project.directory, &files, &walked.entries);
    problems.extend(walked.cut_short);
    let single = made.len() == 1;
    let hosts = made.into_iter().map(|made| {
        // A single file in the directory that was asked for is as good as named.
        let entry = made.origin.entry();
        let named = single
            && matches!(&entry, Entry::File(f) if f.parent() == Some(project.directory.as_path()));
        FoundHost {
            name: made.name,
            found: if named {
                Found::File
            } else {
                Found::Convention
            },
            origin: made.origin,
        }
    });
    Discovery {
        hosts: hosts.collect(),
        problems,
        ..Discovery::default()
    }
}

// ---- a flake ------------------------------------------------------------------------------------

fn of_flake(project: &Project, sources: &Rc<Sources>, flake: &Path) -> Discovery {
    let mut discovery = Discovery::default();
    let known = flake::hosts(&Evaluator::new(Rc::clone(sources)), flake);
    // Whether the flake's own list of hosts is the whole list.
    let mut listed = false;
    let names = match known {
        Ok(hosts) => {
            listed = hosts.more.is_none() && !hosts.names.is_empty();
            discovery
                .problems
                .extend(hosts.more.map(|why| perhaps_more(sources, flake, &why)));
            hosts.names
        }
        Err(unknown) => {
            discovery.failure = Some(unknown);
            Vec::new()
        }
    };
    let mut used: BTreeSet<PathBuf> = BTreeSet::new();
    let mut partly: BTreeSet<HostName> = BTreeSet::new();
    for name in names {
        let origin = Origin::flake(flake, &name);
        if !origin
            .evaluate(sources)
            .is_ok_and(|(e, configuration)| is_whole(&e, &configuration))
        {
            partly.insert(name.clone());
        }
        discovery.hosts.push(FoundHost {
            name,
            found: Found::Flake,
            origin,
        });
    }
    discovery.incomplete = discovery.hosts.is_empty() || !partly.is_empty();
    if !discovery.incomplete {
        return discovery;
    }
    let walked = convention::walk(sources, &parent(flake));
    let mut files = walked.storage;
    discovery.problems.extend(walked.cut_short);
    if files.is_empty() {
        return discovery;
    }
    for host in &discovery.hosts {
        used.extend(host.origin.files(sources));
    }
    used.extend(
        project
            .config
            .hosts
            .iter()
            .flat_map(|h| h.files.iter().cloned()),
    );
    files.retain(|f| f != flake && !used.contains(f));
    let (made, problems) = convention::hosts(sources, &parent(flake), &files, &walked.entries);
    discovery.problems.extend(problems);
    if let (Some(failure), false) = (&discovery.failure, made.is_empty()) {
        discovery.problems.push(failed(sources, flake, failure));
    }
    for made in made {
        if listed && discovery.host(&made.name).is_none() {
            // A layout that no host uses, or that is used in a way that could not be read.
            continue;
        }
        take(&mut discovery, made, &partly, sources);
    }
    discovery
}

/// Adds a host found by convention; a host of the flake that was read in part gets its storage.
fn take(
    discovery: &mut Discovery,
    made: convention::Made,
    partly: &BTreeSet<HostName>,
    sources: &Rc<Sources>,
) {
    let known = discovery.hosts.iter_mut().find(|h| h.name == made.name);
    let Some(known) = known else {
        discovery.hosts.push(FoundHost {
            name: made.name,
            found: Found::Convention,
            origin: made.origin,
        });
        return;
    };
    if !partly.contains(&known.name) || convention::has_storage(&known.origin, sources) {
        // The flake's own word counts; what lies beside is listed with the unused files.
        return;
    }
    known.found = Found::Convention;
    match known.origin.evaluate(sources) {
        Ok(_) => known.origin.pieces = made.origin.pieces,
        Err(_) => known.origin = made.origin,
    }
}

fn perhaps_more(sources: &Sources, flake: &Path, why: &Why) -> Problem {
    let message = format!("it may have more hosts than are named here: {why}");
    Problem::note(&sources.shown(flake), message)
}

fn failed(sources: &Sources, flake: &Path, unknown: &Unknown) -> Problem {
    let message = format!("the flake's hosts are not known: {}", unknown.why);
    let problem = Problem::warning(&sources.shown(flake), message);
    let problem =
        problem.help("storage files are read by themselves, with hosts named by convention");
    match unknown.at.map(|at| sources.place(at)) {
        Some(place) => Problem {
            source: place.file.clone(),
            ..problem.at(place.line as usize, place.column as usize)
        },
        None => problem,
    }
}

/// Whether all modules of the project that make a host were read.
fn is_whole(e: &Evaluator, configuration: &Configuration) -> bool {
    let skipped = &configuration.skipped;
    // Every machine has filesystems: where none are seen, the list of modules that could not be
    // read holds more than the input it names.
    let mounts = || {
        ["fileSystems", "disko"]
            .iter()
            .any(|name| !configuration.definitions(e, &[name]).is_empty())
    };
    skipped.is_empty() || (!skipped.iter().any(is_of_project) && mounts())
}

/// Whether a module that could not be read may be one of the project's own.
fn is_of_project(skipped: &Skipped) -> bool {
    match &skipped.why.why {
        Why::Input(input) => input == "self",
        Why::Outside(_) | Why::Package | Why::KernelPackages(_) | Why::Effect(_) => false,
        Why::File(message) => !message.contains("outside"),
        _ => true,
    }
}

/// The files that define btrfs storage although no host imports them.
pub(super) fn unused(project: &Project, sources: &Rc<Sources>) -> Vec<Problem> {
    let directory = match &project.entry {
        Entry::Flake(flake) => parent(flake),
        Entry::File(_) if project.is_file => return Vec::new(),
        Entry::File(_) | Entry::Parts(_) => project.directory.clone(),
    };
    let files = convention::walk(sources, &directory).storage;
    let mut used: BTreeSet<PathBuf> = BTreeSet::new();
    let discovery = project.hosts(sources);
    for host in &discovery.hosts {
        used.extend(host.origin.files(sources));
    }
    let message = match discovery.incomplete {
        false => "it defines btrfs storage, but no host imports it",
        true => "it defines btrfs storage, but no host that could be read imports it",
    };
    let defines = |file: &&PathBuf| {
        convention::units(sources, file).is_ok_and(|units| {
            let mut origins = units.into_iter().map(|u| Origin::of(u.pieces, u.node));
            origins.any(|origin| convention::has_storage(&origin, sources))
        })
    };
    let unused = files.iter().filter(|f| !used.contains(*f)).filter(defines);
    let told = unused.map(|file| {
        let help = format!("name it in {} if it is in use", super::FILE_NAME);
        Problem::note(&sources.shown(file), message).help(help)
    });
    told.collect()
}

fn parent(path: &Path) -> PathBuf {
    super::parent(path)
}

//! Which files make which host: a flake, `btrfs-tune.toml`, or files by themselves.
//!
//! Owns discovery and the arguments that hosts are called with. Knows Nix and how NixOS and disko
//! are entered. Must never know what their options mean.

mod arguments;
mod config;
mod convention;
mod discovery;
mod flake;
mod frameworks;
mod lock;
mod paths;
mod release;
mod shape;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

pub use config::{Config, FILE_NAME, HostConfig, RuleKey, RuleTable};
pub use discovery::{Discovery, FoundHost};

use crate::ingest;
use crate::ingest::problem::Problem;
use crate::model::{Found, Host, Told};
use crate::nix::eval::{Eval, Evaluator, Unknown, Why};
use crate::nix::module::{Caller, Configuration};
use crate::nix::source::{FileId, ReadError, Sources, normalise};
use release::Nixpkgs;
use shape::Piece;

/// Files that hold a whole machine, or several, when there is no flake.
const WHOLE: &[&str] = &["configuration.nix", "hive.nix", "network.nix"];

/// Files that hold a machine's storage, in the order of preference; taken if nothing else is there.
const FILE_NAMES: &[&str] = &[
    "disko.nix",
    "disko-config.nix",
    "disk-config.nix",
    "disks.nix",
    "default.nix",
];

/// What a path given by the user stands for, or what a host is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A `flake.nix`.
    Flake(PathBuf),
    /// A NixOS module or a disko file.
    File(PathBuf),
    /// Several files, or parts of files, that this program put together; Nix alone cannot.
    Parts(Vec<PathBuf>),
}

/// A project on disk.
#[derive(Debug, Clone)]
pub struct Project {
    /// Where diffs are relative to, and beyond which nothing is read: the root of the git work
    /// tree, else the current directory if it is above, else that of the flake.
    pub root: PathBuf,
    /// Whether the root is that of a git work tree.
    pub in_git: bool,
    /// The directory that was asked for; reports and metrics are looked for here.
    pub directory: PathBuf,
    /// What is evaluated.
    pub entry: Entry,
    /// What `btrfs-tune.toml` says.
    pub config: Rc<Config>,
    /// A file was named, not a directory.
    is_file: bool,
    discovery: Rc<OnceCell<Rc<Discovery>>>,
}

/// Why a path cannot be worked on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    /// There is nothing at the path.
    #[error("{0}: no such file or directory")]
    Missing(String),
    /// A directory without anything to evaluate.
    #[error("{path}: no flake.nix, configuration.nix or disko file in this directory")]
    Nothing {
        /// The directory.
        path: String,
        /// Directories of flakes that lie below it.
        flakes: Vec<String>,
    },
    /// Not a file or directory that can be read.
    #[error("{0}: {1}")]
    Unreadable(String, String),
}

/// A host of a project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostName(pub String);

/// What a host is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    /// The flake that has it, and under which name.
    flake: Option<(PathBuf, HostName)>,
    /// Modules that are read by themselves.
    pieces: Vec<Piece>,
    /// Its name in a hive, which modules get as `name`.
    node: Option<String>,
}

impl Origin {
    fn of(pieces: Vec<Piece>, node: Option<String>) -> Self {
        Origin {
            flake: None,
            pieces,
            node,
        }
    }

    fn flake(flake: &Path, host: &HostName) -> Self {
        Origin {
            flake: Some((flake.to_path_buf(), host.clone())),
            pieces: Vec::new(),
            node: None,
        }
    }

    fn entry(&self) -> Entry {
        match (&self.flake, self.pieces.as_slice()) {
            (Some((flake, _)), []) => Entry::Flake(flake.clone()),
            (None, [only]) if only.keys.is_empty() => Entry::File(only.file.clone()),
            (flake, pieces) => {
                let flake = flake.iter().map(|(path, _)| path.clone());
                let mut files: Vec<PathBuf> = flake.collect();
                files.extend(pieces.iter().map(|p| p.file.clone()));
                files.dedup();
                Entry::Parts(files)
            }
        }
    }

    fn evaluate(&self, sources: &Rc<Sources>) -> Eval<Parts> {
        let e = Evaluator::new(Rc::clone(sources));
        let (configuration, _) = self.evaluate_by(&e)?;
        Ok((e, configuration))
    }

    fn evaluate_by(&self, e: &Evaluator) -> Eval<(Configuration, Ground)> {
        frameworks::provide(e);
        let mut modules = Vec::new();
        let mut arguments = Vec::new();
        let mut caller = Caller::Disko;
        let mut ground = Ground::default();
        if let Some((flake, host)) = &self.flake {
            let system = flake::system(e, flake, host)?;
            ground = Ground {
                nixpkgs: system.release(e, flake),
                is_given_packages: system.is_given_packages,
            };
            modules.extend(system.modules);
            arguments.extend(system.arguments);
            caller = Caller::Nixos;
        } else {
            arguments.extend(arguments::outside_arguments(e));
            if let Some(node) = &self.node {
                let name = e.text(node.as_str());
                arguments.push(("name".into(), name));
                let why = Unknown::new(Why::Argument("nodes".to_owned()), None);
                arguments.push(("nodes".into(), e.unknown(why)));
            }
        }
        if self.pieces.iter().any(|piece| piece.assumed) {
            e.assume();
        }
        modules.extend(self.pieces.iter().map(|piece| piece.module(e)));
        let configuration = Configuration::evaluate(e, &modules, &arguments, caller);
        Ok((configuration, ground))
    }

    /// The files in which its modules were written.
    fn files(&self, sources: &Rc<Sources>) -> BTreeSet<PathBuf> {
        let Ok((e, configuration)) = self.evaluate(sources) else {
            return BTreeSet::new();
        };
        let host = ingest::nixos::read("", Found::File, &e, &configuration);
        let path = |id: FileId| Some(sources.file(id)?.path().to_path_buf());
        host.files.into_iter().filter_map(path).collect()
    }
}

/// What evaluates a host, and its configuration.
type Parts = (Evaluator, Configuration);

/// Why a host could not be evaluated.
#[derive(Debug, Clone)]
pub struct Failed {
    /// The reason.
    pub why: Rc<Unknown>,
    /// What was read of the project until then; it may read more.
    pub files: Vec<FileId>,
}

/// A host, evaluated.
#[derive(Debug)]
pub struct Evaluated {
    /// The host.
    pub name: HostName,
    /// How it was found.
    pub found: Found,
    /// What was evaluated.
    pub entry: Entry,
    /// Forces its values.
    pub evaluator: Evaluator,
    /// Its configuration.
    pub configuration: Configuration,
    ground: Ground,
}

/// What a host is built from beside its modules.
#[derive(Debug, Clone, Default)]
struct Ground {
    nixpkgs: Option<Nixpkgs>,
    /// Its packages may be of another nixpkgs.
    is_given_packages: bool,
}

impl Evaluated {
    /// The model of the host.
    pub fn host(&self) -> Host {
        let mut host = ingest::nixos::read(
            &self.name.0,
            self.found,
            &self.evaluator,
            &self.configuration,
        );
        host.platform.has_standard_kernel &= !self.ground.is_given_packages;
        if let Some(nixpkgs) = &self.ground.nixpkgs {
            host.platform.is_rolling = nixpkgs.is_rolling;
            host.release = Some(Told {
                value: nixpkgs.release,
                by: nixpkgs.by.clone(),
            });
        }
        host
    }
}

/// Which host is made from which files.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    by_host: BTreeMap<HostName, BTreeSet<FileId>>,
}

impl Usage {
    /// The files of a host.
    pub fn files<'a>(&'a self, host: &HostName) -> impl Iterator<Item = FileId> + use<'a> {
        self.by_host.get(host).into_iter().flatten().copied()
    }

    /// The hosts that share a file.
    pub fn hosts(&self, file: FileId) -> impl Iterator<Item = &HostName> {
        let hosts = self.by_host.iter();
        hosts.filter_map(move |(name, files)| files.contains(&file).then_some(name))
    }
}

impl Project {
    /// Finds out what `path` stands for.
    pub fn open(path: &Path) -> Result<Project, OpenError> {
        let shown = path.display().to_string();
        let unreadable = |e: std::io::Error| OpenError::Unreadable(shown.clone(), e.to_string());
        let working = std::env::current_dir().map_err(unreadable)?;
        let absolute = normalise(&working.join(path));
        let metadata = match std::fs::metadata(&absolute) {
            Ok(metadata) => metadata,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(OpenError::Missing(shown));
            }
            Err(e) => return Err(unreadable(e)),
        };
        let is_file = !metadata.is_dir();
        let directory = match is_file {
            true => parent(&absolute),
            false => absolute.clone(),
        };
        let git = directory
            .ancestors()
            .find(|d| d.join(".git").exists())
            .map(Path::to_path_buf);
        let in_git = git.is_some();
        // The root of the file system is no project, whoever stands in it.
        let stands_in = working.parent().is_some() && directory.starts_with(&working);
        let root = git.unwrap_or_else(|| match stands_in {
            true => working,
            // A file of a flake may import what lies beside its directory.
            false => directory
                .ancestors()
                .find(|d| d.join("flake.nix").is_file())
                .unwrap_or(&directory)
                .to_path_buf(),
        });
        let config = Config::find(&directory, &root);
        let entry = match is_file {
            true if absolute.file_name().is_some_and(|n| n == "flake.nix") => {
                Entry::Flake(absolute)
            }
            true => Entry::File(absolute),
            false => {
                let named = config.hosts.iter().flat_map(|h| h.files.iter().cloned());
                let named: Vec<PathBuf> = named.collect();
                let found = entry_of(&absolute, &root);
                match found {
                    Some(entry) => entry,
                    None if !named.is_empty() => Entry::Parts(named),
                    None => {
                        let flakes = convention::flakes_below(&absolute).into_iter();
                        let shown_below = |d: PathBuf| path.join(d).display().to_string();
                        return Err(OpenError::Nothing {
                            path: shown,
                            flakes: flakes.map(shown_below).collect(),
                        });
                    }
                }
            }
        };
        Ok(Project {
            root,
            in_git,
            directory,
            entry,
            config: Rc::new(config),
            is_file,
            discovery: Rc::default(),
        })
    }

    /// A fresh view of the project's files.
    pub fn sources(&self) -> Rc<Sources> {
        Rc::new(Sources::new(self.root.clone()))
    }

    /// The file that is evaluated, or the first one of those that are.
    pub fn entry_file(&self) -> &Path {
        match &self.entry {
            Entry::Flake(path) | Entry::File(path) => path,
            Entry::Parts(paths) => paths.first().unwrap_or(&self.directory),
        }
    }

    /// Reads the entry file, so that a missing or refused one is told before anything else.
    pub fn check(&self, sources: &Sources) -> Result<(), ReadError> {
        sources.read(self.entry_file()).map(|_| ())
    }

    /// The hosts of the project, in the order of their names, and what was in the way of finding
    /// them. They are looked for once.
    pub fn hosts(&self, sources: &Rc<Sources>) -> Rc<Discovery> {
        let find = || Rc::new(discovery::discover(self, sources));
        Rc::clone(self.discovery.get_or_init(find))
    }

    /// Evaluates one host over a view of the files.
    pub fn evaluate(
        &self,
        sources: &Rc<Sources>,
        host: &HostName,
    ) -> Result<Evaluated, Rc<Unknown>> {
        self.attempt(sources, host).map_err(|failed| failed.why)
    }

    /// The same, telling of a failure which files were read until then.
    pub fn attempt(&self, sources: &Rc<Sources>, host: &HostName) -> Result<Evaluated, Failed> {
        let discovery = self.hosts(sources);
        let Some(known) = discovery.hosts.iter().find(|h| h.name == *host) else {
            let why = format!("there is no host {}", host.0);
            return Err(Failed {
                why: Unknown::new(Why::Refused(why), None),
                files: Vec::new(),
            });
        };
        let evaluator = Evaluator::new(Rc::clone(sources));
        let (configuration, ground) = match known.origin.evaluate_by(&evaluator) {
            Ok(evaluated) => evaluated,
            Err(why) => {
                let files = evaluator.files_read();
                return Err(Failed { why, files });
            }
        };
        Ok(Evaluated {
            name: host.clone(),
            found: known.found,
            entry: known.origin.entry(),
            evaluator,
            configuration,
            ground,
        })
    }

    /// Which files make which host. Hosts that cannot be evaluated have none.
    pub fn usage(&self, sources: &Rc<Sources>) -> Usage {
        let mut usage = Usage::default();
        for host in &self.hosts(sources).hosts {
            let files = match self.evaluate(sources, &host.name) {
                Ok(evaluated) => evaluated.host().files.into_iter().collect(),
                Err(_) => BTreeSet::new(),
            };
            usage.by_host.insert(host.name.clone(), files);
        }
        usage
    }

    /// The files that define btrfs storage although no host imports them.
    pub fn unused_storage_files(&self, sources: &Rc<Sources>) -> Vec<Problem> {
        discovery::unused(self, sources)
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// What is evaluated in a directory.
fn entry_of(directory: &Path, root: &Path) -> Option<Entry> {
    let flake = directory.join("flake.nix");
    if flake.is_file() {
        return Some(Entry::Flake(flake));
    }
    let first = |names: &[&str]| {
        let mut paths = names.iter().map(|n| directory.join(n));
        paths.find(|p| p.is_file()).map(Entry::File)
    };
    if let Some(entry) = first(WHOLE) {
        return Some(entry);
    }
    let sources = Sources::new(root.to_path_buf());
    let candidates = convention::walk(&sources, directory).storage;
    if !candidates.is_empty() {
        return Some(match candidates.as_slice() {
            [only]
                if only.parent() == Some(directory) && !directory.join("default.nix").exists() =>
            {
                Entry::File(only.clone())
            }
            _ => Entry::Parts(candidates),
        });
    }
    if let Some(entry) = first(FILE_NAMES) {
        return Some(entry);
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "nix") && path.is_file())
        .collect();
    match (files.pop(), files.is_empty()) {
        (Some(only), true) => Some(Entry::File(only)),
        _ => None,
    }
}

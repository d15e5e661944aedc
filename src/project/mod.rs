//! Which files make which host: a flake, or a file by itself.
//!
//! Owns discovery and the arguments that hosts are called with. Knows Nix and how NixOS and disko
//! are entered. Must never know what their options mean.

mod flake;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::ingest;
use crate::model::{Found, Host};
use crate::nix::eval::{Evaluator, Thunk, Unknown};
use crate::nix::module::{Caller, Configuration};
use crate::nix::source::{ReadError, Sources, normalise};

/// Files that hold a machine's storage when there is no flake, in the order of preference.
const FILE_NAMES: &[&str] = &[
    "configuration.nix",
    "disko.nix",
    "disko-config.nix",
    "disk-config.nix",
    "disks.nix",
    "default.nix",
];

/// What a path given by the user stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A `flake.nix`.
    Flake(PathBuf),
    /// A NixOS module or a disko file.
    File(PathBuf),
}

/// A project on disk.
#[derive(Debug, Clone)]
pub struct Project {
    /// Where diffs are relative to: the root of the git work tree, else the current directory.
    pub root: PathBuf,
    /// Whether the root is that of a git work tree.
    pub in_git: bool,
    /// The directory that was asked for; reports and metrics are looked for here.
    pub directory: PathBuf,
    /// What is evaluated.
    pub entry: Entry,
}

/// Why a path cannot be worked on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    /// There is nothing at the path.
    #[error("{0}: no such file or directory")]
    Missing(String),
    /// A directory without anything to evaluate.
    #[error("{0}: no flake.nix, configuration.nix or disko file in this directory")]
    Nothing(String),
    /// Not a file or directory that can be read.
    #[error("{0}: {1}")]
    Unreadable(String, String),
}

/// A host of a project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostName(pub String);

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
}

impl Evaluated {
    /// The model of the host.
    pub fn host(&self) -> Host {
        ingest::nixos::read(
            &self.name.0,
            self.found,
            &self.evaluator,
            &self.configuration,
        )
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
        let (directory, entry) = if metadata.is_dir() {
            let entry = entry_of(&absolute).ok_or(OpenError::Nothing(shown))?;
            (absolute, entry)
        } else if absolute.file_name().is_some_and(|n| n == "flake.nix") {
            (parent(&absolute), Entry::Flake(absolute))
        } else {
            (parent(&absolute), Entry::File(absolute))
        };
        let git = directory
            .ancestors()
            .find(|d| d.join(".git").exists())
            .map(Path::to_path_buf);
        let in_git = git.is_some();
        let root = git.unwrap_or_else(|| match directory.starts_with(&working) {
            true => working,
            false => directory.clone(),
        });
        Ok(Project {
            root,
            in_git,
            directory,
            entry,
        })
    }

    /// A fresh view of the project's files.
    pub fn sources(&self) -> Rc<Sources> {
        Rc::new(Sources::new(self.root.clone()))
    }

    /// The file that is evaluated.
    pub fn entry_file(&self) -> &Path {
        match &self.entry {
            Entry::Flake(path) | Entry::File(path) => path,
        }
    }

    /// Reads the entry file, so that a missing or refused one is told before anything else.
    pub fn check(&self, sources: &Sources) -> Result<(), ReadError> {
        sources.read(self.entry_file()).map(|_| ())
    }

    /// The hosts of the project, in the order of their names.
    pub fn hosts(&self, sources: &Rc<Sources>) -> Result<Vec<HostName>, Rc<Unknown>> {
        match &self.entry {
            Entry::Flake(path) => flake::hosts(&Evaluator::new(Rc::clone(sources)), path),
            Entry::File(path) => {
                let named = match path.file_stem() {
                    // `hosts/vps/disko.nix` is about `vps`.
                    Some(stem)
                        if FILE_NAMES.contains(&format!("{}.nix", stem.display()).as_str()) =>
                    {
                        self.directory.file_name()
                    }
                    stem => stem,
                };
                let name = named.map_or_else(|| "host".into(), |n| n.to_string_lossy());
                Ok(vec![HostName(name.into_owned())])
            }
        }
    }

    /// Evaluates one host over a view of the files.
    pub fn evaluate(
        &self,
        sources: &Rc<Sources>,
        host: &HostName,
    ) -> Result<Evaluated, Rc<Unknown>> {
        let evaluator = Evaluator::new(Rc::clone(sources));
        let (found, configuration) = match &self.entry {
            Entry::Flake(path) => {
                let system = flake::system(&evaluator, path, host)?;
                let (modules, arguments) = (&system.modules, &system.arguments);
                let configuration =
                    Configuration::evaluate(&evaluator, modules, arguments, Caller::Nixos);
                (Found::Flake, configuration)
            }
            Entry::File(path) => {
                let module: Thunk = {
                    let path = path.clone();
                    evaluator.native(move |e| e.import(&path, None))
                };
                let configuration =
                    Configuration::evaluate(&evaluator, &[module], &[], Caller::Disko);
                (Found::File, configuration)
            }
        };
        let (name, entry) = (host.clone(), self.entry.clone());
        Ok(Evaluated {
            name,
            found,
            entry,
            evaluator,
            configuration,
        })
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// What is evaluated in a directory.
fn entry_of(directory: &Path) -> Option<Entry> {
    let flake = directory.join("flake.nix");
    if flake.is_file() {
        return Some(Entry::Flake(flake));
    }
    if let Some(file) = FILE_NAMES
        .iter()
        .map(|n| directory.join(n))
        .find(|p| p.is_file())
    {
        return Some(Entry::File(file));
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

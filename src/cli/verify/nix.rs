//! Nix, asked about hosts before and after, in private copies of the tree.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::compare::Side;
use crate::nix::oracle::{self, Answer, Limits, OracleError, PrivateCopy, Question, Subject, Tree};
use crate::project::{Entry, HostName};

/// What is asked of every host; nothing else in it may change.
const ASKED: &[&[&str]] = &[
    &["boot", "initrd", "luks", "devices"],
    &["boot", "kernel", "sysctl"],
    &["disko", "devices"],
    &["fileSystems"],
    &["swapDevices"],
    &["systemd", "tmpfiles"],
];

/// A file or flake, as it is and as the patches make it.
pub(super) struct Pair<'a> {
    entry: Entry,
    root: PathBuf,
    limits: &'a Limits,
    edits: &'a [(PathBuf, String)],
    trees: OnceCell<Result<(Tree, Tree), String>>,
    copies: OnceCell<Result<(PrivateCopy, PrivateCopy), OracleError>>,
}

/// What Nix says before and after.
pub(super) struct Answered {
    pub(super) before: Side,
    pub(super) after: Side,
    /// What was asked instead of a NixOS, and why, if there was none.
    pub(super) instead: Option<String>,
}

/// Why there is no answer.
pub(super) enum NoAnswer {
    /// Nix accepts the files as they are, and refuses them with the patches.
    After(String),
    /// Nix could not be asked.
    Unasked(String),
}

impl<'a> Pair<'a> {
    pub(super) fn new(
        entry: Entry,
        root: &Path,
        limits: &'a Limits,
        edits: &'a [(PathBuf, String)],
    ) -> Pair<'a> {
        Pair {
            entry,
            root: root.to_path_buf(),
            limits,
            edits,
            trees: OnceCell::new(),
            copies: OnceCell::new(),
        }
    }

    pub(super) fn is_of(&self, entry: &Entry) -> bool {
        self.entry == *entry
    }

    /// Asks about a host, by NixOS if that can be had.
    pub(super) fn ask(
        &self,
        host: &HostName,
        claimed: &[Vec<String>],
    ) -> Result<Answered, NoAnswer> {
        let why = match self.trees.get_or_init(|| self.trees()) {
            Ok((before, after)) => {
                let (question, name) = (question(claimed), self.name(host));
                match before.ask(name, &question) {
                    Ok(before) => {
                        let after = after
                            .ask(name, &question)
                            .map_err(|error| NoAnswer::After(error.to_string()))?;
                        let instead = (!before.is_nixos).then(|| NO_NIXOS.to_owned());
                        let (before, after) = (side(&before), side(&after));
                        return Ok(Answered {
                            before,
                            after,
                            instead,
                        });
                    }
                    Err(error) => error.to_string(),
                }
            }
            Err(why) => why.clone(),
        };
        self.without_nixos(host, &why)
    }

    fn name<'h>(&self, host: &'h HostName) -> Option<&'h str> {
        matches!(self.entry, Entry::Flake(_)).then_some(host.0.as_str())
    }

    fn copies(&self) -> &Result<(PrivateCopy, PrivateCopy), OracleError> {
        self.copies.get_or_init(|| {
            let copy = || match &self.entry {
                Entry::Flake(_) => PrivateCopy::tracked(&self.root, self.limits),
                Entry::File(_) | Entry::Parts(_) => PrivateCopy::of(&self.root),
            };
            let (before, after) = (copy()?, copy()?);
            for (path, text) in self.edits {
                after.replace(path, text)?;
            }
            Ok((before, after))
        })
    }

    fn trees(&self) -> Result<(Tree, Tree), String> {
        let (before, after) = self.copies().as_ref().map_err(ToString::to_string)?;
        let tree = |copy: &PrivateCopy| {
            let subject = self.subject(copy).ok_or(NO_FILE)?;
            Tree::of(&subject, self.limits).map_err(|error| error.to_string())
        };
        Ok((tree(before)?, tree(after)?))
    }

    fn subject(&self, copy: &PrivateCopy) -> Option<Subject> {
        Some(match &self.entry {
            Entry::Flake(flake) => Subject::Flake {
                root: copy.root().to_path_buf(),
                directory: copy.path(flake.parent()?)?,
                host: String::new(),
            },
            Entry::File(file) => Subject::File {
                root: copy.root().to_path_buf(),
                file: copy.path(file)?,
                nix_path: oracle::nix_path(),
            },
            Entry::Parts(_) => return None,
        })
    }

    /// Asks by the helper, which knows how NixOS merges and what disko adds, and no more than the
    /// files say.
    fn without_nixos(&self, host: &HostName, why: &str) -> Result<Answered, NoAnswer> {
        let unasked = |error: &dyn ToString| NoAnswer::Unasked(error.to_string());
        let (before, after) = self.copies().as_ref().map_err(|e| unasked(e))?;
        let ask = |copy: &PrivateCopy| {
            let place = match &self.entry {
                Entry::Flake(flake) => flake.parent().and_then(|d| copy.path(d)),
                Entry::File(file) => copy.path(file),
                Entry::Parts(_) => None,
            };
            let place = place.ok_or_else(|| OracleError::Path(NO_FILE.to_owned()))?;
            let said = oracle::evaluate(&place, self.name(host))?;
            let kept = copy.root().to_string_lossy().into_owned();
            Ok(helper_side(&said, &kept))
        };
        let before = ask(before).map_err(|error: OracleError| unasked(&error))?;
        let after = ask(after).map_err(|e: OracleError| NoAnswer::After(e.to_string()))?;
        let why = why.lines().next().unwrap_or_default();
        Ok(Answered {
            before,
            after,
            instead: Some(format!("{NO_NIXOS} ({why})")),
        })
    }
}

const NO_NIXOS: &str = "Nix was asked what the files alone say, without nixpkgs";
const NO_FILE: &str = "no single file or flake makes the host";

fn question(claimed: &[Vec<String>]) -> Question {
    let asked = ASKED
        .iter()
        .map(|path| path.iter().map(|n| (*n).to_owned()).collect());
    let mut paths: Vec<Vec<String>> = asked.collect();
    for path in claimed {
        if !paths.iter().any(|p| path.starts_with(p)) {
            paths.push(path.clone());
        }
    }
    Question { paths }
}

fn side(answer: &Answer) -> Side {
    let mut side = Side::default();
    for (path, entry) in &answer.entries {
        if let Ok(value) = &entry.value {
            side.put(path, value, answer.source.as_deref());
        }
    }
    side
}

fn helper_side(said: &Json, kept: &str) -> Side {
    let mut side = Side::default();
    if let Some(config) = said["config"].as_object() {
        for (name, value) in config {
            side.put(std::slice::from_ref(name), value, Some(kept));
        }
    }
    for name in ["fileSystems", "swapDevices"] {
        side.put(&[name.to_owned()], &said[name], Some(kept));
    }
    side
}

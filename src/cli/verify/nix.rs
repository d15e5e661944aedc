//! Nix, asked about hosts before and after, in private copies of the tree.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

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
    before: Made,
    after: Made,
    /// What Nix said of hosts as they are: it is asked once.
    said: BTreeMap<HostName, Said>,
    /// Why a NixOS cannot be had, whichever host is asked about.
    no_nixos: Option<String>,
}

/// The files at one time.
#[derive(Default)]
struct Made {
    edits: Vec<(PathBuf, String)>,
    copy: OnceCell<Result<PrivateCopy, Rc<OracleError>>>,
    tree: OnceCell<Result<Tree, Rc<OracleError>>>,
}

/// What Nix said of a host as it is.
struct Said {
    question: Question,
    side: Side,
    by: By,
}

/// Who answers.
#[derive(Clone)]
enum By {
    /// NixOS.
    Nixos,
    /// The options that were asked for, by the rules of NixOS, without one.
    Alone,
    /// The helper, which tells everything that the files say; and why.
    Helper(String),
}

/// What Nix says before and after.
pub(super) struct Answered<'p> {
    pub(super) before: &'p Side,
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
    pub(super) fn new(entry: Entry, root: &Path, limits: &'a Limits) -> Pair<'a> {
        Pair {
            entry,
            root: root.to_path_buf(),
            limits,
            before: Made::default(),
            after: Made::default(),
            said: BTreeMap::new(),
            no_nixos: None,
        }
    }

    /// Takes other patches than before.
    pub(super) fn edit(&mut self, edits: &[(PathBuf, String)]) {
        self.after = Made {
            edits: edits.to_vec(),
            ..Made::default()
        };
    }

    pub(super) fn is_of(&self, entry: &Entry) -> bool {
        self.entry == *entry
    }

    /// Asks about a host, by NixOS if that can be had: once as it is, and once with the patches.
    pub(super) fn ask(
        &mut self,
        host: &HostName,
        claimed: &[Vec<String>],
    ) -> Result<Answered<'_>, NoAnswer> {
        let covers = |said: &Said| {
            let mut claimed = claimed.iter();
            claimed.all(|path| said.question.paths.iter().any(|p| path.starts_with(p)))
        };
        if !self.said.get(host).is_some_and(covers) {
            let said = self.as_it_is(host, question(claimed))?;
            self.said.insert(host.clone(), said);
        }
        let Some(said) = self.said.get(host) else {
            return Err(NoAnswer::Unasked(NO_FILE.to_owned()));
        };
        let after = match &said.by {
            By::Nixos | By::Alone => self
                .by_options(&self.after, host, &said.question)
                .map(|(side, _)| side),
            By::Helper(_) => self.by_helper(&self.after, host),
        };
        Ok(Answered {
            before: &said.side,
            after: after.map_err(|error| NoAnswer::After(error.to_string()))?,
            instead: match &said.by {
                By::Nixos => None,
                By::Alone => Some(NO_NIXOS.to_owned()),
                By::Helper(why) => Some(format!("{NO_NIXOS} ({why})")),
            },
        })
    }

    fn as_it_is(&mut self, host: &HostName, question: Question) -> Result<Said, NoAnswer> {
        let why = match &self.no_nixos {
            Some(why) => why.clone(),
            None => match self.by_options(&self.before, host, &question) {
                Ok((side, by)) => return Ok(Said { question, side, by }),
                Err(error) => {
                    let said = error.to_string();
                    let why = said.lines().next().unwrap_or_default().to_owned();
                    let of_all = matches!(self.before.tree.get(), Some(Err(_)))
                        || matches!(*error, OracleError::Input { .. } | OracleError::Store(_));
                    self.no_nixos = of_all.then(|| why.clone());
                    why
                }
            },
        };
        match self.by_helper(&self.before, host) {
            Ok(side) => Ok(Said {
                question,
                side,
                by: By::Helper(why),
            }),
            Err(error) => Err(NoAnswer::Unasked(error.to_string())),
        }
    }

    fn name<'h>(&self, host: &'h HostName) -> Option<&'h str> {
        matches!(self.entry, Entry::Flake(_)).then_some(host.0.as_str())
    }

    fn copy<'m>(&self, made: &'m Made) -> Result<&'m PrivateCopy, Rc<OracleError>> {
        let copy = made.copy.get_or_init(|| {
            let copy = match &self.entry {
                Entry::Flake(_) => PrivateCopy::tracked(&self.root, self.limits),
                Entry::File(_) | Entry::Parts(_) => PrivateCopy::of(&self.root),
            }?;
            for (path, text) in &made.edits {
                copy.replace(path, text)?;
            }
            Ok::<_, Rc<OracleError>>(copy)
        });
        copy.as_ref().map_err(Rc::clone)
    }

    /// Asks about the options of a question.
    fn by_options(
        &self,
        made: &Made,
        host: &HostName,
        question: &Question,
    ) -> Result<(Side, By), Rc<OracleError>> {
        let copy = self.copy(made)?;
        let tree = made.tree.get_or_init(|| {
            let subject = self.subject(copy);
            Ok(Tree::of(&subject.ok_or_else(no_file)?, self.limits)?)
        });
        let tree = tree.as_ref().map_err(Rc::clone)?;
        let answer = tree.ask(self.name(host), question)?;
        let by = match answer.is_nixos {
            true => By::Nixos,
            false => By::Alone,
        };
        Ok((side(&answer), by))
    }

    /// Asks the helper, which knows how NixOS merges and what disko adds, and no more than the
    /// files say.
    fn by_helper(&self, made: &Made, host: &HostName) -> Result<Side, Rc<OracleError>> {
        let copy = self.copy(made)?;
        let place = match &self.entry {
            Entry::Flake(flake) => flake.parent().and_then(|d| copy.path(d)),
            Entry::File(file) => copy.path(file),
            Entry::Parts(_) => None,
        };
        let said = oracle::evaluate(&place.ok_or_else(no_file)?, self.name(host))?;
        Ok(helper_side(&said, &copy.root().to_string_lossy()))
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
}

fn no_file() -> OracleError {
    OracleError::Path(NO_FILE.to_owned())
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

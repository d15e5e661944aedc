//! Actions → intents (what the configuration shall say) → candidates (ways of writing that).
//!
//! Candidates come in order of smallness: the literal that wrote the value, the use of it, a new
//! binding beside it, a new definition in a file of the host, an override.

mod claim;
mod elements;
mod subvolume;
mod value;

pub use claim::{Claim, Expected, Stuck};

use serde_json::Value as Json;

use crate::model::{Host, MountSource};
use crate::nix::edit::TextEdit;
use crate::nix::source::{FileId, Span};
use crate::nix::syntax;
use crate::project::Evaluated;
use crate::recommend::{Action, DirectoryAttribute};

/// What the configuration shall say at one place.
#[derive(Debug, Clone, PartialEq)]
pub enum Intent {
    /// A list of strings loses and gains elements.
    Elements {
        /// The option.
        path: Vec<String>,
        /// Its elements now, as far as files write them.
        before: Vec<String>,
        /// Elements that go.
        remove: Vec<String>,
        /// Elements that come; those with the index of a removed one take its place.
        add: Vec<String>,
    },
    /// An option has a value.
    Value {
        /// The option.
        path: Vec<String>,
        /// Its value.
        value: Json,
    },
    /// A subvolume exists.
    Subvolume {
        /// Attribute path of the filesystem's content.
        filesystem: Vec<String>,
        /// Its name.
        name: String,
        /// Its mount point.
        mountpoint: String,
        /// Its options.
        options: Vec<String>,
    },
}

/// One way of writing an intent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Candidate {
    /// The edits, by file.
    pub edits: Vec<(FileId, TextEdit)>,
    /// Comments that go with the element they speak of.
    pub dropped_comments: Vec<String>,
}

impl Intent {
    /// What must be true of the evaluated configuration afterwards.
    pub fn claims(&self) -> Vec<Claim> {
        match self {
            Intent::Elements { path, .. } => {
                let elements = self
                    .elements_after()
                    .into_iter()
                    .map(Json::String)
                    .collect();
                vec![Claim {
                    path: path.clone(),
                    expected: Expected::Elements(elements),
                }]
            }
            Intent::Value { path, value } => {
                vec![Claim {
                    path: path.clone(),
                    expected: Expected::Value(value.clone()),
                }]
            }
            Intent::Subvolume {
                filesystem,
                name,
                mountpoint,
                options,
            } => {
                let at = |attribute: &str| {
                    let mut path = filesystem.clone();
                    path.extend(["subvolumes", name, attribute].map(str::to_owned));
                    path
                };
                let options = options.iter().cloned().map(Json::String).collect();
                vec![
                    Claim {
                        path: at("mountOptions"),
                        expected: Expected::Elements(options),
                    },
                    Claim {
                        path: at("mountpoint"),
                        expected: Expected::Value(mountpoint.as_str().into()),
                    },
                ]
            }
        }
    }

    /// The elements of a list after the change, replaced ones in place.
    fn elements_after(&self) -> Vec<String> {
        let Intent::Elements {
            before,
            remove,
            add,
            ..
        } = self
        else {
            return Vec::new();
        };
        let mut used = vec![false; add.len()];
        let mut after = Vec::new();
        for element in before {
            match remove.iter().position(|r| r == element) {
                None => after.push(element.clone()),
                Some(index) if index < add.len() && !used[index] => {
                    used[index] = true;
                    after.push(add[index].clone());
                }
                Some(_) => {}
            }
        }
        let rest = add
            .iter()
            .zip(used)
            .filter(|(_, used)| !used)
            .map(|(a, _)| a.clone());
        after.extend(rest);
        after
    }

    /// What it is about, for people.
    pub fn describe(&self) -> String {
        match self {
            Intent::Elements { path, .. } | Intent::Value { path, .. } => path.join("."),
            Intent::Subvolume { name, .. } => format!("the subvolume {name}"),
        }
    }
}

/// What an action asks the configuration to say.
pub fn intents(action: &Action, host: &Host, evaluated: &Evaluated) -> Result<Vec<Intent>, Stuck> {
    let elements = |path: &[String], remove: &[String], add: &[String]| {
        elements::intent(evaluated, path, remove, add)
    };
    let below = |path: &[String], names: &[&str]| {
        let mut path = path.to_vec();
        path.extend(names.iter().map(|n| (*n).to_owned()));
        path
    };
    Ok(match action {
        Action::EditMountOptions { mounts } => {
            let mut intents = Vec::new();
            for edit in mounts {
                let Some((_, mount)) = host.storage.mount(&edit.mountpoint) else {
                    let why = format!("nothing is mounted at {}", edit.mountpoint);
                    return Err(Stuck { why, at: None });
                };
                let path = match &mount.source {
                    MountSource::Disko(path) => path.clone(),
                    MountSource::FileSystems => {
                        below(&[], &["fileSystems", &edit.mountpoint, "options"])
                    }
                };
                intents.push(elements(&path, &edit.remove, &edit.add)?);
            }
            intents
        }
        Action::SplitSubvolume {
            filesystem,
            name,
            mountpoint,
            options,
        } => {
            vec![Intent::Subvolume {
                filesystem: filesystem.clone(),
                name: name.clone(),
                mountpoint: mountpoint.clone(),
                options: options.clone(),
            }]
        }
        Action::SetNixosOption { path, value } => match value {
            Json::Array(items) => {
                let wanted: Vec<String> = items
                    .iter()
                    .filter_map(|i| i.as_str().map(str::to_owned))
                    .collect();
                let Intent::Elements { path, before, .. } = elements(path, &[], &[])? else {
                    return Ok(Vec::new());
                };
                let remove = before
                    .iter()
                    .filter(|b| !wanted.contains(b))
                    .cloned()
                    .collect();
                let add = wanted
                    .iter()
                    .filter(|w| !before.contains(w))
                    .cloned()
                    .collect();
                vec![Intent::Elements {
                    path,
                    before,
                    remove,
                    add,
                }]
            }
            value => vec![Intent::Value {
                path: path.clone(),
                value: value.clone(),
            }],
        },
        Action::SetLuksSetting { luks, setting, on } => vec![Intent::Value {
            path: below(luks, &["settings", setting.name()]),
            value: (*on).into(),
        }],
        Action::AddLuksFormatArgs { luks, arguments } => {
            vec![elements(
                &below(luks, &["extraFormatArgs"]),
                &[],
                arguments,
            )?]
        }
        Action::SetDirectoryAttribute {
            directory,
            attribute: DirectoryAttribute::NoCow,
        } => {
            let rule = no_cow_rule(directory).ok_or_else(|| Stuck {
                why: format!("{directory:?} cannot be written in a tmpfiles rule"),
                at: None,
            })?;
            vec![elements(
                &below(&[], &["systemd", "tmpfiles", "rules"]),
                &[],
                &[rule],
            )?]
        }
        other => {
            let why = format!("there is no way yet of writing {other:?}");
            return Err(Stuck { why, at: None });
        }
    })
}

/// The tmpfiles.d line that sets the attribute (tmpfiles.d(5), type `h`).
pub fn no_cow_rule(directory: &str) -> Option<String> {
    // Specifiers and escapes would need quoting that tmpfiles.d has its own rules for.
    let plain = directory.starts_with('/')
        && directory
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-+@:".contains(c));
    plain.then(|| format!("h {directory} - - - - +C"))
}

/// The ways of writing an intent, the smallest first.
pub fn candidates(intent: &Intent, evaluated: &Evaluated) -> Vec<Candidate> {
    match intent {
        Intent::Elements {
            path, remove, add, ..
        } => elements::candidates(evaluated, path, remove, add, &intent.elements_after()),
        Intent::Value { path, value } => value::candidates(evaluated, path, value),
        Intent::Subvolume {
            filesystem,
            name,
            mountpoint,
            options,
        } => subvolume::candidates(evaluated, filesystem, name, mountpoint, options),
    }
}

/// A value as Nix text; `None` for what cannot be written as a literal here.
fn nix_text(value: &Json) -> Option<String> {
    match value {
        Json::Bool(b) => Some(b.to_string()),
        Json::Number(n) => Some(n.to_string()),
        Json::String(s) => Some(syntax::string_literal(s)),
        Json::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(nix_text).collect();
            Some(crate::nix::edit::list_text(&items?))
        }
        Json::Null => Some("null".to_owned()),
        Json::Object(_) => None,
    }
}

/// One edit of one file.
fn single(span: Span, edit: TextEdit) -> Candidate {
    Candidate {
        edits: vec![(span.file, edit)],
        dropped_comments: Vec::new(),
    }
}

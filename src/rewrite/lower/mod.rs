//! Actions → intents (what the configuration shall say) → candidates (ways of writing that).
//!
//! Candidates come in order of smallness: the literal that wrote the value, the use of it, a new
//! binding beside it, a new definition in a file of the host, an override. Which of them is true is
//! not decided here: the proof takes the first that has exactly the claimed effect.

mod claim;
mod clone;
mod directory;
mod elements;
mod entry;
mod flow;
mod gone;
mod intents;
mod lines;
mod look;
mod mkfs;
mod mounts;
mod place;
mod renamed;
mod scope;
mod subvolume;
mod update;
mod usage;
mod value;

use std::collections::BTreeSet;

pub use claim::{Claim, Expected, Stuck};
pub use directory::rule as tmpfiles_rule;
pub use intents::intents;

use elements::ListChange;
use entry::NewEntry;
use rnix::TextRange;
use serde_json::Value as Json;

use crate::nix::edit::{Removal, TextEdit};
use crate::nix::source::{FileId, Span};
use crate::project::Evaluated;

/// What the configuration shall say at one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// What it is about, for people.
    about: String,
    claims: Vec<Claim>,
    how: How,
}

/// What has to be written for it.
#[derive(Debug, Clone, PartialEq)]
enum How {
    /// A list loses, changes and gains elements.
    List(ListChange),
    /// An option has a value, whatever it was.
    Value { path: Vec<String>, value: Json },
    /// A set gets an attribute.
    Entry(NewEntry),
    /// Something is no longer said. The set around it stays declared if it is named.
    Gone {
        path: Vec<String>,
        keep: Option<Vec<String>>,
    },
    /// A subvolume that disko declares is not mounted.
    Unmounted { subvolume: Vec<String> },
    /// An attribute has another name, and one of its lists other elements.
    Renamed {
        path: Vec<String>,
        name: String,
        list: Option<ListChange>,
    },
    /// A text gains lines.
    Lines {
        path: Vec<String>,
        lines: Vec<String>,
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
        self.claims.clone()
    }

    /// What it is about, for people.
    pub fn describe(&self) -> String {
        self.about.clone()
    }
}

/// The ways of writing an intent, the smallest first.
pub fn candidates(intent: &Intent, evaluated: &Evaluated) -> Vec<Candidate> {
    let all = match &intent.how {
        How::List(change) => elements::candidates(evaluated, change),
        How::Value { path, value } => value::candidates(evaluated, path, value),
        How::Entry(new) => entry::candidates(evaluated, new),
        How::Unmounted { subvolume } => subvolume::unmounted(evaluated, subvolume),
        How::Gone { path, keep } => gone::candidates(evaluated, path, keep.as_deref()),
        How::Renamed { path, name, list } => {
            renamed::candidates(evaluated, path, name, list.as_ref())
        }
        How::Lines { path, lines } => lines::candidates(evaluated, path, lines),
    };
    distinct(all)
}

/// Where what an intent is about is written now, if it is.
pub fn origin(intent: &Intent, evaluated: &Evaluated) -> Option<Span> {
    let path = match &intent.how {
        How::List(change) => &change.path,
        How::Value { path, .. }
        | How::Gone { path, .. }
        | How::Renamed { path, .. }
        | How::Lines { path, .. } => path,
        How::Unmounted { subvolume } => subvolume,
        How::Entry(new) => &new.holder,
    };
    let written = look::counting(evaluated, path);
    let entry = written.iter().find_map(|w| w.entry);
    entry.or_else(|| written.iter().find_map(|w| w.value.as_ref()?.at))
}

/// Each way once.
fn distinct(all: Vec<Candidate>) -> Vec<Candidate> {
    let mut seen = BTreeSet::new();
    let mut out = Vec::with_capacity(all.len());
    for candidate in all {
        let range = |r: TextRange| (u32::from(r.start()), u32::from(r.end()));
        let mut key: Vec<(FileId, (u32, u32), String)> = candidate
            .edits
            .iter()
            .map(|(file, edit)| (*file, range(edit.range), edit.text.clone()))
            .collect();
        key.sort();
        if !key.is_empty() && seen.insert(key) {
            out.push(candidate);
        }
    }
    out
}

impl Candidate {
    /// One edit of one file.
    fn of(file: FileId, edit: TextEdit) -> Self {
        Candidate::all(file, vec![edit])
    }

    /// Several edits of one file.
    fn all(file: FileId, edits: Vec<TextEdit>) -> Self {
        Candidate {
            edits: edits.into_iter().map(|edit| (file, edit)).collect(),
            dropped_comments: Vec::new(),
        }
    }

    /// A removal, with the comments that it takes along.
    fn removal(file: FileId, removal: Removal) -> Self {
        Candidate {
            dropped_comments: removal.dropped_comments,
            ..Candidate::all(file, removal.edits)
        }
    }

    /// Both together.
    fn and(mut self, other: Candidate) -> Self {
        for edit in other.edits {
            // One literal may be used twice; it is edited once.
            if !self.edits.contains(&edit) {
                self.edits.push(edit);
            }
        }
        self.dropped_comments.extend(other.dropped_comments);
        self
    }
}

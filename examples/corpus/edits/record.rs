//! What became of one try, as a line of JSON between processes.

use btrfs_tune::project::HostName;
use serde::{Deserialize, Serialize};

use super::Case;
use super::kinds::Task;

/// What our proof said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    Proven,
    Advice,
    Panicked,
    /// No edit of mount options fits it: its options are not known.
    Unfit,
}

/// One action tried on one thing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Its index among the kinds.
    pub(crate) kind: usize,
    pub(crate) place: String,
    pub(crate) host: String,
    pub(crate) subject: String,
    pub(crate) status: Status,
    /// Why it is advice, and where.
    pub(crate) reason: String,
    pub(crate) at: Option<String>,
    /// Whether the real Nix confirms it; none where it cannot say.
    pub(crate) nix: Option<bool>,
    pub(crate) nix_says: String,
    /// Formatters that left a changed file alone before, and those that still do.
    pub(crate) formatted: usize,
    pub(crate) stable: usize,
    pub(crate) unstable: Vec<String>,
    /// Comments that are gone although they speak of something else.
    pub(crate) comments: Vec<String>,
    pub(crate) lines: usize,
    /// The lines are those that a formatter demands, which left the file alone before.
    pub(crate) demanded: bool,
    /// Line ends, the end of the file.
    pub(crate) untidy: Option<String>,
    /// What a second time changes; none if nothing.
    pub(crate) again: Option<String>,
    /// Whether `git apply` gives the same bytes, where it was asked.
    pub(crate) applies: Option<bool>,
    pub(crate) patch: String,
    pub(crate) micros: u64,
    pub(crate) nix_micros: u64,
}

/// The kind of a record that stands for a whole case.
pub(crate) const WHOLE: usize = usize::MAX;

impl Record {
    pub(crate) fn new(kind: usize, case: &Case, host: &HostName, task: &Task) -> Record {
        Record::blank(kind, &case.place, &host.0, &task.subject)
    }

    fn blank(kind: usize, place: &str, host: &str, subject: &str) -> Record {
        Record {
            kind,
            place: place.to_owned(),
            host: host.to_owned(),
            subject: subject.to_owned(),
            status: Status::Advice,
            reason: String::new(),
            at: None,
            nix: None,
            nix_says: String::new(),
            formatted: 0,
            stable: 0,
            unstable: Vec::new(),
            comments: Vec::new(),
            lines: 0,
            demanded: false,
            untidy: None,
            again: None,
            applies: None,
            patch: String::new(),
            micros: 0,
            nix_micros: 0,
        }
    }

    /// The process of a case ended without an answer.
    pub(crate) fn ended(place: &str, why: &str) -> Record {
        Record {
            status: Status::Panicked,
            reason: why.to_owned(),
            ..Record::blank(WHOLE, place, "", "")
        }
    }

    /// A mount that no edit of options fits.
    pub(crate) fn unfit(place: &str, host: &str, mount: String, why: String) -> Record {
        Record {
            status: Status::Unfit,
            reason: why,
            ..Record::blank(WHOLE, place, host, &mount)
        }
    }

    /// Whether it is an answer about a file, not about a flake.
    pub(crate) fn is_file(&self) -> bool {
        self.place.contains(' ')
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a record")
    }

    pub(crate) fn of_json(line: &str) -> Option<Record> {
        serde_json::from_str(line).ok()
    }

    pub(crate) fn is_proven(&self) -> bool {
        self.status == Status::Proven
    }
}

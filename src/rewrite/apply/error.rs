//! Why files were not written, and what is on disk then.

use std::io;

/// Why not everything was written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Another process writes in the project.
    #[error("another btrfs-tune is writing to this project; nothing was written")]
    Busy,
    /// The file is not what it was when it was read.
    #[error("{path} has changed since it was read; nothing was written")]
    Changed {
        /// The file.
        path: String,
    },
    /// The file is none that is written.
    #[error("{path}: {why}; nothing was written")]
    Refused {
        /// The file.
        path: String,
        /// The reason.
        why: String,
        /// What to do.
        help: String,
    },
    /// What a killed run left cannot be put right.
    #[error("{path}: a run that was killed left this, and it cannot be put right: {why}")]
    Leftover {
        /// The journal.
        path: String,
        /// The reason.
        why: String,
    },
    /// The operating system said no.
    #[error("{path}: {source}; {left}")]
    Io {
        /// The file.
        path: String,
        /// What it said.
        source: io::Error,
        /// What is on disk.
        left: Left,
    },
}

/// What is on disk after an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// Every file is as it was.
    Nothing,
    /// Some files are new, the others as they were; the next run undoes them.
    Some {
        /// The new ones.
        new: Vec<String>,
        /// Why they were to be undone.
        because: String,
    },
    /// Every file is new; the next run removes what is left beside them.
    All,
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Left::Nothing => f.write_str("nothing was written"),
            Left::Some { new, because } if new.is_empty() => write!(
                f,
                "nothing was written ({because}), but staged files are left, which the next run \
                 removes"
            ),
            Left::Some { new, because } => write!(
                f,
                "not everything could be undone ({because}): {} is new, everything else is as it \
                 was; the next run with --write or --commit undoes the rest",
                new.join(", ")
            ),
            Left::All => f.write_str(
                "every file was written, but old texts are left beside them, which the next run \
                 with --write or --commit removes",
            ),
        }
    }
}

impl ApplyError {
    /// The operating system said no, and every file is as it was.
    pub(super) fn nothing(path: &str, source: io::Error) -> ApplyError {
        ApplyError::Io {
            path: path.to_owned(),
            source,
            left: Left::Nothing,
        }
    }

    /// What to do.
    pub fn help(&self) -> String {
        match self {
            ApplyError::Busy => "run again when it has ended".to_owned(),
            ApplyError::Changed { .. } => "run again, on the file as it is now".to_owned(),
            ApplyError::Refused { help, .. } => help.clone(),
            ApplyError::Leftover { .. } => {
                "compare the files that it names with what they should be, then remove it"
                    .to_owned()
            }
            ApplyError::Io { source, left, .. } => match (source.kind(), left) {
                (io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded, _) => {
                    "make space, then run again".to_owned()
                }
                (io::ErrorKind::PermissionDenied, _) => {
                    "allow the file and its directory to be written, then run again".to_owned()
                }
                (io::ErrorKind::ReadOnlyFilesystem, _) => {
                    "work on a copy that can be written".to_owned()
                }
                (_, Left::Nothing) => "resolve that, then run again".to_owned(),
                _ => "resolve that, then run again: it begins with putting this right".to_owned(),
            },
        }
    }
}

//! Git, as a process: what it would give back, and commits.
//!
//! Paths are never patterns, output is separated by NUL, and nothing of the caller's environment
//! leads to another repository than the one that the files lie in.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Variables that a hook, among whose children this program may be, is given for its own
/// repository.
const OF_THE_CALLER: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Whether git would give a file back as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is committed as it is.
    Committed,
    /// It has changes that are not committed, staged or not.
    Changed,
    /// Git does not have it, or is told to ignore it.
    Untracked,
    /// There is no git work tree around it.
    NoGit,
    /// Git could not be asked.
    Unknown(String),
}

/// Why git did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GitError {
    /// It could not be started.
    #[error("git cannot be run: {0}")]
    NotRun(String),
    /// What it said.
    #[error("git {what}: {said}")]
    Failed {
        /// The subcommand.
        what: String,
        /// Its messages.
        said: String,
    },
    /// The repository is in a state in which no commit belongs.
    #[error("{0}")]
    State(String),
    /// Nobody is named as the author.
    #[error("git does not know who you are: {0}")]
    NoIdentity(String),
}

/// Whether git would give this file (not a symlink) back.
pub fn kept(file: &Path) -> Kept {
    let (Some(directory), Some(name)) = (file.parent(), file.file_name()) else {
        return Kept::NoGit;
    };
    if !directory.ancestors().any(|a| a.join(".git").exists()) {
        return Kept::NoGit;
    }
    let unknown = |error: GitError| Kept::Unknown(error.to_string());
    let git = Git::at(directory);
    let mut status = vec![OsStr::new("status")];
    let options = [
        "--porcelain=v1",
        "-z",
        "--untracked-files=all",
        "--ignored=matching",
        "--no-renames",
        "--",
    ];
    status.extend(options.map(OsStr::new));
    status.push(name);
    match git.run(&status, None) {
        Err(error) => return unknown(error),
        Ok(said) if said.starts_with(b"??") || said.starts_with(b"!!") => return Kept::Untracked,
        Ok(said) if !said.is_empty() => return Kept::Changed,
        Ok(_) => {}
    }
    // `assume-unchanged` and `skip-worktree` make it look so whatever it holds.
    let files = ["ls-files", "-v", "-z", "--"].map(OsStr::new);
    match git.run(&[&files[..], &[name]].concat(), None) {
        Err(error) => unknown(error),
        Ok(said) if said.is_empty() => Kept::Untracked,
        Ok(said) if said.starts_with(b"H ") => Kept::Committed,
        Ok(_) => Kept::Changed,
    }
}

/// A work tree.
#[derive(Debug, Clone)]
pub struct Git {
    directory: PathBuf,
}

impl Git {
    /// The work tree that a directory lies in.
    pub fn at(directory: &Path) -> Git {
        Git {
            directory: directory.to_path_buf(),
        }
    }

    /// Whether commits can be made here: on a branch, by somebody, and in the middle of nothing.
    pub fn can_commit(&self) -> Result<(), GitError> {
        let path = |name| self.text(&["rev-parse", "--git-path", name]);
        for (name, doing) in [
            ("rebase-merge", "rebase"),
            ("rebase-apply", "rebase or am"),
            ("MERGE_HEAD", "merge"),
            ("CHERRY_PICK_HEAD", "cherry-pick"),
            ("REVERT_HEAD", "revert"),
        ] {
            if self.directory.join(path(name)?).exists() {
                let why = format!("a {doing} is in progress; finish or abort it first");
                return Err(GitError::State(why));
            }
        }
        if self.text(&["symbolic-ref", "-q", "HEAD"]).is_err() {
            let why = "HEAD is detached, so commits would belong to no branch; `git switch` to one";
            return Err(GitError::State(why.to_owned()));
        }
        // Without this git makes an address up from the name of the machine.
        for who in ["GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"] {
            let asked = self.text(&["-c", "user.useConfigOnly=true", "var", who]);
            asked.map_err(|_| {
                let how = "set user.name and user.email with `git config`";
                GitError::NoIdentity(how.to_owned())
            })?;
        }
        Ok(())
    }

    /// Commits these files as they are in the work tree, and nothing else, whatever is staged. Hooks
    /// run as for any commit. Gives the commit's abbreviated name.
    pub fn commit(&self, files: &[PathBuf], message: &str) -> Result<String, GitError> {
        let untracked: Vec<&OsStr> = files
            .iter()
            .filter(|file| kept(file) == Kept::Untracked)
            .map(|file| file.as_os_str())
            .collect();
        if !untracked.is_empty() {
            let add = ["add", "--intent-to-add", "--force", "--"].map(OsStr::new);
            self.run(&[&add[..], &untracked].concat(), None)?;
        }
        let commit = [
            "commit",
            "--quiet",
            "--only",
            "--cleanup=whitespace",
            "--file=-",
            "--",
        ];
        let mut arguments: Vec<&OsStr> = commit.iter().map(OsStr::new).collect();
        arguments.extend(files.iter().map(|file| file.as_os_str()));
        self.run(&arguments, Some(message))?;
        self.text(&["rev-parse", "--short", "HEAD"])
    }

    /// Whether the last commit has these files as they are in the work tree.
    pub fn has_committed(&self, files: &[PathBuf]) -> Result<bool, GitError> {
        let diff = ["diff", "--quiet", "--no-ext-diff", "HEAD", "--"];
        let mut arguments: Vec<&OsStr> = diff.iter().map(OsStr::new).collect();
        arguments.extend(files.iter().map(|file| file.as_os_str()));
        let output = self.start(&arguments, None)?;
        match output.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(failed(&arguments, &output)),
        }
    }

    /// Makes the index hold of these files what the last commit has.
    pub fn take_to_index(&self, files: &[PathBuf]) -> Result<(), GitError> {
        let reset = ["reset", "--quiet", "--"].map(OsStr::new);
        let files: Vec<&OsStr> = files.iter().map(|file| file.as_os_str()).collect();
        self.run(&[&reset[..], &files].concat(), None).map(drop)
    }

    /// Its output as text, without the line end.
    fn text(&self, arguments: &[&str]) -> Result<String, GitError> {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        let said = self.run(&arguments, None)?;
        Ok(String::from_utf8_lossy(&said).trim_end().to_owned())
    }

    fn run(&self, arguments: &[&OsStr], input: Option<&str>) -> Result<Vec<u8>, GitError> {
        let output = self.start(arguments, input)?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(failed(arguments, &output)),
        }
    }

    fn start(&self, arguments: &[&OsStr], input: Option<&str>) -> Result<Output, GitError> {
        let not_run = |error: io::Error| GitError::NotRun(error.to_string());
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(&self.directory)
            .args(arguments)
            .env("GIT_LITERAL_PATHSPECS", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("LC_ALL", "C.UTF-8")
            .stdin(if input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for name in OF_THE_CALLER {
            command.env_remove(name);
        }
        let mut child = command.spawn().map_err(not_run)?;
        if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
            // A git that does not read to the end says so itself.
            let _ = pipe.write_all(input.as_bytes());
        }
        child.wait_with_output().map_err(not_run)
    }
}

fn failed(arguments: &[&OsStr], output: &Output) -> GitError {
    let what = arguments.first().map(|a| a.display().to_string());
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let said = match said.is_empty() {
        true => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        false => said,
    };
    let said = match said.is_empty() {
        true => format!("it ended with {}", output.status),
        false => said,
    };
    GitError::Failed {
        what: what.unwrap_or_default(),
        said,
    }
}

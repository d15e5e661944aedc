//! What is refused because nothing would give it back.

use std::path::PathBuf;

use miette::miette;

use crate::rewrite::git::{self, Kept};

/// Refuses files whose text would be lost: those that git does not have as they are now.
pub(super) fn protect(
    files: &[(String, PathBuf)],
    backup: bool,
    allow_dirty: bool,
) -> miette::Result<()> {
    if allow_dirty {
        return Ok(());
    }
    let mut refused = Vec::new();
    let mut is_without_git = true;
    for (shown, file) in files {
        let why = match git::kept(file) {
            Kept::Committed => continue,
            // A backup keeps the whole text; but changes of two people would be mixed.
            Kept::Changed => "has changes that are not committed".to_owned(),
            Kept::Untracked | Kept::NoGit if backup => continue,
            Kept::Untracked => "is not known to git".to_owned(),
            Kept::NoGit => {
                refused.push(format!("{shown} is in no git work tree"));
                continue;
            }
            Kept::Unknown(why) => format!("may have changes that are not committed: {why}"),
        };
        is_without_git = false;
        refused.push(format!("{shown} {why}"));
    }
    if refused.is_empty() {
        return Ok(());
    }
    let help = match is_without_git {
        true => "name --backup to keep the old texts, or --allow-dirty to do without",
        false => {
            "commit or stash that first; --allow-dirty writes all the same, and with --commit puts \
             those changes into the first commit of the file"
        }
    };
    let files = refused.join("\n  ");
    Err(miette!(
        help = help,
        "git would not give back what is there now; nothing was written:\n  {files}"
    ))
}

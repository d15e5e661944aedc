//! Unified diffs as `git diff` prints them.

use similar::TextDiff;

use super::proof::Workspace;
use crate::nix::source::FileId;

/// The change of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiff {
    /// Path relative to the root of the project.
    pub path: String,
    /// `diff --git` header and hunks.
    pub text: String,
    /// The file.
    pub file: FileId,
    /// Its text before.
    pub before: String,
    /// Its text after.
    pub after: String,
}

impl FileDiff {
    /// The change of a file from one text to another.
    pub fn of(file: FileId, path: String, before: String, after: String) -> FileDiff {
        FileDiff {
            text: file_diff(&path, &before, &after),
            path,
            file,
            before,
            after,
        }
    }
}

/// The files in which two workspaces differ, in the order of their paths.
pub fn diff(before: &Workspace, after: &Workspace) -> Vec<FileDiff> {
    let mut out = Vec::new();
    for id in after.texts().keys() {
        let (Some(old), Some(new)) = (before.sources().file(*id), after.sources().file(*id)) else {
            continue;
        };
        if old.text() != new.text() {
            let path = old.shown().to_owned();
            let (before, after) = (old.text().to_owned(), new.text().to_owned());
            out.push(FileDiff::of(*id, path, before, after));
        }
    }
    out.sort_by(|a, b| a.path.cmp(&b.path));
    out
}

fn file_diff(path: &str, before: &str, after: &str) -> String {
    let (old, new) = (quoted(&format!("a/{path}")), quoted(&format!("b/{path}")));
    let diff = TextDiff::from_lines(before, after);
    let hunks = diff
        .unified_diff()
        .context_radius(3)
        .header(&header(&old), &header(&new))
        .to_string();
    format!("diff --git {old} {new}\n{hunks}")
}

/// git ends a name that holds a space with a tab, so that what follows is no part of it.
fn header(name: &str) -> String {
    match name.contains(' ') && !name.starts_with('"') {
        true => format!("{name}\t"),
        false => name.to_owned(),
    }
}

/// A path as git writes it in patches: quoted as in C if it holds anything unusual.
fn quoted(path: &str) -> String {
    let unusual = |b: u8| !(0x20..0x7f).contains(&b) || b == b'"' || b == b'\\';
    if !path.bytes().any(unusual) {
        return path.to_owned();
    }
    let mut out = String::from("\"");
    for byte in path.bytes() {
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            byte if unusual(byte) => out.push_str(&format!("\\{byte:03o}")),
            byte => out.push(char::from(byte)),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hunks_have_git_headers() {
        let text = file_diff("a b.nix", "x\ny\n", "x\nz\n");
        let expected = "diff --git a/a b.nix b/a b.nix\n--- a/a b.nix\t\n+++ b/a b.nix\t\n\
                        @@ -1,2 +1,2 @@\n x\n-y\n+z\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_missing_final_newline_is_told() {
        let text = file_diff("f", "x", "y");
        assert!(
            text.ends_with("-x\n\\ No newline at end of file\n+y\n\\ No newline at end of file\n")
        );
    }

    #[test]
    fn unusual_names_are_quoted() {
        assert_eq!(quoted("a/plain.nix"), "a/plain.nix");
        assert_eq!(quoted("a/ü\"\n"), "\"a/\\303\\274\\\"\\n\"");
    }
}

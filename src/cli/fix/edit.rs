//! A patch changed by hand, proven again.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use super::message;
use super::plan::{Patch, Planner};
use crate::nix::module::Change;
use crate::nix::source::FileId;
use crate::rewrite::diff::FileDiff;

/// What an edited patch does.
pub(super) struct Proof {
    /// The configuration of every host changes as the recommendation claims.
    pub(super) is_as_claimed: bool,
    /// How it changes otherwise.
    pub(super) difference: String,
    /// All that changes on its host.
    pub(super) changes: Vec<Change>,
}

/// Opens the editor on the new texts of a patch, or on those of an earlier edit.
pub(super) fn edit(patch: &Patch, draft: &mut BTreeMap<FileId, String>) -> Result<(), String> {
    let io = |error: std::io::Error| format!("the texts could not be given to the editor: {error}");
    let directory = tempfile::Builder::new()
        .prefix("btrfs-tune-edit-")
        .tempdir()
        .map_err(io)?;
    let mut paths = Vec::new();
    for (i, file) in patch.files.iter().enumerate() {
        let name = file.path.rsplit('/').next().unwrap_or("file.nix");
        // Two files of one name, one below the other's directory.
        let place = directory.path().join(i.to_string());
        fs::create_dir(&place).map_err(io)?;
        let path = place.join(name);
        let text = draft.get(&file.file).unwrap_or(&file.after);
        fs::write(&path, text).map_err(io)?;
        paths.push((file.file, path));
    }
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR"));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    // As git does it: the variable may hold arguments, and the paths are never looked at by a shell.
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$@\""))
        .arg(&editor)
        .args(paths.iter().map(|(_, path)| path))
        .status()
        .map_err(|e| format!("the editor `{editor}` could not be run: {e}"))?;
    if !status.success() {
        return Err(format!("the editor `{editor}` ended with {status}"));
    }
    for (file, path) in paths {
        let bytes = fs::read(path).map_err(io)?;
        let text =
            String::from_utf8(bytes).map_err(|_| "the text is no longer UTF-8".to_owned())?;
        draft.insert(file, text);
    }
    Ok(())
}

/// The patch with other new texts.
pub(super) fn patch(patch: &Patch, draft: &BTreeMap<FileId, String>) -> Patch {
    let mut edited = patch.clone();
    edited.edited = true;
    edited.files = patch
        .files
        .iter()
        .filter_map(|file| {
            let after = draft.get(&file.file)?.clone();
            let (path, before) = (file.path.clone(), file.before.clone());
            (before != after).then(|| FileDiff::of(file.file, path, before, after))
        })
        .collect();
    edited
}

/// Evaluates the configuration with the edited texts. An error says why it is none.
pub(super) fn prove(
    planner: &Planner<'_>,
    texts: &BTreeMap<FileId, String>,
    claimed: &Patch,
    edited: &Patch,
) -> Result<Proof, String> {
    let before = planner.with(texts)?;
    let with = |patch: &Patch| {
        let mut new = texts.clone();
        new.extend(patch.files.iter().map(|f| (f.file, f.after.clone())));
        planner.with(&new)
    };
    let (meant, after) = (with(claimed)?, with(edited)?);
    let mut difference = String::new();
    let mut is_as_claimed = true;
    for host in after.hosts() {
        let changes = after.changes_since(&before, host);
        let wanted = meant.changes_since(&before, host);
        if changes == wanted {
            continue;
        }
        is_as_claimed = false;
        let heading = format!("The configuration of host {} changes otherwise:", host.0);
        message::prose(&mut difference, "", "", &heading);
        for change in changes.iter().filter(|c| !wanted.contains(c)) {
            message::prose(&mut difference, "  + ", "    ", &shown(change));
        }
        for change in wanted.iter().filter(|c| !changes.contains(c)) {
            let text = format!("claimed, but not so: {}", shown(change));
            message::prose(&mut difference, "  - ", "    ", &text);
        }
    }
    Ok(Proof {
        is_as_claimed,
        difference,
        changes: after.changes_since(&before, &claimed.host),
    })
}

fn shown(change: &Change) -> String {
    let value = |value: &Option<serde_json::Value>| {
        value
            .as_ref()
            .map_or("not set".to_owned(), |v| v.to_string())
    };
    let path = change.path.join(".");
    format!(
        "{path}: {} -> {}",
        value(&change.before),
        value(&change.after)
    )
}

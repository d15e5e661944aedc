//! `fix --write`: all patches as one change of the files.

use std::collections::BTreeMap;

use miette::miette;

use super::plan::{Patch, Planner};
use super::{Done, Fix, protect};
use crate::nix::source::FileId;
use crate::rewrite::apply::{Applier, Change, Options};
use crate::rewrite::diff::FileDiff;

/// Writes patches, which follow each other.
pub(super) fn write(
    fix: &Fix,
    applier: &Applier<'_>,
    planner: &Planner<'_>,
    patches: &[Patch],
) -> miette::Result<Done> {
    let changes = changes(planner, patches.iter().flat_map(|p| &p.files));
    let also_read = planner.opened.sources.paths();
    let told = |error: crate::rewrite::apply::ApplyError| miette!(help = error.help(), "{error}");
    let files = applier.check(&changes, &also_read).map_err(told)?;
    protect::protect(&files, fix.backup, fix.allow_dirty)?;
    let options = Options {
        backup: fix.backup,
        commit: false,
    };
    let pending = applier.put(&changes, &also_read, options).map_err(told)?;
    Ok(Done {
        files: pending.keep().map_err(told)?,
        ..Done::default()
    })
}

/// What several patches make of each file.
pub(super) fn changes<'p>(
    planner: &Planner<'_>,
    files: impl Iterator<Item = &'p FileDiff>,
) -> Vec<Change> {
    let mut all: BTreeMap<FileId, Change> = BTreeMap::new();
    for diff in files {
        let Some(file) = planner.opened.sources.file(diff.file) else {
            continue;
        };
        all.entry(diff.file)
            .and_modify(|change| change.after.clone_from(&diff.after))
            .or_insert_with(|| Change {
                shown: file.shown().to_owned(),
                path: file.path().to_path_buf(),
                before: diff.before.clone(),
                after: diff.after.clone(),
            });
    }
    let mut changes: Vec<Change> = all.into_values().collect();
    changes.sort_by(|a, b| a.shown.cmp(&b.shown));
    changes
}

//! `fix --commit`: one commit a recommendation.

use miette::miette;

use super::plan::{Patch, Planner};
use super::{Done, Fix, Step, message, protect, several_hosts, write};
use crate::rewrite::apply::{Applier, ApplyError, Options};
use crate::rewrite::git::Git;

/// Writes and commits patches, one after the other. What is committed stays whatever comes later.
pub(super) fn commit(
    fix: &Fix,
    applier: &Applier<'_>,
    planner: &Planner<'_>,
    patches: &[Patch],
) -> miette::Result<Done> {
    let told = |error: ApplyError| miette!(help = error.help(), "{error}");
    let sources = &planner.opened.sources;
    let also_read = sources.paths();
    let all = write::changes(planner, patches.iter().flat_map(|p| &p.files));
    let files = applier.check(&all, &also_read).map_err(told)?;
    protect::protect(&files, false, fix.allow_dirty)?;
    let git = Git::at(&planner.opened.project.root);
    let several = several_hosts(patches);
    let mut done = Done::default();
    for (i, patch) in patches.iter().enumerate() {
        let message = message::of(patch, several);
        let stopped = |done: &Done, why: String, help: String| {
            let rest = patches.len() - i;
            let left = match rest {
                1 => "the last change was".to_owned(),
                rest => format!("{rest} changes were"),
            };
            let made: Vec<String> = done.steps.iter().map(|s| s.name.clone()).collect();
            let made = match made.as_slice() {
                [] => "nothing was committed".to_owned(),
                made => format!("committed before that and kept: {}", made.join(", ")),
            };
            let subject = &message.subject;
            miette!(
                help = help,
                "`{subject}` could not be committed: {why}\n{made}; {left} not made"
            )
        };
        let by_apply = |done: &Done, e: ApplyError| stopped(done, e.to_string(), e.help());
        let changes = write::changes(planner, patch.files.iter());
        let options = Options {
            backup: false,
            commit: true,
        };
        let files = applier.check(&changes, &also_read);
        let files = files.map_err(|e| by_apply(&done, e))?;
        let pending = applier.put(&changes, &also_read, options);
        let pending = pending.map_err(|e| by_apply(&done, e))?;
        let paths: Vec<_> = files.iter().map(|(_, path)| path.clone()).collect();
        let shown: Vec<String> = files.into_iter().map(|(shown, _)| shown).collect();
        match git.commit(&paths, &message.text()) {
            Ok(name) => {
                done.steps.push(Step {
                    name,
                    subject: message.subject.clone(),
                    files: shown,
                });
                pending.keep().map_err(|e| {
                    let help = e.help();
                    let made: Vec<&str> = done.steps.iter().map(|s| s.name.as_str()).collect();
                    miette!(help = help, "{e}; committed: {}", made.join(", "))
                })?;
            }
            Err(error) if git.has_committed(&paths).unwrap_or(false) => {
                // What is pending stays so: the next run finds that git has it.
                let help =
                    "follow what git says, then run again: it begins with putting this right";
                let why = format!("{error}; but git has made the commit");
                return Err(stopped(&done, why, help.to_owned()));
            }
            Err(error) => {
                let why = error.to_string();
                return Err(match pending.undo() {
                    Ok(()) => stopped(
                        &done,
                        why,
                        "resolve that, then run again; its files are as they were".to_owned(),
                    ),
                    Err(left) => stopped(&done, format!("{why}; {left}"), left.help()),
                });
            }
        }
    }
    Ok(done)
}

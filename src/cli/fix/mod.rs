//! `btrfs-tune fix`: recommendations with proven patches; printed, written, committed, or as a
//! series for `git am`.

pub(super) mod colour;
mod commit;
mod edit;
mod interactive;
mod message;
mod patches;
mod plan;
mod protect;
mod write;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use miette::miette;
use serde_json::{Value as Json, json};

use super::{CLEAN, FAILED, PENDING, Target, explain};
use crate::project::{HostName, Project};
use crate::recommend::rules::rule;
use crate::recommend::{Applicability, Class};
use crate::report::{Report, runbook, script, text};
use crate::rewrite::apply::{self, Applier, Place};
use crate::rewrite::git::{Git, GitError};
use crate::select::Proposal;

use colour::Colour;
use plan::{Patch, Planned, Planner};

/// Prints recommendations with their patches, or applies them.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("way").multiple(false))]
#[command(group = clap::ArgGroup::new("changes").multiple(true))]
pub(super) struct Fix {
    #[command(flatten)]
    target: Target,
    /// Print each recommendation with its unified diff, which `git apply` takes (the default).
    #[arg(long, group = "way", help_heading = "Ways out")]
    diff: bool,
    /// Change the files: all of them or none, whatever happens.
    #[arg(long, groups = ["way", "changes"], help_heading = "Ways out")]
    write: bool,
    /// Change the files and commit them, one commit a recommendation. Nothing else that is staged
    /// is committed; hooks run.
    #[arg(long, groups = ["way", "changes"], help_heading = "Ways out")]
    commit: bool,
    /// Write a series of patches for `git am DIR/*.patch`, and a cover letter, into a directory.
    #[arg(long, value_name = "DIR", group = "way", help_heading = "Ways out")]
    patches: Option<PathBuf>,
    /// Print the shell script that brings the running system to what the patches say, without a
    /// reboot. This program does not run it; `sh SCRIPT list` shows its steps.
    #[arg(
        long,
        group = "way",
        conflicts_with = "format",
        help_heading = "Ways out"
    )]
    commands: bool,
    /// Print the steps of what needs more than that: migrating data, reinstalling.
    #[arg(
        long,
        group = "way",
        conflicts_with = "format",
        help_heading = "Ways out"
    )]
    runbook: bool,
    /// Ask about each recommendation; what is chosen is then written, or goes the way that is named
    /// beside (--commit, --patches).
    #[arg(long, group = "changes", conflicts_with_all = ["diff", "commands", "runbook", "format"])]
    #[arg(help_heading = "Ways out")]
    interactive: bool,
    /// Take the changes of these rules although they give something up: checksums, durability,
    /// space. Others that do are shown, but not written.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    consent: Vec<String>,
    /// Keep the old text of each file as FILE.orig (only for --write).
    #[arg(long, conflicts_with_all = ["diff", "commit", "patches", "commands", "runbook"], requires = "changes")]
    backup: bool,
    /// Change files, too, that git would not give back as they are now.
    #[arg(long, conflicts_with_all = ["diff", "patches", "commands", "runbook"], requires = "changes")]
    allow_dirty: bool,
    /// Only changes of these classes: live, reboot, migrate, reinstall.
    #[arg(long, value_name = "CLASS", value_delimiter = ',', value_parser = class)]
    only: Vec<Class>,
    /// Only these rules.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    rule: Vec<String>,
    /// Ask the real Nix whether the patches do exactly what is claimed (needs nix-instantiate).
    #[arg(long)]
    verify: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Whether to print in colour: by default on a terminal, unless NO_COLOR is set.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    color: Colour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people, and for `git apply`.
    Text,
    /// The whole report.
    Json,
}

fn class(name: &str) -> Result<Class, String> {
    let found = Class::ALL.into_iter().find(|c| c.name() == name);
    found.ok_or_else(|| "expected live, reboot, migrate or reinstall".to_owned())
}

/// What was changed on disk.
#[derive(Debug, Default)]
struct Done {
    /// The files, with their backups.
    files: Vec<apply::Written>,
    /// The commits, or the patches of a series: name, subject, files.
    steps: Vec<Step>,
}

/// One of several changes made one after the other.
#[derive(Debug)]
struct Step {
    name: String,
    subject: String,
    files: Vec<String>,
}

impl Fix {
    pub(super) fn run(&self) -> miette::Result<u8> {
        let mut named = self.rule.iter().chain(&self.consent);
        if let Some(unknown) = named.find(|id| rule(id).is_none()) {
            return Err(explain::unknown_rule(unknown));
        }
        if self.interactive {
            interactive::needs_terminal()?;
        }
        let disk = apply::System;
        let applier = match self.changes_files() {
            true => Some(self.begin(&disk)?),
            false => None,
        };
        let planner = Planner::open(self)?;
        if self.interactive {
            return self.run_interactive(&planner, applier.as_ref());
        }
        let Some(applier) = applier else {
            return self.print_or_series(&planner);
        };
        let held_back = Cell::new(false);
        let planned = planner.plan(&BTreeMap::new(), &|_, proposal| {
            let wanted = self.wants(proposal);
            let consented = self.consents(proposal);
            held_back.set(held_back.get() || (wanted && !consented));
            wanted && consented
        })?;
        if planned.failed() {
            self.print(&planned, None, &[])?;
            return Err(miette!(
                help = "resolve what is reported as an error first",
                "nothing was written"
            ));
        }
        let done = self.change(&applier, &planner, &planned.patches)?;
        // On top of what was written: the rest, which gives something up.
        let mut left = Vec::new();
        if held_back.get() {
            let texts = planned.workspace.texts();
            let rest = planner.plan(texts, &|_, p| self.wants(p) && !self.consents(p))?;
            left = rest.patches;
        }
        self.print(&planned, Some(&done), &left)?;
        self.say(&done);
        Ok(CLEAN)
    }

    /// Whether files of the project are changed in the end.
    fn changes_files(&self) -> bool {
        self.write || self.commit || (self.interactive && self.patches.is_none())
    }

    /// Locks the project, and puts right what a killed run left.
    fn begin<'d>(&self, disk: &'d apply::System) -> miette::Result<Applier<'d>> {
        let project = Project::open(&self.target.path).map_err(super::inputs::open_error)?;
        let place = Place::of(&project.root, &project.directory, project.in_git);
        let place = place.map_err(|error| {
            let shown = project.directory.display();
            miette!(help = "check its permissions", "{shown}: {error}")
        })?;
        if self.commit && !project.in_git {
            return Err(miette!(
                help = "use --write, or begin with `git init`",
                "{} is in no git work tree, so nothing can be committed",
                project.directory.display()
            ));
        }
        let git = Git::at(&project.root);
        if self.commit {
            let can = git.can_commit();
            can.map_err(|e| miette!(help = "nothing was written or committed", "{e}"))?;
        }
        let committed = |files: &[PathBuf]| {
            let said = |error: GitError| error.to_string();
            let has = git.has_committed(files).map_err(said)?;
            if has {
                // Git itself may have been killed between its commit and its index.
                git.take_to_index(files).map_err(said)?;
            }
            Ok(has)
        };
        let begun = Applier::begin(disk, place, &committed);
        let (applier, notes) = begun.map_err(|e| miette!(help = e.help(), "{e}"))?;
        for note in notes {
            super::say(&format!("note: {note}"));
        }
        Ok(applier)
    }

    /// Puts patches on disk, the way that was asked for.
    fn change(
        &self,
        applier: &Applier<'_>,
        planner: &Planner<'_>,
        patches: &[Patch],
    ) -> miette::Result<Done> {
        match self.commit {
            true => commit::commit(self, applier, planner, patches),
            false => write::write(self, applier, planner, patches),
        }
    }

    fn run_interactive(
        &self,
        planner: &Planner<'_>,
        applier: Option<&Applier<'_>>,
    ) -> miette::Result<u8> {
        let chosen = interactive::choose(self, planner)?;
        let done = match (applier, &self.patches) {
            _ if chosen.is_empty() => {
                super::say("nothing was chosen, so nothing was written");
                return Ok(CLEAN);
            }
            (Some(applier), _) => self.change(applier, planner, &chosen)?,
            (None, Some(directory)) => patches::write(directory, &chosen)?,
            (None, None) => Done::default(),
        };
        self.say(&done);
        Ok(CLEAN)
    }

    /// The ways that change no file of the project.
    fn print_or_series(&self, planner: &Planner<'_>) -> miette::Result<u8> {
        let planned = planner.plan(&BTreeMap::new(), &|_, p| self.wants(p))?;
        if self.commands || self.runbook {
            let report = planned.report();
            let problems = Report {
                hosts: Vec::new(),
                ..report.clone()
            };
            super::say(text::render(&problems).trim_end());
            if planned.failed() {
                return Err(miette!(
                    help = "resolve what is reported as an error first",
                    "nothing was printed, for it would not be the whole"
                ));
            }
            super::print(&match self.commands {
                true => script::render(&report),
                false => runbook::render(&report),
            })?;
        }
        let mut done = None;
        if let Some(directory) = &self.patches {
            if planned.failed() {
                self.print(&planned, None, &[])?;
                return Err(miette!(
                    help = "resolve what is reported as an error first",
                    "no patches were written"
                ));
            }
            done = Some(patches::write(directory, &planned.patches)?);
        }
        if !self.commands && !self.runbook {
            self.print(&planned, done.as_ref(), &[])?;
        }
        if let Some(done) = &done {
            self.say(done);
        }
        Ok(match (planned.failed(), planned.patches.is_empty()) {
            (true, _) => FAILED,
            (false, false) => PENDING,
            (false, true) => CLEAN,
        })
    }

    /// Prints the report, and what was done.
    fn print(&self, planned: &Planned, done: Option<&Done>, left: &[Patch]) -> miette::Result<()> {
        let report = planned.report();
        match self.format {
            Format::Text => {
                let mut out = text::render(&report);
                out.push_str(&message::held_back(left));
                colour::print(&out, self.color)
            }
            Format::Json => {
                let mut json = serde_json::to_value(&report).map_err(|e| miette!("{e}"))?;
                if let (Json::Object(object), Some(done)) = (&mut json, done) {
                    object.insert("written".to_owned(), written(done));
                    let left: Vec<Json> = left.iter().map(|p| json!(p.report)).collect();
                    object.insert("needs_consent".to_owned(), Json::Array(left));
                }
                let text = serde_json::to_string_pretty(&json).map_err(|e| miette!("{e}"))?;
                super::print(&format!("{text}\n"))
            }
        }
    }

    /// Says on standard error what was changed.
    fn say(&self, done: &Done) {
        for file in &done.files {
            let before = file.backup.as_ref();
            let before = before.map(|b| format!(" (before: {})", b.display()));
            super::say(&format!(
                "wrote {}{}",
                file.path,
                before.unwrap_or_default()
            ));
        }
        for step in &done.steps {
            super::say(&match self.commit {
                true => format!("committed {} {}", step.name, step.subject),
                false => format!("wrote {}", step.name),
            });
        }
    }

    fn wants(&self, proposal: &Proposal) -> bool {
        let is_asked_for = self.rule.iter().any(|id| id == proposal.finding.rule);
        (self.only.is_empty() || self.only.contains(&proposal.class()))
            && (self.rule.is_empty() || is_asked_for)
    }

    /// Whether a proposal gives nothing up, or may.
    fn consents(&self, proposal: &Proposal) -> bool {
        let remedy = proposal.remedy.as_ref();
        let gives_up = remedy.is_some_and(|r| r.applicability == Applicability::Consent);
        !gives_up || self.names_consent(proposal.finding.rule)
    }

    fn names_consent(&self, rule: &str) -> bool {
        self.consent.iter().any(|id| id == rule)
    }

    /// Whether a patch may be written without asking.
    fn is_free(&self, patch: &Patch) -> bool {
        !patch.needs_consent() || self.names_consent(patch.rule)
    }
}

fn written(done: &Done) -> Json {
    let file = |file: &apply::Written| {
        let backup = file.backup.as_ref().map(|path| path.display().to_string());
        json!({ "file": file.path, "backup": backup })
    };
    let step =
        |step: &Step| json!({ "name": step.name, "subject": step.subject, "files": step.files });
    json!({
        "files": done.files.iter().map(file).collect::<Vec<_>>(),
        "steps": done.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

/// The hosts of patches, for what names them only where there are several.
fn several_hosts(patches: &[Patch]) -> bool {
    let first: Option<&HostName> = patches.first().map(|p| &p.host);
    let is_alone = |p: &Patch| Some(&p.host) == first && p.report.hosts.len() <= 1;
    !patches.iter().all(is_alone)
}

//! What to run on the machine, each step with its undo. Nothing here is ever run by this program.
//!
//! Owns the steps of every action for the running system ([`commands()`]), derived from the same facts
//! as the action's class, and the quoting that makes any name one harmless word ([`shell_word`]).
//! Must never know how steps are shown: a report reads [`Command`] alone.
//!
//! Every text of a [`Command`] is one command of a POSIX shell that stands for itself: it can be
//! pasted, and it keeps its meaning under `set -eu`. Tests are side-effect free and true when they
//! succeed. Programs are those of a NixOS system (`environment.systemPackages` of
//! `nixos/modules/config/system-path.nix`: coreutils, findutils, util-linux, procps …) and btrfs-progs.

mod format;
mod install;
mod luks;
mod mount;
mod moving;
mod option;
mod place;
mod quote;
mod seen;
mod subvolume;

pub use quote::shell_word;

use serde::{Deserialize, Serialize};

use crate::model::{Found, Host};
use crate::recommend::{Action, Class, DirectoryAttribute};

/// One step for a person, or for the script that a person runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Command {
    /// What it is for.
    pub why: String,
    /// The command.
    pub run: String,
    /// What takes it back, if something does. Where [`Command::remember`] is given, it reads the
    /// shell variable `remembered`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undo: Option<String>,
    /// What running it costs: `live` steps run while everything goes on; others belong to the
    /// ordered procedure of their recommendation.
    pub class: Class,
    /// What the machine calls itself; empty where the configuration does not tell.
    pub machine: String,
    /// What must be so before anything is run.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub requires: Vec<Check>,
    /// A test whose success says that the configuration has been switched to, for steps that make
    /// sense only then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after_switch: Option<String>,
    /// A test whose success says that there is nothing to be done. Without one, running the step
    /// twice is the same as once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub done: Option<String>,
    /// A test that must succeed afterwards.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verify: Option<String>,
    /// Prints what the undo needs to know of the state before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remember: Option<String>,
    /// What is out of service from this step on, until the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stops: Option<String>,
    /// Something is gone for good afterwards.
    #[serde(skip_serializing_if = "is_false", default)]
    pub irreversible: bool,
}

/// Something that must be so before a command may run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Check {
    /// The test.
    pub test: String,
    /// What is wrong if it fails.
    pub otherwise: String,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde wants"
)]
fn is_false(value: &bool) -> bool {
    !value
}

impl Command {
    fn new(class: Class, why: impl Into<String>, run: impl Into<String>) -> Self {
        Command {
            why: why.into(),
            run: run.into(),
            undo: None,
            class,
            machine: String::new(),
            requires: Vec::new(),
            after_switch: None,
            done: None,
            verify: None,
            remember: None,
            stops: None,
            irreversible: false,
        }
    }

    fn undo(self, undo: impl Into<String>) -> Self {
        Command {
            undo: Some(undo.into()),
            ..self
        }
    }

    fn done(self, done: impl Into<String>) -> Self {
        Command {
            done: Some(done.into()),
            ..self
        }
    }

    fn verify(self, verify: impl Into<String>) -> Self {
        Command {
            verify: Some(verify.into()),
            ..self
        }
    }

    fn remember(self, remember: impl Into<String>) -> Self {
        Command {
            remember: Some(remember.into()),
            ..self
        }
    }

    fn after_switch(self, test: impl Into<String>) -> Self {
        Command {
            after_switch: Some(test.into()),
            ..self
        }
    }

    fn stops(self, what: impl Into<String>) -> Self {
        Command {
            stops: Some(what.into()),
            ..self
        }
    }

    fn irreversible(self) -> Self {
        Command {
            irreversible: true,
            ..self
        }
    }

    fn requires(mut self, test: impl Into<String>, otherwise: impl Into<String>) -> Self {
        self.requires.push(Check {
            test: test.into(),
            otherwise: otherwise.into(),
        });
        self
    }

    fn requires_all(mut self, checks: &[Check]) -> Self {
        self.requires.extend_from_slice(checks);
        self
    }
}

/// The commands that bring a running system to what actions make of its configuration, in the order
/// in which they are to be run.
pub fn commands(actions: &[Action], host: &Host) -> Vec<Command> {
    let mut out = Vec::new();
    for action in actions {
        out.extend(of_action(action, actions, host));
    }
    // Some procedures end for several actions in the same way.
    let mut seen: Vec<Command> = Vec::new();
    for command in out {
        if !seen.contains(&command) {
            seen.push(command);
        }
    }
    let machine = match (host.settings.text("networking.hostName"), host.found) {
        (Some(name), _) if !name.is_empty() => name,
        // nixos-rebuild takes the configuration that is named like the machine.
        (_, Found::Flake) => &host.name,
        _ => "",
    };
    for command in &mut seen {
        command.machine = machine.to_owned();
    }
    seen
}

fn of_action(action: &Action, actions: &[Action], host: &Host) -> Vec<Command> {
    let none = Vec::new;
    match action {
        Action::EditMountOptions { mounts } => mount::remounts(mounts, host),
        Action::AddSubvolume {
            filesystem, name, ..
        } => subvolume::add(filesystem, name, host).unwrap_or_else(none),
        Action::SplitSubvolume {
            filesystem,
            name,
            mountpoint,
            ..
        } => {
            let no_cow = is_made_no_cow(mountpoint, actions);
            moving::split(filesystem, name, mountpoint, no_cow, host).unwrap_or_else(none)
        }
        Action::MergeSubvolume { subvolume } => moving::merge(subvolume, host).unwrap_or_else(none),
        Action::RenameSubvolume { subvolume, name } => {
            subvolume::rename(subvolume, name, host).unwrap_or_else(none)
        }
        Action::UnmountSubvolume { subvolume } => {
            subvolume::unmount(subvolume, host).unwrap_or_else(none)
        }
        Action::AddSwapSubvolume {
            filesystem,
            name,
            mountpoint,
            file,
            size,
        } => subvolume::add_swap(filesystem, name, mountpoint, file, *size, host)
            .unwrap_or_else(none),
        Action::SetMkfs {
            filesystem,
            setting,
        } => format::set(filesystem, setting, host).unwrap_or_else(none),
        Action::SetLuksSetting { luks, setting, on } => {
            luks::refresh(luks, *setting, *on, host).unwrap_or_else(none)
        }
        Action::AddLuksFormatArgs { luks, .. } => install::luks(luks, host),
        Action::SetNixosOption { path, value } => option::set(path, value, host),
        Action::EditNixosList { path, add, .. } => {
            let lines: Vec<String> = add
                .iter()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect();
            option::lines(path, &lines)
        }
        Action::AppendNixosLines { path, lines } => option::lines(path, lines),
        Action::UnsetNixosOption { path } => option::unset(path),
        Action::SetDirectoryAttribute {
            directory,
            attribute: DirectoryAttribute::NoCow,
        } => {
            // A subvolume that is filled in the same go gets the attribute before it is filled.
            let filled = |a: &Action| matches!(a, Action::SplitSubvolume { mountpoint, .. } if mountpoint == directory);
            match actions.iter().any(filled) {
                true => Vec::new(),
                false => moving::no_cow(directory, actions, host).unwrap_or_else(none),
            }
        }
        Action::SetDirectoryAttribute {
            directory,
            attribute: DirectoryAttribute::Compression(algorithm),
        } => moving::compression(directory, *algorithm, host).unwrap_or_else(none),
    }
}

/// Whether a directory is to have `+C` as well.
fn is_made_no_cow(directory: &str, actions: &[Action]) -> bool {
    actions.iter().any(|action| {
        matches!(
            action,
            Action::SetDirectoryAttribute { directory: d, attribute: DirectoryAttribute::NoCow }
                if d == directory
        )
    })
}

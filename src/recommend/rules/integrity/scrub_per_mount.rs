//! Filesystems that are scrubbed once for each of their mount points.

use serde_json::Value as Json;

use super::super::wording::listed;
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::model::{Filesystem, Host, Release};
use crate::nix::source::Span;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `integrity/scrub-per-mount`
pub struct ScrubPerMount;

static META: Meta = Meta {
    relieves: &[Cause::ScrubOrBalanceRunning],
    ..Meta::new(
        "integrity/scrub-per-mount",
        Severity::Warning,
        "One filesystem is scrubbed several times",
        include_str!("scrub_per_mount.md"),
    )
};

const ENABLE: &str = "services.btrfs.autoScrub.enable";
const LIST: &str = "services.btrfs.autoScrub.fileSystems";

/// The last release whose default list is known to name every mount point. (nixpkgs pull request
/// 310807, which makes it one for each device, was opened days before 24.05 was branched off: of
/// that release nothing is said.)
const EVERY_MOUNT: Release = Release::new(23, 11);

/// One filesystem with the mount points by which it is scrubbed, the one that stays first.
struct Repeated<'a> {
    filesystem: &'a Filesystem,
    mountpoints: Vec<String>,
    /// Where the list is written; none where it is the default of the release.
    written: bool,
    at: Option<Span>,
}

fn repeated<'a>(host: &'a Host) -> Vec<Repeated<'a>> {
    if !host.settings.is_true(ENABLE) {
        return Vec::new();
    }
    let every_mount = host.release().is_some_and(|release| release <= EVERY_MOUNT);
    let (listed, written, at) = match host.settings.get(LIST) {
        Some(Ok(setting)) => {
            let all = setting.value.as_array().into_iter().flatten();
            let all = all.filter_map(|path| path.as_str().map(str::to_owned));
            (all.collect::<Vec<_>>(), true, setting.at)
        }
        // A module that is not read may set it.
        None if every_mount && host.skipped.is_empty() => {
            let mounts = host.storage.filesystems.iter().flat_map(|f| &f.mounts);
            let at = host.settings.known(ENABLE).and_then(|s| s.at);
            (mounts.map(|m| m.mountpoint.clone()).collect(), false, at)
        }
        Some(Err(_)) | None => return Vec::new(),
    };
    let of = |filesystem: &'a Filesystem| {
        let mut mountpoints: Vec<String> = Vec::new();
        for path in &listed {
            let here = host.storage.mount(path);
            let here = here.is_some_and(|(own, _)| std::ptr::eq(own, filesystem));
            if here && !mountpoints.contains(path) {
                mountpoints.push(path.clone());
            }
        }
        if let Some(root) = mountpoints.iter().position(|path| path == "/") {
            mountpoints.swap(0, root);
        }
        (mountpoints.len() > 1).then_some(Repeated {
            filesystem,
            mountpoints,
            written,
            at,
        })
    };
    host.storage.filesystems.iter().filter_map(of).collect()
}

fn finding(repeated: &Repeated<'_>) -> Finding {
    let name = repeated.filesystem.name();
    let at = listed(&repeated.mountpoints);
    let why = match repeated.written {
        true => Evidence::speaks_for(
            Weight::Strong,
            Source::Configuration(repeated.at),
            format!("{LIST} names {at}, which are one filesystem"),
        ),
        false => Evidence::speaks_for(
            Weight::Strong,
            Source::Knowledge(
                "nixpkgs nixos/modules/tasks/filesystems/btrfs.nix, 23.11 and older".to_owned(),
            ),
            format!("without {LIST} every mount point is scrubbed: {at}"),
        ),
    };
    Finding {
        rule: META.id,
        subject: name.to_owned(),
        severity: Severity::Warning,
        message: format!(
            "{at} are mount points of one filesystem, and a scrub always reads a whole filesystem: \
             it is read {} times, or the timers fail where one scrub still runs when the next is \
             started",
            repeated.mountpoints.len()
        ),
        at: repeated.at,
        evidence: vec![
            why,
            Evidence::speaks_for(
                Weight::Moderate,
                Source::Knowledge("btrfs-progs cmds/scrub.c".to_owned()),
                "a second scrub of a filesystem ends with \"Scrub is already running\"",
            ),
        ],
    }
}

impl Rule for ScrubPerMount {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        repeated(context.host).iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let host = context.host;
        let all = repeated(host);
        let own = all
            .iter()
            .find(|r| r.filesystem.name() == finding.subject)?;
        let path: Vec<String> = LIST.split('.').map(str::to_owned).collect();
        let (kept, gone) = own.mountpoints.split_first()?;
        let action = match own.written {
            true => Action::EditNixosList {
                path,
                remove: gone.iter().map(|p| Json::from(p.as_str())).collect(),
                add: Vec::new(),
            },
            false => {
                // The list stands for all filesystems: each keeps one.
                let one = |filesystem: &Filesystem| {
                    let more = all.iter().find(|r| std::ptr::eq(r.filesystem, filesystem));
                    let first = more.and_then(|r| r.mountpoints.first().cloned());
                    first.or_else(|| Some(filesystem.mounts.first()?.mountpoint.clone()))
                };
                let each = host.storage.filesystems.iter().filter_map(one);
                Action::SetNixosOption {
                    path,
                    value: each.map(Json::from).collect(),
                }
            }
        };
        Some(Remedy {
            title: format!("Scrub {kept} alone, which reads {} too", listed(gone)),
            actions: vec![action],
            costs: Vec::new(),
            applicability: Applicability::Safe,
            effect: Effect::LessMaintenance,
        })
    }
}

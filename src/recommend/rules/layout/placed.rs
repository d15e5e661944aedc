//! Where databases lie, what speaks for another place, and what that place is like.

use super::super::evidence::of_work;
use super::super::snapshots::snapshots_of;
use super::databases::{Database, databases, has_nocow_attribute};
use crate::analyze::{Evidence, Source, Weight, WorkloadKind};
use crate::btrfs::{MountOption, Scope, effective, lookup, whole};
use crate::model::storage::is_below;
use crate::model::{Filesystem, Host, Mount};
use crate::recommend::Context;

const MEASURED: &str = "measured on 6.18.44 with a hard disk and four other device classes";

/// A database that is copied on write, and should not be.
pub(super) struct Case<'a> {
    pub(super) database: Database,
    pub(super) filesystem: &'a Filesystem,
    pub(super) mount: &'a Mount,
    pub(super) evidence: Vec<Evidence>,
    /// What takes snapshots of the subvolume, which would undo the change.
    pub(super) snapshots: Vec<Evidence>,
}

/// The databases of a host for which that holds.
pub(super) fn cases<'a>(context: &Context<'a>) -> Vec<Case<'a>> {
    databases(context.host)
        .into_iter()
        .filter_map(|database| case(context, database))
        .collect()
}

fn case<'a>(context: &Context<'a>, database: Database) -> Option<Case<'a>> {
    let host = context.host;
    let directory = &database.directory;
    let (filesystem, mount) = host.storage.holding(directory)?;
    let covered = host.metrics.mounts.iter().any(|entry| {
        entry.fstype != "btrfs"
            && is_below(directory, &entry.mountpoint)
            && is_below(&entry.mountpoint, &mount.mountpoint)
            && entry.mountpoint.len() > mount.mountpoint.len()
    });
    if covered
        || has_nocow_attribute(host, directory, &mount.mountpoint)
        || decided(host, filesystem).is_none_or(|options| is_nocow(host, filesystem, &options))
    {
        return None;
    }
    let mut evidence = Vec::new();
    if let Some(work) = context.analysis.workload(WorkloadKind::Database)
        && work.complained_about
        && (work.paths.is_empty()
            || work
                .paths
                .iter()
                .any(|p| is_below(p, directory) || is_below(directory, p)))
    {
        let statement = format!("people say that the work on {directory} is slow");
        evidence.push(of_work(work, Weight::Strong, statement));
    }
    if host.device_facts(filesystem).rotational == Some(true) {
        evidence.push(Evidence::speaks_for(
            Weight::Strong,
            Source::Hardware("a disk that rotates lies below".to_owned()),
            "a hard disk seeks between the pieces that copy on write leaves behind",
        ));
    }
    if evidence.is_empty() {
        return None;
    }
    let known = |weight, text: &str| {
        Evidence::speaks_against(weight, Source::Knowledge(MEASURED.to_owned()), text)
    };
    evidence.push(Evidence::speaks_for(
        Weight::Moderate,
        Source::Knowledge(MEASURED.to_owned()),
        "reading through a file that was rewritten at random took 0.12 of the time on a hard disk \
         and 0.60 on a SATA disk once it was overwritten in place",
    ));
    evidence.push(known(
        Weight::Weak,
        "commits gain little: PostgreSQL took 0.88 to 1.06 of the time with +C",
    ));
    let snapshots = snapshots_of(host, &mount.mountpoint);
    if !snapshots.is_empty() {
        evidence.push(known(
            Weight::Strong,
            "frequent snapshots cancel +C: after each, every block is copied once more",
        ));
    }
    Some(Case {
        database,
        filesystem,
        mount,
        evidence,
        snapshots,
    })
}

/// The options of the mount that decides for the filesystem (of the first one where that is left
/// to chance).
fn decided(host: &Host, filesystem: &Filesystem) -> Option<Vec<MountOption>> {
    let specs = filesystem.mount_specs()?;
    let facts = host.device_facts(filesystem);
    let first = *whole(&specs, host.stage1(), &host.target(), &facts)
        .order
        .first()?;
    Some(specs.get(first)?.options.clone())
}

fn is_nocow(host: &Host, filesystem: &Filesystem, options: &[MountOption]) -> bool {
    effective(options, &host.target(), &host.device_facts(filesystem))
        .state
        .is_nodatacow()
}

impl Case<'_> {
    /// The subvolume's name in the style of its siblings.
    pub(super) fn subvolume(&self) -> String {
        let siblings: Vec<&str> = self
            .filesystem
            .subvolumes
            .iter()
            .map(|s| s.name.as_str())
            .collect();
        let all =
            |prefix: char| !siblings.is_empty() && siblings.iter().all(|s| s.starts_with(prefix));
        let last = self
            .database
            .directory
            .rsplit('/')
            .next()
            .unwrap_or_default();
        let prefix = if all('/') {
            "/"
        } else if all('@') {
            "@"
        } else {
            ""
        };
        let name = format!("{prefix}{last}");
        let taken = |name: &str| {
            siblings
                .iter()
                .any(|s| s.trim_matches('/') == name.trim_matches('/'))
        };
        if taken(&name) {
            format!("{name}-data")
        } else {
            name
        }
    }

    /// What the deciding mount asks of the whole filesystem, so that nothing is inconsistent, and
    /// `noatime`.
    pub(super) fn options(&self, host: &Host) -> Option<Vec<String>> {
        let of_filesystem = |option: &MountOption| {
            lookup(&option.name).is_some_and(|spec| spec.scope == Scope::Filesystem)
        };
        let decided = decided(host, self.filesystem)?;
        let mut options: Vec<String> = decided
            .into_iter()
            .filter(of_filesystem)
            .map(|o| o.text)
            .collect();
        options.push("noatime".to_owned());
        Some(options)
    }
}

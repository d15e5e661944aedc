//! Files that are rewritten in place, on a copy-on-write subvolume: where they lie, and what speaks
//! for another place.

use super::super::evidence::of_work;
use super::super::snapshots::snapshots_of;
use super::attributes::has_nocow_attribute;
use super::own_place::decided;
use crate::analyze::{Evidence, Source, Weight, WorkloadKind};
use crate::btrfs::{MountOption, effective};
use crate::model::storage::is_below;
use crate::model::{Filesystem, Host, Mount};
use crate::recommend::Context;

pub(super) const MEASURED: &str =
    "measured on 6.18.44 with a hard disk and four other device classes";

/// A directory whose files are copied on write.
pub(super) struct Placed<'a> {
    pub(super) filesystem: &'a Filesystem,
    pub(super) mount: &'a Mount,
    /// What takes snapshots of the subvolume, which would undo `+C`.
    pub(super) snapshots: Vec<Evidence>,
}

/// Where a directory lies, if it is known to be copied on write there.
pub(super) fn placed<'a>(host: &'a Host, directory: &str) -> Option<Placed<'a>> {
    let (filesystem, mount) = host.storage.holding(directory)?;
    let covered = host.metrics.mounts.iter().any(|entry| {
        entry.fstype != "btrfs"
            && is_below(directory, &entry.mountpoint)
            && is_below(&entry.mountpoint, &mount.mountpoint)
            && entry.mountpoint.len() > mount.mountpoint.len()
    });
    let is_cow = || decided(host, filesystem).is_some_and(|o| !is_nocow(host, filesystem, &o));
    let known = !covered && !has_nocow_attribute(host, directory, &mount.mountpoint) && is_cow();
    known.then(|| Placed {
        filesystem,
        mount,
        snapshots: snapshots_of(host, &mount.mountpoint),
    })
}

fn is_nocow(host: &Host, filesystem: &Filesystem, options: &[MountOption]) -> bool {
    effective(options, &host.target(), &host.device_facts(filesystem))
        .state
        .is_nodatacow()
}

/// That people complain about work on a directory.
pub(super) fn complaint(
    context: &Context<'_>,
    kind: WorkloadKind,
    directory: &str,
) -> Option<Evidence> {
    let work = context.analysis.workload(kind)?;
    let near = |path: &String| is_below(path, directory) || is_below(directory, path);
    let here = work.paths.is_empty() || work.paths.iter().any(near);
    (work.complained_about && here).then(|| {
        let statement = format!("people say that the work on {directory} is slow");
        of_work(work, Weight::Strong, statement)
    })
}

/// That a disk which rotates lies below.
pub(super) fn rotates(host: &Host, filesystem: &Filesystem) -> Option<Evidence> {
    let rotates = host.device_facts(filesystem).rotational == Some(true);
    rotates.then(|| {
        Evidence::speaks_for(
            Weight::Strong,
            Source::Hardware("a disk that rotates lies below".to_owned()),
            "a hard disk seeks between the pieces that copy on write leaves behind",
        )
    })
}

/// What was measured to speak for overwriting in place.
pub(super) fn reads_in_order() -> Evidence {
    Evidence::speaks_for(
        Weight::Moderate,
        Source::Knowledge(MEASURED.to_owned()),
        "reading through a file that was rewritten at random took 0.12 of the time on a hard disk \
         and 0.60 on a SATA disk once it was overwritten in place",
    )
}

/// Something known that speaks against it.
pub(super) fn against(weight: Weight, text: &str) -> Evidence {
    Evidence::speaks_against(weight, Source::Knowledge(MEASURED.to_owned()), text)
}

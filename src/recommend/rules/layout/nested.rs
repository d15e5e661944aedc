//! Which subvolumes lie within which, and what comes of that.

use super::super::snapshots::{is_kept_by_tool, jobs_of};
use super::rollback::{RolledBack, rolled_back};
use crate::analyze::{Evidence, Source, Weight};
use crate::model::{Filesystem, Host, Subvolume};

/// What is wrong with a subvolume within another.
pub(super) enum Harm {
    /// The outer one is replaced at every boot.
    RolledBack(Evidence),
    /// Snapshots of the outer one leave it out, and nothing tells that it is another.
    LeftOut(Evidence),
}

/// A subvolume within another, and what comes of that.
pub(super) struct Case<'a> {
    pub(super) filesystem: &'a Filesystem,
    pub(super) inner: &'a Subvolume,
    pub(super) outer: &'a Subvolume,
    pub(super) harm: Harm,
}

/// A name without the slashes around it.
pub(super) fn within(name: &str) -> &str {
    name.trim_matches('/')
}

/// The subvolume that holds another, by their names: the innermost one.
fn holder<'a>(filesystem: &'a Filesystem, inner: &Subvolume) -> Option<&'a Subvolume> {
    let holds = |outer: &&Subvolume| {
        let rest = within(&inner.name).strip_prefix(within(&outer.name));
        !within(&outer.name).is_empty() && rest.is_some_and(|rest| rest.starts_with('/'))
    };
    let outer = filesystem.subvolumes.iter().filter(holds);
    outer.max_by_key(|outer| within(&outer.name).len())
}

fn harm(
    host: &Host,
    filesystem: &Filesystem,
    inner: &Subvolume,
    outer: &Subvolume,
) -> Option<Harm> {
    let is_outer = |rolled: &RolledBack<'_>| {
        let name = rolled.mount.subvolume.as_deref();
        std::ptr::eq(rolled.filesystem, filesystem) && name == Some(within(&outer.name))
    };
    if let Some(rolled) = rolled_back(host).into_iter().find(is_outer) {
        return Some(Harm::RolledBack(rolled.evidence()));
    }
    let mountpoint = outer.mountpoint.as_ref().ok()?.as_deref()?;
    let job = jobs_of(host, mountpoint).into_iter().next()?;
    // Whoever mounts it by itself knows that it is one; swap and snapshots are left out on purpose.
    let hidden = inner.mountpoint == Ok(None)
        && inner.swap.is_empty()
        && !is_kept_by_tool(&format!("/{}", within(&inner.name)));
    hidden.then(|| {
        let statement = format!("{} takes snapshots of {mountpoint}", job.by);
        let source = Source::Configuration(job.at);
        Harm::LeftOut(Evidence::speaks_for(Weight::Strong, source, statement))
    })
}

/// All subvolumes of a host that lie within another to their harm.
pub(super) fn cases(host: &Host) -> Vec<Case<'_>> {
    let mut cases = Vec::new();
    for filesystem in &host.storage.filesystems {
        for inner in &filesystem.subvolumes {
            if let Some(outer) = holder(filesystem, inner)
                && let Some(harm) = harm(host, filesystem, inner, outer)
            {
                cases.push(Case {
                    filesystem,
                    inner,
                    outer,
                    harm,
                });
            }
        }
    }
    cases
}

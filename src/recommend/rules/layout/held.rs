//! What snapshots hold: the subvolume that a directory lies on, where snapshots of it are taken
//! again and again.

use super::super::snapshots::{SnapshotJob, jobs};
use crate::analyze::{Evidence, Source, Weight};
use crate::model::storage::is_below;
use crate::model::{Filesystem, Host, Mount};

/// A directory that lies in a subvolume of which snapshots are taken by a timer.
pub(super) struct Held<'h> {
    /// Where it really lies, behind bind mounts.
    pub(super) directory: String,
    pub(super) filesystem: &'h Filesystem,
    pub(super) mount: &'h Mount,
    pub(super) jobs: Vec<SnapshotJob>,
}

impl Held<'_> {
    /// Whether the directory is the root of its subvolume.
    pub(super) fn is_whole(&self) -> bool {
        self.mount.mountpoint == self.directory
    }

    /// Who takes the snapshots.
    pub(super) fn by(&self) -> &'static str {
        self.jobs.first().map_or("a service", |job| job.by)
    }

    /// One statement for each job.
    pub(super) fn evidence(&self) -> Vec<Evidence> {
        let say = |job: &SnapshotJob| {
            let at = &self.mount.mountpoint;
            Evidence::speaks_for(
                Weight::Strong,
                Source::Configuration(job.at),
                format!("{} takes snapshots of {at} by a timer", job.options),
            )
        };
        self.jobs.iter().map(say).collect()
    }
}

/// The subvolume that holds a directory, if snapshots of it are taken by a timer, and the directory
/// is no subvolume of its own that the configuration does not name.
pub(super) fn held<'h>(host: &'h Host, directory: &str) -> Option<Held<'h>> {
    let (real, _) = host.storage.locate(directory)?;
    let (filesystem, mount) = host.storage.holding(directory)?;
    let jobs = jobs_of(host, filesystem, mount);
    let held = Held {
        directory: real,
        filesystem,
        mount,
        jobs,
    };
    (!held.jobs.is_empty() && !is_apart(host, mount, &held.directory)).then_some(held)
}

/// The jobs that take snapshots of a mounted subvolume by a timer.
pub(super) fn jobs_of(host: &Host, filesystem: &Filesystem, mount: &Mount) -> Vec<SnapshotJob> {
    let mut found = jobs(host);
    found.retain(|job| is_of(job, filesystem, mount) && is_regular(host, job));
    found
}

/// Whether a job takes the subvolume of a mount: by its mount point, or by its name below the place
/// where the top level is mounted.
fn is_of(job: &SnapshotJob, filesystem: &Filesystem, mount: &Mount) -> bool {
    if job.path == mount.mountpoint {
        return true;
    }
    let by_option = filesystem
        .mounts
        .iter()
        .filter(|m| m.subvolume.as_deref() == Some("") || names_top_level(m))
        .map(|m| m.mountpoint.as_str());
    let by_disko = filesystem.mountpoint.iter().flatten().map(String::as_str);
    let Some(name) = mount.subvolume.as_deref().filter(|name| !name.is_empty()) else {
        return false;
    };
    by_option
        .chain(by_disko)
        .any(|top| is_path_of(&job.path, &format!("{}/{name}", top.trim_end_matches('/'))))
}

/// Whether the path of a job is this one, with the name of a setting behind it: in an option's path
/// both are joined by a dot.
fn is_path_of(path: &str, subvolume: &str) -> bool {
    // btrbk.conf(5): the settings of a subvolume begin with these.
    const SETTINGS: [&str; 8] = [
        "snapshot_",
        "target",
        "stream_",
        "group",
        "noauto",
        "preserve",
        "timestamp",
        "incremental",
    ];
    match path.strip_prefix(subvolume) {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix('.')
            .is_some_and(|rest| SETTINGS.iter().any(|name| rest.starts_with(name))),
        None => false,
    }
}

fn names_top_level(mount: &Mount) -> bool {
    let options = mount.options.known().unwrap_or_default().iter();
    let mut words = options.flat_map(|o| o.value.split(','));
    words.any(|word| matches!(word, "subvolid=5" | "subvolid=0"))
}

/// Whether a job runs by a timer: snapper's timeline, or a snapshot at each boot; btrbk unless its
/// timer or its snapshots are turned off.
fn is_regular(host: &Host, job: &SnapshotJob) -> bool {
    let settings = &host.settings;
    if job.by == "services.snapper" {
        let at_boot = job.path == "/" && settings.is_true("services.snapper.snapshotRootOnBoot");
        return at_boot || settings.is_true(&format!("{}.TIMELINE_CREATE", job.options));
    }
    let instance = job.options.trim_end_matches(".settings");
    let timer = settings.get(&format!("{instance}.onCalendar"));
    let runs = timer.is_none_or(|timer| timer.as_ref().is_ok_and(|t| !t.value.is_null()));
    let below = format!("{}.", job.options);
    let refused = settings.below(&below).any(|(option, setting)| {
        option.ends_with(".snapshot_create")
            && setting.as_ref().is_ok_and(|setting| setting.value == "no")
    });
    runs && !refused
}

/// Whether a directory is known to lie in a subvolume within that of its mount: the running system
/// lists one, or tmpfiles makes one.
fn is_apart(host: &Host, mount: &Mount, directory: &str) -> bool {
    let top = mount.mountpoint.trim_end_matches('/');
    let Some(inner) = directory.strip_prefix(top).map(|d| d.trim_matches('/')) else {
        return false;
    };
    if inner.is_empty() {
        return false;
    }
    if let Some(name) = mount.subvolume.as_deref() {
        let whole = format!("{name}/{inner}");
        let whole = whole.trim_matches('/');
        let listed = host.metrics.subvolumes.iter().flat_map(|s| &s.paths);
        let listed = listed.map(|path| path.trim_start_matches("<FS_TREE>/").trim_matches('/'));
        let within = |path: &str| is_below(whole, path) && path.len() > name.len();
        if listed.into_iter().any(within) {
            return true;
        }
    }
    super::attributes::tmpfiles(host).any(|rule| {
        rule.kind.starts_with(['v', 'q', 'Q'])
            && is_below(directory, &rule.path)
            && is_below(&rule.path, &mount.mountpoint)
            && rule.path.len() > mount.mountpoint.len()
    })
}

/// Whether the running system lists the subvolumes of a filesystem, so that a missing one is known
/// to be missing.
pub(super) fn are_listed(host: &Host, mount: &Mount) -> bool {
    let Some(name) = mount.subvolume.as_deref().filter(|name| !name.is_empty()) else {
        return false;
    };
    let mut listed = host.metrics.subvolumes.iter().flat_map(|s| &s.paths);
    listed.any(|path| path.trim_start_matches("<FS_TREE>/").trim_matches('/') == name)
}

//! What is in force on a whole filesystem, which mounts ask for it, and what lies below and on it.

use std::collections::BTreeMap;

use super::super::devices;
use super::view::{List, Mounted};
use crate::analyze::{Evidence, Source, Weight, Workload, WorkloadKind};
use crate::btrfs::{Aspect, Compression, EffectiveOptions, MountOption, effective};
use crate::model::hardware::{Disk, DiskKind, Medium};
use crate::model::{Filesystem, Host};
use crate::recommend::{Context, MountEdit};

impl<'a> Mounted<'a> {
    /// What the configuration comes to, where that does not hang on chance.
    pub(super) fn in_force(&self) -> Option<&EffectiveOptions> {
        self.whole.as_ref()?.1.effective.as_ref()
    }

    /// The options about a property for which something holds, as list and option.
    pub(super) fn asking(
        &self,
        about: Aspect,
        what: impl Fn(&MountOption) -> bool,
    ) -> Vec<(usize, usize)> {
        let in_list = |(list, seen): (usize, &List<'a>)| {
            let options = seen.options.iter().enumerate();
            let fits = options.filter(|(_, o)| self.aspect(o) == Some(about) && what(o));
            fits.map(|(option, _)| (list, option)).collect::<Vec<_>>()
        };
        self.lists.iter().enumerate().flat_map(in_list).collect()
    }

    /// The compression that one option asks for by itself, and whether by force.
    pub(super) fn compression(&self, option: &MountOption) -> (Option<Compression>, bool) {
        let one = std::slice::from_ref(option);
        let state = effective(one, &self.target, &self.facts).state;
        (state.compression(), state.forces_compression())
    }

    /// The mount points of some options, each once.
    pub(super) fn mountpoints(&self, places: &[(usize, usize)]) -> Vec<&str> {
        let mut points: Vec<&str> = places
            .iter()
            .map(|(list, _)| self.lists[*list].mount.mountpoint.as_str())
            .collect();
        points.dedup();
        points
    }

    /// The edits that replace options, or take them out; a list that would be left empty gets
    /// `defaults`, because `fileSystems.<name>.options` may not be empty.
    pub(super) fn edits(
        &self,
        places: &[(usize, usize)],
        new: impl Fn(&MountOption) -> Option<String>,
    ) -> Vec<MountEdit> {
        let mut by_list: BTreeMap<usize, BTreeMap<usize, Option<String>>> = BTreeMap::new();
        for (list, option) in places {
            let changed = new(&self.lists[*list].options[*option]);
            by_list.entry(*list).or_default().insert(*option, changed);
        }
        let edit = |(list, mut changes): (usize, BTreeMap<usize, Option<String>>)| {
            let seen = &self.lists[list];
            if seen.would_be_empty(&changes)
                && let Some(first) = changes.values_mut().next()
            {
                *first = Some("defaults".to_owned());
            }
            seen.edited(&changes, Vec::new())
        };
        by_list.into_iter().map(edit).collect()
    }

    /// Where options stand, one statement for each.
    pub(super) fn written(&self, places: &[(usize, usize)]) -> Vec<Evidence> {
        let say = |(list, option): &(usize, usize)| {
            let seen = &self.lists[*list];
            let text = &seen.options[*option].text;
            let at = &seen.mount.mountpoint;
            Evidence::speaks_for(
                Weight::Moderate,
                Source::Configuration(seen.at(*option)),
                format!("{at} asks for `{text}`"),
            )
        };
        places.iter().map(say).collect()
    }

    /// The texts of some options, each once, in backquotes.
    pub(super) fn texts(&self, places: &[(usize, usize)]) -> Vec<String> {
        let mut texts: Vec<String> = places
            .iter()
            .map(|(list, option)| format!("`{}`", self.lists[*list].options[*option].text))
            .collect();
        texts.sort();
        texts.dedup();
        texts
    }

    /// Whether a mount of the filesystem holds one of these paths, or is one.
    pub(super) fn holds_any(&self, host: &Host, paths: &[&str]) -> bool {
        let ours = |path: &&str| {
            let holding = host.storage.holding(path);
            holding.is_some_and(|(f, _)| std::ptr::eq(f, self.filesystem))
        };
        paths.iter().any(ours)
    }
}

/// The work of some kinds that has a path on a filesystem, with that path.
pub(super) fn work_on<'a>(
    context: &Context<'a>,
    filesystem: &Filesystem,
    kinds: &[WorkloadKind],
) -> Vec<(&'a Workload, &'a str)> {
    let ours = |path: &str| {
        let holding = context.host.storage.holding(path);
        holding.is_some_and(|(f, _)| std::ptr::eq(f, filesystem))
    };
    let works = context.analysis.workloads.iter();
    let of_kinds = works.filter(|work| kinds.contains(&work.kind));
    of_kinds
        .flat_map(|work| work.paths.iter().map(move |path| (work, path.as_str())))
        .filter(|(_, path)| ours(path))
        .collect()
}

/// The medium below a filesystem: of its own disks where they are named, else of all disks of the
/// machine where they are of one kind.
pub(super) fn medium(host: &Host, filesystem: &Filesystem) -> Option<(Medium, Evidence)> {
    if let Some(told) = devices::medium(host, filesystem) {
        return Some(told);
    }
    if !filesystem.disks.is_empty() {
        return None;
    }
    let name = filesystem.name();
    if let Ok(device) = &filesystem.device {
        let last = device.value.rsplit('/').next().unwrap_or_default();
        if last.starts_with("nvme") || last.starts_with("mmc") {
            let statement = format!("{name} lies on {}, flash by its name", device.value);
            let source = Source::Configuration(device.at);
            let evidence = Evidence::speaks_for(Weight::Moderate, source, statement);
            return Some((Medium::SolidState, evidence));
        }
    }
    let all: Vec<&Disk> = host.hardware.as_ref()?.storage().collect();
    let first = host.medium(all.first()?);
    let same = |disk: &&Disk| disk.kind != DiskKind::Usb && host.medium(disk) == first;
    let what = match first {
        Medium::SolidState => "flash",
        Medium::Rotational => "disks that rotate",
        Medium::Unknown => return None,
    };
    all.iter().all(same).then(|| {
        let source = Source::Hardware("the disks of the report".to_owned());
        let statement = format!("all disks of the machine are {what}");
        (first, Evidence::speaks_for(Weight::Weak, source, statement))
    })
}

/// Whether a filesystem is known to lie on flash, and not on a card or a soldered chip, which move
/// fewer bytes a second than a processor compresses.
pub(super) fn fast_flash(host: &Host, filesystem: &Filesystem) -> Option<Evidence> {
    let (medium, evidence) = medium(host, filesystem)?;
    let slow = devices::has_kind(
        host,
        filesystem,
        &[DiskKind::Emmc, DiskKind::SdCard, DiskKind::Usb],
    );
    let named_mmc = filesystem
        .disks
        .iter()
        .chain(filesystem.device.as_ref().ok().map(|d| &d.value))
        .any(|name| name.contains("/mmc"));
    let slow_host = filesystem.disks.is_empty()
        && host.hardware.as_ref().is_some_and(|h| {
            h.storage()
                .any(|d| matches!(d.kind, DiskKind::Emmc | DiskKind::SdCard | DiskKind::Usb))
        });
    (medium == Medium::SolidState && !slow && !named_mmc && !slow_host).then_some(evidence)
}

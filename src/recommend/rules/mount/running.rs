//! What the running system shows of a filesystem and its mounts, beside what the configuration
//! gives at the next boot.

use super::super::measured::was_replaced;
use super::view::{List, Mounted};
use crate::btrfs::{
    Aspect, DeviceFacts, MountOption, Scope, Switch, Target, aspect, effective, lookup, whole,
};
use crate::model::Host;
use crate::model::metrics::{MountEntry, Sourced};

/// One property that runs otherwise than it is configured.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::recommend::rules) struct Difference {
    pub(in crate::recommend::rules) about: Aspect,
    /// What is shown now; none where that is the default.
    pub(in crate::recommend::rules) running: Option<String>,
    /// What will be shown after the next boot.
    pub(in crate::recommend::rules) wanted: Option<String>,
    /// Whether the configuration says anything about it.
    pub(in crate::recommend::rules) asked: bool,
}

/// A filesystem of the configuration that is mounted.
pub(in crate::recommend::rules) struct Running<'a> {
    pub(in crate::recommend::rules) mounted: &'a Mounted<'a>,
    /// Each mount whose options are known, with what is seen at its mount point.
    pub(in crate::recommend::rules) seen: Vec<(&'a List<'a>, &'a Sourced<MountEntry>)>,
    kernel: Target,
    facts: DeviceFacts,
}

/// The filesystems of a host of which it is certain that the metrics show them.
pub(in crate::recommend::rules) fn running<'a>(
    host: &'a Host,
    mounted: &'a [Mounted<'a>],
) -> Vec<Running<'a>> {
    // Options on the kernel's command line are not looked at here.
    let parameters = host.settings.get("boot.kernelParams");
    let parameters = parameters.map(|p| p.as_ref().map(|p| p.value.to_string()));
    if parameters.is_some_and(|p| p.is_err() || p.is_ok_and(|p| p.contains("rootflags"))) {
        return Vec::new();
    }
    let all: Vec<Running<'a>> = mounted.iter().filter_map(|m| one(host, m)).collect();
    // One filesystem under two names is taken for two by the configuration.
    let device = |r: &Running<'_>| r.seen.first().map(|(_, entry)| entry.device.clone());
    let devices: Vec<Option<String>> = all.iter().map(device).collect();
    let alone = |d: &Option<String>| devices.iter().filter(|other| *other == d).count() == 1;
    let kept = all.into_iter().zip(&devices);
    kept.filter(|(_, d)| alone(d)).map(|(r, _)| r).collect()
}

fn one<'a>(host: &'a Host, mounted: &'a Mounted<'a>) -> Option<Running<'a>> {
    let (_, whole) = mounted.whole.as_ref()?;
    if whole.mixed_read_only || was_replaced(host, mounted.filesystem, &[]) {
        return None;
    }
    let seen = |list: &'a List<'a>| {
        let mut entries = host.metrics.mounts.iter();
        // What was mounted last covers the others.
        let entry = entries.rfind(|e| e.mountpoint == list.mount.mountpoint)?;
        (entry.fstype == "btrfs").then_some((list, entry))
    };
    let seen: Vec<_> = mounted.lists.iter().filter_map(seen).collect();
    let first = &seen.first()?.1.device;
    let one_device = seen.iter().all(|(_, entry)| entry.device == *first);
    let kernel = host.metrics.kernel.as_ref();
    let kernel = kernel.and_then(|k| k.value.parse().ok());
    one_device.then_some(Running {
        mounted,
        seen,
        kernel: kernel.map_or(mounted.target, Target::Known),
        facts: mounted.facts,
    })
}

/// Properties that are set together: `nodatacow` takes checksums and compression away, and a remount
/// that names any kind of access times sets all of them anew.
fn family(about: Aspect) -> Aspect {
    match about {
        Aspect::DataSum | Aspect::Compression => Aspect::DataCow,
        Aspect::Switch(Switch::NoDirAtime) => Aspect::Atime,
        other => other,
    }
}

/// Whether the kernel may have chosen by itself what is shown (or not), by the device.
fn may_be_automatic(about: Aspect, shown: Option<&str>) -> bool {
    match about {
        Aspect::Ssd => matches!(shown, None | Some("ssd")),
        Aspect::Discard => matches!(shown, None | Some("discard=async")),
        Aspect::SpaceCache => true,
        _ => false,
    }
}

impl Running<'_> {
    /// The properties of the whole filesystem that differ.
    pub(in crate::recommend::rules) fn of_filesystem(&self, host: &Host) -> Vec<Difference> {
        let Some((specs, _)) = &self.mounted.whole else {
            return Vec::new();
        };
        let Some(wanted) = whole(specs, host.stage1(), &self.kernel, &self.facts).effective else {
            return Vec::new();
        };
        let Some((_, entry)) = self.seen.first() else {
            return Vec::new();
        };
        let options = self.mounted.lists.iter().flat_map(|list| &list.options);
        let asked: Vec<Aspect> = options
            .filter_map(|option| self.aspect(option, Scope::Filesystem))
            .map(family)
            .collect();
        self.differences(
            &entry.super_options,
            &wanted.shown_fs,
            Scope::Filesystem,
            &asked,
        )
    }

    /// The properties of one mount point that differ.
    pub(in crate::recommend::rules) fn of_mount(
        &self,
        list: &List<'_>,
        entry: &MountEntry,
    ) -> Vec<Difference> {
        let wanted = effective(&list.options, &self.kernel, &self.facts).shown_mount;
        let options = list.options.iter();
        let asked: Vec<Aspect> = options
            .filter_map(|option| self.aspect(option, Scope::Mount))
            .map(family)
            .collect();
        let mut found = self.differences(&entry.mount_options, &wanted, Scope::Mount, &asked);
        // A read-only filesystem is a matter of its state, not of an option.
        found.retain(|d| d.about != Aspect::Switch(Switch::ReadOnly));
        found
    }

    fn aspect(&self, option: &MountOption, scope: Scope) -> Option<Aspect> {
        lookup(&option.name).filter(|spec| spec.scope == scope)?;
        aspect(option, &self.kernel).filter(|about| *about != Aspect::Subvolume)
    }

    fn differences(
        &self,
        running: &[String],
        wanted: &[String],
        scope: Scope,
        asked: &[Aspect],
    ) -> Vec<Difference> {
        let read = |words: &[String]| -> Vec<(Aspect, String)> {
            let words = words.iter();
            words
                .filter_map(|word| {
                    let about = self.aspect(&MountOption::new(word, 0), scope)?;
                    Some((about, word.clone()))
                })
                .collect()
        };
        let (running, wanted) = (read(running), read(wanted));
        let mut abouts: Vec<Aspect> = Vec::new();
        for (about, _) in running.iter().chain(&wanted) {
            if !abouts.contains(about) {
                abouts.push(*about);
            }
        }
        let of = |words: &[(Aspect, String)], about: Aspect| {
            let found = words.iter().find(|(a, _)| *a == about);
            found.map(|(_, word)| word.clone())
        };
        let difference = |about: Aspect| {
            let (running, wanted) = (of(&running, about), of(&wanted, about));
            let asked = asked.contains(&family(about));
            let automatic = may_be_automatic(about, running.as_deref()) && !asked;
            (running != wanted && !automatic).then_some(Difference {
                about,
                running,
                wanted,
                asked,
            })
        };
        abouts.into_iter().filter_map(difference).collect()
    }
}

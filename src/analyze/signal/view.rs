//! Owns: which filesystems a machine has, whether its configuration names them or only the running
//! system shows them, and what they stand on.

use super::Subject;
use crate::analyze::facts;
use crate::model::metrics::{MountEntry, Sourced};
use crate::model::storage::is_below;
use crate::model::{Filesystem, Host};

/// One filesystem, however it is known.
#[derive(Debug)]
pub struct View<'h> {
    /// What reports call it: its first mount point.
    pub name: String,
    /// What the configuration says of it.
    pub configured: Option<&'h Filesystem>,
    /// Where the running system has it.
    pub mounted: Vec<&'h Sourced<MountEntry>>,
    /// Kernel names of the devices below it: partitions, mappers and disks.
    pub devices: Vec<String>,
}

/// The btrfs filesystems of a host: those of its configuration, then those that only run.
pub(super) fn views(host: &Host) -> Vec<View<'_>> {
    let mut views: Vec<View<'_>> = host
        .storage
        .filesystems
        .iter()
        .map(|filesystem| View {
            name: filesystem.name().to_owned(),
            configured: Some(filesystem),
            mounted: facts::running(host, filesystem),
            devices: facts::disks(host, filesystem)
                .iter()
                .map(|d| d.kernel_name.clone())
                .collect(),
        })
        .collect();
    let speaks_of_others = speaks_of_others(host);
    let running = host.metrics.mounts.iter();
    let running =
        running.filter(|m| m.fstype == "btrfs" || !speaks_of_others && is_of_nothing_else(m));
    for entry in running {
        let is_known = |v: &View<'_>| v.mounted.iter().any(|m| m.mountpoint == entry.mountpoint);
        if views.iter().any(is_known) {
            continue;
        }
        let same = |v: &&mut View<'_>| {
            let device = &entry.device;
            !device.is_empty() && v.mounted.iter().any(|m| m.device == *device)
        };
        // Without a device nobody can tell two filesystems apart.
        let only = entry.device.is_empty() && views.len() == 1;
        match views.iter_mut().find(|v| only || same(v)) {
            Some(view) => view.mounted.push(entry),
            None => views.push(View {
                name: entry.mountpoint.clone(),
                configured: None,
                mounted: vec![entry],
                devices: Vec::new(),
            }),
        }
    }
    let count = views.len();
    for view in &mut views {
        let shown: Vec<String> = view.mounted.iter().map(|m| m.device.clone()).collect();
        for device in shown {
            stack(host, &device, &mut view.devices);
        }
        by_sysfs(host, view, count == 1);
    }
    views
}

/// Whether anybody speaks of a filesystem that is not btrfs.
fn speaks_of_others(host: &Host) -> bool {
    const OTHERS: [&str; 5] = [
        "thing.other-fs",
        "thing.network-fs",
        "thing.fuse",
        "result.same-on-other-fs",
        "result.faster-on-other-fs",
    ];
    let typed = |m: &&Sourced<MountEntry>| !m.fstype.is_empty() && m.fstype != "btrfs";
    let heard = host.observations.iter().flat_map(|o| &o.heard);
    host.metrics.mounts.iter().any(|m| typed(&m))
        || heard
            .into_iter()
            .any(|h| OTHERS.contains(&h.concept.as_str()))
}

/// Whether somebody tells of a mount without its type. Who speaks of no other filesystem means
/// btrfs: nothing else is asked about here.
fn is_of_nothing_else(mount: &MountEntry) -> bool {
    const OTHERS: [&str; 5] = ["/boot", "/efi", "/proc", "/sys", "/dev"];
    let point = mount.mountpoint.as_str();
    let is_bind = |o: &String| matches!(o.as_str(), "bind" | "rbind");
    mount.fstype.is_empty()
        && point.starts_with('/')
        && !OTHERS.iter().any(|other| point.starts_with(other))
        && !mount.mount_options.iter().any(is_bind)
}

/// Adds a device and what it stands on.
fn stack(host: &Host, device: &str, devices: &mut Vec<String>) {
    let name = device.rsplit('/').next().unwrap_or(device);
    let mut next = vec![name.to_owned(), facts::disk_name(device)];
    while let Some(name) = next.pop() {
        if name.is_empty() || devices.contains(&name) {
            continue;
        }
        let parents = host.metrics.block_devices.iter();
        next.extend(
            parents
                .filter(|b| b.name == name)
                .filter_map(|b| b.parent.clone()),
        );
        devices.push(name);
    }
}

/// The members that the kernel lists for a filesystem.
fn by_sysfs(host: &Host, view: &mut View<'_>, is_only: bool) {
    let states = &host.metrics.states;
    let same = |devices: &[String]| devices.iter().any(|d| view.devices.contains(d));
    let state = states
        .iter()
        .find(|s| same(&s.devices))
        .or_else(|| states.first().filter(|_| is_only && states.len() == 1));
    let names = state.map(|s| s.devices.clone()).unwrap_or_default();
    for name in names {
        stack(host, &format!("/dev/{name}"), &mut view.devices);
    }
}

/// The filesystem that holds a path: by the longest mount point above it. Where no path is known,
/// the only one there is.
pub(super) fn holding(views: &[View<'_>], path: Option<&str>) -> Subject {
    let points = |view: &View<'_>| -> Vec<String> {
        let configured = view.configured.iter();
        let configured = configured.flat_map(|f| f.mounts.iter().map(|m| m.mountpoint.clone()));
        let mounted = view.mounted.iter().map(|m| m.mountpoint.clone());
        configured.chain(mounted).collect()
    };
    let best = path.and_then(|path| {
        let lengths = views.iter().filter_map(|view| {
            let above = points(view).into_iter().filter(|p| is_below(path, p));
            Some((above.map(|p| p.len()).max()?, view))
        });
        lengths.max_by_key(|(length, _)| *length).map(|(_, v)| v)
    });
    let only = || match views {
        [only] => Some(only),
        _ => None,
    };
    match best.or_else(only) {
        Some(view) => Subject::Filesystem(view.name.clone()),
        None => Subject::Machine,
    }
}

/// The filesystem that stands on a device.
pub(super) fn on_device(views: &[View<'_>], device: &str) -> Option<Subject> {
    let name = device.rsplit('/').next().unwrap_or(device);
    let view = views.iter().find(|v| v.devices.iter().any(|d| d == name))?;
    Some(Subject::Filesystem(view.name.clone()))
}

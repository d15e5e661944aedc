//! What kinds are made of: the things of a host that an action fits.

use btrfs_tune::model::{Filesystem, Luks, Mount, MountSource, StorageSource, Subvolume, Texts};
use btrfs_tune::recommend::{Action, MkfsSetting, MountEdit};
use serde_json::Value as Json;

use super::{Place, Task};

/// A mount that no edit of options fits, and why.
pub(crate) type Unfit = (String, String);

/// Mounts that no edit of options fits, because their options are not known: each with the reason.
pub(crate) fn unfit(place: &Place) -> Vec<Unfit> {
    let all = place
        .host
        .storage
        .filesystems
        .iter()
        .flat_map(|f| &f.mounts);
    let unknown = all.filter_map(|mount| {
        let why = match &mount.written {
            Texts::Known(_) => return None,
            Texts::Unknown(fact) => fact.why.clone(),
            Texts::Partly(elements) => elements.iter().find_map(|e| e.as_ref().err())?.why.clone(),
        };
        Some((mount.mountpoint.clone(), why))
    });
    unknown.collect()
}

pub(super) fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|n| (*n).to_owned()).collect()
}

pub(super) fn at<'a>(place: &'a Place, path: &[&str]) -> Option<&'a Json> {
    path.iter()
        .try_fold(place.config, |json, name| json.get(name))
}

/// The options of a mount; a mount of which they are not known fits nothing.
pub(super) fn written(mount: &Mount) -> Vec<String> {
    let known = mount.written.known().unwrap_or_default();
    known.iter().map(|o| o.value.clone()).collect()
}

/// The options of a mount that a file writes, but those that say which subvolume it is.
pub(super) fn removable(mount: &Mount) -> Vec<String> {
    let known = mount.written.known().unwrap_or_default();
    let own = known.iter().filter(|o| o.at.is_some());
    let own = own.map(|o| o.value.clone());
    own.filter(|o| !o.starts_with("subvol")).collect()
}

pub(super) fn edit(mount: &Mount, remove: Vec<String>, add: Vec<String>) -> MountEdit {
    MountEdit {
        mountpoint: mount.mountpoint.clone(),
        remove,
        add,
    }
}

pub(super) fn mounts(
    place: &Place,
    fits: &dyn Fn(&&Mount) -> bool,
    change: impl Fn(&Mount) -> (Vec<String>, Vec<String>),
) -> Vec<Task> {
    let all = place
        .host
        .storage
        .filesystems
        .iter()
        .flat_map(|f| &f.mounts);
    let known = all.filter(|m| m.written.known().is_some());
    known
        .filter(fits)
        .map(|mount| {
            let (remove, add) = change(mount);
            Task {
                subject: mount.mountpoint.clone(),
                actions: vec![Action::EditMountOptions {
                    mounts: vec![edit(mount, remove, add)],
                }],
            }
        })
        .collect()
}

pub(super) fn all_mounts(place: &Place, change: &dyn Fn(&Mount) -> Option<MountEdit>) -> Vec<Task> {
    filesystems(place, |f| {
        let known = f.mounts.len() > 1 && f.mounts.iter().all(|m| m.written.known().is_some());
        let edits: Option<Vec<MountEdit>> = f.mounts.iter().map(change).collect();
        let mounts = edits.filter(|_| known)?;
        Some(vec![Action::EditMountOptions { mounts }])
    })
}

pub(super) fn filesystems(
    place: &Place,
    actions: impl Fn(&Filesystem) -> Option<Vec<Action>>,
) -> Vec<Task> {
    let all = place.host.storage.filesystems.iter();
    all.filter_map(|f| {
        Some(Task {
            subject: f.name().to_owned(),
            actions: actions(f)?,
        })
    })
    .collect()
}

/// The path that actions name a filesystem by.
pub(super) fn path_of(filesystem: &Filesystem) -> Option<Vec<String>> {
    match &filesystem.source {
        StorageSource::Disko(path) => Some(path.clone()),
        StorageSource::FileSystems => {
            let mount = filesystem.mount("/").or(filesystem.mounts.first())?;
            let plain = mount.source == MountSource::FileSystems;
            plain.then(|| owned(&["fileSystems", &mount.mountpoint]))
        }
    }
}

/// A name as the subvolumes beside it have theirs.
pub(super) fn like_siblings(filesystem: &Filesystem, name: &str) -> String {
    let mut siblings: Vec<&str> = filesystem
        .subvolumes
        .iter()
        .map(|s| s.name.as_str())
        .collect();
    if siblings.is_empty() {
        let mounted = filesystem.mounts.iter();
        siblings = mounted.filter_map(|m| m.subvolume.as_deref()).collect();
    }
    match siblings.first() {
        Some(first) if first.starts_with("/@") => format!("/@{name}"),
        Some(first) if first.starts_with('/') => format!("/{name}"),
        Some(first) if first.starts_with('@') => format!("@{name}"),
        _ => name.to_owned(),
    }
}

pub(super) fn mounted(subvolume: &Subvolume) -> Option<&str> {
    subvolume.mountpoint.as_ref().ok()?.as_deref()
}

pub(super) fn subvolumes(
    place: &Place,
    action: impl Fn(&Filesystem, &Subvolume) -> Option<Action>,
) -> Vec<Task> {
    let mut tasks = Vec::new();
    for filesystem in &place.host.storage.filesystems {
        if filesystem.source == StorageSource::FileSystems {
            continue;
        }
        for subvolume in &filesystem.subvolumes {
            if let Some(action) = action(filesystem, subvolume) {
                tasks.push(Task {
                    subject: subvolume.name.clone(),
                    actions: vec![action],
                });
            }
        }
    }
    tasks
}

pub(super) fn mkfs(place: &Place, setting: MkfsSetting) -> Vec<Task> {
    filesystems(place, |f| {
        let StorageSource::Disko(path) = &f.source else {
            return None;
        };
        Some(vec![Action::SetMkfs {
            filesystem: path.clone(),
            setting: setting.clone(),
        }])
    })
}

pub(super) fn luks(place: &Place, action: impl Fn(&Luks) -> Action) -> Vec<Task> {
    let mut seen = Vec::new();
    let mut tasks = Vec::new();
    for luks in place.host.storage.filesystems.iter().flat_map(|f| f.luks()) {
        if !seen.contains(&luks.path) {
            seen.push(luks.path.clone());
            tasks.push(Task {
                subject: luks.name.clone(),
                actions: vec![action(luks)],
            });
        }
    }
    tasks
}

pub(super) fn nixos(place: &Place, subject: &str, action: Action) -> Vec<Task> {
    if !place.is_nixos {
        return Vec::new();
    }
    vec![Task {
        subject: subject.to_owned(),
        actions: vec![action],
    }]
}

pub(super) fn set(place: &Place, path: &[&str], value: Json) -> Vec<Task> {
    let path = owned(path);
    nixos(
        place,
        &path.join("."),
        Action::SetNixosOption { path, value },
    )
}

pub(super) fn edit_list(
    place: &Place,
    path: &[&str],
    remove: Vec<Json>,
    add: Vec<Json>,
) -> Vec<Task> {
    let path = owned(path);
    nixos(
        place,
        &path.join("."),
        Action::EditNixosList { path, remove, add },
    )
}

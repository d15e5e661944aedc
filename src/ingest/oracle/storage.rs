//! Filling in storage: each field that static reading leaves unknown, and what it does not see at all.

use std::collections::BTreeSet;

use super::super::disko::unknown_disk;
use crate::model::{
    Filesystem, Layer, Located, Luks, Mount, Reading, Storage, StorageSource, Subvolume, SwapFile,
    Texts,
};

/// Option paths of what Nix said.
type Told = BTreeSet<Vec<String>>;

/// Takes what Nix's storage adds.
pub(super) fn fill(ours: &mut Storage, theirs: &Storage, told: &mut Told) {
    for real in &theirs.filesystems {
        filesystem(ours, real, told);
    }
    for bind in &theirs.binds {
        if !ours.binds.iter().any(|b| b.at == bind.at) {
            ours.binds.push(bind.clone());
        }
    }
    for other in &theirs.others {
        if !ours.others.contains(other) {
            ours.others.push(other.clone());
        }
    }
    for at in &theirs.in_memory {
        if !ours.in_memory.contains(at) {
            ours.in_memory.push(at.clone());
        }
    }
    ours.root_on_btrfs = ours.mount("/").is_some();
}

/// Where a filesystem is defined.
fn path_of(filesystem: &Filesystem) -> Vec<String> {
    match &filesystem.source {
        StorageSource::Disko(path) => path.clone(),
        StorageSource::FileSystems => {
            let first = filesystem.mounts.first();
            first.map(|m| mount_path(&m.mountpoint)).unwrap_or_default()
        }
    }
}

fn mount_path(mountpoint: &str) -> Vec<String> {
    vec!["fileSystems".to_owned(), mountpoint.to_owned()]
}

/// The name below a mount of what is defined beside disko's options.
pub const BESIDE: &str = "definitions";

fn below(path: &[String], name: &str) -> Vec<String> {
    let mut path = path.to_vec();
    path.push(name.to_owned());
    path
}

/// Notes that Nix said all of a filesystem.
pub(super) fn whole(filesystem: &Filesystem, told: &mut Told) {
    if let StorageSource::Disko(path) = &filesystem.source {
        told.insert(path.clone());
    }
    told.extend(filesystem.mounts.iter().map(|m| mount_path(&m.mountpoint)));
}

fn is_disko(filesystem: &Filesystem) -> bool {
    matches!(filesystem.source, StorageSource::Disko(_))
}

/// Whether two readings are of one filesystem.
fn is_same(ours: &Filesystem, theirs: &Filesystem) -> bool {
    if is_disko(ours) && is_disko(theirs) {
        return ours.source == theirs.source;
    }
    let mut mounts = ours.mounts.iter();
    mounts.any(|m| theirs.mount(&m.mountpoint).is_some())
}

fn filesystem(storage: &mut Storage, theirs: &Filesystem, told: &mut Told) {
    let all = &mut storage.filesystems;
    let position = all
        .iter()
        .position(|ours| ours.source == theirs.source && is_same(ours, theirs))
        .or_else(|| all.iter().position(|ours| is_same(ours, theirs)));
    let Some(position) = position else {
        all.push(theirs.clone());
        return whole(theirs, told);
    };
    let mut ours = all.remove(position);
    // Of devices that are not known it could not be said that they are one.
    all.retain_mut(|other| {
        let joins = other.device.is_err() && !is_disko(other) && is_same(other, theirs);
        if joins {
            ours.mounts.append(&mut other.mounts);
        }
        !joins
    });
    if is_disko(theirs) && !is_disko(&ours) {
        // What disko defines was not seen at all.
        told.insert(path_of(theirs));
        let seen = std::mem::replace(&mut ours, theirs.clone());
        for mount in &mut ours.mounts {
            match seen.mount(&mount.mountpoint) {
                Some(known) if known.options.known().is_some() => {
                    mount.options = known.options.clone();
                }
                _ => drop(told.insert(mount_path(&mount.mountpoint))),
            }
        }
    } else {
        fields(&mut ours, theirs, told);
    }
    all.insert(position.min(all.len()), ours);
}

fn fields(ours: &mut Filesystem, theirs: &Filesystem, told: &mut Told) {
    let path = path_of(ours);
    if ours.device.is_err() && theirs.device.is_ok() {
        // Names of disks and partitions may have been the unknown.
        ours.disks.clone_from(&theirs.disks);
        ours.layers.clone_from(&theirs.layers);
    }
    reading(&mut ours.device, &theirs.device, &path, "device", told);
    // A disk whose device is not known is called after its name in disko.
    if let [disko, devices, kind, disk, ..] = path.as_slice()
        && let ([ours], [theirs]) = (ours.disks.as_mut_slice(), theirs.disks.as_slice())
        && kind == "disk"
        && *ours == unknown_disk(disk)
    {
        ours.clone_from(theirs);
        let device = [disko, devices, kind, disk].map(String::clone);
        told.insert(below(&device, "device"));
    }
    if ours.label.is_none() && theirs.label.is_some() {
        ours.label.clone_from(&theirs.label);
        told.insert(below(&path, "label"));
    }
    for (ours, theirs) in ours.layers.iter_mut().zip(&theirs.layers) {
        if let (Layer::Luks(ours), Layer::Luks(theirs)) = (ours, theirs) {
            luks(ours, theirs, told);
        }
    }
    if is_disko(theirs) {
        let args = (&mut ours.mkfs_args, &theirs.mkfs_args);
        texts(args.0, args.1, below(&path, "extraArgs"), told);
        let point = (&mut ours.mountpoint, &theirs.mountpoint);
        reading(point.0, point.1, &path, "mountpoint", told);
        let options = (&mut ours.options, &theirs.options);
        texts(options.0, options.1, below(&path, "mountOptions"), told);
        swap(&mut ours.swap, &theirs.swap, &path, told);
    }
    for theirs in &theirs.subvolumes {
        let known = ours.subvolumes.iter_mut().find(|s| s.path == theirs.path);
        match known {
            Some(ours) => subvolume(ours, theirs, told),
            None => {
                told.insert(theirs.path.clone());
                ours.subvolumes.push(theirs.clone());
            }
        }
    }
    for theirs in &theirs.mounts {
        let known = ours.mounts.iter_mut();
        let known = known.filter(|m| m.mountpoint == theirs.mountpoint);
        // Two subvolumes may be written to be mounted at one place.
        match known.max_by_key(|m| m.subvolume == theirs.subvolume) {
            Some(ours) => mount(ours, theirs, told),
            None => {
                told.insert(mount_path(&theirs.mountpoint));
                ours.mounts.push(theirs.clone());
            }
        }
    }
    ours.mounts.sort_by(|a, b| a.mountpoint.cmp(&b.mountpoint));
}

fn luks(ours: &mut Luks, theirs: &Luks, told: &mut Told) {
    let settings = below(&ours.path, "settings");
    let discards = (&mut ours.allow_discards, &theirs.allow_discards);
    reading(discards.0, discards.1, &settings, "allowDiscards", told);
    let queues = (&mut ours.bypass_workqueues, &theirs.bypass_workqueues);
    reading(queues.0, queues.1, &settings, "bypassWorkqueues", told);
    let path = below(&ours.path, "extraFormatArgs");
    texts(&mut ours.format_args, &theirs.format_args, path, told);
}

fn subvolume(ours: &mut Subvolume, theirs: &Subvolume, told: &mut Told) {
    let path = ours.path.clone();
    let point = (&mut ours.mountpoint, &theirs.mountpoint);
    reading(point.0, point.1, &path, "mountpoint", told);
    let options = below(&path, "mountOptions");
    texts(&mut ours.options, &theirs.options, options, told);
    swap(&mut ours.swap, &theirs.swap, &path, told);
}

/// Swap files, which both readers list by attribute name.
fn swap(ours: &mut Vec<SwapFile>, theirs: &[SwapFile], holder: &[String], told: &mut Told) {
    let holder = below(holder, "swap");
    if ours.len() < theirs.len() {
        told.insert(holder);
        *ours = theirs.to_vec();
        return;
    }
    if ours.len() > theirs.len() {
        return;
    }
    for (index, (ours, theirs)) in ours.iter_mut().zip(theirs).enumerate() {
        let path = below(&holder, &index.to_string());
        reading(&mut ours.path, &theirs.path, &path, "path", told);
        reading(&mut ours.size, &theirs.size, &path, "size", told);
        let priority = (&mut ours.priority, &theirs.priority);
        reading(priority.0, priority.1, &path, "priority", told);
        let options = below(&path, "options");
        texts(&mut ours.options, &theirs.options, options, told);
    }
}

fn mount(ours: &mut Mount, theirs: &Mount, told: &mut Told) {
    if ours.options.known().is_none() && ours.subvolume.is_none() {
        ours.subvolume.clone_from(&theirs.subvolume);
    }
    let point = ours.mountpoint.as_str();
    let path = below(&mount_path(point), "options");
    texts(&mut ours.options, &theirs.options, path, told);
    // Whose words they are is said where they are written.
    texts(
        &mut ours.written,
        &theirs.written,
        Vec::new(),
        &mut Told::new(),
    );
    if let (Some(ours), Some(theirs)) = (&mut ours.added, &theirs.added) {
        texts(ours, theirs, below(&mount_path(point), BESIDE), told);
    }
    ours.needed_for_boot |= theirs.needed_for_boot;
}

fn reading<T: Clone>(
    ours: &mut Reading<T>,
    theirs: &Reading<T>,
    path: &[String],
    name: &str,
    told: &mut Told,
) {
    if ours.is_err() && theirs.is_ok() {
        ours.clone_from(theirs);
        told.insert(below(path, name));
    }
}

/// Takes a list, or those of its elements that are not known.
fn texts(ours: &mut Texts, theirs: &Texts, path: Vec<String>, told: &mut Told) {
    let Some(real) = theirs.known() else { return };
    let fits = |elements: &[Reading<Located<String>>]| {
        let mut pairs = elements.iter().zip(real);
        elements.len() == real.len()
            && pairs.all(|(mine, real)| mine.as_ref().map_or(true, |m| m.value == real.value))
    };
    match ours {
        Texts::Known(_) => {}
        Texts::Partly(elements) if fits(elements) => {
            let of_nix = elements.iter().enumerate().filter(|(_, e)| e.is_err());
            told.extend(of_nix.map(|(index, _)| below(&path, &index.to_string())));
            let merged = elements.iter().cloned().zip(real);
            let merged = merged.map(|(mine, real)| mine.unwrap_or_else(|_| real.clone()));
            *ours = Texts::Known(merged.collect());
        }
        Texts::Partly(_) | Texts::Unknown(_) => {
            *ours = theirs.clone();
            told.insert(path);
        }
    }
}

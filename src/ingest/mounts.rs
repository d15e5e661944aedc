//! `fileSystems`, bind mounts and disko's mounts → the storage of one host.
//!
//! Source: nixpkgs nixos/modules/tasks/filesystems.nix; disko module.nix at 878ec37;
//! nix-community/impermanence nixos.nix; WilliButz/preservation.

use super::disko::{self, is_bind};
use super::persistence;
use super::reach::DEFAULT_PRIORITY;
use super::values::{SetAt, Values, below};
use crate::btrfs::whole::MOUNTED_IN_INITRD;
use crate::btrfs::{DeviceFacts, Target, effective, parse_options};
use crate::model::{
    Filesystem, Located, Mount, MountSource, Reading, Storage, StorageSource, Texts, UnknownFact,
};

/// The options of `fileSystems` where none are written.
const DEFAULT_OPTIONS: &[&str] = &["defaults"];

/// All storage of a configuration.
pub(super) fn storage(values: &Values<'_>, root: &SetAt) -> Storage {
    let mut storage = match values.child(root, "disko") {
        Some(disko) => disko::storage(values, &disko),
        None => Storage::default(),
    };
    if let Some(all) = values.child(root, "fileSystems") {
        for (name, entry) in values.children(&all) {
            add(values, name, &entry, &mut storage);
        }
    }
    persistence::add(values, root, &mut storage);
    for mount in storage
        .filesystems
        .iter_mut()
        .flat_map(|f| f.mounts.iter_mut())
    {
        mount.needed_for_boot |= MOUNTED_IN_INITRD.contains(&mount.mountpoint.as_str());
    }
    storage.root_on_btrfs = storage.filesystems.iter().any(|f| f.mount("/").is_some());
    storage
}

/// One entry of `fileSystems`.
fn add(values: &Values<'_>, name: String, entry: &SetAt, storage: &mut Storage) {
    let mountpoint = match values.text(entry, "mountPoint") {
        Ok(mountpoint) => mountpoint.map_or(name, |m| m.value),
        Err(fact) => return values.note(fact),
    };
    match values.flag(entry, "enable") {
        Ok(Some(false)) => return,
        Ok(_) => {}
        Err(fact) => return values.note(fact),
    }
    let needed = values.known(values.flag(entry, "neededForBoot")) == Some(Some(true));
    let existing = storage
        .filesystems
        .iter_mut()
        .flat_map(|f| f.mounts.iter_mut())
        .find(|m| m.mountpoint == mountpoint && m.source != MountSource::FileSystems);
    if let Some(mount) = existing {
        mount.needed_for_boot |= needed;
        if entry.set.get("options").is_some() {
            merge_options(values, entry, mount);
        }
        return;
    }
    let written = values.texts(entry, "options", DEFAULT_OPTIONS);
    let has = |wanted: fn(&str) -> bool| {
        let elements = written.elements().unwrap_or_default();
        elements.into_iter().flatten().any(|o| wanted(&o.value))
    };
    let kind = match values.text(entry, "fsType") {
        Ok(kind) => kind.map(|k| k.value),
        Err(fact) => return values.note(fact),
    };
    let device = values.text(entry, "device");
    if has(is_bind) {
        match device {
            Ok(Some(from)) => storage.add_bind(mountpoint, from.value),
            Ok(None) => storage.others.push(mountpoint),
            Err(fact) => values.note(fact),
        }
        return;
    }
    match kind.as_deref() {
        Some("btrfs") => {}
        // Only options are said here; who says the rest is not seen.
        None | Some("auto") if has(is_btrfs_option) => {}
        // Less than that says nothing: the rest stands in a file that is not read.
        None if device == Ok(None) => return,
        None | Some(_) => return storage.add_other(mountpoint, kind.as_deref()),
    }
    let label = values.text(entry, "label");
    let device = match (device, &label) {
        (Ok(Some(device)), _) => Ok(device),
        (Ok(None), Ok(Some(label))) => Ok(Located::new(
            // nixpkgs escapes nothing but what udev cannot name.
            format!("/dev/disk/by-label/{}", label.value),
            None,
        )),
        (Ok(None), Err(fact)) => Err(fact.clone()),
        (Ok(None), Ok(None)) => Err(UnknownFact {
            what: below(&entry.path, "device").join("."),
            why: "no file of the project defines it".to_owned(),
            at: entry.at,
        }),
        (Err(fact), _) => Err(fact),
    };
    let mount = Mount {
        mountpoint,
        subvolume: subvolume(&written),
        source: MountSource::FileSystems,
        options: written.clone(),
        written,
        added: None,
        needed_for_boot: needed,
        at: entry.at,
    };
    let label = values.known(label).flatten().map(|l| l.value);
    put(storage, device, label, mount);
}

/// The subvolume that options name: the last one.
fn subvolume(options: &Texts) -> Option<String> {
    let options = options.known()?.iter();
    let words = options.flat_map(|o| o.value.split(','));
    let mut named = words.filter_map(|w| w.strip_prefix("subvol="));
    let named = named.next_back()?;
    Some(named.trim_start_matches('/').to_owned())
}

fn is_btrfs_option(element: &str) -> bool {
    let words = element.split(',');
    let named = |word: &str| {
        let name = word.split('=').next().unwrap_or_default();
        matches!(name, "subvol" | "subvolid" | "compress" | "compress-force")
    };
    words.into_iter().any(named)
}

/// Puts a mount to the filesystem on its device. Of devices that are not known it cannot be said
/// whether they are one.
fn put(
    storage: &mut Storage,
    device: Reading<Located<String>>,
    label: Option<String>,
    mount: Mount,
) {
    let same = |f: &&mut Filesystem| match (&f.device, &device) {
        (Ok(one), Ok(other)) => one.value == other.value,
        _ => false,
    };
    if let Some(filesystem) = storage.filesystems.iter_mut().find(same) {
        filesystem.mounts.push(mount);
        filesystem
            .mounts
            .sort_by(|a, b| a.mountpoint.cmp(&b.mountpoint));
        return;
    }
    storage.filesystems.push(Filesystem {
        source: StorageSource::FileSystems,
        disks: device.iter().map(|d| d.value.clone()).collect(),
        device,
        layers: Vec::new(),
        mkfs_args: Texts::unwritten(&[]),
        label,
        mountpoint: Ok(None),
        options: Texts::unwritten(DEFAULT_OPTIONS),
        swap: Vec::new(),
        subvolumes: Vec::new(),
        at: mount.at,
        mounts: vec![mount],
    });
}

/// Merges what a file says of a mount point with the options that disko's module defines for it.
///
/// Measured with nixpkgs' lib and disko's module: the options of the module that comes first in the
/// list of modules come first, and those of a module that imports before those of the imported one.
/// disko's module is mostly the first of the list, so its options come first; but where it stands
/// is not known here, and so the merged options are known only if both orders mean the same.
fn merge_options(values: &Values<'_>, entry: &SetAt, mount: &mut Mount) {
    let path = below(&entry.path, "options");
    let (priority, ordered) = entry.strength(values.e, "options");
    let more = values.texts(entry, "options", &[]);
    mount.added = Some(more.clone());
    let disko = mount.options.clone();
    mount.options = match priority.cmp(&DEFAULT_PRIORITY) {
        std::cmp::Ordering::Less => more,
        std::cmp::Ordering::Greater => disko,
        std::cmp::Ordering::Equal if ordered || entry.forced || !orders_agree(&disko, &more) => {
            Texts::Unknown(UnknownFact {
                what: path.join("."),
                why: "it is not known whether disko's options come before or behind these"
                    .to_owned(),
                at: entry.at,
            })
        }
        // What was written for disko stays in front, so that it can be told from the rest.
        std::cmp::Ordering::Equal => disko.followed_by(more),
    };
}

/// Whether two lists mean the same in both orders, as far as all of it is known.
fn orders_agree(one: &Texts, other: &Texts) -> bool {
    let (Some(one), Some(other)) = (one.known(), other.known()) else {
        // What is not known stays so in any order.
        return true;
    };
    let state = |first: &[Located<String>], then: &[Located<String>]| {
        let words: Vec<&str> = first.iter().chain(then).map(|o| o.value.as_str()).collect();
        effective(
            &parse_options(&words),
            &Target::Unknown,
            &DeviceFacts::default(),
        )
        .state
    };
    state(one, other) == state(other, one)
}

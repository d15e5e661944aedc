//! The values that Nix and this program give for one filesystem or mount, in one form.

use std::collections::BTreeMap;

use btrfs_tune::report::inspect::{Filesystem, HostDocument, Source, Subvolume, Swap, Text};
use serde_json::Value as Json;

/// A value: an option path within the filesystem → what it is.
pub(crate) type Values = BTreeMap<String, Told>;

/// What is told of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    Known(Json),
    /// A list of which some elements are known.
    Partly(Vec<Option<String>>),
    Unknown,
}

/// Whether Nix was given a stand-in for something that no file says.
pub(crate) fn is_marked(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains("@{"),
        Json::Array(items) => items.iter().any(is_marked),
        _ => false,
    }
}

/// What Nix says of a filesystem of disko.
pub(crate) fn of_truth(filesystem: &Json) -> Values {
    let mut values = Values::new();
    let mut put = |key: String, value: &Json| values.insert(key, Told::Known(value.clone()));
    for name in ["device", "extraArgs", "mountpoint", "mountOptions"] {
        put(name.to_owned(), &filesystem[name]);
    }
    let swap = |prefix: &str, of: &Json, put: &mut dyn FnMut(String, &Json)| {
        for file in of["swap"].as_object().into_iter().flat_map(|s| s.values()) {
            let path = file["path"].as_str().unwrap_or_default();
            for name in ["size", "priority", "options"] {
                put(format!("{prefix}swap.{path}.{name}"), &file[name]);
            }
        }
    };
    swap("", filesystem, &mut |k, v| drop(put(k, v)));
    let subvolumes = filesystem["subvolumes"].as_object();
    for subvolume in subvolumes.into_iter().flat_map(|s| s.values()) {
        let name = subvolume["name"].as_str().unwrap_or_default();
        for option in ["mountpoint", "mountOptions"] {
            put(format!("subvolumes.{name}.{option}"), &subvolume[option]);
        }
        let prefix = format!("subvolumes.{name}.");
        swap(&prefix, subvolume, &mut |k, v| drop(put(k, v)));
    }
    values
}

/// What this program says of a filesystem of disko. What is `null` is unknown if an entry in
/// `unknown` says so.
pub(crate) fn of_document(host: &HostDocument, filesystem: &Filesystem, swaps: bool) -> Values {
    let mut values = Values::new();
    let path = filesystem.path.clone().unwrap_or_default().join(".");
    let is_unknown = |option: &str| {
        let what = format!("disko.devices.{path}.{option}");
        host.unknown.iter().any(|u| u.what == what)
    };
    let nullable = |option: &str, value: &Option<String>| match value {
        Some(text) => Told::Known(text.clone().into()),
        None if is_unknown(option) => Told::Unknown,
        None => Told::Known(Json::Null),
    };
    let device = filesystem.device.clone();
    values.insert(
        "device".to_owned(),
        device.map_or(Told::Unknown, |d| Told::Known(d.into())),
    );
    values.insert("extraArgs".to_owned(), list(&filesystem.mkfs_args));
    values.insert("mountOptions".to_owned(), list(&filesystem.options));
    let mountpoint = nullable("mountpoint", &filesystem.mountpoint);
    values.insert("mountpoint".to_owned(), mountpoint);
    let swap = |prefix: &str, files: &[Swap], values: &mut Values| {
        for file in files.iter().filter(|_| swaps) {
            let path = file.path.clone().unwrap_or_default();
            let key = |name: &str| format!("{prefix}swap.{path}.{name}");
            let size = file.size.clone();
            let size = size.map_or(Told::Unknown, |s| Told::Known(s.into()));
            values.insert(key("size"), size);
            let priority = file.priority.map_or(Json::Null, Json::from);
            values.insert(key("priority"), Told::Known(priority));
            values.insert(key("options"), list(&file.options));
        }
    };
    swap("", &filesystem.swap, &mut values);
    for subvolume in &filesystem.subvolumes {
        let name = subvolume.name.clone().unwrap_or_default();
        let key = |option: &str| format!("subvolumes.{name}.{option}");
        let mountpoint = nullable(&key("mountpoint"), &subvolume.mountpoint);
        values.insert(key("mountpoint"), mountpoint);
        values.insert(key("mountOptions"), list(&subvolume.options));
        swap(&key(""), &subvolume.swap, &mut values);
    }
    values
}

fn list(texts: &Option<Vec<Text>>) -> Told {
    let Some(texts) = texts else {
        return Told::Unknown;
    };
    let elements: Vec<Option<String>> = texts.iter().map(|t| t.text.clone()).collect();
    if elements.iter().all(Option::is_some) {
        let known = elements.into_iter().flatten().map(Json::from);
        return Told::Known(known.collect());
    }
    Told::Partly(elements)
}

/// The mounts of `fileSystems` that this program tells of, by mount point.
pub(crate) fn mounts(host: &HostDocument) -> BTreeMap<String, Values> {
    let mut found = BTreeMap::new();
    for filesystem in &host.filesystems {
        if filesystem.source == Source::Disko {
            let own = (&filesystem.mountpoint, &filesystem.added);
            let below = filesystem.subvolumes.iter();
            let all = below.map(|s| (&s.mountpoint, &s.added)).chain([own]);
            for (mountpoint, added) in all {
                if let (Some(mountpoint), Some(added)) = (mountpoint, added) {
                    let values = Values::from([("options".to_owned(), list(added))]);
                    found.insert(mountpoint.clone(), values);
                }
            }
            continue;
        }
        let device = filesystem.device.clone();
        let device = device.map_or(Told::Unknown, |d| Told::Known(d.into()));
        let mut put = |mountpoint: &Option<String>, options: &Option<Vec<Text>>| {
            let Some(mountpoint) = mountpoint else {
                return;
            };
            let mut values = Values::new();
            values.insert("device".to_owned(), device.clone());
            values.insert("options".to_owned(), list(options));
            found.insert(mountpoint.clone(), values);
        };
        put(&filesystem.mountpoint, &filesystem.options);
        for Subvolume {
            mountpoint,
            options,
            ..
        } in &filesystem.subvolumes
        {
            put(mountpoint, options);
        }
    }
    found
}

/// What Nix says of the btrfs mounts of `fileSystems`, by mount point.
pub(crate) fn mounts_of_truth(all: &Json) -> BTreeMap<String, Values> {
    let mut found = BTreeMap::new();
    for (mountpoint, entry) in all.as_object().into_iter().flatten() {
        let options = entry["options"].as_array().cloned().unwrap_or_default();
        let named = |o: &Json| {
            let text = o.as_str().unwrap_or_default();
            text.contains("compress") || text.contains("subvol")
        };
        let kind = entry["fsType"].as_str().unwrap_or_default();
        let is_btrfs = kind == "btrfs" || kind == "auto" && options.iter().any(named);
        if !is_btrfs {
            continue;
        }
        let device = match (&entry["device"], entry["label"].as_str()) {
            (Json::Null, Some(label)) => format!("/dev/disk/by-label/{label}").into(),
            (device, _) => device.clone(),
        };
        let mut values = Values::new();
        values.insert("device".to_owned(), Told::Known(device));
        values.insert("options".to_owned(), Told::Known(Json::Array(options)));
        found.insert(mountpoint.clone(), values);
    }
    found
}

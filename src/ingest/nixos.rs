//! A host's evaluated configuration → storage and settings.

use std::collections::BTreeMap;

use super::disko;
use super::values::{SetAt, Values, below};
use crate::btrfs::whole::MOUNTED_IN_INITRD;
use crate::model::{
    Filesystem, Found, Host, Located, Mount, MountSource, Setting, Settings, Storage,
    StorageSource, UnknownFact,
};
use crate::nix::eval::{Data, Evaluator, Thunk, Value};
use crate::nix::module::Configuration;

/// Below these paths every option that the configuration sets is recorded.
const SETTING_ROOTS: &[&[&str]] = &[
    &["boot", "initrd", "systemd"],
    &["boot", "initrd", "luks"],
    &["boot", "kernel", "sysctl"],
    &["boot", "tmp"],
    &["environment", "persistence"],
    &["facter"],
    &["hardware", "block"],
    &["hardware", "facter"],
    &["networking", "hostName"],
    &["nix"],
    &["services"],
    &["swapDevices"],
    &["system", "stateVersion"],
    &["systemd", "tmpfiles"],
    &["virtualisation"],
    &["zramSwap"],
];

/// Reads the model of a host from its evaluated configuration.
pub fn read(name: &str, found: Found, e: &Evaluator, configuration: &Configuration) -> Host {
    let values = Values::new(e);
    let config = configuration.config();
    let settings = settings(&values, config);
    let storage = storage(&values, config);
    let mut unknown: Vec<UnknownFact> = configuration
        .skipped
        .iter()
        .map(|skipped| UnknownFact {
            what: "a module that is imported".to_owned(),
            why: skipped.why.why.to_string(),
            at: skipped.at.or(skipped.why.at),
        })
        .collect();
    unknown.extend(values.unknown.into_inner());
    let name = match settings.text("networking.hostName") {
        Some(stated) if found == Found::File => stated.to_owned(),
        _ => name.to_owned(),
    };
    Host {
        name,
        found,
        files: e.files_read(),
        storage,
        settings,
        hardware: None,
        metrics: Default::default(),
        observations: Vec::new(),
        unknown,
    }
}

/// Follows names from the root of the configuration; an absent one is no error.
fn descend(values: &Values<'_>, config: Thunk, path: &[&str]) -> Option<(Thunk, Vec<String>)> {
    let mut thunk = config;
    let mut walked = Vec::new();
    for name in path {
        let set = values.set(thunk, walked.clone(), None)?;
        thunk = set.set.get(name)?.value;
        walked.push((*name).to_owned());
    }
    Some((thunk, walked))
}

fn settings(values: &Values<'_>, config: Thunk) -> Settings {
    let mut settings = Settings::default();
    for root in SETTING_ROOTS {
        if let Some((thunk, path)) = descend(values, config, root) {
            flatten(values, thunk, path, &mut settings);
        }
    }
    settings
}

fn flatten(values: &Values<'_>, thunk: Thunk, path: Vec<String>, settings: &mut Settings) {
    const DEEPEST: usize = 24;
    let name = path.join(".");
    let value = match values.e.force(thunk) {
        Ok(value) => value,
        Err(unknown) if unknown.is_undefined(&path) => return,
        Err(unknown) => return settings.insert(name, Err(values.fact(&path, &unknown))),
    };
    if let Data::Set(set) = &value.data
        && path.len() < DEEPEST
    {
        for (child, attribute) in set.iter() {
            flatten(values, attribute.value, below(&path, child), settings);
        }
        return;
    }
    match values.json(thunk) {
        Ok(Some(json)) => settings.insert(name, Ok(Setting::new(json, value.at))),
        Ok(None) => {}
        Err(unknown) => settings.insert(name, Err(values.fact(&path, &unknown))),
    }
}

fn storage(values: &Values<'_>, config: Thunk) -> Storage {
    let mut filesystems = match descend(values, config, &["disko", "devices"]) {
        Some((devices, _)) => disko::filesystems(values, devices),
        None => Vec::new(),
    };
    if let Some((thunk, path)) = descend(values, config, &["fileSystems"])
        && let Some(all) = values.set(thunk, path, None)
    {
        add_file_systems(values, &all, &mut filesystems);
    }
    for mount in filesystems.iter_mut().flat_map(|f| f.mounts.iter_mut()) {
        mount.needed_for_boot |= MOUNTED_IN_INITRD.contains(&mount.mountpoint.as_str());
    }
    let root_on_btrfs = filesystems.iter().any(|f| f.mount("/").is_some());
    Storage {
        filesystems,
        root_on_btrfs,
    }
}

/// Merges what `fileSystems` says with disko's mounts, and adds the filesystems it alone declares.
fn add_file_systems(values: &Values<'_>, all: &SetAt, filesystems: &mut Vec<Filesystem>) {
    let mut by_device: BTreeMap<String, Vec<Mount>> = BTreeMap::new();
    for (mountpoint, entry) in values.children(all) {
        let needed = matches!(values.flag(Some(&entry), "neededForBoot"), Ok(true));
        let options = entry
            .set
            .get("options")
            .map(|attribute| values.texts(attribute, &below(&entry.path, "options")));
        let existing = filesystems
            .iter_mut()
            .flat_map(|f| f.mounts.iter_mut())
            .find(|m| m.mountpoint == mountpoint);
        if let Some(mount) = existing {
            mount.needed_for_boot |= needed;
            // Lists of several modules concatenate; disko's own comes from a module of its own.
            match (options, &mut mount.options) {
                (Some(Ok(more)), Ok(options)) => options.extend(more),
                (Some(Err(fact)), _) => mount.options = Err(fact),
                _ => {}
            }
            continue;
        }
        if values.known_text(&entry, "fsType").as_deref() != Some("btrfs") {
            continue;
        }
        let device = match values.text(&entry, "device") {
            Some(Ok(device)) => device.value,
            _ => match values.known_text(&entry, "label") {
                Some(label) => format!("/dev/disk/by-label/{label}"),
                None => format!("the device of {mountpoint}"),
            },
        };
        let written =
            options.unwrap_or_else(|| Ok(vec![Located::new("defaults".to_owned(), None)]));
        let subvolume = written.as_ref().ok().and_then(|options| {
            let words = options.iter().flat_map(|o| o.value.split(','));
            let mut named = words.filter_map(|w| w.strip_prefix("subvol="));
            named
                .next_back()
                .map(|s| s.trim_start_matches('/').to_owned())
        });
        by_device.entry(device).or_default().push(Mount {
            mountpoint,
            subvolume,
            source: MountSource::FileSystems,
            options: written.clone(),
            written,
            needed_for_boot: needed,
            at: entry.at,
        });
    }
    for (device, mounts) in by_device {
        let at = mounts.first().and_then(|m| m.at);
        filesystems.push(Filesystem {
            source: StorageSource::FileSystems,
            disks: vec![device.clone()],
            device,
            layers: Vec::new(),
            mkfs_args: Ok(Vec::new()),
            subvolumes: Vec::new(),
            mounts,
            at,
        });
    }
}

/// The nixos-facter report that a configuration names.
pub fn facter_report(e: &Evaluator, configuration: &Configuration) -> Option<String> {
    [
        ["hardware", "facter", "reportPath"].as_slice(),
        &["facter", "reportPath"],
    ]
    .into_iter()
    .find_map(|path| match configuration.get(e, path) {
        Ok(Some(Value {
            data: Data::Path(path) | Data::Str(path),
            ..
        })) => Some(path.to_string()),
        _ => None,
    })
}

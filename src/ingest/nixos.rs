//! A host's evaluated configuration → storage and settings.

use super::values::{SetAt, Values, below};
use super::{kernel, mounts, reach};
use crate::model::{Found, Host, Platform, Setting, Settings, UnknownFact};
use crate::nix::eval::{Data, Evaluator, Thunk, Value};
use crate::nix::module::Configuration;
use crate::nix::source::FileId;

/// Below these paths every option that the configuration sets is recorded.
const SETTING_ROOTS: &[&[&str]] = &[
    &["boot", "initrd", "luks"],
    &["boot", "initrd", "postDeviceCommands"],
    &["boot", "initrd", "postMountCommands"],
    &["boot", "initrd", "postResumeCommands"],
    &["boot", "initrd", "systemd"],
    &["boot", "kernel", "sysctl"],
    &["boot", "kernelModules"],
    &["boot", "kernelParams"],
    &["boot", "resumeDevice"],
    &["boot", "supportedFilesystems"],
    &["boot", "tmp"],
    // Where ZFS mounts its datasets is said there and in the pools alone.
    &["boot", "zfs", "extraPools"],
    &["boot", "zswap"],
    // The names of before 23.05.
    &["boot", "cleanTmpDir"],
    &["boot", "tmpOnTmpfs"],
    &["boot", "tmpOnTmpfsSize"],
    &["containers"],
    &["disko", "devices", "zpool"],
    &["environment", "persistence"],
    &["facter"],
    &["hardware", "block"],
    &["hardware", "facter"],
    // simple-nixos-mailserver and microvm.nix.
    &["mailserver", "enable"],
    &["mailserver", "mailDirectory"],
    &["microvm", "autostart"],
    &["microvm", "stateDir"],
    &["microvm", "vms"],
    &["networking", "hostName"],
    // Not all of `nix`: its registry may hold the flake itself and all its inputs.
    &["nix", "autoOptimiseStore"],
    &["nix", "buildMachines"],
    &["nix", "gc"],
    &["nix", "optimise"],
    &["nix", "settings"],
    &["powerManagement"],
    &["preservation"],
    &["programs", "ccache"],
    &["programs", "direnv", "enable"],
    &["programs", "gamemode", "enable"],
    &["programs", "gamescope", "enable"],
    &["programs", "hyprland"],
    &["programs", "labwc", "enable"],
    &["programs", "niri", "enable"],
    &["programs", "river", "enable"],
    &["programs", "river-classic", "enable"],
    &["programs", "steam"],
    &["programs", "sway"],
    &["programs", "vscode", "enable"],
    &["programs", "wayfire", "enable"],
    &["services"],
    &["swapDevices"],
    &["system", "stateVersion"],
    &["systemd", "services", "nix-daemon"],
    &["systemd", "tmpfiles"],
    &["virtualisation"],
    &["zramSwap"],
];

/// Reads the model of a host from its evaluated configuration.
pub fn read(name: &str, found: Found, e: &Evaluator, configuration: &Configuration) -> Host {
    let values = Values::new(e);
    let config = configuration.config();
    let root = values.set(config, Vec::new(), None, reach::root(e, configuration));
    // Storage first: what matters most is read before anything can spend the budget.
    let mut storage = root
        .as_ref()
        .map(|root| mounts::storage(&values, root))
        .unwrap_or_default();
    let settings = settings(&values, root.as_ref());
    // The files of its modules, and those in which values of its storage live: what else was read
    // on the way may be about other hosts.
    let project = e.sources().root();
    let within = |file: &FileId| {
        let file = e.sources().file(*file);
        file.is_some_and(|f| f.path().starts_with(project))
    };
    let mut files: Vec<FileId> = Vec::new();
    let of_values = storage.places().into_iter().map(|at| at.file);
    for file in configuration.files.iter().copied().chain(of_values) {
        if !files.contains(&file) && within(&file) {
            files.push(file);
        }
    }
    // A file by itself is part of a machine of which the rest is not seen anyway.
    let hidden = configuration.skipped.iter().find(|s| s.hides());
    if let (Found::Flake, Some(hidden)) = (found, hidden) {
        storage.doubt(&UnknownFact {
            what: "fileSystems".to_owned(),
            why: format!(
                "a module that could not be read may add to it: {}",
                hidden.why.why
            ),
            at: hidden.at.or(hidden.why.at),
        });
    }
    let skipped = configuration.skipped.iter().map(|skipped| UnknownFact {
        what: "a module that is imported".to_owned(),
        why: skipped.why.why.to_string(),
        at: skipped.at.or(skipped.why.at),
    });
    let skipped = skipped.collect();
    let chosen = kernel::chosen(&values, configuration);
    // nixpkgs' module for bcachefs takes a newer kernel where the standard one is too old for it
    // (nixos/modules/tasks/filesystems/bcachefs.nix); who mentions it may use it.
    let mentions_bcachefs = |file: &FileId| {
        let file = e.sources().file(*file);
        file.is_some_and(|f| f.text().contains("bcachefs"))
    };
    let platform = Platform {
        is_rolling: false,
        // Of a file by itself the rest of the machine is not seen.
        has_standard_kernel: found == Found::Flake
            && chosen == kernel::Chosen::Standard
            // These may be of another nixpkgs.
            && configuration.definitions(e, &["nixpkgs", "pkgs"]).is_empty()
            && configuration.definitions(e, &["_module", "args", "pkgs"]).is_empty()
            && !files.iter().any(mentions_bcachefs),
    };
    let unknown = values.unknown.into_inner();
    let name = match settings.text("networking.hostName") {
        Some(stated) if found == Found::File => stated.to_owned(),
        _ => name.to_owned(),
    };
    Host {
        name,
        found,
        files,
        storage,
        settings,
        hardware: None,
        metrics: Default::default(),
        observations: Vec::new(),
        accounts: Vec::new(),
        release: None,
        kernel: match chosen {
            kernel::Chosen::Series(told) => Some(told),
            kernel::Chosen::Standard | kernel::Chosen::Unknown => None,
        },
        platform,
        preferences: Default::default(),
        unknown,
        skipped,
    }
}

/// Follows names from the root of the configuration; an absent one is no error.
fn descend(values: &Values<'_>, root: &SetAt, path: &[&str]) -> Option<(Thunk, Vec<String>)> {
    let (last, above) = path.split_last()?;
    let mut set = root.clone();
    for name in above {
        set = values.child(&set, name)?;
    }
    Some((set.set.get(last)?.value, below(&set.path, last)))
}

fn settings(values: &Values<'_>, root: Option<&SetAt>) -> Settings {
    let mut settings = Settings::default();
    for path in root.iter().flat_map(|_| SETTING_ROOTS) {
        if let Some((thunk, path)) = root.and_then(|root| descend(values, root, path)) {
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
        && set.get("outPath").is_none()
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

//! Owns: what the configuration says beside file systems, as signals.

use super::{Gather, Subject, Value};
use crate::analyze::evidence::Source;

pub(super) fn gather(gather: &mut Gather<'_>) {
    dirty_limits(gather);
    nix(gather);
    docker(gather);
    trim(gather);
}

fn dirty_limits(gather: &mut Gather<'_>) {
    let host = gather.host;
    let limits = [
        "dirty_bytes",
        "dirty_background_bytes",
        "dirty_ratio",
        "dirty_background_ratio",
    ];
    let set = |name: &&str| {
        let setting = host
            .settings
            .known(&format!("boot.kernel.sysctl.vm.{name}"))?;
        Some((setting.value.to_string(), setting.at))
    };
    let found = limits.iter().find_map(|name| Some((name, set(name)?)));
    match found {
        Some((name, (value, at))) => {
            let text = format!("vm.{name} is set to {value}");
            gather.fact(
                "dirty.limited",
                Subject::Machine,
                true,
                Source::Configuration(at),
                text,
            );
        }
        None if host.is_whole() => {
            let text = "no limit is set: 20 % of available memory may be dirty";
            gather.fact(
                "dirty.limited",
                Subject::Machine,
                false,
                Source::Configuration(None),
                text,
            );
        }
        None => {}
    }
}

fn nix(gather: &mut Gather<'_>) {
    let settings = &gather.host.settings;
    let on = |option: &str| {
        let setting = settings.known(option)?;
        setting
            .value
            .as_bool()
            .map(|value| (option.to_owned(), value, setting.at))
    };
    let optimises = [
        "nix.settings.auto-optimise-store",
        "nix.optimise.automatic",
        "nix.autoOptimiseStore",
    ];
    let mut found = Vec::new();
    found.extend(
        optimises
            .iter()
            .filter_map(|o| on(o))
            .map(|f| ("nix.optimises", f)),
    );
    found.extend(on("nix.gc.automatic").map(|f| ("nix.collects", f)));
    for (name, (option, value, at)) in found {
        let text = format!("`{option}` is {value}");
        gather.fact(
            name,
            Subject::Machine,
            value,
            Source::Configuration(at),
            text,
        );
    }
}

fn docker(gather: &mut Gather<'_>) {
    let option = "virtualisation.docker.storageDriver";
    if let Some(setting) = gather.host.settings.known(option)
        && let Some(driver) = setting.value.as_str()
    {
        let (driver, at) = (driver.to_owned(), setting.at);
        let text = format!("`{option}` is {driver}");
        gather.word(
            "docker.driver",
            Subject::Machine,
            &driver,
            Source::Configuration(at),
            text,
        );
    }
}

fn trim(gather: &mut Gather<'_>) {
    let host = gather.host;
    if let Some(setting) = host.settings.known("services.fstrim.enable")
        && let Some(value) = setting.value.as_bool()
    {
        let text = format!("`services.fstrim.enable` is {value}");
        gather.fact(
            "trim.timer",
            Subject::Machine,
            value,
            Source::Configuration(setting.at),
            text,
        );
    }
    // Bind mounts show a path below the root of a subvolume.
    let of_mount = |m: &&crate::model::metrics::Sourced<crate::model::metrics::MountEntry>| {
        let (Some(root), Some(subvolume)) = (m.root.as_deref(), m.subvolume()) else {
            return false;
        };
        m.fstype == "btrfs" && root.trim_end_matches('/') != subvolume.trim_end_matches('/')
    };
    let binds: Vec<_> = host.metrics.mounts.iter().filter(of_mount).collect();
    if let Some(first) = binds.first() {
        let text = format!("{} bind mounts", binds.len());
        let value = Value::Number(binds.len() as f64);
        let source = Source::Metrics(first.source.to_string());
        gather.say("bind_mounts", Subject::Machine, value, source, text);
    }
}

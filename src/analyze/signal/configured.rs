//! Owns: what the configuration says beside file systems, as signals.

use super::{Gather, Subject, Value};
use crate::analyze::evidence::Source;

/// A share of memory, in percent, that is a limit and no more than that.
const LITTLE: f64 = 10.0;

pub(super) fn gather(gather: &mut Gather<'_>) {
    dirty_limits(gather);
    nix(gather);
    docker(gather);
    trim(gather);
}

/// Writers are stopped at `dirty_bytes`, or, where that is 0, at a share of available memory.
fn dirty_limits(gather: &mut Gather<'_>) {
    let host = gather.host;
    let set = |name: &str| {
        let setting = host
            .settings
            .known(&format!("boot.kernel.sysctl.vm.{name}"))?;
        let value = &setting.value;
        let number = value
            .as_f64()
            .or_else(|| value.as_str()?.trim().parse().ok())?;
        Some((name.to_owned(), number, setting.at))
    };
    let bytes = set("dirty_bytes").filter(|b| b.1 > 0.0);
    let early = set("dirty_background_bytes").filter(|b| b.1 > 0.0);
    let early = early.or_else(|| set("dirty_background_ratio").filter(|r| r.1 <= LITTLE));
    let ratio = set("dirty_ratio");
    if let (None, Some((_, share, at))) = (&bytes, &ratio) {
        let text = format!("vm.dirty_ratio is set to {share}");
        let source = Source::Configuration(*at);
        gather.number("dirty.ratio", Subject::Machine, *share, source, text);
    }
    let small = ratio.clone().filter(|r| r.1 <= LITTLE);
    if let Some((name, value, at)) = bytes.or(small).or(early) {
        let text = format!("vm.{name} is set to {value}");
        let source = Source::Configuration(at);
        gather.fact("dirty.limited", Subject::Machine, true, source, text);
    } else if let Some((name, value, at)) = ratio {
        let text = format!("vm.{name} is set to {value}");
        let source = Source::Configuration(at);
        gather.fact("dirty.limited", Subject::Machine, false, source, text);
    } else if host.is_whole() || set("dirty_bytes").is_some() {
        let text = "no limit is set: 20 % of available memory may be dirty";
        let source = Source::Configuration(None);
        gather.fact("dirty.limited", Subject::Machine, false, source, text);
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

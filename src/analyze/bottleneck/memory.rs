//! Causes that are memory: too little of it, or too much of it dirty.

use super::case::{Case, Inputs, configuration, hardware, mentions, metrics, rate};
use super::{Cause, Diagnosis};
use crate::analyze::evidence::Source;
use crate::analyze::evidence::Weight::{Moderate, Strong, Weak};
use crate::analyze::facts;
use crate::analyze::workload::WorkloadKind;
use crate::model::hardware::Medium;
use crate::model::observation::Symptom;
use crate::model::units::Bytes;

/// What the kernel allows to be dirty unless told otherwise: 20 % of available memory
/// (`Documentation/admin-guide/sysctl/vm.rst`).
const DEFAULT_DIRTY_RATIO: f64 = 0.20;

pub(super) fn ram_too_small(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let mut case = Case::new(Cause::RamTooSmall, None);
    if let Some((total, source)) = inputs.memory() {
        let statement = format!("{total} of memory");
        match total.gib() {
            ..=4.5 => case.says(Weak, source, statement),
            30.0.. => case.denies(Weak, source, statement),
            _ => {}
        }
    }
    if let Some(memory) = &host.metrics.memory
        && let Some(available) = memory.available
        && let Some(share) = available.fraction_of(memory.total)
    {
        let statement = format!("{available} of {} is available", memory.total);
        match share {
            ..0.05 => case.says(Strong, metrics(memory), statement),
            0.05..0.10 => case.says(Moderate, metrics(memory), statement),
            0.25.. => case.denies(Strong, metrics(memory), statement),
            _ => {}
        }
    }
    if let Some(psi) = &host.metrics.pressure.memory {
        let some = psi.some.avg60;
        let statement = format!("some task waited for memory {some} of the last minute");
        match some.0 {
            10.0.. => case.says(Strong, metrics(psi), statement),
            2.0..10.0 => case.says(Moderate, metrics(psi), statement),
            ..0.5 => case.denies(Moderate, metrics(psi), statement),
            _ => {}
        }
    }
    let hungry = [WorkloadKind::NixStore, WorkloadKind::Build];
    let complaint = inputs.complaints().find(|o| {
        o.workloads
            .iter()
            .any(|hint| hungry.contains(&WorkloadKind::from(*hint)))
    });
    if let Some(observation) = complaint {
        case.hears(Weak, observation, "building and evaluating need memory");
    }
    if case.stands() && host.settings.is_true("zramSwap.enable") {
        let at = host.settings.known("zramSwap.enable").and_then(|s| s.at);
        case.denies(
            Weak,
            configuration(at),
            "compressed swap in memory stretches it",
        );
    }
    case.close("Memory is too small for the work")
        .into_iter()
        .collect()
}

pub(super) fn swap_thrash(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let Some(swaps) = &host.metrics.swaps else {
        return Vec::new();
    };
    // Swap in memory is no traffic to a disk.
    let on_disk = swaps.value.iter().filter(|s| !s.path.contains("zram"));
    let (size, used) = on_disk.fold((0u64, 0u64), |(size, used), s| {
        (size + s.size.0, used + s.used.0)
    });
    let mut case = Case::new(Cause::SwapThrash, None);
    let statement = format!("{} of {} swap on disk is used", Bytes(used), Bytes(size));
    match Bytes(used).fraction_of(Bytes(size)) {
        Some(0.8..) => case.says(Moderate, metrics(swaps), statement),
        Some(..0.1) => case.denies(Strong, metrics(swaps), statement),
        _ => {}
    }
    if let Some(psi) = &host.metrics.pressure.memory
        && let Some(full) = psi.full
        && full.avg60.0 >= 10.0
    {
        let statement = format!(
            "all tasks waited for memory {} of the last minute",
            full.avg60
        );
        case.says(Strong, metrics(psi), statement);
    }
    let freezes = |s: &Symptom| *s == Symptom::Freeze;
    if case.stands()
        && let Some(o) = inputs.complaints().find(|o| o.symptoms.iter().any(freezes))
    {
        case.hears(Weak, o, "people see the machine freeze");
    }
    case.close("Memory is swapped in and out")
        .into_iter()
        .collect()
}

pub(super) fn dirty_ratio(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let mut case = Case::new(Cause::DirtyRatioTooLarge, None);
    let set = |name: &str| {
        host.settings
            .known(&format!("boot.kernel.sysctl.vm.{name}"))
    };
    let limits = [
        "dirty_bytes",
        "dirty_background_bytes",
        "dirty_ratio",
        "dirty_background_ratio",
    ];
    match limits.iter().find_map(|name| Some((name, set(name)?))) {
        Some((name, setting)) => {
            let statement = format!("`vm.{name}` is set to {}", setting.value);
            case.denies(Strong, configuration(setting.at), statement);
        }
        None => {
            let available = host.metrics.memory.as_ref().and_then(|m| m.available);
            let allowed = available.map(|a| Bytes((a.0 as f64 * DEFAULT_DIRTY_RATIO) as u64));
            let allowed = allowed.map_or(String::new(), |a| format!(", here {a}"));
            let statement =
                format!("no limit is set: 20 % of available memory may be dirty{allowed}");
            case.says(Weak, configuration(None), statement);
        }
    }
    let rotates = |f: &crate::model::Filesystem| facts::is_medium(host, f, Medium::Rotational);
    let rotating = inputs.filesystems().iter().any(rotates);
    if let Some((total, source)) = inputs.memory() {
        let statement = format!("{total} of memory");
        match total.gib() {
            30.0.. => case.says(Moderate, source, statement),
            8.0.. if rotating => {
                case.says(Weak, source, format!("{statement} above rotating disks"));
            }
            ..4.5 => case.denies(Strong, source, statement),
            _ => {}
        }
    }
    if let Some(memory) = &host.metrics.memory
        && let Some(dirty) = memory.dirty.filter(|d| d.0 >= 512 * Bytes::MIB)
    {
        let stacked = ["dm-", "zram", "loop", "md", "ram"];
        let disks: Vec<_> = host
            .metrics
            .devices
            .iter()
            .filter(|d| !stacked.iter().any(|s| d.name.starts_with(s)))
            .collect();
        let written: f64 = disks.iter().filter_map(|d| d.write_bytes_s).sum();
        if written > 0.0 {
            let seconds = dirty.0 as f64 / written;
            let statement = format!(
                "{dirty} wait to be written while all disks take {}: {seconds:.0} s",
                rate(written)
            );
            match seconds {
                30.0.. => case.says(Moderate, metrics(memory), statement),
                ..10.0 => case.denies(Moderate, metrics(memory), statement),
                _ => {}
            }
        }
    }
    let burst = [
        "starts fast",
        "then stops",
        "at first",
        "then hangs",
        "stops for",
    ];
    let stalls = inputs
        .complaints()
        .find(|o| mentions(o, &burst))
        .or_else(|| {
            inputs.complaints().find(|o| {
                o.symptoms.contains(&Symptom::Stall) && !o.symptoms.contains(&Symptom::Freeze)
            })
        });
    match stalls {
        Some(observation) => case.hears(Moderate, observation, "writing stops and goes on"),
        None if host.observations.is_empty() => {}
        None => case.denies(
            Weak,
            Source::Observation("the observations".to_owned()),
            "nobody complains of writing that stops and goes on",
        ),
    }
    if let Some(o) = inputs
        .complaints()
        .find(|o| mentions(o, &["library scan", "reports that read"]))
    {
        let source = Source::Observation(o.source.clone());
        case.denies(Weak, source, "reading is slow as well");
    }
    let solid = |f: &crate::model::Filesystem| facts::is_medium(host, f, Medium::SolidState);
    if !inputs.filesystems().is_empty() && inputs.filesystems().iter().all(solid) {
        case.denies(Weak, hardware(), "solid state disks take a burst quickly");
    }
    case.close("Too much may be dirty before it is written")
        .into_iter()
        .collect()
}

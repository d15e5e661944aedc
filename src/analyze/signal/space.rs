//! Owns: space as signals: what is used, what is allocated, what is left for metadata.

use super::{Gather, Subject, Value, measured, report, view};
use crate::model::metrics::{BlockGroupKind, BtrfsUsage, Sourced};
use crate::model::units::Bytes;

pub(super) fn gather(gather: &mut Gather<'_>) {
    by_df(gather);
    for usage in &gather.host.metrics.usage {
        by_usage(gather, usage);
    }
    devices(gather);
}

fn by_df(gather: &mut Gather<'_>) {
    let mut seen: Vec<Subject> = Vec::new();
    for entry in &gather.host.metrics.filesystems {
        let is_btrfs = entry.fstype.as_deref().is_none_or(|t| t == "btrfs");
        let about = match view::on_device(gather.views, &entry.device) {
            Some(about) => about,
            None => {
                let about = gather.filesystem_of(Some(&entry.mountpoint));
                let is_mount = |v: &view::View<'_>| {
                    v.mounted.iter().any(|m| m.mountpoint == entry.mountpoint)
                        || v.configured
                            .is_some_and(|f| f.mount(&entry.mountpoint).is_some())
                };
                let alone = gather.views.is_empty() || entry.fstype.as_deref() == Some("btrfs");
                if !gather.views.iter().any(is_mount) && !alone {
                    continue;
                }
                about
            }
        };
        // Every subvolume repeats the totals of its filesystem.
        if !is_btrfs || seen.contains(&about) {
            continue;
        }
        if let Some(percent) = entry.use_percent() {
            seen.push(about.clone());
            let left = entry.available.unwrap_or_default();
            let text = format!("{} is {percent} full, {left} left", entry.mountpoint);
            let source = measured(entry);
            gather.number("space.used", about.clone(), percent.0, source.clone(), text);
            if let (Some(size), Some(used)) = (entry.size, entry.used)
                && size.0 > 0
                && left.0 < size.0 / 32
            {
                let hidden = size.0.saturating_sub(used.0).saturating_sub(left.0);
                let share = hidden as f64 / size.0 as f64 * 100.0;
                let text = format!(
                    "{left} are left though only {used} of {size} are used: the rest is given away"
                );
                let name = "space.hidden";
                gather.number(name, about.clone(), share, source.clone(), text);
            }
            let text = format!("{left} are left on {}", entry.mountpoint);
            gather.number("space.available", about, left.gib(), source, text);
        }
    }
}

/// The filesystem that an output of `btrfs filesystem usage` is of.
fn owner(gather: &Gather<'_>, usage: &BtrfsUsage) -> Subject {
    let by_device = usage
        .devices
        .iter()
        .find_map(|d| view::on_device(gather.views, &d.path));
    by_device.unwrap_or_else(|| gather.filesystem_of(usage.mountpoint.as_deref()))
}

fn by_usage(gather: &mut Gather<'_>, usage: &Sourced<BtrfsUsage>) {
    let about = owner(gather, usage);
    let source = || measured(usage);
    if let Some(size) = usage.device_size {
        let text = format!("{size} on all devices");
        let tib = size.gib() / 1024.0;
        gather.number("space.size", about.clone(), tib, source(), text);
    }
    if let Some(unallocated) = usage.unallocated {
        let text = format!("{unallocated} are allocated to nothing");
        let gib = unallocated.gib();
        gather.number(
            "space.unallocated",
            about.clone(),
            gib,
            source(),
            text.clone(),
        );
        exhausted(gather, usage, unallocated, &about);
        if let Some(share) = usage.device_size.and_then(|s| unallocated.fraction_of(s)) {
            let name = "space.unallocated_share";
            gather.number(name, about.clone(), share * 100.0, source(), text);
        }
    }
    let metadata = usage
        .of_kind(BlockGroupKind::Metadata)
        .or_else(|| usage.of_kind(BlockGroupKind::Mixed));
    if let Some((size, used)) = metadata {
        let reserve = usage.global_reserve.unwrap_or_default();
        let taken = Bytes(used.0.saturating_add(reserve.0));
        if let Some(share) = taken.fraction_of(size) {
            let text = format!("metadata and its reserve take {taken} of {size}");
            let share = share * 100.0;
            gather.number("space.metadata", about.clone(), share, source(), text);
        }
        let free = Bytes(size.0.saturating_sub(taken.0));
        let text = format!("{free} are free in metadata block groups");
        gather.number(
            "space.metadata_free",
            about.clone(),
            free.gib(),
            source(),
            text,
        );
    }
    if let Some((size, used)) = usage.of_kind(BlockGroupKind::Data)
        && let Some(share) = used.fraction_of(size)
    {
        let share = share * 100.0;
        let text = format!("data block groups are {share:.0} % used ({used} of {size})");
        gather.number("space.data", about.clone(), share, source(), text);
    }
    if let Some(used) = usage.global_reserve_used {
        let text = match used.0 {
            0 => "none of the global reserve is in use".to_owned(),
            _ => format!("{used} of the global reserve is in use"),
        };
        let mib = used.0 as f64 / Bytes::MIB as f64;
        gather.number("space.reserve_used", about.clone(), mib, source(), text);
    }
    for group in &usage.block_groups {
        let name = match group.kind {
            BlockGroupKind::Data | BlockGroupKind::Mixed => "profile.data",
            BlockGroupKind::Metadata => "profile.metadata",
            BlockGroupKind::System => continue,
        };
        let what = match group.kind {
            BlockGroupKind::Metadata => "metadata",
            _ => "data",
        };
        let text = format!("{what} is {}", group.profile);
        gather.word(name, about.clone(), &group.profile, source(), text);
    }
    for told in &usage.told {
        let (name, profile) = match told.kind {
            BlockGroupKind::Metadata => ("space.metadata", "profile.metadata"),
            BlockGroupKind::Data | BlockGroupKind::Mixed => ("space.data", "profile.data"),
            BlockGroupKind::System => continue,
        };
        let share = || Some(told.used?.fraction_of(told.size?)? * 100.0);
        if let Some(share) = told.used_percent.map(|p| p.0).or_else(share) {
            let what = match told.kind {
                BlockGroupKind::Metadata => "metadata",
                _ => "data",
            };
            let text = format!("{what} block groups are {share:.0} % used");
            gather.number(name, about.clone(), share, source(), text);
        }
        // `RAID1C3/4` is one of two.
        if let Some(word) = told.profile.as_deref().and_then(|p| p.split('/').next()) {
            let text = format!("the profile is {word}");
            gather.word(profile, about.clone(), word, source(), text);
        }
    }
    if let Some(percent) = usage.used_percent {
        let text = format!("{percent} full");
        gather.number("space.used", about.clone(), percent.0, source(), text);
    }
    // Freed and full is one number where df says nothing.
    if usage.device_size.is_some()
        && let (Some(used), Some(free)) = (usage.used, usage.free_estimated)
    {
        let ratio = usage.data_ratio.unwrap_or(1.0).max(1.0);
        let whole = used.0 as f64 / ratio + free.0 as f64;
        let is_told = gather.signals.about("space.used", &about).next().is_some();
        if whole > 0.0 && !is_told {
            let percent = used.0 as f64 / ratio / whole * 100.0;
            let text = format!("{percent:.1} % full, {free} left");
            gather.number("space.used", about.clone(), percent, source(), text);
            let text = format!("{free} are left");
            gather.number("space.available", about, free.gib(), source(), text);
        }
    }
}

/// Whether there is no room for another block group, and what is allocated is nearly full: all
/// room given away is no trouble while there is room in it.
fn exhausted(
    gather: &mut Gather<'_>,
    usage: &Sourced<BtrfsUsage>,
    unallocated: Bytes,
    about: &Subject,
) {
    // The kernel makes block groups of data of at most 1 GiB and a tenth of the filesystem.
    let group = usage
        .device_size
        .map_or(Bytes::GIB, |s| (s.0 / 10).min(Bytes::GIB));
    let reserve = usage.global_reserve.unwrap_or_default();
    let taken = |kind: BlockGroupKind, reserve: Bytes| {
        let (size, used) = usage.of_kind(kind)?;
        Bytes(used.0.saturating_add(reserve.0)).fraction_of(size)
    };
    let metadata =
        taken(BlockGroupKind::Metadata, reserve).or_else(|| taken(BlockGroupKind::Mixed, reserve));
    let data = taken(BlockGroupKind::Data, Bytes(0));
    let is_full = match (metadata, data) {
        (None, None) => true,
        (metadata, data) => metadata.is_some_and(|m| m >= 0.85) || data.is_some_and(|d| d >= 0.95),
    };
    let holds = unallocated.0 < group && is_full;
    let text = match (holds, unallocated.0 < group) {
        (true, _) => {
            format!("{unallocated} are allocated to nothing, and what is allocated is full")
        }
        (false, true) => "what is allocated has room".to_owned(),
        (false, false) => format!("{unallocated} are allocated to nothing"),
    };
    gather.fact(
        "space.exhausted",
        about.clone(),
        holds,
        measured(usage),
        text,
    );
}

/// How many devices a filesystem has, and whether one is missing.
fn devices(gather: &mut Gather<'_>) {
    let host = gather.host;
    for shown in &host.metrics.shown {
        let about = gather.filesystem_on(shown.devices.iter().map(|d| d.path.as_str()));
        let count = shown.total_devices.unwrap_or(shown.devices.len() as u64);
        let text = format!("{count} devices");
        gather.number(
            "fs.devices",
            about.clone(),
            count as f64,
            measured(shown),
            text,
        );
        let raw = |d: &crate::model::metrics::ShownDevice| Some((d.size?.0, d.allocated?.0));
        let of_devices: Option<Vec<(u64, u64)>> = shown.devices.iter().map(raw).collect();
        let is_told = gather
            .signals
            .about("space.unallocated", &about)
            .next()
            .is_some();
        if let Some(devices) = of_devices.filter(|d| !d.is_empty() && !is_told) {
            let left: u64 = devices.iter().map(|(s, a)| s.saturating_sub(*a)).sum();
            let size: u64 = devices.iter().map(|(s, _)| *s).sum();
            let left = Bytes(left);
            let text = format!("{left} are allocated to nothing");
            let name = "space.unallocated";
            gather.number(
                name,
                about.clone(),
                left.gib(),
                measured(shown),
                text.clone(),
            );
            if let Some(share) = left.fraction_of(Bytes(size)) {
                let name = "space.unallocated_share";
                gather.number(name, about.clone(), share * 100.0, measured(shown), text);
            }
        }
        if shown.missing {
            let text = "a device is missing";
            gather.say("fs.missing", about, Value::Yes, measured(shown), text);
        }
    }
    for view in gather.views {
        let about = Subject::Filesystem(view.name.clone());
        let is_told = gather.signals.about("fs.devices", &about).next().is_some();
        let count = view.configured.map_or(0, |f| f.disks.len());
        if !is_told && count > 1 {
            let text = format!("{count} disks");
            gather.number("fs.devices", about, count as f64, report(), text);
        }
    }
}

//! Causes that are options of mounts: what the configuration asks for, and what is in force.

use super::case::{Case, Inputs, configuration, hardware, mean, metrics, names, rate, throughput};
use super::{Cause, Diagnosis};
use crate::analyze::evidence::Source;
use crate::analyze::evidence::Weight::{Moderate, Strong, Weak};
use crate::analyze::facts;
use crate::analyze::workload::WorkloadKind;
use crate::btrfs::{Compression, Discard, Switch};
use crate::model::hardware::Medium;
use crate::model::storage::is_below;
use crate::model::{Filesystem, Host, Mount};
use crate::nix::source::Span;

/// Where an option of a mount is written, by its exact words.
fn written(mount: &Mount, word: &str) -> Option<Span> {
    let options = mount.options.known()?;
    options
        .iter()
        .find(|o| o.value.split(',').any(|w| w == word))?
        .at
        .or(mount.at)
}

pub(super) fn subvolume_options_ignored(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let check = |filesystem: &Filesystem| {
        let specs = filesystem.mount_specs()?;
        let ignored = facts::ignored(host, filesystem)?;
        let name = filesystem.name();
        let mut case = Case::new(Cause::SubvolumeMountOptionsIgnored, Some(name));
        let ignored: Vec<(&Mount, String)> = ignored
            .iter()
            .map(|i| {
                (
                    &filesystem.mounts[i.mount],
                    specs[i.mount].options[i.option].text.clone(),
                )
            })
            .collect();
        let (first, option) = ignored.first()?;
        let list: Vec<String> = ignored
            .iter()
            .map(|(m, o)| format!("`{o}` of {}", m.mountpoint))
            .collect();
        case.says(
            Strong,
            configuration(written(first, option)),
            format!(
                "{} {} nothing: the first mount of a filesystem decides for all its subvolumes",
                list.join(", "),
                if list.len() == 1 { "does" } else { "do" },
            ),
        );
        // The running system shows what came of it.
        let shown = ignored.iter().find_map(|(mount, option)| {
            let entry = facts::mounted(host, mount)?;
            let there = entry.super_options.iter().any(|o| o == option);
            (!there).then_some((mount, option, entry))
        });
        if let Some((mount, option, entry)) = shown {
            let without = format!("{} is mounted without `{option}`", mount.mountpoint);
            case.says(Moderate, metrics(entry), without);
        }
        let there = |path: &String| ignored.iter().any(|(m, _)| is_below(path, &m.mountpoint));
        let felt: Vec<_> = inputs
            .complaints()
            .filter(|o| o.paths.iter().any(there))
            .collect();
        match felt.first() {
            Some(observation) => {
                case.hears(
                    Moderate,
                    observation,
                    "people complain of a path with such an option",
                );
            }
            None if host.observations.is_empty() => {}
            None => case.denies(
                Moderate,
                Source::Observation("the observations".to_owned()),
                "nobody complains of a path with such an option",
            ),
        }
        case.close(format!(
            "Options of single subvolumes of {name} are ignored"
        ))
    };
    inputs.filesystems().iter().filter_map(check).collect()
}

/// A level that costs more processor time than it saves bytes.
fn is_costly(compression: Compression) -> bool {
    matches!(compression, Compression::Zstd(4..) | Compression::Zlib(4..))
}

pub(super) fn compression_cpu_bound(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let check = |filesystem: &Filesystem| {
        let mut case = Case::new(Cause::CompressionCpuBound, Some(filesystem.name()));
        let state = facts::in_force(host, filesystem)?;
        let level = state
            .compresses
            .then(|| state.state.compression())
            .flatten();
        let asked = filesystem.mounts.iter().find_map(|mount| {
            let options = mount.options.known()?;
            options.iter().find_map(|o| {
                let value = o.value.split('=').nth(1)?;
                let high = value.rsplit(':').next()?.parse::<i32>().ok()? > 3;
                let compress = o.value.starts_with("compress");
                (compress && high).then(|| (mount, o.value.clone(), o.at))
            })
        });
        match (level, &asked) {
            (Some(level), _) if is_costly(level) => case.says(
                Strong,
                configuration(asked.as_ref().and_then(|(_, _, at)| *at)),
                format!("{level} is in force: zstd:9 takes 3 times the kernel CPU of zstd:1, by measurement"),
            ),
            (level, Some((mount, option, at))) => {
                let point = &mount.mountpoint;
                case.says(Weak, configuration(*at), format!("{point} asks for `{option}`"));
                let level = level.map_or("no compression".to_owned(), |l| l.to_string());
                let source = facts::in_force_source(host, filesystem);
                case.denies(Strong, source, format!("{level} is in force, not that"));
            }
            (_, None) => return None,
        }
        if let Some(cpu) = &host.metrics.cpu {
            let statement = format!("the kernel takes {} of the processors", cpu.system);
            match cpu.system.0 {
                20.0.. => case.says(Moderate, metrics(cpu), statement),
                ..5.0 => case.denies(Moderate, metrics(cpu), statement),
                _ => {}
            }
        }
        let loads = facts::loads(host, filesystem);
        let busy = mean(loads.iter().filter_map(|l| Some(l.util_percent?.0)));
        if let (Some(busy), Some(first)) = (busy, loads.first()) {
            let statement = format!("{} busy {busy:.0} % of the time", names(&loads));
            match busy {
                ..70.0 => case.says(Weak, metrics(first), statement),
                90.0.. => case.denies(Moderate, metrics(first), statement),
                _ => {}
            }
        }
        if let Some(threads) = host.hardware.as_ref().and_then(|h| h.cpu.threads) {
            let statement = format!("{threads} hardware threads to compress on");
            match threads {
                ..=4 => case.says(Weak, hardware(), statement),
                12.. => case.denies(Weak, hardware(), statement),
                _ => {}
            }
        }
        case.close(format!(
            "Compression on {} costs more than it saves",
            filesystem.name()
        ))
    };
    inputs.filesystems().iter().filter_map(check).collect()
}

pub(super) fn compression_missing(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let check = |filesystem: &Filesystem| {
        let name = filesystem.name();
        let in_force = facts::in_force(host, filesystem)?;
        if in_force.compresses {
            return None;
        }
        let mut case = Case::new(Cause::CompressionMissing, Some(name));
        let at = filesystem.at;
        case.says(
            Weak,
            configuration(at),
            format!("new data of {name} is not compressed"),
        );
        if in_force.state.is_nodatacow() {
            let statement = "`nodatacow` is in force, which rules compression out";
            case.denies(Strong, configuration(at), statement);
        }
        let loads = facts::loads(host, filesystem);
        let moved: f64 = loads.iter().map(|l| throughput(l)).sum();
        let busy = mean(loads.iter().filter_map(|l| Some(l.util_percent?.0)));
        if let (Some(busy), Some(first)) = (busy, loads.first()) {
            let statement = format!("{} busy {busy:.0} %, moving {}", names(&loads), rate(moved));
            match busy {
                // Compression saves bytes, hardly requests: it helps where bytes are many.
                80.0.. if moved >= 30e6 => case.says(Moderate, metrics(first), statement),
                80.0.. => case.denies(
                    Weak,
                    metrics(first),
                    format!("{statement}: requests are short, not bytes"),
                ),
                ..30.0 => case.denies(Moderate, metrics(first), statement),
                _ => {}
            }
        }
        let ours = |path: &str| {
            host.storage
                .holding(path)
                .is_some_and(|(f, _)| f.name() == name)
        };
        let measured = &host.metrics.compression;
        if let Some(use_) = measured
            .iter()
            .find(|c| c.path.as_deref().is_some_and(ours))
        {
            let rows = use_.rows.iter().filter(|r| r.algorithm == "none");
            let raw: u64 = rows.map(|r| r.disk.0).sum();
            let all: u64 = use_.rows.iter().map(|r| r.disk.0).sum();
            if all > 0 && raw as f64 >= 0.95 * all as f64 {
                let statement = "compsize finds almost nothing compressed";
                case.says(Moderate, metrics(use_), statement);
            }
        }
        if let Some(observation) = facts::complaints(host, filesystem).first() {
            case.hears(Weak, observation, "people complain of it");
        }
        if facts::is_medium(host, filesystem, Medium::SolidState) && busy.is_none() {
            case.denies(Weak, hardware(), "its disks are solid state");
        }
        case.close(format!("{name} is not compressed"))
    };
    inputs.filesystems().iter().filter_map(check).collect()
}

/// The tools that take snapshots of a mount, by the configuration.
pub(super) fn snapshot_tool(host: &Host, mountpoint: &str) -> Option<(String, Option<Span>)> {
    host.settings
        .below("services.snapper.configs.")
        .find_map(|(option, value)| {
            let setting = value.as_ref().ok()?;
            let fits = option.ends_with(".SUBVOLUME") && setting.value.as_str() == Some(mountpoint);
            fits.then(|| {
                (
                    format!("snapper takes snapshots of {mountpoint}"),
                    setting.at,
                )
            })
        })
}

pub(super) fn atime_writes(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let check = |filesystem: &Filesystem| {
        let mounts = facts::writing_atimes(host, filesystem)?;
        let first = mounts.first()?;
        let list: Vec<&str> = mounts.iter().map(|m| m.mountpoint.as_str()).collect();
        let mut case = Case::new(Cause::AtimeWrites, Some(first.mountpoint.as_str()));
        let statement = format!("without `noatime`: {}", list.join(", "));
        case.says(Weak, configuration(first.at), statement);
        let shown = mounts
            .iter()
            .find_map(|m| facts::mounted(host, m))
            .filter(|entry| {
                entry
                    .mount_options
                    .iter()
                    .any(|o| o == "relatime" || o == "strictatime")
            });
        if let Some(entry) = shown {
            case.says(
                Weak,
                metrics(entry),
                format!("{} writes them today", entry.mountpoint),
            );
        }
        let tool = mounts
            .iter()
            .find_map(|m| snapshot_tool(host, &m.mountpoint));
        let counted = facts::snapshots(host, filesystem).filter(|(n, _)| *n > 0);
        match (&counted, tool) {
            (Some((count, source)), _) => case.says(
                Moderate,
                Source::Metrics(source.clone()),
                format!("{count} snapshots: the first read of a file after each copies metadata"),
            ),
            (None, Some((statement, at))) => case.says(Moderate, configuration(at), statement),
            (None, None) => {}
        }
        let nobody = |path: &String| list.iter().any(|m| is_below(path, m));
        let reading = inputs.complaints().find(|o| {
            o.paths.iter().any(nobody)
                && super::case::mentions(o, &["scan", "sleep", "search", "find", "index", "open"])
        });
        match reading {
            Some(observation) => {
                case.hears(Moderate, observation, "people complain of reading there");
            }
            None if host.observations.is_empty() => {}
            None => case.denies(
                Weak,
                Source::Observation("the observations".to_owned()),
                "nobody complains of reading many files there",
            ),
        }
        if facts::is_medium(host, filesystem, Medium::Rotational) {
            case.says(
                Weak,
                hardware(),
                "on rotating disks each of these writes costs a seek",
            );
        } else if facts::is_medium(host, filesystem, Medium::SolidState) {
            case.denies(
                Moderate,
                hardware(),
                "solid state disks hardly notice these writes",
            );
        }
        case.denies(
            Weak,
            Source::Knowledge("counted on btrfs of Linux 6.18.44".to_owned()),
            "of reading many files cold, access times are 3 to 14 % of the time: seldom the whole \
             story",
        );
        case.close(format!(
            "Reading writes access times on {}",
            list.join(", ")
        ))
    };
    inputs.filesystems().iter().filter_map(check).collect()
}

pub(super) fn autodefrag(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let check = |filesystem: &Filesystem| {
        let name = filesystem.name();
        let state = facts::in_force(host, filesystem)?;
        if !state.state.is(Switch::Autodefrag) {
            return None;
        }
        let mut case = Case::new(Cause::AutodefragWriteAmplification, Some(name));
        let at = filesystem
            .mounts
            .iter()
            .find_map(|m| written(m, "autodefrag"));
        case.says(
            Moderate,
            configuration(at),
            "`autodefrag` is in force on the whole filesystem",
        );
        let entries = facts::running(host, filesystem);
        if let Some(entry) = entries
            .iter()
            .find(|e| e.super_options.iter().any(|o| o == "autodefrag"))
        {
            let statement = format!("{} is mounted with it today", entry.mountpoint);
            case.says(Weak, metrics(entry), statement);
        }
        case.says(
            Weak,
            Source::Knowledge("measured on btrfs of Linux 6.18.44".to_owned()),
            "it wrote 3 times the bytes to bring 491 extents down to 305, and with a snapshot it \
             brought down none",
        );
        let shot = filesystem
            .mounts
            .iter()
            .find_map(|m| snapshot_tool(host, &m.mountpoint));
        if let Some((statement, at)) = shot {
            case.says(
                Moderate,
                configuration(at),
                format!("{statement}, which defeats it"),
            );
        }
        if let Some(kernel) = &host.metrics.kernel
            && kernel.value.starts_with("5.16.")
        {
            case.says(
                Strong,
                metrics(kernel),
                format!("Linux {} loops in it", kernel.value),
            );
        }
        let loads = facts::loads(host, filesystem);
        let busy = mean(loads.iter().filter_map(|l| Some(l.util_percent?.0)));
        if let (Some(busy), Some(first)) = (busy, loads.first()) {
            let written: f64 = loads.iter().filter_map(|l| l.write_bytes_s).sum();
            let statement = format!(
                "{} busy {busy:.0} %, writing {}",
                names(&loads),
                rate(written)
            );
            match busy {
                80.0.. => case.says(Weak, metrics(first), statement),
                ..20.0 => case.denies(Moderate, metrics(first), statement),
                _ => {}
            }
        }
        if let Some(observation) = facts::complaints(host, filesystem).first() {
            case.hears(Weak, observation, "people complain of this filesystem");
        }
        if let Some(nas) = inputs.workload(WorkloadKind::Nas)
            && nas.paths.iter().any(|p| filesystem.mount(p).is_some())
        {
            let statement = "served files are mostly written once, which it leaves alone";
            case.denies(Weak, configuration(None), statement);
        }
        case.close(format!("`autodefrag` multiplies the writes of {name}"))
    };
    inputs.filesystems().iter().filter_map(check).collect()
}

pub(super) fn discard_sync(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let check = |filesystem: &Filesystem| {
        let name = filesystem.name();
        let state = facts::in_force(host, filesystem)?;
        if state.state.discard() != Discard::Sync {
            return None;
        }
        let mut case = Case::new(Cause::DiscardSync, Some(name));
        let at = filesystem
            .mounts
            .iter()
            .find_map(|m| written(m, "discard").or_else(|| written(m, "discard=sync")));
        let statement = "`discard` without `=async` trims within every commit";
        case.says(Moderate, configuration(at), statement);
        if facts::is_medium(host, filesystem, Medium::Rotational) {
            case.denies(Strong, hardware(), "its disks rotate and take no discards");
        }
        let stalls = ["delet", "stall", "hang", "freeze", "remov"];
        let complaints = facts::complaints(host, filesystem);
        if let Some(o) = complaints
            .iter()
            .find(|o| super::case::mentions(o, &stalls))
        {
            case.hears(Moderate, o, "people complain of stalls there");
        }
        case.close(format!("Discards block the commits of {name}"))
    };
    inputs.filesystems().iter().filter_map(check).collect()
}

pub(super) fn space_cache_v1(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let check = |filesystem: &Filesystem| {
        let name = filesystem.name();
        let entries = facts::running(host, filesystem);
        let entry = entries
            .iter()
            .find(|e| e.super_options.iter().any(|o| o == "space_cache"))?;
        let mut case = Case::new(Cause::SpaceCacheV1, Some(name));
        let statement = format!(
            "{} is mounted with `space_cache`, the old one",
            entry.mountpoint
        );
        case.says(Moderate, metrics(entry), statement);
        if let Some(space) = facts::space(host, filesystem)
            && let Some(size) = space.size
        {
            let statement = format!("{size} in block groups");
            match size.gib() {
                2048.0.. => case.says(Moderate, metrics(space), statement),
                ..500.0 => case.denies(Moderate, metrics(space), statement),
                _ => {}
            }
        }
        if facts::is_medium(host, filesystem, Medium::Rotational) {
            case.says(Weak, hardware(), "rotating disks write it with seeks");
        }
        case.close(format!("{name} keeps the old free space cache"))
    };
    inputs.filesystems().iter().filter_map(check).collect()
}

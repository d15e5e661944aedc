//! Owns: files as signals: how far they are compressed, how split they are, whether they are
//! overwritten in place.

use super::{Gather, measured};
use crate::analyze::evidence::Source;
use crate::analyze::facts;
use crate::analyze::workload::WorkloadKind;
use crate::model::Host;
use crate::model::metrics::CompressionUse;
use crate::model::storage::is_below;
use crate::nix::source::Span;

pub(super) fn gather(gather: &mut Gather<'_>) {
    compression(gather);
    fragmentation(gather);
    in_place(gather);
}

fn compression(gather: &mut Gather<'_>) {
    for found in &gather.host.metrics.compression {
        let about = gather.filesystem_of(found.path.as_deref());
        let sum = |wanted: fn(&str) -> bool, of_disk: bool| -> u64 {
            let rows = found.rows.iter().filter(|r| wanted(&r.algorithm));
            rows.map(|r| if of_disk { r.disk.0 } else { r.uncompressed.0 })
                .fold(0, u64::saturating_add)
        };
        let disk = sum(|_| true, true);
        let stored = sum(|_| true, false);
        if disk == 0 || stored == 0 {
            continue;
        }
        let place = |found: &CompressionUse| {
            found
                .path
                .as_ref()
                .map_or(String::new(), |p| format!(" below {p}"))
        };
        let mut say = |name: &str, share: f64, what: &str| {
            let text = format!("{share:.0} % {what}{}", place(found));
            gather.number(name, about.clone(), share, measured(found), text);
        };
        let ratio = disk as f64 / stored as f64 * 100.0;
        say(
            "compression.ratio",
            ratio,
            "of the stored bytes lie on disk",
        );
        let raw = sum(|a| a == "none", true) as f64 / disk as f64 * 100.0;
        say(
            "compression.raw",
            raw,
            "of what lies on disk is not compressed",
        );
        let prealloc = sum(|a| a == "prealloc", true) as f64 / disk as f64 * 100.0;
        if prealloc > 0.0 {
            say(
                "compression.preallocated",
                prealloc,
                "of what lies on disk is preallocated",
            );
        }
    }
}

/// What sort of file it is, by its name.
fn sort(path: &str) -> &'static str {
    let path = path.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| path.contains(w));
    if has(&[
        "qcow2",
        ".img",
        ".raw",
        ".vmdk",
        ".vdi",
        "/images/",
        "libvirt",
        "win7",
        "win10",
        "virtual machine",
        " image",
        "vm-",
        "vm ",
    ]) {
        "vm-image"
    } else if has(&[
        "postgres", "mysql", "mariadb", "ibd", "sqlite", ".db", "mongo", "database", "pgdata",
        "innodb",
    ]) {
        "database"
    } else {
        "other"
    }
}

fn fragmentation(gather: &mut Gather<'_>) {
    // Only the most split file: the others say the same. Compressed files are counted in pieces of
    // 128 KiB, which is not what splits them.
    let files = gather.host.metrics.fragmentation.iter();
    let Some(worst) = files
        .filter(|f| f.compressed != Some(true))
        .max_by_key(|f| f.extents)
    else {
        return;
    };
    let about = gather.filesystem_of(worst.path.starts_with('/').then_some(worst.path.as_str()));
    let text = format!("{} has {} extents", worst.path, worst.extents);
    let source = || measured(worst);
    let extents = worst.extents as f64;
    gather.number(
        "fragmentation.extents",
        about.clone(),
        extents,
        source(),
        text.clone(),
    );
    if let Some(size) = worst.size.filter(|s| s.0 > 0) {
        let each = extents / size.gib();
        let text = format!("{text} in {size}");
        gather.number("fragmentation.per_gib", about.clone(), each, source(), text);
    }
    gather.word("fragmentation.of", about, sort(&worst.path), source(), text);
}

/// Whether the configuration makes a directory, or one above it, `chattr +C`; with the place.
fn no_cow_rule(host: &Host, path: &str) -> Option<Option<Span>> {
    let rule = |line: &str| {
        let mut words = line.split_whitespace();
        let kind = words
            .next()
            .unwrap_or("")
            .trim_end_matches(['+', '!', '-', '=', '~', '^']);
        let directory = words.next().unwrap_or("");
        matches!(kind, "h" | "H") && is_below(path, directory) && line.contains("+C")
    };
    if let Some(rules) = host.settings.known("systemd.tmpfiles.rules") {
        let lines = rules.value.as_array().into_iter().flatten();
        if lines.filter_map(|l| l.as_str()).any(rule) {
            return Some(rules.at);
        }
    }
    host.settings
        .below("systemd.tmpfiles.settings.")
        .find_map(|(option, value)| {
            let setting = value.as_ref().ok()?;
            let directory = option.split_once('/').map(|(_, rest)| format!("/{rest}"))?;
            let directory = directory
                .strip_suffix(".h.argument")
                .or_else(|| directory.strip_suffix(".H.argument"))?;
            let holds = setting.value.as_str()?.contains("+C") && is_below(path, directory);
            holds.then_some(setting.at)
        })
}

/// Databases and images: overwritten in place, or copied on each write.
fn in_place(gather: &mut Gather<'_>) {
    let host = gather.host;
    let workloads = gather.workloads;
    for workload in workloads {
        let name = match workload.kind {
            WorkloadKind::Database => "database.on_cow",
            WorkloadKind::Vm => "vm.on_cow",
            _ => continue,
        };
        for path in &workload.paths {
            let about = gather.filesystem_of(Some(path));
            let flags = host
                .metrics
                .flags
                .iter()
                .find(|f| f.path.trim_end_matches('/') == path);
            if let Some(flags) = flags {
                let text = match flags.nocow {
                    true => format!("{path} is +C"),
                    false => format!("{path} is not +C"),
                };
                gather.fact(name, about, !flags.nocow, measured(flags), text);
                continue;
            }
            if let Some(at) = no_cow_rule(host, path) {
                let text = format!("tmpfiles makes {path} +C: new files are overwritten in place");
                gather.fact(name, about, false, Source::Configuration(at), text);
                continue;
            }
            let Some((filesystem, mount)) = host.storage.holding(path) else {
                continue;
            };
            let Some(state) = facts::in_force(host, filesystem) else {
                continue;
            };
            let source = Source::Configuration(mount.at);
            if state.state.is_nodatacow() {
                let text = format!("nodatacow is in force on {}", mount.mountpoint);
                gather.fact(name, about, false, source, text);
            } else {
                let text = format!(
                    "every overwrite in {path} goes to a new place: neither +C nor nodatacow is in \
                     force on {}",
                    mount.mountpoint
                );
                gather.fact(name, about, true, source, text);
            }
        }
    }
    for flags in &host.metrics.flags {
        let about = gather.filesystem_of(Some(&flags.path));
        let text = format!(
            "{} is {}+C",
            flags.path,
            if flags.nocow { "" } else { "not " }
        );
        gather.fact("path.nocow", about, flags.nocow, measured(flags), text);
    }
}

//! What was read of a host: filesystems, mounts, every option with its place, what is unknown.

use std::fmt::Write as _;

use crate::model::{Host, Layer, Reading, Texts, UnknownFact};
use crate::nix::source::Sources;

/// Renders what was read, one fact a line.
pub fn render(host: &Host, sources: &Sources) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "host {}", clean(&host.name));
    if host.storage.filesystems.is_empty() {
        let _ = writeln!(out, "  no btrfs in this configuration");
    }
    for filesystem in &host.storage.filesystems {
        let at = place(filesystem.at, sources);
        match &filesystem.device {
            Ok(device) => {
                let _ = writeln!(out, "  filesystem {}{at}", clean(&device.value));
            }
            Err(fact) => {
                let _ = writeln!(out, "  filesystem on a device that is not known{at}");
                unknown(&mut out, "    ", fact, sources);
            }
        }
        for disk in &filesystem.disks {
            let _ = writeln!(out, "    disk {}", clean(disk));
        }
        for layer in &filesystem.layers {
            let _ = match layer {
                Layer::Partition { name } => writeln!(out, "    partition {}", clean(name)),
                Layer::Luks(luks) => {
                    let at = place(luks.at, sources);
                    writeln!(out, "    luks {}{at}", clean(&luks.name))
                }
                Layer::Lvm { name } => writeln!(out, "    lvm {}", clean(name)),
                Layer::Mdraid { name } => writeln!(out, "    mdraid {}", clean(name)),
            };
        }
        elements(
            &mut out,
            "    ",
            "mkfs argument",
            &filesystem.mkfs_args,
            sources,
        );
        for mount in &filesystem.mounts {
            let subvolume = mount.subvolume.as_deref().unwrap_or("(default subvolume)");
            let boot = if mount.needed_for_boot {
                ", in the initrd"
            } else {
                ""
            };
            let at = place(mount.at, sources);
            let (point, subvolume) = (clean(&mount.mountpoint), clean(subvolume));
            let _ = writeln!(out, "    mount {point} of {subvolume}{boot}{at}");
            elements(&mut out, "      ", "option", &mount.options, sources);
        }
        for subvolume in filesystem
            .subvolumes
            .iter()
            .filter(|s| s.mountpoint == Ok(None))
        {
            let at = place(subvolume.at, sources);
            let _ = writeln!(
                out,
                "    subvolume {}, not mounted{at}",
                clean(&subvolume.name)
            );
        }
        for subvolume in &filesystem.subvolumes {
            for file in &subvolume.swap {
                let shown = |text: &Reading<String>| match text {
                    Ok(text) => clean(text),
                    Err(fact) => format!("(unknown: {})", clean(&fact.why)),
                };
                let (path, size) = (shown(&file.path), shown(&file.size));
                let _ = writeln!(
                    out,
                    "    swap file {path} of {size} in {}",
                    clean(&subvolume.name)
                );
            }
        }
    }
    for (path, setting) in host.settings.iter() {
        if let Ok(setting) = setting {
            let at = place(setting.at, sources);
            let _ = writeln!(
                out,
                "  {} = {}{at}",
                clean(path),
                clean(&setting.value.to_string())
            );
        }
    }
    let unread: Vec<&UnknownFact> = host
        .skipped
        .iter()
        .chain(&host.unknown)
        .chain(host.settings.unknown())
        .collect();
    for fact in unread {
        unknown(&mut out, "  ", fact, sources);
    }
    out
}

fn elements(out: &mut String, indent: &str, what: &str, elements: &Texts, sources: &Sources) {
    let Some(read) = elements.elements() else {
        for fact in elements.unknown() {
            unknown(out, indent, fact, sources);
        }
        return;
    };
    for element in read {
        match element {
            Ok(element) => {
                let at = match element.at {
                    Some(_) => place(element.at, sources),
                    None => "  (not written; disko's)".to_owned(),
                };
                let _ = writeln!(out, "{indent}{what} {}{at}", clean(&element.value));
            }
            Err(fact) => unknown(out, indent, fact, sources),
        }
    }
}

fn unknown(out: &mut String, indent: &str, fact: &UnknownFact, sources: &Sources) {
    let at = place(fact.at, sources);
    let _ = writeln!(
        out,
        "{indent}unknown: {}: {}{at}",
        clean(&fact.what),
        clean(&fact.why)
    );
}

fn place(at: Option<crate::nix::source::Span>, sources: &Sources) -> String {
    at.map(|at| format!("  {}", sources.place(at)))
        .unwrap_or_default()
}

/// A name on one line, whatever it holds.
fn clean(text: &str) -> String {
    text.chars()
        .flat_map(|c| match c.is_control() {
            true => c.escape_default().collect::<Vec<_>>(),
            false => vec![c],
        })
        .collect()
}

//! What was read of a host: filesystems, mounts, every option with its place, what is unknown.

use std::fmt::Write as _;

use crate::model::{Host, Layer, Located, Reading, UnknownFact};
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
        let _ = writeln!(out, "  filesystem {}{at}", clean(&filesystem.device));
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
            .filter(|s| s.mountpoint.is_none())
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
                let (path, size) = (clean(&file.path), clean(&file.size));
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
    let unread: Vec<&UnknownFact> = host.unknown.iter().chain(host.settings.unknown()).collect();
    for fact in unread {
        unknown(&mut out, "  ", fact, sources);
    }
    out
}

fn elements(
    out: &mut String,
    indent: &str,
    what: &str,
    elements: &Reading<Vec<Located<String>>>,
    sources: &Sources,
) {
    match elements {
        Ok(elements) => {
            for element in elements {
                let at = match element.at {
                    Some(_) => place(element.at, sources),
                    None => "  (not written; disko's)".to_owned(),
                };
                let _ = writeln!(out, "{indent}{what} {}{at}", clean(&element.value));
            }
        }
        Err(fact) => unknown(out, indent, fact, sources),
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

//! What was read of a host: filesystems, mounts, every option with its place, what is unknown.

use std::fmt::Write as _;

use crate::ingest::oracle::{Filled, Provenance};
use crate::model::{Found, Host, Layer, Reading, StorageSource, Texts, UnknownFact};
use crate::nix::source::Sources;

/// Renders what was read, one fact a line.
pub fn render(host: &Host, sources: &Sources) -> String {
    render_told(host, None, sources)
}

/// The same, of a host of which Nix may have said what the files leave unknown.
pub fn render_told(host: &Host, told: Option<&Filled>, sources: &Sources) -> String {
    let nix = Marks(told);
    let mut out = String::new();
    let _ = writeln!(out, "host {}", clean(&host.name));
    match host.found {
        Found::Flake | Found::File => {}
        Found::Convention => out.push_str("  found by convention, by the names of its files\n"),
        Found::Facts => out.push_str("  told in a file of facts\n"),
        Found::Config => out.push_str("  named in btrfs-tune.toml\n"),
    }
    if let Some(release) = host.release_told() {
        let by = clean(&release.by);
        let _ = writeln!(out, "  NixOS {}, by {by}", release.value);
    }
    if let Some(kernel) = host.kernel_told() {
        let by = clean(&kernel.by);
        let _ = writeln!(out, "  Linux {}, by {by}", kernel.value);
    }
    if let Some(told) = told {
        let _ = writeln!(out, "  asked {}", clean(&told.version));
    }
    if host.storage.filesystems.is_empty() {
        let _ = writeln!(out, "  no btrfs in this configuration");
    }
    for filesystem in &host.storage.filesystems {
        let at = place(filesystem.at, sources);
        let own: Vec<String> = match (&filesystem.source, filesystem.mounts.first()) {
            (StorageSource::Disko(path), _) => path.clone(),
            (StorageSource::FileSystems, Some(mount)) => mount_path(&mount.mountpoint).into(),
            (StorageSource::FileSystems, None) => Vec::new(),
        };
        match &filesystem.device {
            Ok(device) => {
                let mark = nix.mark(&own, &["device"]);
                let _ = writeln!(out, "  filesystem {}{at}{mark}", clean(&device.value));
            }
            Err(fact) => {
                let _ = writeln!(out, "  filesystem on a device that is not known{at}");
                unknown(&mut out, "    ", fact, sources);
            }
        }
        for disk in &filesystem.disks {
            let mark = match own.as_slice() {
                [_, _, kind, name, ..] if kind == "disk" => {
                    nix.mark(&own[..2], &["disk", name, "device"])
                }
                _ => "",
            };
            let _ = writeln!(out, "    disk {}{mark}", clean(disk));
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
        let args = Listed {
            indent: "    ",
            what: "mkfs argument",
            path: below(&own, "extraArgs"),
        };
        elements(&mut out, &args, &filesystem.mkfs_args, &nix, sources);
        for mount in &filesystem.mounts {
            let subvolume = mount.subvolume.as_deref().unwrap_or("(default subvolume)");
            let boot = if mount.needed_for_boot {
                ", in the initrd"
            } else {
                ""
            };
            let at = place(mount.at, sources);
            let (point, subvolume) = (clean(&mount.mountpoint), clean(subvolume));
            let path = mount_path(&mount.mountpoint);
            let mark = nix.mark(&path, &[]);
            let _ = writeln!(out, "    mount {point} of {subvolume}{boot}{at}{mark}");
            let options = Listed {
                indent: "      ",
                what: "option",
                path: below(&path, "options"),
            };
            elements(&mut out, &options, &mount.options, &nix, sources);
        }
        for subvolume in filesystem
            .subvolumes
            .iter()
            .filter(|s| s.mountpoint == Ok(None))
        {
            let at = place(subvolume.at, sources);
            let mark = nix.mark(&subvolume.path, &["mountpoint"]);
            let _ = writeln!(
                out,
                "    subvolume {}, not mounted{at}{mark}",
                clean(&subvolume.name)
            );
        }
        for subvolume in &filesystem.subvolumes {
            for (index, file) in subvolume.swap.iter().enumerate() {
                let index = index.to_string();
                let mark = match nix.mark(&subvolume.path, &["swap", &index, "path"]) {
                    "" => nix.mark(&subvolume.path, &["swap", &index, "size"]),
                    mark => mark,
                };
                let shown = |text: &Reading<String>| match text {
                    Ok(text) => clean(text),
                    Err(fact) => format!("(unknown: {})", clean(&fact.why)),
                };
                let (path, size) = (shown(&file.path), shown(&file.size));
                let _ = writeln!(
                    out,
                    "    swap file {path} of {size} in {}{mark}",
                    clean(&subvolume.name)
                );
            }
        }
    }
    for (path, setting) in host.settings.iter() {
        if let Ok(setting) = setting {
            let at = place(setting.at, sources);
            let mark = nix.of_setting(path);
            let _ = writeln!(
                out,
                "  {} = {}{at}{mark}",
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

/// Which values Nix told.
struct Marks<'a>(Option<&'a Filled>);

/// What stands behind a value that Nix told.
const TOLD: &str = "  (told by Nix)";

impl Marks<'_> {
    fn mark(&self, path: &[String], below: &[&str]) -> &'static str {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let path = [path.as_slice(), below].concat();
        shown(self.0.map(|told| told.storage(&path)))
    }

    fn of_setting(&self, path: &str) -> &'static str {
        shown(self.0.map(|told| told.setting(path)))
    }
}

fn shown(provenance: Option<Provenance>) -> &'static str {
    match provenance {
        Some(Provenance::Nix) => TOLD,
        Some(Provenance::Static) | None => "",
    }
}

fn mount_path(mountpoint: &str) -> [String; 2] {
    ["fileSystems".to_owned(), mountpoint.to_owned()]
}

fn below(path: &[String], name: &str) -> Vec<String> {
    path.iter().cloned().chain([name.to_owned()]).collect()
}

/// A list of texts, and the option path that it has.
struct Listed<'a> {
    indent: &'a str,
    what: &'a str,
    path: Vec<String>,
}

fn elements(
    out: &mut String,
    listed: &Listed<'_>,
    elements: &Texts,
    nix: &Marks<'_>,
    sources: &Sources,
) {
    let Listed { indent, what, path } = listed;
    let Some(read) = elements.elements() else {
        for fact in elements.unknown() {
            unknown(out, indent, fact, sources);
        }
        return;
    };
    for (index, element) in read.into_iter().enumerate() {
        match element {
            Ok(element) => {
                let mark = nix.mark(path, &[&index.to_string()]);
                let at = match element.at {
                    None if mark.is_empty() => "  (not written; disko's)".to_owned(),
                    at => place(at, sources),
                };
                let _ = writeln!(out, "{indent}{what} {}{at}{mark}", clean(&element.value));
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

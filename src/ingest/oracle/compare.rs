//! Where what was read statically is not what Nix says. Either is a bug of this program.

use serde_json::Value as Json;

use super::{here, own_file};
use crate::model::{Filesystem, Found, Host, Located, Mount};
use crate::nix::oracle::{Answer, Node, Places, known};
use crate::nix::source::Span;

/// One value of which the two readers think differently.
#[derive(Debug, Clone, PartialEq)]
pub struct Disagreement {
    /// What it is: an option path, or a mount.
    pub what: String,
    /// What was read from the files.
    pub read: String,
    /// Where that was read.
    pub read_at: Option<Span>,
    /// What Nix says.
    pub real: String,
    /// Where Nix has that from.
    pub real_at: Option<Span>,
}

/// NixOS adds these to what is written, for its own use; `defaults` says nothing.
fn is_of_nixos(option: &str) -> bool {
    option == "defaults" || option.starts_with("x-")
}

/// Everything that was read statically and contradicts Nix. `real` is the host that the answer
/// gives by itself.
pub(super) fn compare(
    read: &Host,
    real: &Host,
    answer: &Answer,
    places: &Places,
) -> Vec<Disagreement> {
    let mut found = Vec::new();
    for filesystem in &read.storage.filesystems {
        for mount in &filesystem.mounts {
            let there = |(_, m): &(&Filesystem, &Mount)| m.mountpoint == mount.mountpoint;
            let all = real.storage.filesystems.iter();
            let all = || {
                all.clone()
                    .flat_map(|f| f.mounts.iter().map(move |m| (f, m)))
            };
            // Two subvolumes may be written to be mounted at one place, of which one is.
            let same = all()
                .filter(there)
                .find(|(_, m)| m.subvolume == mount.subvolume);
            match same.or_else(|| all().find(there)) {
                Some((other, theirs)) => {
                    options(read, mount, theirs, answer, places, &mut found);
                    subvolume(mount, theirs, &mut found);
                    arguments(filesystem, other, &mut found);
                }
                None => missing(mount, answer, &mut found),
            }
        }
    }
    if !is_partial(read) {
        for theirs in real.storage.filesystems.iter().flat_map(|f| &f.mounts) {
            if read.storage.mount(&theirs.mountpoint).is_none() {
                found.push(Disagreement {
                    what: format!("fileSystems.\"{}\"", theirs.mountpoint),
                    read: "no mount of a btrfs".to_owned(),
                    read_at: None,
                    real: "a mount of a btrfs".to_owned(),
                    real_at: theirs.at,
                });
            }
        }
    }
    settings(read, real, answer, places, &mut found);
    found.dedup();
    found
}

/// Whether it is known that not all of a host was read.
fn is_partial(read: &Host) -> bool {
    !read.unknown.is_empty() || !read.skipped.is_empty() || read.found == Found::Convention
}

/// Every option that was read must be there, in the same order. Nix may have more where modules
/// were not read, or come from outside the project.
fn options(
    read: &Host,
    ours: &Mount,
    theirs: &Mount,
    answer: &Answer,
    places: &Places,
    found: &mut Vec<Disagreement>,
) {
    let (Some(mine), Some(real)) = (ours.options.known(), theirs.options.known()) else {
        return;
    };
    let path = ["fileSystems", &ours.mountpoint, "options"].map(str::to_owned);
    let meant = |options: &[Located<String>]| -> Vec<String> {
        let texts = options.iter().map(|o| o.value.clone());
        texts.filter(|o| !is_of_nixos(o)).collect()
    };
    let (mine_meant, real_meant) = (meant(mine), meant(real));
    let mut rest = mine_meant.iter().peekable();
    let mut more = Vec::new();
    for option in &real_meant {
        match rest.next_if(|o| *o == option) {
            Some(_) => {}
            None => more.push(option.as_str()),
        }
    }
    let holds = |node: &Node, option: &str| match node {
        Node::Leaf(Json::Array(items)) => items.iter().any(|i| i == option),
        _ => false,
    };
    let own = |option: &str| {
        let definitions = answer.definitions(&path);
        let mut writers = definitions.iter().filter(|d| holds(&d.node, option));
        writers.any(|d| own_file(places, d).is_some())
    };
    let explained = is_partial(read) || !more.iter().any(|option| own(option));
    if rest.peek().is_none() && explained {
        return;
    }
    let shown = |options: &[Located<String>]| {
        let texts: Vec<String> = options.iter().map(|o| o.value.clone()).collect();
        Json::from(texts).to_string()
    };
    found.push(Disagreement {
        what: format!("fileSystems.\"{}\".options", ours.mountpoint),
        read: shown(mine),
        read_at: mine.iter().find_map(|o| o.at).or(ours.at),
        real: shown(real),
        real_at: real.iter().find_map(|o| o.at).or(theirs.at),
    });
}

fn subvolume(ours: &Mount, theirs: &Mount, found: &mut Vec<Disagreement>) {
    // Without the options the subvolume of a `fileSystems` entry is not known.
    if ours.options.known().is_none()
        || theirs.options.known().is_none()
        || ours.subvolume == theirs.subvolume
    {
        return;
    }
    let shown = |mount: &Mount| match &mount.subvolume {
        Some(name) => format!("subvolume {name}"),
        None => "the default subvolume".to_owned(),
    };
    found.push(Disagreement {
        what: format!("what is mounted at {}", ours.mountpoint),
        read: shown(ours),
        read_at: ours.at,
        real: shown(theirs),
        real_at: theirs.at,
    });
}

fn arguments(ours: &Filesystem, theirs: &Filesystem, found: &mut Vec<Disagreement>) {
    let (Some(mine), Some(real)) = (ours.mkfs_args.known(), theirs.mkfs_args.known()) else {
        return;
    };
    let texts = |all: &[Located<String>]| -> Vec<String> {
        all.iter().map(|argument| argument.value.clone()).collect()
    };
    // A filesystem that only `fileSystems` declares is made by somebody else.
    if std::mem::discriminant(&ours.source) != std::mem::discriminant(&theirs.source)
        || texts(mine) == texts(real)
    {
        return;
    }
    found.push(Disagreement {
        what: format!("the arguments of mkfs.btrfs for {}", ours.name()),
        read: Json::from(texts(mine)).to_string(),
        read_at: mine.iter().find_map(|a| a.at).or(ours.at),
        real: Json::from(texts(real)).to_string(),
        real_at: real.iter().find_map(|a| a.at).or(theirs.at),
    });
}

/// A mount that Nix does not have, where Nix knows all.
fn missing(mount: &Mount, answer: &Answer, found: &mut Vec<Disagreement>) {
    let storage = |path: &[String]| path[0] == "fileSystems" || path[0] == "disko";
    let mut entries = answer.entries.iter().filter(|(path, _)| storage(path));
    if entries.any(|(_, entry)| entry.value.is_err()) {
        return;
    }
    let path = ["fileSystems", &mount.mountpoint, "fsType"].map(str::to_owned);
    let kind = answer.entries.get(path.as_slice());
    let kind = kind.and_then(|entry| entry.value.as_ref().ok()?.as_str());
    found.push(Disagreement {
        what: format!("fileSystems.\"{}\"", mount.mountpoint),
        read: "a mount of a btrfs".to_owned(),
        read_at: mount.at,
        real: match kind {
            Some(kind) => format!("a mount of a file system of type {kind}"),
            None => "no mount".to_owned(),
        },
        real_at: None,
    });
}

/// What was read must be the value, or what some definition says before the option's type changes
/// it (coercion, `apply`, defaults of a submodule).
fn settings(
    read: &Host,
    real: &Host,
    answer: &Answer,
    places: &Places,
    found: &mut Vec<Disagreement>,
) {
    for (path, reading) in read.settings.iter() {
        let Ok(mine) = reading else { continue };
        let Some(theirs) = real.settings.known(path) else {
            continue;
        };
        if same(&mine.value, &theirs.value) {
            continue;
        }
        let definitions = answer.winners(&super::names(path));
        let leaves: Vec<Json> = definitions
            .iter()
            .filter_map(|d| match &d.node {
                Node::Leaf(value) => Some(here(places, known(value)?)),
                Node::Set(_) => None,
            })
            .collect();
        let written =
            leaves.iter().any(|leaf| same(leaf, &mine.value)) || is_part_of(&mine.value, &leaves);
        let as_written = leaves.iter().any(|leaf| same(leaf, &theirs.value));
        if written && !as_written || joined(&mine.value, &theirs.value) {
            continue;
        }
        found.push(Disagreement {
            what: path.to_owned(),
            read: mine.value.to_string(),
            read_at: mine.at,
            real: theirs.value.to_string(),
            real_at: theirs.at,
        });
    }
}

/// Whether a list is made of what several definitions say, before their elements are coerced.
fn is_part_of(list: &Json, definitions: &[Json]) -> bool {
    let Json::Array(items) = list else {
        return false;
    };
    let all = || definitions.iter().filter_map(Json::as_array).flatten();
    items
        .iter()
        .all(|item| all().any(|other| same(item, other)))
}

/// Whether two values are the same; Nix prints six digits of a float.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) if x.is_f64() || y.is_f64() => {
            let (x, y) = (x.as_f64().unwrap_or(0.0), y.as_f64().unwrap_or(0.0));
            (x - y).abs() <= x.abs().max(y.abs()) * 1e-5
        }
        (Json::Array(x), Json::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y))
        }
        _ => a == b,
    }
}

/// Whether Nix's list is the one that was read, with more from modules outside the project.
fn joined(read: &Json, real: &Json) -> bool {
    let (Json::Array(read), Json::Array(real)) = (read, real) else {
        return false;
    };
    let mut rest = read.iter().peekable();
    for item in real {
        rest.next_if(|wanted| same(wanted, item));
    }
    rest.peek().is_none()
}

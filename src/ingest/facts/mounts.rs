//! Mounts: a list of objects, an object of mount points, lines of `/proc/mounts` or of fstab.

use serde_json::Value;

use super::Reader;
use super::node::Node;
use crate::btrfs::{Scope, lookup, parse_options};
use crate::model::metrics::MountEntry;

/// Options that btrfs shares with other filesystems, so that they do not tell which it is.
const SHARED: [&str; 8] = [
    "acl",
    "noacl",
    "barrier",
    "nobarrier",
    "commit",
    "discard",
    "nodiscard",
    "device",
];

pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>) {
    match node.value {
        Value::Array(list) => {
            let options = list.iter().all(|o| o.as_str().is_some_and(is_option));
            if options && !list.is_empty() {
                // `mount_options: ["noatime", "compress=zstd"]`, of a mount that is not named.
                mount(reader, node, None, Some(node.clone()));
                return;
            }
            for member in node.members() {
                read(reader, &member);
            }
        }
        Value::Object(_) => {
            if point(node).is_some() || node.get(&["options"]).is_some() {
                mount(reader, node, point(node), options_of(node));
                return;
            }
            for member in node.members() {
                if member.key().starts_with('/') {
                    let typed = member.text().filter(|t| starts_with_fstype(t));
                    let told = typed.and_then(|text| one(&format!("{} {text}", member.key())));
                    if let Some((entry, all)) = told {
                        let entry = reader.sourced(&member, entry);
                        reader.facts.metrics.mounts.push(entry);
                        let rest = member.text().filter(|_| !all).unwrap_or_default();
                        reader.typed_but(&member, rest);
                        continue;
                    }
                    let at = member.clone();
                    let options = match member.is_object() {
                        true => options_of(&member),
                        false => Some(member.clone()),
                    };
                    mount(reader, &member, Some((at.key().to_owned(), None)), options);
                } else {
                    read_member(reader, &member);
                }
            }
        }
        Value::String(text) => line(reader, node, text.trim()),
        _ => {}
    }
}

/// A member of an object of mounts that is no mount point: a name above one.
fn read_member(reader: &mut Reader<'_>, node: &Node<'_>) {
    if point(node).is_some() {
        mount(reader, node, point(node), options_of(node));
    } else if node.name().contains("options") {
        mount(reader, node, None, Some(node.clone()));
    }
}

/// The mount point that an object names.
fn point<'v>(node: &Node<'v>) -> Option<(String, Option<Node<'v>>)> {
    let member = node.get(&[
        "mountpoint",
        "mount point",
        "mount",
        "target",
        "path",
        "where",
        "dir",
        "on",
    ])?;
    let text = member.text()?;
    let path = text.split_whitespace().next()?;
    (path.starts_with('/') || path == "none" || path == "swap")
        .then(|| (path.to_owned(), Some(member)))
}

fn options_of<'v>(node: &Node<'v>) -> Option<Node<'v>> {
    node.get(&["options", "opts", "mount options", "flags", "super options"])
}

/// One word that may be a mount option.
pub(super) fn is_option(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty()
        && text.split(',').all(|option| {
            let name = option.split('=').next().unwrap_or_default();
            !option.contains(char::is_whitespace)
                && !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b))
                && (lookup(name).is_some() || matches!(name, "defaults" | "auto" | "noauto"))
        })
}

/// The options of a value, and whether all of it was understood.
pub(super) fn options(node: &Node<'_>) -> (Vec<String>, bool) {
    let cut = |text: &str| -> Vec<String> {
        parse_options(&[text]).into_iter().map(|o| o.text).collect()
    };
    match node.value {
        Value::String(text) => {
            // A remark may follow: `compress=zstd:3 (since May)`.
            let mut words = text.split([' ', '\t', ';']).map(|w| w.trim_matches(','));
            let mut found = Vec::new();
            let mut all = true;
            for word in words.by_ref().filter(|w| !w.is_empty()) {
                let word = word.strip_prefix("-o").unwrap_or(word);
                if word.contains('=') || is_option(word) {
                    found.extend(cut(word));
                } else {
                    all &= word.is_empty();
                }
            }
            (found, all)
        }
        Value::Array(_) => {
            let mut found = Vec::new();
            let mut all = true;
            for member in node.members() {
                let (more, understood) = options(&member);
                found.extend(more);
                all &= understood;
            }
            (found, all)
        }
        Value::Object(members) => {
            let mut found = Vec::new();
            let mut all = true;
            for (name, value) in members {
                match value {
                    Value::Bool(true) | Value::Null => found.push(name.clone()),
                    Value::Bool(false) => all = false,
                    Value::String(text) if text.is_empty() => found.push(name.clone()),
                    Value::String(text) if !text.contains([' ', ',']) => {
                        found.push(format!("{name}={text}"));
                    }
                    Value::Number(number) => found.push(format!("{name}={number}")),
                    _ => all = false,
                }
            }
            (found, all)
        }
        _ => (Vec::new(), false),
    }
}

fn mount<'v>(
    reader: &mut Reader<'_>,
    node: &Node<'v>,
    point: Option<(String, Option<Node<'v>>)>,
    told: Option<Node<'v>>,
) {
    let (mut list, mut all) = told.as_ref().map_or((Vec::new(), true), options);
    // `options: ["btrfs", "noatime"]`
    let among = told.as_ref().and_then(fstype_among);
    all |= among.is_some() && told.as_ref().is_some_and(|t| t.leaves().len() == 1);
    if list.is_empty() && among.is_none() && (told.is_some() || point.is_none()) {
        return;
    }
    let field = |names: &[&str]| {
        let member = node.get(names)?;
        let text = member.text()?.to_owned();
        Some((member, text))
    };
    let device = field(&["device", "dev", "source", "disk", "uuid", "label"]);
    let fstype = field(&["fstype", "fs", "type", "filesystem", "vfstype"])
        .filter(|(_, text)| !text.contains(char::is_whitespace));
    let subvolume = field(&["subvol", "subvolume"]);
    if let Some((member, text)) = &subvolume {
        if !list.iter().any(|option| option.starts_with("subvol=")) {
            list.push(format!("subvol=/{}", text.trim_start_matches('/')));
        }
        reader.typed(member);
    }
    for (member, _) in device.iter().chain(&fstype) {
        reader.typed(member);
    }
    let (mountpoint, at) = match point {
        Some((mountpoint, at)) => (mountpoint, at),
        None => (String::new(), None),
    };
    if let Some(at) = &at {
        reader.typed(at);
    }
    if let Some(told) = &told {
        reader.typed_but(told, if all { "" } else { "more" });
    }
    let device = device.map(|(_, text)| text).unwrap_or_default();
    let fstype = fstype.map(|(_, text)| text.to_lowercase()).or(among);
    let entry = entry(mountpoint, device, fstype, list);
    let entry = reader.sourced(node, entry);
    reader.facts.metrics.mounts.push(entry);
}

/// The type that somebody wrote among the options.
fn fstype_among(told: &Node<'_>) -> Option<String> {
    let leaves = told.leaves();
    let texts = leaves.iter().filter_map(Node::text);
    let mut words = texts.flat_map(|text| text.split([',', ' ']));
    words.find(|word| is_fstype(word)).map(str::to_owned)
}

/// A mount; it is one of btrfs where an option tells so.
fn entry(
    mountpoint: String,
    device: String,
    fstype: Option<String>,
    list: Vec<String>,
) -> MountEntry {
    let parsed = parse_options(&list);
    let is_of_mount = |name: &str| {
        // The kernel shows the subvolume with the options of the filesystem.
        let is_subvolume = matches!(name, "subvol" | "subvolid");
        let known = lookup(name).is_some_and(|spec| spec.scope != Scope::Filesystem);
        !is_subvolume && (known || matches!(name, "rw" | "ro" | "defaults"))
    };
    let is_btrfs = parsed.iter().any(|option| {
        let own = lookup(&option.name).is_some_and(|spec| spec.scope == Scope::Filesystem);
        own && (!SHARED.contains(&option.name.as_str()) || option.text == "discard=async")
    });
    let (mount_options, super_options) = parsed
        .into_iter()
        .partition::<Vec<_>, _>(|option| is_of_mount(&option.name));
    let texts = |list: Vec<crate::btrfs::MountOption>| list.into_iter().map(|o| o.text).collect();
    MountEntry {
        mountpoint,
        root: None,
        fstype: fstype.unwrap_or_else(|| if is_btrfs { "btrfs" } else { "" }.to_owned()),
        device,
        mount_options: texts(mount_options),
        super_options: texts(super_options),
    }
}

/// Whether it is a line as `mount` prints it.
pub(super) fn is_line(text: &str) -> bool {
    text.contains(" type ") && text.lines().all(|line| strict(line.trim()).is_some())
}

/// A line of fstab of a btrfs filesystem. What it asks for is so where nothing tells what runs.
pub(super) fn asked(reader: &mut Reader<'_>, node: &Node<'_>) {
    let Some(text) = node.text() else { return };
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(entry) = strict(line) else { return };
        if entry.fstype == "btrfs" {
            found.push(reader.sourced(node, entry));
        }
    }
    if !found.is_empty() {
        reader.gathered.fstab.append(&mut found);
        reader.typed(node);
    }
}

/// The options that findmnt prints of one path: `findmnt -no options /logs`.
pub(super) fn of_path(reader: &mut Reader<'_>, node: &Node<'_>, path: &str) {
    if node.text().is_some_and(is_option) {
        mount(
            reader,
            node,
            Some((path.to_owned(), None)),
            Some(node.clone()),
        );
    }
}

/// One line of fstab may stand for what runs; of several the first mount decides, which they do
/// not tell.
pub(super) fn finish(reader: &mut Reader<'_>) {
    let asked = std::mem::take(&mut reader.gathered.fstab);
    let runs = reader
        .facts
        .metrics
        .mounts
        .iter()
        .any(|m| m.fstype == "btrfs");
    if let [_] = asked[..]
        && !runs
    {
        reader.facts.metrics.mounts.extend(asked);
    }
}

/// A line of fstab (with four to six fields), of `/proc/mounts` or of `mount`, or bare options.
fn line(reader: &mut Reader<'_>, node: &Node<'_>, text: &str) {
    if is_option(text) {
        mount(reader, node, None, Some(node.clone()));
        return;
    }
    let mut found = false;
    let mut all = true;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match one(line) {
            Some((entry, whole)) => {
                let entry = reader.sourced(node, entry);
                reader.facts.metrics.mounts.push(entry);
                found = true;
                all &= whole;
            }
            None => all = false,
        }
    }
    if found {
        reader.typed_but(node, if all { "" } else { text });
    }
}

/// A mount, and whether the line says no more.
fn one(line: &str) -> Option<(MountEntry, bool)> {
    strict(line)
        .map(|entry| (entry, true))
        .or_else(|| loose(line))
}

/// Whether a word is the name of a filesystem.
pub(super) fn is_fstype(word: &str) -> bool {
    const KNOWN: [&str; 26] = [
        "btrfs", "ext2", "ext3", "ext4", "xfs", "zfs", "f2fs", "bcachefs", "jfs", "reiserfs",
        "exfat", "vfat", "fat32", "ntfs", "ntfs3", "nfs", "nfs4", "cifs", "smb3", "tmpfs", "ramfs",
        "overlay", "squashfs", "9p", "virtiofs", "iso9660",
    ];
    KNOWN.contains(&word) || word == "fuse" || word.starts_with("fuse.") || word == "fuseblk"
}

fn starts_with_fstype(text: &str) -> bool {
    text.split([' ', ',', ';', '('])
        .next()
        .is_some_and(is_fstype)
}

/// `/nix btrfs noatime,compress=zstd`, `server:/music on /var/lib/mpd nfs4`, `/dev/mapper/root /
/// btrfs`, `/data type ext4 (rw,relatime)`: a mount point, what it has, and perhaps options.
fn loose(line: &str) -> Option<(MountEntry, bool)> {
    let bare = |word: &str| word.trim_matches(['(', ')', ',', ';', ':']).to_owned();
    let words: Vec<String> = line.split_whitespace().map(bare).collect();
    let at = words.iter().take(5).position(|word| is_fstype(word))?;
    let front: Vec<&str> = words[..at]
        .iter()
        .map(String::as_str)
        .filter(|word| !matches!(*word, "on" | "type" | "is" | "as" | "->"))
        .collect();
    let (device, mountpoint) = match front[..] {
        [mountpoint] => ("", mountpoint),
        [device, mountpoint] if device.contains('/') => (device, mountpoint),
        _ => return None,
    };
    if !mountpoint.starts_with('/') || mountpoint.starts_with("/dev/") {
        return None;
    }
    let mut options = Vec::new();
    let mut all = true;
    for word in &words[at + 1..] {
        let is_options = is_option(word)
            || word.contains(',') && word.split(',').all(|o| is_option(o) || o.contains('='));
        // Options follow at once; what comes later is said of something.
        if is_options && all {
            options.push(word.clone());
        } else {
            all = false;
        }
    }
    let fstype = Some(words[at].clone());
    let entry = entry(mountpoint.to_owned(), device.to_owned(), fstype, options);
    Some((entry, all))
}

fn strict(line: &str) -> Option<MountEntry> {
    if let Some((front, options)) = line.strip_suffix(')').and_then(|l| l.rsplit_once(" ("))
        && let Some((front, fstype)) = front.rsplit_once(" type ")
        && let Some((device, mountpoint)) = front.split_once(" on /")
    {
        let list = vec![options.to_owned()];
        let fstype = Some(fstype.trim().to_owned());
        return Some(entry(
            format!("/{mountpoint}"),
            device.to_owned(),
            fstype,
            list,
        ));
    }
    let fields: Vec<&str> = line.split_whitespace().collect();
    match fields[..] {
        [device, mountpoint, fstype, options, ref rest @ ..]
            if mountpoint.starts_with('/')
                && rest.len() <= 2
                && rest.iter().all(|n| n.bytes().all(|b| b.is_ascii_digit())) =>
        {
            let list = vec![options.to_owned()];
            let known = fstype.to_owned();
            Some(entry(
                mountpoint.to_owned(),
                device.to_owned(),
                Some(known),
                list,
            ))
        }
        // `/home compress=zstd,noatime`, `/home: compress=zstd`
        [mountpoint, options] if mountpoint.starts_with('/') && is_option(options) => {
            let at = mountpoint.trim_end_matches(':').to_owned();
            Some(entry(at, String::new(), None, vec![options.to_owned()]))
        }
        _ => None,
    }
}

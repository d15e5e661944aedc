//! Space: `btrfs filesystem usage` and `df`, in whatever keys and units they are told.

use serde_json::Value;

use super::Reader;
use super::node::{self, Node};
use crate::model::metrics::{BlockGroup, BlockGroupKind, BtrfsUsage, DfEntry, Sourced, ToldGroup};
use crate::model::observation::Unit;
use crate::model::units::{Bytes, Percent};

/// Figures of a filesystem that stand by themselves among others.
#[derive(Default)]
pub(super) struct Loose {
    usage: Usage,
    source: Option<std::sync::Arc<str>>,
}

#[derive(Default)]
struct Usage {
    whole: BtrfsUsage,
    groups: Vec<ToldGroup>,
    known: bool,
}

/// Whether a key speaks of the space of a btrfs filesystem.
pub(super) fn is_usage(words: &[String], is_container: bool) -> bool {
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    let name = words.join(" ");
    if has(&["cpu", "mem", "memory", "ram", "swap", "inode", "inodes"]) {
        return false;
    }
    let named = [
        "btrfs",
        "btrfs df",
        "btrfs space",
        "btrfs fi df",
        "filesystem df",
        "space",
        "allocation",
        "block groups",
        "chunks",
        "btrfs filesystem",
        "profiles",
    ];
    match is_container {
        true => has(&["usage"]) && !has(&["disk"]) || named.contains(&name.as_str()),
        false => {
            is_loose(words)
                || has(&["unallocated"])
                || name == "device allocated"
                || name.starts_with("global reserve")
        }
    }
}

/// A figure of block groups among others: nothing but words of `btrfs filesystem usage`. A bare
/// `data_size` may be anybody's data.
fn is_loose(words: &[String]) -> bool {
    const VOCABULARY: [&str; 18] = [
        "data",
        "metadata",
        "meta",
        "system",
        "mixed",
        "total",
        "size",
        "used",
        "use",
        "profile",
        "raid",
        "ratio",
        "allocated",
        "full",
        "btrfs",
        "block",
        "groups",
        "profiles",
    ];
    let end = super::amount::unit_of_key(words).map_or(words.len(), |(_, at)| at.start);
    let own = words[..end]
        .iter()
        .all(|w| VOCABULARY.contains(&w.as_str()));
    let anyone = kind(words) == Some(BlockGroupKind::Data) && words.iter().any(|w| w == "size");
    own && end > 0 && !anyone && kind(words).is_some() && field(words).is_some()
}

fn kind(words: &[String]) -> Option<BlockGroupKind> {
    words.iter().find_map(|word| match word.as_str() {
        "data" => Some(BlockGroupKind::Data),
        "metadata" | "meta" => Some(BlockGroupKind::Metadata),
        "system" => Some(BlockGroupKind::System),
        "mixed" => Some(BlockGroupKind::Mixed),
        _ => None,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Profile,
    Used,
    Size,
    Free,
    Ratio,
    Allocated,
    Unallocated,
    Missing,
    Reserve,
    ReserveUsed,
    Mount,
    Multiple,
}

fn field(words: &[String]) -> Option<Field> {
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    let found = if has(&["reserve", "globalreserve"]) {
        match has(&["used"]) {
            true => Field::ReserveUsed,
            false => Field::Reserve,
        }
    } else if has(&["multiple"]) {
        Field::Multiple
    } else if has(&["profile", "raid", "profiles"]) {
        Field::Profile
    } else if has(&["ratio"]) {
        Field::Ratio
    } else if has(&["unallocated"]) {
        Field::Unallocated
    } else if has(&["missing"]) {
        Field::Missing
    } else if has(&["used", "full", "use"]) {
        Field::Used
    } else if has(&["free", "available", "avail", "estimated"]) {
        Field::Free
    } else if has(&["total", "size"]) {
        Field::Size
    } else if has(&["allocated"]) {
        Field::Allocated
    } else if has(&["mount", "mountpoint", "path", "on", "filesystem"]) {
        Field::Mount
    } else {
        return None;
    };
    Some(found)
}

fn is_profile(text: &str) -> bool {
    let lower = text.to_lowercase();
    let first = lower.split([' ', ',', '/', '(']).next().unwrap_or_default();
    matches!(first, "single" | "dup") || first.starts_with("raid")
}

impl Usage {
    fn group(&mut self, kind: BlockGroupKind) -> &mut ToldGroup {
        let at = match self.groups.iter().position(|group| group.kind == kind) {
            Some(at) => at,
            None => {
                self.groups.push(ToldGroup {
                    kind,
                    profile: None,
                    size: None,
                    used: None,
                    used_percent: None,
                });
                self.groups.len() - 1
            }
        };
        &mut self.groups[at]
    }

    /// Takes one figure. Whether it could, and what its words say beside it.
    fn take<'v>(&mut self, words: &[String], leaf: &Node<'v>) -> Option<&'v str> {
        let kind = kind(words);
        let field = field(words);
        let rest = leaf.measure().map_or("", |m| m.rest);
        let share = || leaf.percent(false).filter(|p| *p <= 100.0).map(Percent);
        let pair = || used_of(leaf);
        match (kind, field) {
            (_, Some(Field::Multiple)) => {
                self.whole.multiple_profiles = Some(leaf.state()?.0);
            }
            (_, Some(Field::Reserve)) => self.whole.global_reserve = Some(leaf.bytes()?),
            (_, Some(Field::ReserveUsed)) => self.whole.global_reserve_used = Some(leaf.bytes()?),
            (Some(BlockGroupKind::Data), Some(Field::Ratio)) => {
                self.whole.data_ratio = Some(leaf.amount()?.number);
            }
            (Some(BlockGroupKind::Metadata), Some(Field::Ratio)) => {
                self.whole.metadata_ratio = Some(leaf.amount()?.number);
            }
            (Some(kind), Some(Field::Profile)) | (Some(kind), None)
                if leaf.text().is_some_and(is_profile) =>
            {
                let text = leaf.text()?;
                let (profile, rest) = text.split_once([' ', ',', '(']).unwrap_or((text, ""));
                self.group(kind).profile = Some(profile.to_owned());
                return Some(rest);
            }
            (Some(kind), Some(Field::Used) | None) if pair().is_some() => {
                let (used, size) = pair()?;
                let group = self.group(kind);
                (group.used, group.size) = (Some(used), Some(size));
                return Some("");
            }
            (Some(kind), Some(Field::Used) | None) if share().is_some() => {
                self.group(kind).used_percent = share();
                return Some(rest.trim_start_matches("full").trim_start_matches("used"));
            }
            (Some(kind), Some(Field::Used)) => self.group(kind).used = Some(leaf.bytes()?),
            (Some(kind), Some(Field::Size | Field::Allocated)) => {
                self.group(kind).size = Some(leaf.bytes()?);
            }
            (None, Some(Field::Unallocated)) => {
                let none = leaf.text().is_some_and(|text| {
                    ["none", "nothing", "no", "zero"].contains(&text.to_lowercase().as_str())
                });
                let bytes = if none { Some(Bytes(0)) } else { leaf.bytes() };
                self.whole.unallocated = Some(bytes?);
            }
            (None, Some(Field::Missing)) => self.whole.missing = Some(leaf.bytes()?),
            (None, Some(Field::Used)) if share().is_some() => self.whole.used_percent = share(),
            (None, Some(Field::Used)) if pair().is_some() => {
                let (used, size) = pair()?;
                (self.whole.used, self.whole.device_size) = (Some(used), Some(size));
                return Some("");
            }
            (None, Some(Field::Used)) => self.whole.used = Some(leaf.bytes()?),
            (None, Some(Field::Size)) => self.whole.device_size = Some(leaf.bytes()?),
            (None, Some(Field::Allocated)) => self.whole.allocated = Some(leaf.bytes()?),
            (None, Some(Field::Free)) => {
                let min = words.iter().any(|w| w == "min" || w == "minimum");
                let bytes = Some(leaf.bytes()?);
                if min {
                    self.whole.free_minimum = bytes;
                } else {
                    self.whole.free_estimated = bytes;
                }
            }
            (None, Some(Field::Mount)) => {
                let path = leaf.text()?;
                if !path.starts_with('/') || path.contains(' ') {
                    return None;
                }
                self.whole.mountpoint = Some(path.to_owned());
                return Some("");
            }
            _ => return None,
        }
        self.known = true;
        Some(rest)
    }

    /// Block groups of which all is known are such; the rest is told in part.
    fn finish(mut self) -> Option<BtrfsUsage> {
        for group in self.groups {
            match (group.size, group.used) {
                (Some(size), Some(used)) => self.whole.block_groups.push(BlockGroup {
                    kind: group.kind,
                    profile: group.profile.unwrap_or_default(),
                    size,
                    used,
                }),
                _ => self.whole.told.push(group),
            }
        }
        self.whole.approximate = true;
        let known =
            self.known || !self.whole.block_groups.is_empty() || !self.whole.told.is_empty();
        known.then_some(self.whole)
    }
}

/// `13.5 of 14.8 GiB`, `13.5/14.8 GiB`, `13 GiB used of 14 GiB`: used, and of how much.
fn used_of(leaf: &Node<'_>) -> Option<(Bytes, Bytes)> {
    let text = leaf.text()?;
    let (first, second) = text.split_once(" of ").or_else(|| text.split_once('/'))?;
    let second = super::amount::amount(second)?;
    let (scale, _) = super::amount::unit_of(second.rest)?;
    let first = super::amount::amount(first)?;
    let own = super::amount::unit_of(first.rest).map_or(scale, |(own, _)| own);
    let (a, b) = (first.number * own.factor, second.number * scale.factor);
    let both = scale.unit == Unit::Bytes && own.unit == Unit::Bytes && a <= b;
    Some((super::amount::bytes(a)?, super::amount::bytes(b)?)).filter(|_| both)
}

pub(super) fn usage(reader: &mut Reader<'_>, node: &Node<'_>) {
    if node.is_leaf() {
        let mut loose = std::mem::take(&mut reader.gathered.usage);
        if let Some(rest) = loose.usage.take(&node.words(), node) {
            reader.typed_but(node, rest);
            if loose.source.is_none() {
                loose.source = Some(reader.place(&node.path).into());
            }
        }
        reader.gathered.usage = loose;
        return;
    }
    let members = node.members();
    let is_each = matches!(node.value, Value::Array(_))
        || members.iter().all(|m| m.key().starts_with('/')) && !members.is_empty();
    if is_each {
        for member in &members {
            if member.is_leaf() {
                df(reader, member);
            } else {
                one(reader, member);
            }
        }
    } else {
        one(reader, node);
    }
}

fn one(reader: &mut Reader<'_>, node: &Node<'_>) {
    let mut told = Usage::default();
    if node.key().starts_with('/') {
        told.whole.mountpoint = Some(node.key().to_owned());
    }
    for leaf in node.leaves() {
        let words: Vec<String> = leaf.keys[node.keys.len()..]
            .iter()
            .flat_map(|key| node::words(key))
            .collect();
        if let Some(rest) = told.take(&words, &leaf) {
            reader.typed_but(&leaf, rest);
        }
    }
    if let Some(usage) = told.finish() {
        let usage = reader.sourced(node, usage);
        reader.facts.metrics.usage.push(usage);
    }
}

pub(super) fn finish(reader: &mut Reader<'_>) {
    let loose = std::mem::take(&mut reader.gathered.usage);
    if let (Some(value), Some(source)) = (loose.usage.finish(), loose.source) {
        reader.facts.metrics.usage.push(Sourced { value, source });
    }
}

/// Whether a key speaks of the space of a mounted filesystem.
pub(super) fn is_df(words: &[String]) -> bool {
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    if has(&[
        "cpu", "mem", "memory", "ram", "swap", "quota", "wear", "inode", "inodes",
    ]) {
        return false;
    }
    let name = words.join(" ");
    has(&["df"])
        || has(&["disk", "filesystem", "fs", "space", "volume"])
            && has(&["used", "usage", "full", "free", "fill"])
        || matches!(
            name.as_str(),
            "used percent"
                | "used pct"
                | "use percent"
                | "percent used"
                | "full percent"
                | "full pct"
                | "fill level"
                | "fill percent"
                | "usage percent"
        )
}

/// `{"/": "93%"}`, `{"size_gib": 100, "used_gib": 93}`, `"97% full"`, `"450G of 500G"`.
pub(super) fn df(reader: &mut Reader<'_>, node: &Node<'_>) {
    let mountpoint = match node.key() {
        key if key.starts_with('/') => key.to_owned(),
        _ => String::new(),
    };
    if node.is_leaf() {
        let words = node.words();
        let is_free = words
            .iter()
            .any(|w| matches!(w.as_str(), "free" | "available" | "avail"));
        let mut entry = bare(mountpoint);
        if let Some((used, size)) = used_of(node) {
            (entry.used, entry.size) = (Some(used), Some(size));
            push(reader, node, entry);
            reader.typed(node);
        } else if let Some(percent) = node.percent(false).filter(|p| *p <= 100.0) {
            let used = if is_free { 100.0 - percent } else { percent };
            let rest = node.measure().map_or("", |m| m.rest);
            full(reader, node, &entry.mountpoint, used);
            reader.typed_but(
                node,
                rest.trim_start_matches("full").trim_start_matches("used"),
            );
        } else if let Some(free) = node.bytes().filter(|_| is_free) {
            entry.available = Some(free);
            push(reader, node, entry);
            reader.typed(node);
        }
        return;
    }
    let members = node.members();
    if !node.is_object() || members.iter().any(|m| m.key().starts_with('/')) {
        for member in &members {
            df(reader, member);
        }
        return;
    }
    let mut entry = bare(mountpoint);
    let mut percent = None;
    let mut known = Vec::new();
    for member in &members {
        let words = member.words();
        let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
        let share = member.percent(false).filter(|p| *p <= 100.0);
        let taken = if has(&["mount", "mountpoint", "mounted", "path", "target"]) {
            member
                .text()
                .filter(|t| t.starts_with('/'))
                .map(|t| entry.mountpoint = t.to_owned())
        } else if has(&["device", "source"]) || words.join(" ") == "filesystem" {
            member.text().map(|t| entry.device = t.to_owned())
        } else if has(&["fstype", "type"]) {
            member.text().map(|t| entry.fstype = Some(t.to_owned()))
        } else if share.is_some() {
            percent = share;
            Some(())
        } else if has(&["used"]) {
            member.bytes().map(|b| entry.used = Some(b))
        } else if has(&["avail", "available", "free"]) {
            member.bytes().map(|b| entry.available = Some(b))
        } else if has(&["size", "total", "blocks"]) {
            member.bytes().map(|b| entry.size = Some(b))
        } else {
            None
        };
        if taken.is_some() {
            known.push(member);
        }
    }
    let is_btrfs = entry
        .fstype
        .as_deref()
        .is_none_or(|fstype| fstype == "btrfs");
    let has_sizes = entry.size.is_some() || entry.used.is_some() || entry.available.is_some();
    if percent.is_some() && !has_sizes && !is_btrfs {
        reader.pass(node, "the share of another filesystem than btrfs; not kept");
    }
    if has_sizes || percent.is_some() && is_btrfs {
        for member in known {
            reader.typed(member);
        }
    }
    if entry.size.is_some() || entry.used.is_some() || entry.available.is_some() {
        push(reader, node, entry);
    } else if let Some(percent) = percent
        && entry
            .fstype
            .as_deref()
            .is_none_or(|fstype| fstype == "btrfs")
    {
        full(reader, node, &entry.mountpoint, percent);
    }
}

fn bare(mountpoint: String) -> DfEntry {
    DfEntry {
        device: String::new(),
        fstype: None,
        size: None,
        used: None,
        available: None,
        mountpoint,
        approximate: true,
    }
}

fn push(reader: &mut Reader<'_>, node: &Node<'_>, entry: DfEntry) {
    let entry = reader.sourced(node, entry);
    reader.facts.metrics.filesystems.push(entry);
}

/// A share alone is kept where only shares can be.
fn full(reader: &mut Reader<'_>, node: &Node<'_>, mountpoint: &str, percent: f64) {
    let usage = BtrfsUsage {
        mountpoint: Some(mountpoint.to_owned()).filter(|m| !m.is_empty()),
        used_percent: Some(Percent(percent)),
        approximate: true,
        ..BtrfsUsage::default()
    };
    let usage = reader.sourced(node, usage);
    reader.facts.metrics.usage.push(usage);
}

//! Space: `btrfs filesystem usage`, in whatever keys and units it is told.

use serde_json::Value;

use super::node::{self, Node};
use super::{Reader, df, figures};
use crate::model::metrics::{BlockGroup, BlockGroupKind, BtrfsUsage, Sourced, ToldGroup};
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

impl Loose {
    fn at(&mut self, reader: &Reader<'_>, node: &Node<'_>) {
        self.source
            .get_or_insert_with(|| reader.place(&node.path).into());
    }
}

/// Whether it is `{"data": {"profile": "single", "size": …}}`.
pub(super) fn is_group(node: &Node<'_>) -> bool {
    let name = node.name();
    let is_kind = ["data", "metadata", "system", "meta"].contains(&name.as_str());
    let both = || node.get(&["used"]).is_some() && node.get(&["size", "total"]).is_some();
    is_kind && (node.get(&["profile", "raid"]).is_some() || both())
        || matches!(name.as_str(), "profile" | "profiles" | "raid profile")
            && node.is_object()
            && node
                .members()
                .iter()
                .all(|m| kind(&m.words()).is_some() && m.text().is_some_and(is_profile))
}

/// The block groups of one kind, or the profiles of several.
pub(super) fn group(reader: &mut Reader<'_>, node: &Node<'_>) {
    let mut loose = std::mem::take(&mut reader.gathered.usage);
    for member in node.members().iter().filter(|m| m.is_leaf()) {
        let mut words = node.words();
        words.retain(|word| kind(std::slice::from_ref(word)).is_some());
        words.extend(member.words());
        if let Some(rest) = loose.usage.take(&words, member) {
            reader.typed_but(member, rest);
            loose.at(reader, node);
        }
    }
    reader.gathered.usage = loose;
}

/// `Data RAID1, Metadata RAID1`; a profile alone is that of the data.
pub(super) fn profiles(reader: &mut Reader<'_>, node: &Node<'_>) {
    let Some(text) = node.text() else { return };
    let mut loose = std::mem::take(&mut reader.gathered.usage);
    let (mut found, mut all) = (false, true);
    for clause in figures::clauses(text) {
        let words: Vec<&str> = clause
            .split([' ', '=', ':'])
            .filter(|w| !w.is_empty())
            .collect();
        let of = kind(&node::words(clause));
        let profile = words.iter().find(|word| is_profile(word));
        let plain = words.len() == 1 && text == clause;
        match (of.or(plain.then_some(BlockGroupKind::Data)), profile) {
            (Some(kind), Some(profile)) => {
                loose.usage.group(kind).profile = Some((*profile).to_owned());
                found = true;
                all &= words.len() <= 2;
            }
            _ => all = false,
        }
    }
    if found {
        loose.at(reader, node);
        reader.typed_but(node, if all { "" } else { text });
    }
    reader.gathered.usage = loose;
}

/// `Size:909.98GiB Used:827.97GiB`, `total=12.00GiB, used=10.35GiB`.
fn size_and_used(leaf: &Node<'_>) -> Option<(Bytes, Bytes)> {
    let text = leaf.text()?.replace([':', '=', ','], " ");
    let (mut size, mut used) = (None, None);
    figures::each(&text, |name, number| {
        let value = Value::from(number);
        let bytes = figures::member(leaf, "", &value).bytes();
        match name.to_lowercase().as_str() {
            "size" | "total" => size = bytes,
            "used" => used = bytes,
            _ => return false,
        }
        true
    });
    let (size, used) = (size?, used?);
    (used <= size).then_some((size, used))
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
        if let (Some(kind), None) = (kind, field)
            && let Some((size, used)) = size_and_used(leaf)
        {
            // `Data,RAID1: Size:909.98GiB Used:827.97GiB`
            let profile = words.iter().find(|word| is_profile(word));
            let group = self.group(kind);
            (group.size, group.used) = (Some(size), Some(used));
            group.profile = profile.map(|p| p.to_uppercase()).or(group.profile.take());
            self.known = true;
            return Some("");
        }
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
            // A profile alone is that of the data.
            (None, Some(Field::Profile)) if leaf.text().is_some_and(is_profile) => {
                let text = leaf.text()?;
                let (profile, rest) = text.split_once([' ', ',', '(']).unwrap_or((text, ""));
                let group = self.group(BlockGroupKind::Data);
                group.profile.get_or_insert_with(|| profile.to_owned());
                return Some(rest);
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
pub(super) fn used_of(leaf: &Node<'_>) -> Option<(Bytes, Bytes)> {
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
            loose.at(reader, node);
        } else if let Some(text) = node.text().filter(|text| !figures::is_wish(text)) {
            let (mut found, mut all) = (false, true);
            let text = text.replace("(estimated)", "estimated");
            let text = text.as_str();
            for clause in figures::clauses(text) {
                all &= figures::each(clause, |name, number| {
                    let value = Value::from(number);
                    let member = figures::member(node, name, &value);
                    let taken = loose.usage.take(&node::words(name), &member).is_some();
                    found |= taken;
                    taken
                });
            }
            if found {
                reader.typed_but(node, if all { "" } else { text });
                loose.at(reader, node);
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
                df::df(reader, member);
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

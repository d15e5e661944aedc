//! Space as `df` tells of it: sizes, or a share alone.

use super::Reader;
use super::node::Node;
use super::space::used_of;
use crate::model::metrics::{BtrfsUsage, DfEntry};
use crate::model::observation::Unit;
use crate::model::units::Percent;

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
                | "fill"
                | "fill pct"
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
        if let Some(line) = node.text().and_then(df_line) {
            push(reader, node, line);
            reader.typed(node);
        } else if let Some(told) = node.text().and_then(|t| df_words(t, entry.clone())) {
            push(reader, node, told);
            reader.typed(node);
        } else if let Some((used, size)) = used_of(node) {
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
    // A size alone does not tell how full it is, the share beside it does.
    let told = entry.used.is_some() || entry.available.is_some();
    if let Some(percent) = percent.filter(|_| is_btrfs && !told) {
        full(reader, node, &entry.mountpoint, percent);
    }
    if entry.size.is_some() || told {
        push(reader, node, entry);
    }
}

/// `38G size, 12G used, 13M avail, 100%`: all three sizes, each with its name.
fn df_words(text: &str, mut entry: DfEntry) -> Option<DfEntry> {
    for part in text.split([',', ';', '/']).map(str::trim) {
        let words: Vec<&str> = part.split_whitespace().collect();
        let (name, number) = match words[..] {
            [first, second] if first.starts_with(|c: char| c.is_ascii_digit()) => (second, first),
            [first, second] => (first, second),
            _ => continue,
        };
        let amount = super::amount::amount(number)?;
        let Some((scale, rest)) = super::amount::unit_of(amount.rest) else {
            continue;
        };
        let bytes = super::amount::bytes(amount.number * scale.factor);
        let bytes = bytes.filter(|_| scale.unit == Unit::Bytes && rest.is_empty());
        match name.trim_end_matches(':').to_lowercase().as_str() {
            "size" | "total" => entry.size = Some(bytes?),
            "used" => entry.used = Some(bytes?),
            "avail" | "available" | "free" => entry.available = Some(bytes?),
            _ => return None,
        }
    }
    let whole = entry.size.is_some() && entry.used.is_some() && entry.available.is_some();
    whole.then_some(entry)
}

/// A line of `df -h` without its heading: `/dev/vdb1 512G 426G 86G 84% /mnt`.
fn df_line(text: &str) -> Option<DfEntry> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let (device, rest) = match fields[..] {
        [device, _, _, _, _, _] if !device.starts_with(|c: char| c.is_ascii_digit()) => {
            (device, &fields[1..])
        }
        _ => ("", &fields[..]),
    };
    let [size, used, available, share, mountpoint] = *rest else {
        return None;
    };
    let bytes = |text: &str| {
        let amount = super::amount::amount(text)?;
        let (scale, rest) = super::amount::unit_of(amount.rest)?;
        let whole = scale.unit == Unit::Bytes && rest.is_empty();
        super::amount::bytes(amount.number * scale.factor).filter(|_| whole)
    };
    let is_line = share.ends_with('%') && mountpoint.starts_with('/');
    let entry = DfEntry {
        device: device.to_owned(),
        size: Some(bytes(size)?),
        used: Some(bytes(used)?),
        available: Some(bytes(available)?),
        ..bare(mountpoint.to_owned())
    };
    is_line.then_some(entry)
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

//! `btrfs filesystem usage` (list and `-T` table, with and without `-b`) and `btrfs filesystem df`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::size::{self, Size};
use super::text::{Block, Context, Line, last_words};
use super::{Reading, json};
use crate::model::metrics::{BlockGroup, BlockGroupKind, BtrfsUsage, UsageDevice};
use crate::model::units::Bytes;

/// A block group kind by the word of either command.
pub(super) fn kind(word: &str) -> Option<BlockGroupKind> {
    match word {
        "Data" | "data" => Some(BlockGroupKind::Data),
        "Metadata" | "metadata" => Some(BlockGroupKind::Metadata),
        "System" | "system" => Some(BlockGroupKind::System),
        "Data+Metadata" | "Data,Metadata" | "mixed" => Some(BlockGroupKind::Mixed),
        _ => None,
    }
}

/// A profile as btrfs-progs prints it, by the name of its folder in `/sys`.
pub(super) fn profile(folder: &str) -> String {
    match folder {
        "single" => folder.to_owned(),
        other => other.to_uppercase(),
    }
}

/// Where the device lines below a heading go.
enum Section {
    Overall,
    BlockGroup,
    Unallocated,
    Table(Table),
}

/// The columns of `-T`, from its two heads.
#[derive(Default)]
struct Table {
    kinds: Vec<BlockGroupKind>,
    profiles: Vec<String>,
    /// Columns right of the path: block groups, unallocated and, since progs 6.0, two more.
    columns: usize,
    totals: Vec<Option<Bytes>>,
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut usage = BtrfsUsage {
        mountpoint: block.context.path.clone(),
        ..BtrfsUsage::default()
    };
    let mut section = Section::Overall;
    let mut known = BTreeMap::new();
    for line in block.lines.iter().skip(1) {
        let understood = if let Some(table) = table_head(line) {
            section = Section::Table(table);
            true
        } else if line.text.starts_with("Unallocated:") {
            section = Section::Unallocated;
            true
        } else if line.text.contains(": Size:") && !line.text.starts_with(' ') {
            section = Section::BlockGroup;
            block_group(&mut usage, line.text)
        } else {
            match &mut section {
                Section::Overall => overall(&mut usage, line.text),
                Section::BlockGroup => device(&mut usage, &mut known, line.text, false),
                Section::Unallocated => device(&mut usage, &mut known, line.text, true),
                Section::Table(table) => table_row(&mut usage, table, line),
            }
        };
        if !understood {
            reading.not_understood(line, "`btrfs filesystem usage`");
        }
    }
    // The lines of a device stand in several sections, of which the last comes with the first.
    if matches!(section, Section::BlockGroup) && !usage.devices.is_empty() {
        usage.devices.clear();
        if let Some(last) = block.lines.last() {
            reading.doubt(
                last.number,
                "`btrfs filesystem usage` ends before its list of unallocated space; what single devices hold is not known",
            );
        }
    }
    // Without root, old progs print a slack of 16 EiB.
    usage.slack = usage
        .slack
        .filter(|slack| Some(*slack) <= usage.device_size);
    if is_without_parity(&usage) {
        usage.allocated = None;
        usage.unallocated = None;
        usage.used = None;
        usage.free_estimated = None;
        usage.free_minimum = None;
        usage.data_ratio = usage.data_ratio.filter(|ratio| *ratio >= 1.0);
        usage.metadata_ratio = usage.metadata_ratio.filter(|ratio| *ratio >= 1.0);
        if let Some(first) = block.lines.first() {
            reading.note(
                first.number,
                "made without root on RAID5 or RAID6: what the tool computes of it is wrong and was left out",
            );
        }
    }
    reading.metrics.usage.push(reading.sourced(usage));
}

/// Whether the tool has left out block groups with parity, whose raw size it knows only from the
/// chunks, which root alone may read.
fn is_without_parity(usage: &BtrfsUsage) -> bool {
    let has_parity = |group: &BlockGroup| matches!(group.profile.as_str(), "RAID5" | "RAID6");
    let is_nothing = |ratio: Option<f64>| ratio.is_some_and(|ratio| ratio < 1.0);
    usage.device_size.is_some()
        && usage.block_groups.iter().any(has_parity)
        && (usage.devices.is_empty()
            || is_nothing(usage.data_ratio)
            || is_nothing(usage.metadata_ratio))
}

/// A path of a device as facts have it: one that is absent goes by several names.
pub(super) fn device_path(path: &str) -> &str {
    match path.trim() {
        "<missing disk>" => "missing",
        path => path,
    }
}

/// Reads a size and remembers whether any was rounded.
fn bytes(usage: &mut BtrfsUsage, text: &str) -> Option<Bytes> {
    let Size { bytes, approximate } = size::size(text)?;
    // `0.00GiB` may be anything below five mebibytes.
    let unit = text.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    usage.approximate |= approximate || unit.len() > 1;
    Some(bytes)
}

/// `    Free (estimated):   778285056  (min: 416526336)`
fn overall(usage: &mut BtrfsUsage, line: &str) -> bool {
    let Some((key, rest)) = line.trim().split_once(':') else {
        return false;
    };
    let (value, extra) = match rest.split_once('(') {
        // An extra without its end is cut, and may have lost digits.
        Some((value, extra)) => (value.trim(), extra.strip_suffix(')')),
        None => (rest.trim(), None),
    };
    let extra_size = |usage: &mut BtrfsUsage, name: &str| {
        let extra = extra?;
        bytes(usage, extra.strip_prefix(name).unwrap_or(extra).trim())
    };
    let is_read = |field: Option<Bytes>| field.is_some();
    match key {
        "Device size" => {
            usage.device_size = bytes(usage, value);
            is_read(usage.device_size)
        }
        "Device allocated" => {
            usage.allocated = bytes(usage, value);
            is_read(usage.allocated)
        }
        "Device unallocated" => {
            usage.unallocated = bytes(usage, value);
            is_read(usage.unallocated)
        }
        "Device missing" => {
            usage.missing = bytes(usage, value);
            is_read(usage.missing)
        }
        "Device slack" => {
            // Without root it is nearly 2^64, which may round to what no number holds.
            let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            usage.slack = bytes(usage, value);
            is_read(usage.slack) || size::decimal(digits).is_some()
        }
        "Device zone unusable" => {
            usage.zone_unusable = bytes(usage, value);
            is_read(usage.zone_unusable)
        }
        "Device zone size" => {
            usage.zone_size = bytes(usage, value);
            is_read(usage.zone_size)
        }
        "Used" => {
            usage.used = bytes(usage, value);
            is_read(usage.used)
        }
        "Free (estimated)" => {
            usage.free_estimated = bytes(usage, value);
            usage.free_minimum = extra_size(usage, "min:");
            is_read(usage.free_estimated) && is_read(usage.free_minimum)
        }
        "Free (statfs, df)" => {
            usage.free_statfs = bytes(usage, value);
            is_read(usage.free_statfs)
        }
        "Data ratio" => {
            usage.data_ratio = size::decimal(value);
            usage.data_ratio.is_some()
        }
        "Metadata ratio" => {
            usage.metadata_ratio = size::decimal(value);
            usage.metadata_ratio.is_some()
        }
        "Global reserve" => {
            usage.global_reserve = bytes(usage, value);
            usage.global_reserve_used = extra_size(usage, "used:");
            is_read(usage.global_reserve) && is_read(usage.global_reserve_used)
        }
        "Multiple profiles" => {
            usage.multiple_profiles = match value {
                "yes" => Some(true),
                "no" => Some(false),
                _ => None,
            };
            usage.multiple_profiles.is_some()
        }
        _ => false,
    }
}

/// `Data,single: Size:109051904, Used:54284288 (49.78%)`
fn block_group(usage: &mut BtrfsUsage, line: &str) -> bool {
    let group = (|| {
        let (name, rest) = line.split_once(": Size:")?;
        let (kind_word, profile) = name.rsplit_once(',')?;
        let (size, rest) = rest.split_once(", Used:")?;
        let used = rest.split_whitespace().next()?;
        let (size, used) = (bytes(usage, size)?, bytes(usage, used)?);
        Some(BlockGroup {
            kind: kind(kind_word)?,
            profile: profile.trim().to_owned(),
            size,
            used,
        })
    })();
    let read = group.is_some();
    usage.block_groups.extend(group);
    read
}

/// `   /dev/loop1   8388608`: raw bytes of one device in the block groups above, or in none.
fn device(
    usage: &mut BtrfsUsage,
    known: &mut BTreeMap<String, usize>,
    line: &str,
    unallocated: bool,
) -> bool {
    let Some((path, number)) = line.trim().rsplit_once(char::is_whitespace) else {
        return false;
    };
    let Some(size) = bytes(usage, number) else {
        return false;
    };
    let path = device_path(path);
    // What another tool prints behind it may be indented as well.
    if !path.starts_with('/') && path != "missing" {
        return false;
    }
    let index = *known.entry(path.to_owned()).or_insert(usage.devices.len());
    if index == usage.devices.len() {
        let path = path.to_owned();
        usage.devices.push(UsageDevice {
            path,
            allocated: Bytes(0),
            unallocated: None,
        });
    }
    let device = &mut usage.devices[index];
    if unallocated {
        device.unallocated = Some(size);
    } else {
        device.allocated = Bytes(device.allocated.0.saturating_add(size.0));
    }
    true
}

/// The first head of `-T`: nothing but kinds of block groups, right of where the paths stand.
fn table_head(line: &Line<'_>) -> Option<Table> {
    line.text.starts_with(char::is_whitespace).then_some(())?;
    let kinds: Vec<BlockGroupKind> = line.words().map(kind).collect::<Option<_>>()?;
    (!kinds.is_empty()).then(|| Table {
        kinds,
        ..Table::default()
    })
}

fn table_row(usage: &mut BtrfsUsage, table: &mut Table, line: &Line<'_>) -> bool {
    let words: Vec<&str> = line.words().collect();
    let kinds = table.kinds.len();
    if let Some(path) = words.iter().position(|&word| word == "Path") {
        let heads = &words[path + 1..];
        table.columns = heads.len();
        table.profiles = heads.iter().take(kinds).map(|&w| w.to_owned()).collect();
        return heads.get(kinds) == Some(&"Unallocated");
    }
    if words.first().is_some_and(|word| word.starts_with("--")) {
        return true;
    }
    if table.columns <= kinds {
        return false;
    }
    let mut column = |word: &str| match word {
        "-" => Some(Bytes(0)),
        word => bytes(usage, word),
    };
    match words[..] {
        ["Total", ref cells @ ..] if cells.len() == table.columns => {
            table.totals = cells.iter().take(kinds).map(|cell| column(cell)).collect();
            table.totals.iter().all(Option::is_some)
        }
        ["Used", ref cells @ ..] if cells.len() == kinds => {
            let used: Vec<Option<Bytes>> = cells.iter().map(|cell| column(cell)).collect();
            let heads = table.kinds.iter().zip(&table.profiles);
            for ((kind, profile), (size, used)) in heads.zip(table.totals.iter().zip(&used)) {
                let (Some(size), Some(used)) = (*size, *used) else {
                    return false;
                };
                usage.block_groups.push(BlockGroup {
                    kind: *kind,
                    profile: profile.clone(),
                    size,
                    used,
                });
            }
            !table.totals.is_empty()
        }
        _ => {
            // The path may hold blanks; all that stands right of it is one word each.
            let Some((rest, cells)) = last_words(line.text, table.columns) else {
                return false;
            };
            let rest = rest.trim();
            // Old versions have no `Id`.
            let path = match rest.split_once(char::is_whitespace) {
                Some((id, path)) if id.parse::<u64>().is_ok() => path.trim(),
                _ => rest,
            };
            let numbers: Option<Vec<Bytes>> = cells
                .iter()
                .take(kinds + 1)
                .map(|cell| column(cell))
                .collect();
            let Some((unallocated, groups)) = numbers.as_ref().and_then(|n| n.split_last()) else {
                return false;
            };
            // A row that lost its end would take its number for its path.
            if path.is_empty() || path.parse::<u64>().is_ok() {
                return false;
            }
            let allocated = groups.iter().fold(0u64, |sum, n| sum.saturating_add(n.0));
            usage.devices.push(UsageDevice {
                path: device_path(path).to_owned(),
                allocated: Bytes(allocated),
                unallocated: Some(*unallocated),
            });
            true
        }
    }
}

/// `Data, single: total=109051904, used=54284288`: block groups, but nothing of devices.
pub(super) fn read_df(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut usage = BtrfsUsage {
        mountpoint: block.context.path.clone(),
        ..BtrfsUsage::default()
    };
    for line in &block.lines {
        let parts = (|| {
            let (name, rest) = line.text.split_once(": total=")?;
            let (kind_word, profile) = name.rsplit_once(", ")?;
            let (size, rest) = rest.split_once(", used=")?;
            let (used, unusable) = match rest.split_once(", ") {
                Some((used, rest)) => (used, Some(rest.strip_prefix("zone_unusable=")?)),
                None => (rest, None),
            };
            let (size, used) = (bytes(&mut usage, size)?, bytes(&mut usage, used.trim())?);
            if let Some(unusable) = unusable {
                let unusable = bytes(&mut usage, unusable.trim())?;
                add_unusable(&mut usage, unusable);
            }
            Some((kind_word.replace(", ", ","), profile, size, used))
        })();
        // The groups of another filesystem begin.
        let is_again = parts.as_ref().is_some_and(|(word, profile, ..)| {
            let is_known = |g: &BlockGroup| Some(g.kind) == kind(word) && g.profile == **profile;
            usage.block_groups.iter().any(is_known)
                || (word == "GlobalReserve" && usage.global_reserve.is_some())
        });
        if is_again {
            let empty = BtrfsUsage {
                mountpoint: usage.mountpoint.clone(),
                approximate: usage.approximate,
                ..BtrfsUsage::default()
            };
            let whole = std::mem::replace(&mut usage, empty);
            reading.metrics.usage.push(reading.sourced(whole));
        }
        let read = parts.is_some_and(|(word, profile, size, used)| {
            add_group(&mut usage, &word, profile, size, used)
        });
        // What `-v` adds of each kind is in `/sys` as well.
        let is_detail = block.context.label.contains(" -v") && is_detail(line.text);
        if !read && !is_detail {
            reading.not_understood(line, "`btrfs filesystem df`");
        }
    }
    reading.metrics.usage.push(reading.sourced(usage));
}

/// `Data:`, `  bg_reclaim_threshold   75%`.
fn is_detail(line: &str) -> bool {
    line.strip_suffix(':').and_then(kind).is_some() || line.starts_with("  ")
}

/// Every kind has its own part of what zones do not give back.
fn add_unusable(usage: &mut BtrfsUsage, part: Bytes) {
    let sum = usage.zone_unusable.unwrap_or(Bytes(0)).0;
    usage.zone_unusable = Some(Bytes(sum.saturating_add(part.0)));
}

/// `btrfs --format json filesystem df`: numbers are strings before progs 6.5.
pub(super) fn read_df_json(
    reading: &mut Reading<'_>,
    line: usize,
    groups: &Value,
    context: &Context,
) {
    let mut usage = BtrfsUsage {
        mountpoint: context.path.clone(),
        ..BtrfsUsage::default()
    };
    for group in json::objects(groups) {
        let field = |key: &str| group.get(key).and_then(json::number).map(Bytes);
        let read = (|| {
            let (kind, profile) = (
                json::text(group, "bg-type")?,
                json::text(group, "bg-profile")?,
            );
            let (size, used) = (field("total")?, field("used")?);
            Some(add_group(&mut usage, &kind, &profile, size, used))
        })();
        if let Some(part) = field("zone_unusable") {
            add_unusable(&mut usage, part);
        }
        if read != Some(true) {
            let message = "an entry of `btrfs filesystem df` of no known kind or without its sizes; passed over";
            reading.doubt(line, message);
        }
    }
    reading.metrics.usage.push(reading.sourced(usage));
}

/// Adds one entry of `btrfs filesystem df`, text or JSON.
pub(super) fn add_group(
    usage: &mut BtrfsUsage,
    word: &str,
    profile: &str,
    size: Bytes,
    used: Bytes,
) -> bool {
    if word == "GlobalReserve" {
        usage.global_reserve = Some(size);
        usage.global_reserve_used = Some(used);
        return true;
    }
    let Some(kind) = kind(word) else { return false };
    usage.block_groups.push(BlockGroup {
        kind,
        profile: profile.to_owned(),
        size,
        used,
    });
    true
}

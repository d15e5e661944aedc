//! `btrfs filesystem usage` (list and `-T` table, with and without `-b`) and `btrfs filesystem df`.

use std::collections::BTreeMap;

use super::Reading;
use super::size::{self, Size};
use super::text::{Block, Line};
use crate::ingest::problem::quoted;
use crate::model::metrics::{BlockGroup, BlockGroupKind, BtrfsUsage, UsageDevice};
use crate::model::units::Bytes;

/// A block group kind by the word of either command.
pub(super) fn kind(word: &str) -> Option<BlockGroupKind> {
    match word {
        "Data" => Some(BlockGroupKind::Data),
        "Metadata" => Some(BlockGroupKind::Metadata),
        "System" => Some(BlockGroupKind::System),
        "Data+Metadata" | "Data,Metadata" | "mixed" => Some(BlockGroupKind::Mixed),
        _ => None,
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
    has_id: bool,
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
            let message = format!(
                "not a line of `btrfs filesystem usage`: `{}`; passed over",
                quoted(line.text)
            );
            reading.doubt(line.number, message);
        }
    }
    // Without root, old progs print a slack of 16 EiB.
    usage.slack = usage
        .slack
        .filter(|slack| Some(*slack) <= usage.device_size);
    reading.metrics.usage.push(reading.sourced(usage));
}

/// Reads a size and remembers whether any was rounded.
fn bytes(usage: &mut BtrfsUsage, text: &str) -> Option<Bytes> {
    let Size { bytes, approximate } = size::size(text)?;
    usage.approximate |= approximate;
    Some(bytes)
}

/// `    Free (estimated):   778285056  (min: 416526336)`
fn overall(usage: &mut BtrfsUsage, line: &str) -> bool {
    let Some((key, rest)) = line.trim().split_once(':') else {
        return false;
    };
    let (value, extra) = match rest.split_once('(') {
        Some((value, extra)) => (value.trim(), Some(extra.trim_end_matches(')'))),
        None => (rest.trim(), None),
    };
    let extra_size = |usage: &mut BtrfsUsage, name: &str| {
        let extra = extra?;
        bytes(usage, extra.strip_prefix(name).unwrap_or(extra).trim())
    };
    match key {
        "Device size" => usage.device_size = bytes(usage, value),
        "Device allocated" => usage.allocated = bytes(usage, value),
        "Device unallocated" => usage.unallocated = bytes(usage, value),
        "Device missing" => usage.missing = bytes(usage, value),
        "Device slack" => usage.slack = bytes(usage, value),
        "Used" => usage.used = bytes(usage, value),
        "Free (estimated)" => {
            usage.free_estimated = bytes(usage, value);
            usage.free_minimum = extra_size(usage, "min:");
        }
        "Free (statfs, df)" => usage.free_statfs = bytes(usage, value),
        "Data ratio" => usage.data_ratio = size::decimal(value),
        "Metadata ratio" => usage.metadata_ratio = size::decimal(value),
        "Global reserve" => {
            usage.global_reserve = bytes(usage, value);
            usage.global_reserve_used = extra_size(usage, "used:");
        }
        "Multiple profiles" => usage.multiple_profiles = Some(value == "yes"),
        // Zoned devices and later versions have more lines; none of them is needed.
        _ => return !value.is_empty(),
    }
    true
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
    let path = path.trim();
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

/// The first head of `-T`: nothing but kinds of block groups.
fn table_head(line: &Line<'_>) -> Option<Table> {
    let kinds: Vec<BlockGroupKind> = line.words().map(kind).collect::<Option<_>>()?;
    (!kinds.is_empty()).then(|| Table {
        kinds,
        ..Table::default()
    })
}

fn table_row(usage: &mut BtrfsUsage, table: &mut Table, line: &Line<'_>) -> bool {
    let words: Vec<&str> = line.words().collect();
    let columns = table.kinds.len();
    if let Some(path) = words.iter().position(|&word| word == "Path") {
        table.has_id = path == 1;
        table.profiles = words[path + 1..]
            .iter()
            .take(columns)
            .map(|&w| w.to_owned())
            .collect();
        return table.profiles.len() == columns;
    }
    let mut column = |word: &&str| {
        if *word == "-" {
            Some(Bytes(0))
        } else {
            bytes(usage, word)
        }
    };
    match words.first() {
        Some(word) if word.starts_with("--") => true,
        Some(&"Total") => {
            table.totals = words[1..].iter().take(columns).map(&mut column).collect();
            table.totals.len() == columns
        }
        Some(&"Used") => {
            let used: Vec<Option<Bytes>> =
                words[1..].iter().take(columns).map(&mut column).collect();
            let groups = table
                .kinds
                .iter()
                .zip(&table.profiles)
                .zip(&table.totals)
                .zip(&used);
            for (((kind, profile), size), used) in groups {
                let (Some(size), Some(used)) = (*size, *used) else {
                    return false;
                };
                let profile = profile.clone();
                usage.block_groups.push(BlockGroup {
                    kind: *kind,
                    profile,
                    size,
                    used,
                });
            }
            used.len() == columns
        }
        Some(_) => {
            let skip = usize::from(table.has_id);
            let Some(path) = words.get(skip) else {
                return false;
            };
            let numbers: Option<Vec<Bytes>> = words[skip + 1..]
                .iter()
                .take(columns + 1)
                .map(column)
                .collect();
            let Some((unallocated, groups)) = numbers.as_ref().and_then(|n| n.split_last()) else {
                return false;
            };
            let allocated = groups.iter().fold(0u64, |sum, n| sum.saturating_add(n.0));
            usage.devices.push(UsageDevice {
                path: (*path).to_owned(),
                allocated: Bytes(allocated),
                unallocated: Some(*unallocated),
            });
            groups.len() == columns
        }
        None => true,
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
            // Zoned filesystems add `, zone_unusable=…`.
            let used = rest.split(',').next()?;
            let (size, used) = (bytes(&mut usage, size)?, bytes(&mut usage, used.trim())?);
            Some((kind_word.replace(", ", ","), profile, size, used))
        })();
        let read = parts.is_some_and(|(word, profile, size, used)| {
            add_group(&mut usage, &word, profile, size, used)
        });
        if !read {
            let message = format!(
                "not a line of `btrfs filesystem df`: `{}`; passed over",
                quoted(line.text)
            );
            reading.doubt(line.number, message);
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

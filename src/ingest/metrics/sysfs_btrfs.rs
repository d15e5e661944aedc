//! `/sys/fs/btrfs`: as a list of names and values, as `grep -r .` prints it, and file by file.

use std::collections::BTreeSet;

use super::Reading;
use super::detect::Format;
use super::sysfs_values::{MOST, value};
use super::text::{Block, Line};
use crate::model::metrics::{FilesystemState, QuotaState, Sourced};

const WHAT: &str = "`/sys/fs/btrfs`";

/// Features that every kernel of these years has; a list of features has some of them.
const COMMON: [&str; 6] = [
    "compress_zstd",
    "extended_iref",
    "no_holes",
    "skinny_metadata",
    "raid56",
    "free_space_tree",
];

pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether a line is one of a dump: `allocation/data/total_bytes`, a tab and `209715200|`, or
/// `/sys/fs/btrfs/<UUID>/label:home`.
pub(super) fn is_dump(line: &str) -> bool {
    if let Some((_, rest)) = below(line) {
        return rest.contains(':');
    }
    let Some((name, value)) = line.split_once('\t') else {
        return false;
    };
    value.ends_with('|')
        && ([
            "allocation/",
            "devinfo/",
            "discard/",
            "features/",
            "qgroups/",
        ]
        .iter()
        .any(|folder| name.starts_with(folder))
            || matches!(
                name,
                "bg_reclaim_threshold"
                    | "checksum"
                    | "clone_alignment"
                    | "commit_stats"
                    | "exclusive_operation"
                    | "generation"
                    | "label"
                    | "metadata_uuid"
                    | "nodesize"
                    | "quota_override"
                    | "read_policy"
                    | "sectorsize"
                    | "temp_fsid"
            ))
}

/// `acl block_group_tree compress_lzo …`: what `ls /sys/fs/btrfs/features` prints.
pub(super) fn is_features(line: &str) -> bool {
    let mut known = 0;
    for word in line.split_whitespace() {
        if !word
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        {
            return false;
        }
        known += usize::from(COMMON.contains(&word));
    }
    known >= 3
}

/// The UUID, or `features`, and the path below it.
fn below(path: &str) -> Option<(&str, &str)> {
    let (before, rest) = path.split_once("sys/fs/btrfs/")?;
    // In a bundle the tree may stand below another folder.
    (before.is_empty() || before.ends_with('/')).then_some(())?;
    let (first, rest) = rest.split_once('/')?;
    (is_uuid(first) || first == "features").then_some((first, rest))
}

/// A dump in either form of lines, or a list of the features of the kernel, or commit counters.
pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    match block.format {
        Format::BtrfsFeatures => {
            for word in block.lines.iter().flat_map(|line| line.words()) {
                add_feature(reading, word);
            }
        }
        Format::CommitStats => commit_stats(reading, block),
        _ => dump(reading, block),
    }
}

fn add_feature(reading: &mut Reading<'_>, name: &str) {
    let name = name.trim().to_owned();
    match &mut reading.metrics.kernel_features {
        Some(features) if features.value.len() < MOST => {
            features.value.insert(name);
        }
        Some(_) => {}
        none => {
            *none = Some(Sourced {
                value: BTreeSet::from([name]),
                source: reading.source.clone(),
            });
        }
    }
}

fn dump(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let at = block.context.at_s;
    let mut uuid = None;
    for line in &block.lines {
        // `/sys/fs/btrfs/<UUID>/label:home`
        if let Some((name, rest)) = below(line.text) {
            let understood = match rest.split_once(':') {
                Some((path, _)) if name == "features" => {
                    add_feature(reading, path);
                    true
                }
                Some((path, value)) => set(reading, name, path, value, at),
                None => false,
            };
            if !understood {
                reading.not_understood(line, WHAT);
            }
            continue;
        }
        let uuid = uuid.get_or_insert_with(|| uuid_of(reading, block)).clone();
        let understood = match line.text.split_once('\t') {
            Some((path, value)) if value.ends_with('|') => {
                let value = value.strip_suffix('|').unwrap_or(value);
                // A label may hold a bar; only a few files have several lines.
                let value = if path == "label" {
                    value.to_owned()
                } else {
                    value.replace('|', "\n")
                };
                set(reading, &uuid, path, &value, at)
            }
            _ => listed(reading, &uuid, line),
        };
        if !understood {
            reading.not_understood(line, WHAT);
        }
    }
}

/// The UUID of a dump that does not name it: that which its devices say, or else the one in the
/// heading.
fn uuid_of(reading: &mut Reading<'_>, block: &Block<'_, '_>) -> String {
    let heading = block.context.label.split(['/', ' ']).find(|w| is_uuid(w));
    let value = |wanted: fn(&str) -> bool| {
        block.lines.iter().find_map(|line| {
            let (path, value) = line.text.split_once('\t')?;
            let value = value.trim_end_matches('|');
            (wanted(path) && is_uuid(value)).then_some(value)
        })
    };
    // The metadata may go by a UUID of its own.
    let found = heading
        .or_else(|| value(|path| path.starts_with("devinfo/") && path.ends_with("/fsid")))
        .or_else(|| value(|path| path == "metadata_uuid"));
    if found.is_none()
        && let Some(first) = block.lines.first()
    {
        reading.note(
            first.number,
            "does not say of which filesystem it is: no UUID in it",
        );
    }
    found.unwrap_or_default().to_owned()
}

/// What `ls` adds to a dump: `lrwxrwxrwx 1 root root 0 … sda2 -> ../../block/sda/sda2`.
fn listed(reading: &mut Reading<'_>, uuid: &str, line: &Line<'_>) -> bool {
    let text = line.text.trim();
    if let Some((left, target)) = text.split_once(" -> ") {
        if target.contains("/block/") {
            let name = left.split_whitespace().next_back().unwrap_or_default();
            return set(reading, uuid, &format!("devices/{name}"), "", None);
        }
        return text.starts_with('l');
    }
    text.starts_with("total ")
        || text.parse::<u64>().is_ok()
        || (text.ends_with(':') && !text.contains(char::is_whitespace))
}

/// Counters of transactions under a heading that names their file, or with their UUID.
fn commit_stats(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let told = block.lines.iter().find_map(|line| {
        let uuid = line.text.strip_prefix("UUID: ")?.trim();
        is_uuid(uuid).then(|| uuid.to_owned())
    });
    let heading = block.context.label.split(['/', ' ']).find(|w| is_uuid(w));
    let states = &reading.metrics.states;
    let only = states.first().filter(|_| states.len() == 1);
    let uuid = told
        .or(heading.map(str::to_owned))
        .or_else(|| only.map(|state| state.uuid.clone()));
    let Some(uuid) = uuid else {
        if let Some(first) = block.lines.first() {
            reading.doubt(
                first.number,
                "counters of transactions without the UUID of their filesystem; not read",
            );
        }
        return;
    };
    for line in &block.lines {
        let text = line.text.trim();
        // Names of `btrfs filesystem commit-stats`, and units behind its numbers.
        let named = text.split_once(':').and_then(|(name, value)| {
            let name = match name {
                "Total commits" => "commits",
                "Last commit duration" => "last_commit_ms",
                "Max commit duration" => "max_commit_ms",
                "Total time spent in commit" => "total_commit_ms",
                _ => return None,
            };
            let value = value.trim();
            let value = if name == "commits" {
                value
            } else {
                value.strip_suffix("ms")?
            };
            Some(format!("{name} {value}"))
        });
        let is_head = text.starts_with("UUID: ")
            || text.starts_with("Commit stats ")
            || text.starts_with("NOTE: ");
        let pair = named.as_deref().unwrap_or(text);
        if !is_head && !set(reading, &uuid, "commit_stats", pair, block.context.at_s) {
            reading.not_understood(line, "commit counters");
        }
    }
}

/// Sets what one file below a UUID says; whether it was understood. Files that say nothing of use
/// are.
fn set(reading: &mut Reading<'_>, uuid: &str, path: &str, text: &str, at: Option<f64>) -> bool {
    let states = &mut reading.metrics.states;
    let is_it = |state: &Sourced<FilesystemState>| state.value.uuid == uuid;
    let index = match states.last() {
        Some(last) if is_it(last) => states.len() - 1,
        _ => match states.iter().position(is_it) {
            Some(index) => index,
            None if states.len() >= MOST => return false,
            None => {
                states.push(Sourced {
                    value: FilesystemState {
                        uuid: uuid.to_owned(),
                        ..FilesystemState::default()
                    },
                    source: reading.source.clone(),
                });
                states.len() - 1
            }
        },
    };
    let Some(state) = states.get_mut(index) else {
        return false;
    };
    let understood = value(&mut state.value, path, text.trim_end_matches('\n'), at);
    if path.starts_with("qgroups/") {
        tell_quota(reading, index);
    }
    understood
}

/// Tells of quotas what `btrfs qgroup show` has not told.
fn tell_quota(reading: &mut Reading<'_>, index: usize) {
    let is_only = reading.metrics.states.len() == 1;
    let source = reading.source.clone();
    let Some(state) = reading.metrics.states.get(index) else {
        return;
    };
    let Some(on) = state.unfinished.numbers.get("qgroups/enabled") else {
        return;
    };
    let told = QuotaState {
        uuid: Some(state.uuid.clone()),
        enabled: *on != 0,
        groups: state.unfinished.groups.len() as u64,
        limited: state.unfinished.limited,
        mode: state.quota,
        inconsistent: state.quota_inconsistent,
        ..QuotaState::default()
    };
    let quotas = &mut reading.metrics.quotas;
    // Of the only filesystem the tool has spoken.
    if is_only && let Some(shown) = quotas.iter_mut().find(|quota| quota.uuid.is_none()) {
        shown.value.mode = shown.mode.or(told.mode);
        shown.value.inconsistent = shown.inconsistent.or(told.inconsistent);
        return;
    }
    match quotas.iter_mut().find(|quota| quota.uuid == told.uuid) {
        Some(known) => known.value = told,
        None => quotas.push(Sourced {
            value: told,
            source,
        }),
    }
}

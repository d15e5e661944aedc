//! What single files of `/sys/fs/btrfs/<UUID>` say.

use super::device_stats;
use super::usage::{kind, profile};
use crate::model::metrics::{
    BlockGroup, CommitStats, DeviceErrors, FilesystemState, QuotaMode, SpaceState,
};
use crate::model::units::{Bytes, Millis};

/// More devices, groups and samples of one filesystem than this are not told apart.
pub(super) const MOST: usize = 1024;

/// The kinds of block groups as the kernel names their folders.
const KINDS: [&str; 4] = ["data", "metadata", "mixed", "system"];

/// The profiles as the kernel names their folders.
const PROFILES: [&str; 9] = [
    "single", "dup", "raid0", "raid1", "raid10", "raid1c3", "raid1c4", "raid5", "raid6",
];

/// Sets what the file at a path below the UUID says; whether it was understood. What says nothing of
/// use is.
pub(super) fn value(state: &mut FilesystemState, path: &str, text: &str, at: Option<f64>) -> bool {
    let trimmed = text.trim();
    let number = || trimmed.parse::<u64>().ok();
    let some = |field: &mut Option<u64>| {
        *field = number();
        field.is_some()
    };
    let word = |field: &mut Option<String>| {
        *field = trimmed.split_whitespace().next().map(str::to_owned);
        field.is_some()
    };
    match path {
        "label" => state.label = (!text.is_empty()).then(|| text.to_owned()),
        "nodesize" => return some(&mut state.node_size),
        "sectorsize" => return some(&mut state.sector_size),
        "checksum" => return word(&mut state.checksum),
        "exclusive_operation" => {
            // `balance paused` is two words.
            state.exclusive_operation = (!trimmed.is_empty()).then(|| trimmed.to_owned());
            return state.exclusive_operation.is_some();
        }
        "read_policy" => {
            // Of several the one in force is in brackets.
            let chosen = trimmed
                .split_once('[')
                .and_then(|(_, rest)| rest.split_once(']'))
                .map(|(chosen, _)| chosen.to_owned());
            state.read_policy = chosen;
            return state.read_policy.is_some();
        }
        // That of the whole filesystem counts on zoned devices alone.
        "allocation/data/bg_reclaim_threshold" | "allocation/mixed/bg_reclaim_threshold" => {
            return some(&mut state.bg_reclaim_percent);
        }
        "discard/discardable_bytes" => {
            state.discardable = number().map(Bytes);
            return state.discardable.is_some();
        }
        "bdi/read_ahead_kb" => {
            let bytes = number().and_then(|kib| kib.checked_mul(1024));
            state.read_ahead = bytes.map(Bytes);
            return state.read_ahead.is_some();
        }
        "commit_stats" => return commits(state, text, at),
        "qgroups/mode" => {
            state.quota = match trimmed {
                "qgroup" => Some(QuotaMode::Full),
                "squota" => Some(QuotaMode::Simple),
                _ => return trimmed == "disabled",
            };
        }
        "qgroups/inconsistent" => {
            state.quota_inconsistent = number().map(|n| n != 0);
            return state.quota_inconsistent.is_some();
        }
        "qgroups/enabled" => {
            let Some(on) = number() else { return false };
            state.unfinished.numbers.insert(path.to_owned(), on);
        }
        _ => return deeper(state, path, trimmed),
    }
    true
}

/// Values whose path holds a name.
fn deeper(state: &mut FilesystemState, path: &str, text: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let number = text.parse::<u64>().ok();
    match parts[..] {
        ["features", name] => match number {
            Some(0) => true,
            Some(_) => {
                state.features.insert(name.to_owned());
                true
            }
            None => false,
        },
        // What lies below is of the device, not of the filesystem.
        ["devices", name, ..] => {
            let is_new = !name.is_empty() && !state.devices.iter().any(|d| d == name);
            if is_new && state.devices.len() < MOST {
                state.devices.push(name.to_owned());
                state.devices.sort();
            }
            !name.is_empty()
        }
        ["devinfo", id, "missing"] => {
            let (Ok(id), Some(missing)) = (id.parse(), number) else {
                return false;
            };
            state.unfinished.missing.insert(id, missing != 0);
            let missing = state.unfinished.missing.values().filter(|m| **m).count();
            state.missing = Some(missing as u64);
            true
        }
        ["devinfo", id, "error_stats"] => errors(state, id, text),
        ["qgroups", group, "limit_flags"] => {
            let Some(flags) = number else { return false };
            // Bits of the limits on referenced and on exclusive bytes.
            state.unfinished.limited |= flags & 3 != 0;
            state.unfinished.groups.insert(group.to_owned());
            true
        }
        ["allocation", "global_rsv_size" | "global_rsv_reserved"]
        | [
            "allocation",
            _,
            "total_bytes" | "bytes_used" | "bytes_may_use" | "bytes_pinned",
        ]
        | ["allocation", _, _, "total_bytes" | "used_bytes"] => {
            let Some(number) = number else { return false };
            let is_known = parts.len() < 3
                || KINDS.contains(&parts[1]) && (parts.len() < 4 || PROFILES.contains(&parts[2]));
            if is_known {
                state.unfinished.numbers.insert(path.to_owned(), number);
                space(state);
            }
            is_known
        }
        // The kernel shows more, none of which is used.
        _ => true,
    }
}

/// `write_errs 0`, `read_errs 0` …, each on its line; `invalid` before they are known.
fn errors(state: &mut FilesystemState, id: &str, text: &str) -> bool {
    let device = format!("devid:{id}");
    let index = state.device_errors.iter().position(|e| e.device == device);
    let index = match index {
        Some(index) => index,
        None if text == "invalid" => return true,
        None if state.device_errors.len() >= MOST => return false,
        None => {
            state.device_errors.push(DeviceErrors {
                device: device.clone(),
                ..DeviceErrors::default()
            });
            // By number: `devid:2` before `devid:10`.
            let errors = &mut state.device_errors;
            errors.sort_by(|a, b| (a.device.len(), &a.device).cmp(&(b.device.len(), &b.device)));
            errors.iter().position(|e| e.device == device).unwrap_or(0)
        }
    };
    text.lines().all(|line| {
        let counter = line.split_once(' ').and_then(|(name, count)| {
            let count = count.trim().parse::<u64>().ok()?;
            let field = device_stats::field(&mut state.device_errors[index], name.trim())?;
            *field = count;
            Some(())
        });
        counter.is_some()
    })
}

/// Makes the facts of which all numbers are there.
fn space(state: &mut FilesystemState) {
    let numbers = &state.unfinished.numbers;
    let bytes = |path: &str| numbers.get(path).copied().map(Bytes);
    let mut spaces = Vec::new();
    let mut groups = Vec::new();
    for name in KINDS {
        let at = |field: &str| bytes(&format!("allocation/{name}/{field}"));
        if let (Some(total), Some(used)) = (at("total_bytes"), at("bytes_used")) {
            spaces.push(SpaceState {
                kind: name.to_owned(),
                total,
                used,
                may_use: at("bytes_may_use"),
                pinned: at("bytes_pinned"),
            });
        }
        for folder in PROFILES {
            let (size, used) = (
                at(&format!("{folder}/total_bytes")),
                at(&format!("{folder}/used_bytes")),
            );
            if let (Some(kind), Some(size), Some(used)) = (kind(name), size, used) {
                groups.push(BlockGroup {
                    kind,
                    profile: profile(folder),
                    size,
                    used,
                });
            }
        }
    }
    state.global_reserve =
        bytes("allocation/global_rsv_size").zip(bytes("allocation/global_rsv_reserved"));
    (state.space, state.block_groups) = (spaces, groups);
}

/// `commits 9`, `last_commit_ms 23` …, each on its line, or one of them.
fn commits(state: &mut FilesystemState, text: &str, at: Option<f64>) -> bool {
    let samples = &mut state.unfinished.commits;
    // Without a time there is one sample, the last that was read.
    let time = at.unwrap_or(f64::NEG_INFINITY);
    let index = match samples.iter().position(|(t, _)| *t == time) {
        Some(index) => index,
        None if samples.len() >= MOST => return false,
        None => {
            let index = samples.partition_point(|(t, _)| *t < time);
            samples.insert(
                index,
                (
                    time,
                    CommitStats {
                        commits: u64::MAX,
                        ..CommitStats::default()
                    },
                ),
            );
            index
        }
    };
    let mut understood = true;
    for line in text.lines() {
        let pair = line.trim().split_once(' ');
        let Some((name, Ok(number))) = pair.map(|(n, v)| (n, v.trim().parse::<u64>())) else {
            understood = false;
            continue;
        };
        let sample = &mut samples[index].1;
        let millis = Some(Millis(number as f64));
        match name {
            "commits" => sample.commits = number,
            "last_commit_ms" => sample.last = millis,
            "max_commit_ms" => sample.max = millis,
            "total_commit_ms" => sample.total = millis,
            "cur_commit_ms" => {}
            _ => understood = false,
        }
    }
    let known = |sample: &&(f64, CommitStats)| sample.1.commits != u64::MAX;
    let timed = |sample: &&(f64, CommitStats)| known(sample) && sample.0.is_finite();
    let first = samples.iter().find(timed);
    let last = samples.iter().rfind(timed);
    state.commits = match (first, last) {
        (Some(first), Some(last)) if first.0 < last.0 => Some(between(first, last)),
        _ => samples.iter().rfind(known).map(|(_, stats)| *stats),
    };
    understood
}

/// What happened between two samples.
fn between(first: &(f64, CommitStats), last: &(f64, CommitStats)) -> CommitStats {
    let (before, after) = (first.1, last.1);
    // Fewer than before: it was mounted anew.
    let Some(commits) = after.commits.checked_sub(before.commits) else {
        return after;
    };
    let longest = |stats: CommitStats| stats.max.map_or(0.0, |max| max.0);
    CommitStats {
        commits,
        last: after.last.filter(|_| commits > 0),
        // The longest of old may hide one of now.
        max: after.max.filter(|_| longest(after) > longest(before)),
        total: after
            .total
            .zip(before.total)
            .map(|(after, before)| Millis((after.0 - before.0).max(0.0))),
        over_s: Some(last.0 - first.0),
    }
}

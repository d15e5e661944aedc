//! `btrfs qgroup show`, as text and as JSON: that it prints groups means quotas are on. And what
//! other tools say of quotas.

use serde_json::Value;

use super::Reading;
use super::json;
use super::size;
use super::text::{Block, Context};
use crate::model::metrics::QuotaState;

const WHAT: &str = "`btrfs qgroup show`";

/// The columns in their order, with their names in progs 4 and older and in later ones.
const COLUMNS: [[&str; 2]; 7] = [
    ["rfer", "referenced"],
    ["excl", "exclusive"],
    ["max_rfer", "max referenced"],
    ["max_excl", "max exclusive"],
    ["parent", "parent"],
    ["child", "child"],
    ["path", "path"],
];

/// Which of [`COLUMNS`] a table has.
fn columns(head: &str) -> Option<Vec<usize>> {
    let head = head
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase();
    let mut rest = head.strip_prefix("qgroupid")?.trim_start();
    let mut found = Vec::new();
    for (index, names) in COLUMNS.iter().enumerate() {
        let name = names.iter().find(|name| {
            rest.strip_prefix(**name)
                .is_some_and(|after| after.is_empty() || after.starts_with(' '))
        });
        if let Some(name) = name {
            rest = rest.strip_prefix(*name)?.trim_start();
            found.push(index);
        }
    }
    rest.is_empty().then_some(found)
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut state = QuotaState {
        path: block.context.path.clone(),
        enabled: true,
        ..QuotaState::default()
    };
    let Some(head) = block.lines.first() else {
        return;
    };
    let columns = columns(head.text);
    if columns.is_none() {
        reading.not_understood(head, WHAT);
    }
    for line in block.lines.iter().skip(1) {
        if line.text.starts_with("--") {
            continue;
        }
        let row = columns
            .as_deref()
            .and_then(|columns| row(columns, line.text));
        match row {
            Some((is_limited, is_stale)) => {
                state.groups += 1;
                state.limited |= is_limited;
                state.stale += u64::from(is_stale);
            }
            None => reading.not_understood(line, WHAT),
        }
    }
    push(reading, state);
}

/// Of a row, whether the group is limited and whether its subvolume is gone.
fn row(columns: &[usize], line: &str) -> Option<(bool, bool)> {
    let mut words = line.split_whitespace();
    let (level, id) = words.next()?.split_once('/')?;
    level.parse::<u64>().ok()?;
    id.parse::<u64>().ok()?;
    let (mut is_limited, mut is_stale) = (false, false);
    for column in columns {
        match column {
            0 | 1 => {
                size::size(words.next()?)?;
            }
            2 | 3 => {
                let word = words.next()?;
                // Progs 3 and older print a limit that is none as zero.
                is_limited |= word != "none" && size::size(word)?.bytes.0 > 0;
            }
            4 | 5 => {
                words.next()?;
            }
            // The path is the rest and may hold blanks; of groups of groups it may be empty.
            _ => is_stale = words.clone().collect::<Vec<_>>().join(" ") == "<stale>",
        }
    }
    let is_done = columns.contains(&6) || words.next().is_none();
    is_done.then_some((is_limited, is_stale))
}

pub(super) fn read_json(reading: &mut Reading<'_>, line: usize, groups: &Value, context: &Context) {
    let mut state = QuotaState {
        path: context.path.clone(),
        enabled: true,
        ..QuotaState::default()
    };
    for group in json::objects(groups) {
        state.groups += 1;
        state.stale += u64::from(json::text(group, "path").is_some_and(|p| p == "<stale>"));
        for key in ["max_referenced", "max_exclusive"] {
            match group.get(key) {
                None => {}
                Some(limit) if limit.as_str() == Some("none") => {}
                Some(limit) => match json::bytes(limit) {
                    Some(limit) => state.limited |= limit.0 > 0,
                    None => reading.doubt(
                        line,
                        format!("`{key}` of {WHAT} is neither a size nor `none`; passed over"),
                    ),
                },
            }
        }
    }
    push(reading, state);
}

/// Adds what the tool said. Of the only filesystem it takes the place of what `/sys` told.
fn push(reading: &mut Reading<'_>, mut state: QuotaState) {
    let is_only = reading.metrics.states.len() == 1;
    let quotas = &mut reading.metrics.quotas;
    // A warning above the table is of the same run.
    if let Some(warned) = quotas.last()
        && warned.source == reading.source
        && warned.uuid.is_none()
        && warned.path == state.path
        && warned.groups == 0
        && warned.inconsistent.is_some()
    {
        state.inconsistent = warned.inconsistent;
        quotas.pop();
    }
    if is_only && let Some(at) = quotas.iter().position(|quota| quota.uuid.is_some()) {
        let told = quotas.remove(at);
        state.mode = state.mode.or(told.mode);
        state.inconsistent = state.inconsistent.or(told.inconsistent);
    }
    reading.metrics.quotas.push(reading.sourced(state));
}

/// Takes a message of a tool where it speaks of quotas.
pub(super) fn said(reading: &mut Reading<'_>, text: &str, context: &Context) -> bool {
    let path = context.path.clone();
    if text.contains("quotas not enabled") || text.contains("quota not enabled") {
        let off = QuotaState {
            path,
            ..QuotaState::default()
        };
        push(reading, off);
        return true;
    }
    let is_stale = text.contains("qgroup data inconsistent")
        || text.contains("qgroup data may be incorrect")
        || text.contains("qgroup data may be out of date");
    if !is_stale {
        return false;
    }
    let source = reading.source.clone();
    let last = reading.metrics.quotas.last_mut();
    match last.filter(|last| last.source == source && last.value.path == path) {
        Some(last) if last.value.uuid.is_none() => last.value.inconsistent = Some(true),
        _ => {
            let warned = QuotaState {
                path,
                enabled: !text.contains("quota disabled"),
                inconsistent: Some(true),
                ..QuotaState::default()
            };
            reading.metrics.quotas.push(reading.sourced(warned));
        }
    }
    true
}

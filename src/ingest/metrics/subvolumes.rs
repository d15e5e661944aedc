//! `btrfs subvolume list`, with any columns, as lines or as `-t` table.

use std::collections::BTreeSet;

use serde_json::Value;

use super::detect::Format;
use super::text::{Block, Context, Line};
use super::{Reading, json};
use crate::model::metrics::SubvolumeCount;

/// One line: the path, and whether it is a snapshot where its columns tell.
struct Row<'t> {
    id: u64,
    path: &'t str,
    is_snapshot: Option<bool>,
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let is_table = block.format == Format::SubvolumeTable;
    // `-s` lists snapshots alone. It adds the column `otime`, but a command line tells as well.
    let only_snapshots = block.context.label.contains("subvolume")
        && block
            .context
            .label
            .split_whitespace()
            .any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('s'));
    let heads: Vec<&str> = match block.lines.first() {
        Some(head) if is_table => head.text.split('\t').filter(|h| !h.is_empty()).collect(),
        _ => Vec::new(),
    };
    let empty = SubvolumeCount {
        path: block.context.path.clone(),
        snapshots: Some(0),
        ..SubvolumeCount::default()
    };
    let mut count = empty.clone();
    let mut ids = BTreeSet::new();
    for line in block.lines.iter().skip(usize::from(is_table)) {
        if is_table && line.text.starts_with("--") {
            continue;
        }
        let row = if is_table {
            of_table(&heads, line)
        } else {
            of_line(line.text)
        };
        let Some(row) = row else {
            reading.not_understood(line, "`btrfs subvolume list`");
            continue;
        };
        // Those of another filesystem begin.
        if !ids.insert(row.id) {
            push(reading, std::mem::replace(&mut count, empty.clone()));
            ids = BTreeSet::from([row.id]);
        }
        let path = row.path.trim_start_matches("<FS_TREE>/");
        count.paths.push(path.to_owned());
        let is_snapshot = row.is_snapshot.or(only_snapshots.then_some(true));
        count.snapshots = match (count.snapshots, is_snapshot) {
            (Some(n), Some(is_snapshot)) => Some(n + u64::from(is_snapshot)),
            _ => None,
        };
    }
    push(reading, count);
}

/// `btrfs --format json subvolume list`, which builds with experimental features have since progs
/// 6.5.
pub(super) fn read_json(reading: &mut Reading<'_>, line: usize, list: &Value, context: &Context) {
    let mut count = SubvolumeCount {
        path: context.path.clone(),
        snapshots: Some(0),
        ..SubvolumeCount::default()
    };
    for subvolume in json::objects(list) {
        let Some(path) = subvolume.get("path").and_then(Value::as_str) else {
            reading.doubt(line, "a subvolume without a path; passed over");
            continue;
        };
        count
            .paths
            .push(path.trim_start_matches("<FS_TREE>/").to_owned());
        let parent = subvolume.get("parent_uuid");
        // What has no parent has a dash, or null.
        let is_snapshot = |parent: &Value| parent.as_str().is_some_and(|uuid| uuid.len() > 1);
        count.snapshots = count
            .snapshots
            .zip(parent)
            .map(|(n, parent)| n + u64::from(is_snapshot(parent)));
    }
    push(reading, count);
}

fn push(reading: &mut Reading<'_>, mut count: SubvolumeCount) {
    count.paths.sort();
    count.total = count.paths.len() as u64;
    reading.metrics.subvolumes.push(reading.sourced(count));
}

/// `ID 259 gen 10 top level 5 parent_uuid ee64… path snap1`
fn of_line(line: &str) -> Option<Row<'_>> {
    // The path is the rest of the line and may hold anything, the word `path` too.
    let (facts, path) = line.split_once(" path ")?;
    let id = facts.strip_prefix("ID ")?.split_whitespace().next()?;
    let id = id.parse().ok()?;
    let mut words = facts.split_whitespace();
    let parent = words
        .find(|word| *word == "parent_uuid")
        .and_then(|_| words.next());
    let is_of_snapshots = facts.split_whitespace().any(|word| word == "otime");
    Some(Row {
        id,
        path,
        is_snapshot: parent
            .map(|parent| parent != "-")
            .or(is_of_snapshots.then_some(true)),
    })
}

/// A number and more, each behind a tab, two of them behind the top level; the path is last.
fn of_table<'t>(heads: &[&str], line: &Line<'t>) -> Option<Row<'t>> {
    let mut rest = line.text;
    let mut cells = Vec::new();
    while cells.len() + 1 < heads.len() {
        let (cell, after) = rest.trim_start_matches('\t').split_once('\t')?;
        cells.push(cell.trim());
        rest = after;
    }
    let path = rest.trim_start_matches('\t');
    let id = cells.first()?.parse().ok()?;
    let at = |name: &str| heads.iter().position(|head| *head == name);
    let parent = at("parent_uuid").and_then(|column| cells.get(column));
    (!path.is_empty()).then(|| Row {
        id,
        path,
        is_snapshot: parent
            .map(|parent| *parent != "-")
            .or(at("otime").map(|_| true)),
    })
}

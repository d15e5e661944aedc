//! `btrfs subvolume list`, with any columns, as lines or as `-t` table.

use super::Reading;
use super::detect::Format;
use super::text::Block;
use crate::ingest::problem::quoted;
use crate::model::metrics::SubvolumeCount;

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let table = block.format == Format::SubvolumeTable;
    // `-s` lists snapshots alone.
    let only_snapshots = block.context.label.contains("subvolume")
        && block
            .context
            .label
            .split_whitespace()
            .any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('s'));
    let mut paths = Vec::new();
    let mut snapshots = Some(0);
    let heads: Vec<&str> = match block.lines.first() {
        Some(head) if table => head.text.split('\t').filter(|h| !h.is_empty()).collect(),
        _ => Vec::new(),
    };
    let parent_column = heads.iter().position(|head| *head == "parent_uuid");
    for line in block.lines.iter().skip(if table { 1 } else { 0 }) {
        let (path, parent) = if table {
            if line.text.starts_with("--") {
                continue;
            }
            let cells: Vec<&str> = line
                .text
                .split('\t')
                .filter(|cell| !cell.is_empty())
                .collect();
            let path = (cells.len() >= heads.len())
                .then(|| cells.last().copied())
                .flatten();
            (
                path,
                parent_column.and_then(|column| cells.get(column)).copied(),
            )
        } else {
            // The path is the rest of the line and may hold anything, the word `path` too.
            let (facts, path) = match line.text.split_once(" path ") {
                Some((facts, path)) if facts.starts_with("ID ") => (facts, Some(path)),
                _ => ("", None),
            };
            let mut words = facts.split_whitespace();
            let parent = words
                .find(|word| *word == "parent_uuid")
                .and_then(|_| words.next());
            (path, parent)
        };
        let Some(path) = path else {
            let message = format!("not a subvolume: `{}`; passed over", quoted(line.text));
            reading.doubt(line.number, message);
            continue;
        };
        paths.push(path.trim().trim_start_matches("<FS_TREE>/").to_owned());
        snapshots = match (snapshots, parent) {
            (Some(n), Some(parent)) => Some(n + u64::from(parent.trim() != "-")),
            (Some(n), None) if only_snapshots => Some(n + 1),
            _ => None,
        };
    }
    paths.sort();
    let count = SubvolumeCount {
        path: block.context.path.clone(),
        total: paths.len() as u64,
        snapshots,
        paths,
        at_least: false,
    };
    reading.metrics.subvolumes.push(reading.sourced(count));
}

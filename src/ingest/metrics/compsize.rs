//! `compsize`: how far data is compressed.

use super::Reading;
use super::size;
use super::text::{Block, Line};
use crate::model::metrics::{CompressionRow, CompressionUse};

const WHAT: &str = "`compsize`";

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let empty = CompressionUse {
        path: block.context.path.clone(),
        ..Default::default()
    };
    let mut result = empty.clone();
    for line in &block.lines {
        let words: Vec<&str> = line.words().collect();
        match words[..] {
            ["Processed", ..] => match head(&words) {
                Some((files, extents)) => (result.files, result.extents) = (files, extents),
                None => {
                    // Without the numbers of the head the rows are still right.
                    reading.not_understood(line, WHAT);
                }
            },
            ["No", "files."] => {
                reading.note(line.number, "compsize found no files with data on disk");
            }
            ["All", "empty", ..] => {
                reading.note(
                    line.number,
                    "compsize found files that are empty or not yet written; run `sync` before it",
                );
            }
            // Of a single file this is the first line.
            ["Type", "Perc", ..] => {
                if !result.rows.is_empty() {
                    let whole = std::mem::replace(&mut result, empty.clone());
                    reading.metrics.compression.push(reading.sourced(whole));
                }
                result.files = result.files.max(1);
            }
            _ => match row(line) {
                Some((row, approximate)) => {
                    result.approximate |= approximate;
                    if row.algorithm != "TOTAL" {
                        result.rows.push(row);
                    }
                }
                None => reading.not_understood(line, WHAT),
            },
        }
    }
    reading.metrics.compression.push(reading.sourced(result));
}

/// `Processed 62 files, 62 regular extents (62 refs), 0 inline.`
fn head(words: &[&str]) -> Option<(u64, u64)> {
    let [_, files, word, extents, "regular", ..] = *words else {
        return None;
    };
    word.starts_with("file").then_some(())?;
    Some((files.parse().ok()?, extents.parse().ok()?))
}

/// A row, and whether its sizes are rounded.
fn row(line: &Line<'_>) -> Option<(CompressionRow, bool)> {
    let words: Vec<&str> = line.words().collect();
    let [algorithm, percent, disk, uncompressed, referenced] = words[..] else {
        return None;
    };
    percent.ends_with('%').then_some(())?;
    let sizes = [disk, uncompressed, referenced].map(size::size);
    let [Some(disk), Some(uncompressed), Some(referenced)] = sizes else {
        return None;
    };
    // Without -b sizes have a unit and are rounded even when they look whole.
    let approximate = [disk, uncompressed, referenced]
        .iter()
        .any(|s| s.approximate);
    let row = CompressionRow {
        algorithm: algorithm.to_owned(),
        disk: disk.bytes,
        uncompressed: uncompressed.bytes,
        referenced: referenced.bytes,
    };
    Some((row, approximate))
}

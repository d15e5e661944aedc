//! `compsize`: how far data is compressed.

use super::Reading;
use super::size;
use super::text::Block;
use crate::ingest::problem::quoted;
use crate::model::metrics::{CompressionRow, CompressionUse};

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut result = CompressionUse {
        path: block.context.path.clone(),
        ..Default::default()
    };
    for line in &block.lines {
        let words: Vec<&str> = line.words().collect();
        match words[..] {
            // Processed 62 files, 62 regular extents (62 refs), 0 inline.
            ["Processed", files, "files,", extents, ..] => {
                result.files = files.parse().unwrap_or(0);
                result.extents = extents.parse().unwrap_or(0);
            }
            ["Type", "Perc", ..] | ["TOTAL", ..] => {}
            [algorithm, _, disk, uncompressed, referenced] => {
                let sizes = [disk, uncompressed, referenced].map(size::size);
                let [Some(disk), Some(uncompressed), Some(referenced)] = sizes else {
                    let message = format!(
                        "not a row of compsize: `{}`; passed over",
                        quoted(line.text)
                    );
                    reading.doubt(line.number, message);
                    continue;
                };
                // Without -b sizes have a unit and are rounded even when they look whole.
                result.approximate |= [disk, uncompressed, referenced]
                    .iter()
                    .any(|s| s.approximate);
                result.rows.push(CompressionRow {
                    algorithm: algorithm.to_owned(),
                    disk: disk.bytes,
                    uncompressed: uncompressed.bytes,
                    referenced: referenced.bytes,
                });
            }
            _ => {
                let message = format!(
                    "not a row of compsize: `{}`; passed over",
                    quoted(line.text)
                );
                reading.doubt(line.number, message);
            }
        }
    }
    reading.metrics.compression.push(reading.sourced(result));
}

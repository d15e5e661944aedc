//! `/proc/swaps`.

use super::Reading;
use super::mounts::unescaped;
use super::text::Block;
use crate::ingest::problem::quoted;
use crate::model::metrics::SwapArea;
use crate::model::units::Bytes;

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut areas = Vec::new();
    for line in block.lines.iter().skip(1) {
        let words: Vec<&str> = line.words().collect();
        let kib = |word: &str| word.parse::<u64>().ok()?.checked_mul(1024).map(Bytes);
        let area = match words[..] {
            [path, kind, size, used, _] => kib(size).zip(kib(used)).map(|(size, used)| SwapArea {
                path: unescaped(path),
                kind: kind.to_owned(),
                size,
                used,
            }),
            _ => None,
        };
        match area {
            Some(area) => areas.push(area),
            None => {
                let message = format!("not a line of swaps: `{}`; passed over", quoted(line.text));
                reading.doubt(line.number, message);
            }
        }
    }
    reading.metrics.swaps = Some(reading.sourced(areas));
}

//! `/proc/meminfo`. (`procfs-core` wants every key and overflows on absurd numbers.)

use super::Reading;
use super::text::Block;
use crate::ingest::problem::quoted;
use crate::model::metrics::MemInfo;
use crate::model::units::Bytes;

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut memory = MemInfo::default();
    for line in &block.lines {
        let mut words = line.words();
        let (key, value, unit) = (words.next(), words.next(), words.next());
        let number: Option<u64> = value.and_then(|value| value.parse().ok());
        let (Some(key), Some(number)) = (key.and_then(|key| key.strip_suffix(':')), number) else {
            let message = format!(
                "not a line of meminfo: `{}`; passed over",
                quoted(line.text)
            );
            reading.doubt(line.number, message);
            continue;
        };
        // Only counts of huge pages have no unit; else the line is not whole.
        let unit = match unit {
            Some("kB") => 1024,
            None if key.starts_with("HugePages_") => 1,
            _ => {
                let message = format!("`{}` without its unit; passed over", quoted(line.text));
                reading.doubt(line.number, message);
                continue;
            }
        };
        let Some(bytes) = number.checked_mul(unit).map(Bytes) else {
            reading.doubt(
                line.number,
                format!("`{}` is absurdly large; passed over", quoted(key)),
            );
            continue;
        };
        match key {
            "MemTotal" => memory.total = bytes,
            "MemAvailable" => memory.available = Some(bytes),
            "Dirty" => memory.dirty = Some(bytes),
            "Writeback" => memory.writeback = Some(bytes),
            "SwapTotal" => memory.swap_total = Some(bytes),
            "SwapFree" => memory.swap_free = Some(bytes),
            "MemFree" => memory.free = Some(bytes),
            "Cached" => memory.cached = Some(bytes),
            "SReclaimable" => memory.reclaimable = Some(bytes),
            "Zswap" => memory.zswap = Some(bytes),
            "Zswapped" => memory.zswapped = Some(bytes),
            _ => {}
        }
    }
    if memory.total.0 > 0 {
        reading.metrics.memory = Some(reading.sourced(memory));
    }
}

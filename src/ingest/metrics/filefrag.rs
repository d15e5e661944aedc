//! `filefrag`, with and without `-v`.

use super::Reading;
use super::size;
use super::text::Block;
use crate::model::metrics::Fragmentation;
use crate::model::units::Bytes;

/// Whether an output of `filefrag` begins with this line.
pub(super) fn begins(line: &str) -> bool {
    count(line).is_some() || file_size(line).is_some() || line.starts_with("Filesystem type is: ")
}

/// `/srv/a: b: 12 extents found`, and of old versions `…, perfection would be 1 extent`.
fn count(line: &str) -> Option<(&str, u64)> {
    let line = line.split(", perfection would be ").next()?;
    let rest = line
        .strip_suffix(" extents found")
        .or_else(|| line.strip_suffix(" extent found"))?;
    let (path, extents) = rest.rsplit_once(": ")?;
    Some((path, extents.parse().ok()?))
}

/// `File size of /srv/a is 1048576 (256 blocks of 4096 bytes)`
fn file_size(line: &str) -> Option<(&str, u64)> {
    let rest = line.strip_prefix("File size of ")?;
    let (rest, blocks) = rest.rsplit_once(" (")?;
    let (path, size) = rest.rsplit_once(" is ")?;
    // `block` of one; old versions write `blocksize 4096`.
    blocks.contains("block").then_some(())?;
    Some((path, size.parse().ok()?))
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut file = Fragmentation::default();
    for line in &block.lines {
        if let Some((path, extents)) = count(line.text) {
            let of_listing = file.path == path;
            let file = std::mem::take(&mut file);
            let found = Fragmentation {
                path: path.to_owned(),
                extents,
                size: file.size.filter(|_| of_listing),
                compressed: file.compressed.filter(|_| of_listing),
            };
            reading.metrics.fragmentation.push(reading.sourced(found));
        } else if let Some((path, size)) = file_size(line.text) {
            file = Fragmentation {
                path: path.to_owned(),
                size: Some(Bytes(size)),
                ..Fragmentation::default()
            };
        } else if let Some(flags) = extent(line.text) {
            let encoded = flags.split(',').any(|flag| flag == "encoded");
            file.compressed = Some(file.compressed == Some(true) || encoded);
        } else if !is_head(line.text) {
            reading.not_understood(line, "`filefrag`");
        }
    }
    if let (false, Some(line)) = (file.path.is_empty(), block.lines.last()) {
        reading.doubt(
            line.number,
            "the listing of `filefrag` ends before the number of extents; not read",
        );
    }
}

fn is_head(line: &str) -> bool {
    line.starts_with("Filesystem type is: ")
        || line.trim_start().starts_with("ext:")
        || line.trim_start().starts_with("ext ")
        || line.starts_with("Blocksize ")
}

/// The flags of a row ` 0:  0..  255:  3328..  3583:  256:  last,encoded,eof`; old versions have no
/// colons.
fn extent(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let number = words.next()?;
    number.trim_end_matches(':').parse::<u64>().ok()?;
    let numbers = words
        .clone()
        .take(3)
        .filter(|word| size::size(word.trim_end_matches(['.', ':'])).is_some())
        .count();
    if numbers < 2 {
        return None;
    }
    let last = words.next_back()?;
    Some(if last.starts_with(|c: char| c.is_ascii_alphabetic()) {
        last
    } else {
        ""
    })
}

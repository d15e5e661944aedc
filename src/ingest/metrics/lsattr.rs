//! `lsattr`, of files, folders (`-d`) and trees (`-R`).

use super::Reading;
use super::text::{Block, Line};
use crate::model::metrics::FileFlags;

/// Every letter that a version of e2fsprogs prints.
const LETTERS: &str = "suSDiadAmcBZXEjItTCxFNPVeh";

/// `---------------C------ /srv/db`: the attributes and the path; before them may stand a version
/// (`-v`) and a project (`-p`).
pub(super) fn flags(line: &str) -> Option<(&str, &str)> {
    let mut rest = line;
    for _ in 0..2 {
        let trimmed = rest.trim_start();
        let digits = trimmed.trim_start_matches(|c: char| c.is_ascii_digit());
        if digits.len() < trimmed.len() && digits.starts_with(' ') {
            rest = digits.trim_start();
        }
    }
    let (flags, path) = rest.split_once(' ')?;
    let is_flags = (13..=32).contains(&flags.len())
        && flags.contains('-')
        && flags.chars().all(|c| c == '-' || LETTERS.contains(c));
    // Not the line of dashes below the head of a table.
    let is_path = !path.trim_matches(['-', ' ']).is_empty();
    (is_flags && is_path).then_some((flags, path))
}

/// `./folder:` of `-R`, above what lies in it.
pub(super) fn is_folder(line: &str, lines: &[Line<'_>]) -> bool {
    line.ends_with(':')
        && line.contains('/')
        && lines
            .iter()
            .skip(1)
            .map(|line| line.text)
            .find(|text| !text.is_empty())
            .is_some_and(|text| {
                flags(text).is_some_and(|(_, path)| path.starts_with(line.trim_end_matches(':')))
            })
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    for line in &block.lines {
        if let Some((flags, path)) = flags(line.text) {
            let file = FileFlags {
                path: path.to_owned(),
                nocow: flags.contains('C'),
                compress: flags.contains('c'),
                no_compress: flags.contains('m'),
            };
            reading.metrics.flags.push(reading.sourced(file));
        } else if !(line.text.ends_with(':') && line.text.contains('/')) {
            // Also what it says of files without attributes: sockets and links.
            reading.not_understood(line, "`lsattr`");
        }
    }
}

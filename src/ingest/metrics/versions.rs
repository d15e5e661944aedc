//! One-line answers: `uname -r`, `uname -a`, `/proc/version`, `btrfs --version`, `nixos-version`.

use super::Reading;
use super::detect::Format;
use super::text::Block;

/// `6.18.1`, `6.12.9-zen1`: one word of two numbers or more.
pub(super) fn is_kernel(line: &str) -> bool {
    let mut parts = line.trim().splitn(3, ['.', '-']);
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<u32>().ok());
    // No kernel that matters is older than 2; later numbers are years of releases and loads.
    let major = number(parts.next()).is_some_and(|major| (2..20).contains(&major));
    major && number(parts.next()).is_some() && !line.trim().contains(char::is_whitespace)
}

/// `25.11.717.abcdef (Xantusia)`
pub(super) fn is_nixos(line: &str) -> bool {
    let Some((version, name)) = line.split_once(" (") else {
        return false;
    };
    let mut parts = version.splitn(3, ['.', 'p']);
    let two_digits = |part: Option<&str>| {
        part.is_some_and(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_digit()))
    };
    two_digits(parts.next())
        && two_digits(parts.next())
        && name.ends_with(')')
        && !version.contains(' ')
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    for line in &block.lines {
        let mut words = line.words();
        let (value, known) = match block.format {
            Format::Uname => (words.nth(2), &mut reading.metrics.kernel),
            Format::Kernel => (words.next(), &mut reading.metrics.kernel),
            Format::BtrfsProgs => (
                words.nth(1).map(|version| version.trim_start_matches('v')),
                &mut reading.metrics.btrfs_progs,
            ),
            _ => (Some(line.text.trim()), &mut reading.metrics.nixos),
        };
        if let (Some(value), None) = (value, &known) {
            let source = std::sync::Arc::clone(&reading.source);
            *known = Some(crate::model::metrics::Sourced {
                value: value.to_owned(),
                source,
            });
            return;
        }
    }
}

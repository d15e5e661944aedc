//! Words around the name of a disk: how many, which firmware, how fast it turns, what the kernel calls it.

use super::disks::MOST;

/// `fw V3MA003` → `V3MA003`.
pub(super) fn firmware_in(text: &str) -> Option<String> {
    let words: Vec<&str> = text
        .split([' ', ',', '(', ')', ';', ':'])
        .filter(|w| !w.is_empty())
        .collect();
    let at = words
        .iter()
        .position(|w| ["fw", "firmware"].contains(&w.to_lowercase().as_str()))?;
    let next = words.get(at + 1)?;
    next.contains(|c: char| c.is_ascii_digit())
        .then(|| (*next).to_owned())
}

/// `sda`, `nvme0n1`, `mmcblk0`.
pub(super) fn is_kernel_name(name: &str) -> bool {
    ["nvme", "sd", "vd", "xvd", "mmcblk", "hd"].iter().any(|p| {
        name.strip_prefix(p).is_some_and(|rest| {
            // "HDD" and "SDs" are no names.
            let is_kind = matches!(name, "hdd" | "hdds" | "sdcard" | "sdxc" | "sdhc" | "sds");
            !is_kind
                && !rest.is_empty()
                && rest.len() <= 6
                && rest.bytes().all(|b| b.is_ascii_alphanumeric())
        })
    })
}

/// `2x`, `2 ×`, `four`.
pub(super) fn counted(text: &str) -> (u64, &str) {
    const WORDS: [(&str, u64); 9] = [
        ("one", 1),
        ("single", 1),
        ("two", 2),
        ("three", 3),
        ("four", 4),
        ("five", 5),
        ("six", 6),
        ("eight", 8),
        ("a", 1),
    ];
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    if let Ok(n @ 1..=MOST) = text[..end].parse::<u64>() {
        let rest = text[end..].trim_start();
        let rest = rest.strip_prefix(['x', 'X', '×', '*']);
        if let Some(rest) = rest.filter(|r| !r.starts_with(|c: char| c.is_ascii_alphabetic())) {
            return (n, rest.trim_start());
        }
    }
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let named = WORDS
        .iter()
        .find(|(word, _)| first.eq_ignore_ascii_case(word));
    match named {
        Some((_, n)) => (*n, rest),
        None => (1, text),
    }
}

/// `5400rpm`, `7200`.
pub(super) fn is_rpm(word: &str) -> bool {
    let number = word.to_lowercase();
    let number = number.trim_end_matches("rpm").to_owned();
    [
        "4200", "5400", "5900", "7200", "10000", "15000", "10k", "15k",
    ]
    .contains(&number.as_str())
}

//! Owns: the counters of `/proc` over the time of sampling, one text for each kind, each sample
//! below a heading with its time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::time::{ClockId, clock_gettime};

/// The most that is read of one file of the kernel, 16 MiB: a machine with thousands of mounts.
const LARGEST: u64 = 16 << 20;

/// Counters: read at the beginning and at the end.
const AT_ENDS: [&str; 3] = ["/proc/diskstats", "/proc/stat", "/proc/vmstat"];

/// What moves: read every second.
const EVERY_SECOND: [&str; 5] = [
    "/proc/pressure/io",
    "/proc/pressure/cpu",
    "/proc/pressure/memory",
    "/proc/meminfo",
    "/proc/loadavg",
];

/// What stays: read once.
const ONCE: [&str; 4] = [
    "/proc/uptime",
    "/proc/self/mountinfo",
    "/proc/swaps",
    "/proc/cpuinfo",
];

/// Seconds since boot, of the clock that all samples of a bundle share.
pub(super) fn clock() -> f64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// Which of the samples this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    First,
    Between,
    Last,
}

/// One kind of samples.
#[derive(Debug, Default, Clone)]
pub(super) struct Series {
    pub(super) text: String,
    pub(super) at: Vec<f64>,
    /// Why there is none, or fewer.
    pub(super) error: Option<String>,
}

/// All samples, by the path of the kernel's file.
#[derive(Debug, Default, Clone)]
pub(super) struct Samples {
    pub(super) series: BTreeMap<&'static str, Series>,
}

impl Samples {
    /// Reads what this turn is for.
    pub(super) fn take(&mut self, turn: Turn) {
        if turn == Turn::First {
            ONCE.iter().for_each(|path| self.add(path));
        }
        // Counters first of all: between two of them lies the time they are divided by.
        if turn != Turn::Between {
            AT_ENDS.iter().for_each(|path| self.add(path));
        }
        EVERY_SECOND.iter().for_each(|path| self.add(path));
    }

    fn add(&mut self, path: &'static str) {
        let series = self.series.entry(path).or_default();
        let at = clock();
        match read(Path::new(path)) {
            Ok(mut text) => {
                if path == "/proc/cpuinfo" {
                    text = without_serial(&text);
                }
                series.text.push_str(&format!("## {path} t={at:.3}\n"));
                series.text.push_str(&text);
                if !text.ends_with('\n') {
                    series.text.push('\n');
                }
                series.text.push('\n');
                series.at.push((at * 1000.0).round() / 1000.0);
            }
            Err(error) => series.error = Some(error.to_string()),
        }
    }
}

/// `/proc/cpuinfo` of a small board ends with its serial number.
fn without_serial(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with("Serial"))
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// The text of a file of the kernel.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A name with blanks and control characters as octal bytes, as the kernel writes them.
pub(super) fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut buffer = [0; 4];
    for c in name.chars() {
        if c.is_control() || c.is_whitespace() || c == '\\' {
            for byte in c.encode_utf8(&mut buffer).bytes() {
                out.push_str(&format!("\\{byte:03o}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Octal bytes of the kernel back into characters.
pub(super) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = rest
            .get(1..4)
            .filter(|d| d.iter().all(|b| (b'0'..=b'7').contains(b)))
            .and_then(|d| std::str::from_utf8(d).ok());
        let octal = digits.and_then(|d| u8::from_str_radix(d, 8).ok());
        match octal {
            Some(decoded) if byte == b'\\' => {
                bytes.push(decoded);
                rest = &rest[4..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_way_there_and_back() {
        for name in ["plain", "a b", "x\ny\t\u{1b}[31m", "back\\slash", "ü\u{a0}"] {
            let written = escaped(name);
            assert!(!written.contains([' ', '\n', '\t', '\u{1b}']), "{written}");
            assert_eq!(unescaped(&written), name);
        }
    }
}

//! Quantities with their unit in the type, printed the way people read them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of bytes; printed in binary units with one decimal (`1.5 GiB`).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// One kibibyte, 1024 bytes.
    pub const KIB: u64 = 1 << 10;
    /// One mebibyte.
    pub const MIB: u64 = 1 << 20;
    /// One gibibyte.
    pub const GIB: u64 = 1 << 30;
    /// One tebibyte.
    pub const TIB: u64 = 1 << 40;

    /// The number in GiB, for arithmetic that compares sizes.
    pub fn gib(self) -> f64 {
        self.0 as f64 / Self::GIB as f64
    }

    /// `self / whole`, between 0 and 1 for a part of a whole; `None` when `whole` is zero.
    pub fn fraction_of(self, whole: Bytes) -> Option<f64> {
        (whole.0 != 0).then(|| self.0 as f64 / whole.0 as f64)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < Self::KIB {
            return write!(f, "{} B", self.0);
        }
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = 0;
        // 1023.95 would be printed as "1024.0": such a value belongs to the next unit.
        while value >= 1023.95 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        write!(f, "{value:.1} {}", UNITS[unit])
    }
}

/// A share in percent, 0 to 100 (some tools report a little more).
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Percent(pub f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} %", self.0)
    }
}

/// A time span in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Millis(pub f64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= 1000.0 {
            write!(f, "{:.1} s", self.0 / 1000.0)
        } else {
            write!(f, "{:.1} ms", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_printed_in_the_largest_unit_that_keeps_a_whole_part() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536 * 1024, "1.5 MiB"),
            (Bytes::GIB - 1, "1.0 GiB"),
            (2_000_398_934_016, "1.8 TiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }

    #[test]
    fn a_fraction_of_nothing_is_unknown() {
        assert_eq!(Bytes(5).fraction_of(Bytes(0)), None);
        assert_eq!(Bytes(5).fraction_of(Bytes(10)), Some(0.5));
    }

    #[test]
    fn long_waits_are_printed_in_seconds() {
        assert_eq!(Millis(12.34).to_string(), "12.3 ms");
        assert_eq!(Millis(2500.0).to_string(), "2.5 s");
        assert_eq!(Percent(99.25).to_string(), "99.2 %");
    }
}

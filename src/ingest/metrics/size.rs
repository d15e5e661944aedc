//! Numbers as tools print them: with units, rounded, or with a decimal comma.

use crate::model::units::Bytes;

/// A size, and whether printing has rounded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) bytes: Bytes,
    pub(super) approximate: bool,
}

/// A finite number with a decimal point or a decimal comma.
pub(super) fn decimal(text: &str) -> Option<f64> {
    let parsed = if text.contains('.') {
        text.parse::<f64>()
    } else {
        text.replace(',', ".").parse()
    };
    // `parse` also takes words like "nan" and "inf".
    parsed
        .ok()
        .filter(|n| n.is_finite() && text.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
}

/// A size with its unit: `123.45MiB`, `12G`, `1,5T`, `16.00EiB`, `1.2kB`, `0`. `KiB` and bare
/// letters are powers of 1024, `kB`/`MB` (btrfs `--si`) of 1000; a bare number is bytes.
pub(super) fn size(text: &str) -> Option<Size> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    let power = match unit.chars().next() {
        None | Some('B') => 0,
        Some('K' | 'k') => 1,
        Some('M') => 2,
        Some('G') => 3,
        Some('T') => 4,
        Some('P') => 5,
        Some('E') => 6,
        Some(_) => return None,
    };
    let base: f64 = match (power, unit.get(1..)) {
        (0, None | Some("")) => 1.0,
        (1.., Some("" | "iB")) => 1024.0,
        (1.., Some("B")) => 1000.0,
        _ => return None,
    };
    if power == 0
        && let Ok(bytes) = digits.parse()
    {
        return Some(Size {
            bytes: Bytes(bytes),
            approximate: false,
        });
    }
    // Bytes come whole: what has decimals and no unit has lost it.
    if unit.is_empty() {
        return None;
    }
    let bytes = decimal(digits).filter(|n| *n >= 0.0)? * base.powi(power);
    // From 2^64 on, `as` would silently give the largest number.
    (bytes < 18_446_744_073_709_551_616.0).then(|| Size {
        bytes: Bytes(bytes.round() as u64),
        approximate: bytes > 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_every_unit_that_tools_print() {
        let read = |text| size(text).map(|s| (s.bytes.0, s.approximate));
        assert_eq!(read("943718400"), Some((943_718_400, false)));
        assert_eq!(read("0.00B"), Some((0, false)));
        assert_eq!(read("450.00MiB"), Some((450 << 20, true)));
        assert_eq!(read("1,5T"), Some((3 << 39, true)));
        assert_eq!(read("12G"), Some((12 << 30, true)));
        assert_eq!(read("1.6M"), Some((1_677_722, true)));
        assert_eq!(read("2.00kB"), Some((2000, true)));
        assert_eq!(read("18446744073709551615"), Some((u64::MAX, false)));
        for bad in [
            "",
            "-",
            "x",
            "12Q",
            "1.2.3G",
            "-5K",
            "nan",
            "16.00EiB",
            "99999999999999999999",
            "12GB2",
            "1Bi",
            "8.00",
            "1,5",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn decimals_may_have_a_comma_but_must_be_numbers() {
        assert_eq!(decimal("81,56"), Some(81.56));
        assert_eq!(decimal("81.56"), Some(81.56));
        for bad in ["inf", "NaN", "1,2,3", "", "."] {
            assert_eq!(decimal(bad), None, "{bad}");
        }
    }
}

//! Numbers as people write them: `>30`, `~4 min`, `40-50`, `<1 GiB`, `99.3%`, `1,234`, and the unit
//! that a key ends in (`ram_gib`, `mount_s`, `write_mb_s`).
//!
//! A unit that is not certain is none: the value is then only text.

use crate::model::observation::Unit;
use crate::model::units::Bytes;

/// How a number is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// Just so, or about so.
    Exact,
    /// So or more (`>30`, `3000+`), or the lower end of a range.
    AtLeast,
    /// So or less (`<=5`).
    AtMost,
    /// Less than that (`<1 GiB`).
    Below,
}

/// A number of a text, and what follows it there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Amount<'t> {
    /// The number; the lower end of a range.
    pub(super) number: f64,
    /// How it is meant.
    pub(super) bound: Bound,
    /// Whether it is rounded ("about").
    pub(super) about: bool,
    /// What follows.
    pub(super) rest: &'t str,
}

/// Words and signs before a number.
const MARKS: [(&str, Option<Bound>); 36] = [
    (">=", Some(Bound::AtLeast)),
    ("≥", Some(Bound::AtLeast)),
    (">", Some(Bound::AtLeast)),
    ("more than", Some(Bound::AtLeast)),
    ("at least", Some(Bound::AtLeast)),
    ("over", Some(Bound::AtLeast)),
    ("above", Some(Bound::AtLeast)),
    ("beyond", Some(Bound::AtLeast)),
    ("min.", Some(Bound::AtLeast)),
    ("from", Some(Bound::AtLeast)),
    ("<=", Some(Bound::AtMost)),
    ("≤", Some(Bound::AtMost)),
    ("<", Some(Bound::Below)),
    ("less than", Some(Bound::Below)),
    ("fewer than", Some(Bound::Below)),
    ("under", Some(Bound::Below)),
    ("below", Some(Bound::Below)),
    ("not even", Some(Bound::Below)),
    ("at most", Some(Bound::AtMost)),
    ("up to", Some(Bound::AtMost)),
    ("max.", Some(Bound::AtMost)),
    ("max", Some(Bound::AtMost)),
    ("only", None),
    ("just", None),
    ("~", None),
    ("≈", None),
    ("=", None),
    ("about", None),
    ("around", None),
    ("approximately", None),
    ("approx.", None),
    ("approx", None),
    ("roughly", None),
    ("circa", None),
    ("ca.", None),
    ("some", None),
];

/// The number that a text begins with.
pub(super) fn amount(text: &str) -> Option<Amount<'_>> {
    let mut rest = text.trim();
    let (mut bound, mut about) = (Bound::Exact, false);
    // Two marks may follow each other: "still > ~30".
    for _ in 0..2 {
        let found = MARKS.iter().find_map(|(mark, meaning)| {
            let head = rest.get(..mark.len())?;
            let tail = &rest[mark.len()..];
            let is_word = mark.ends_with(|c: char| c.is_ascii_alphabetic());
            let ends = !is_word || !tail.starts_with(|c: char| c.is_ascii_alphabetic());
            (head.eq_ignore_ascii_case(mark) && ends).then_some((*meaning, tail))
        });
        let Some((meaning, tail)) = found else { break };
        match meaning {
            Some(meaning) => bound = meaning,
            None => about = true,
        }
        rest = tail.trim_start();
    }
    let (number, mut rest) = number(rest)?;
    if let Some((_, tail)) = range_end(rest).filter(|(high, _)| *high > number) {
        rest = tail;
        bound = Bound::AtLeast;
    } else if let Some(tail) = rest.strip_prefix('+') {
        rest = tail;
        bound = Bound::AtLeast;
    }
    Some(Amount {
        number,
        bound,
        about,
        rest: rest.trim_start(),
    })
}

/// The end of a range behind its beginning: `-50`, ` to 50`, `–50`.
fn range_end(rest: &str) -> Option<(f64, &str)> {
    let tail = ["-", "–", "—", " - ", " – ", " to ", "...", ".."]
        .iter()
        .find_map(|dash| rest.strip_prefix(dash))?;
    number(tail)
}

/// A plain number. A comma before three digits parts thousands ("1,234"), any other is decimal.
fn number(text: &str) -> Option<(f64, &str)> {
    let end = text
        .char_indices()
        .find(|&(at, c)| {
            let is_inner = matches!(c, '.' | ',')
                && text[at + 1..].starts_with(|next: char| next.is_ascii_digit());
            !(c.is_ascii_digit() || at > 0 && is_inner)
        })
        .map_or(text.len(), |(at, _)| at);
    let (digits, rest) = text.split_at(end);
    let mut parts = digits.split(',');
    let head = parts.next().unwrap_or_default();
    let groups: Vec<&str> = parts.collect();
    let thousands = !groups.is_empty()
        && (1..=3).contains(&head.len())
        && head != "0"
        && groups
            .iter()
            .all(|group| group.split('.').next().is_some_and(|g| g.len() == 3));
    let plain = match (thousands, groups.len()) {
        (true, _) => digits.replace(',', ""),
        (false, 0) => digits.to_owned(),
        (false, 1) if !digits.contains('.') => digits.replace(',', "."),
        (false, _) => return None,
    };
    let number: f64 = plain.parse().ok()?;
    // "5.16.3" and "12:30" are no numbers, nor is "2x" or "3rd" one of what follows.
    (number.is_finite() && !rest.starts_with(':')).then_some((number, rest))
}

/// A unit: what it measures, and what turns its numbers into the base unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) unit: Unit,
    pub(super) factor: f64,
    /// As it is written behind a number.
    pub(super) shown: &'static str,
}

/// The units by all their names in lower case. `m` (minutes, months, mega), `d` and `mbps` (bits or
/// bytes) are not certain and therefore not here.
const SCALES: &[(&[&str], Unit, f64, &str)] = &[
    (&["%", "percent", "pct", "perc"], Unit::Percent, 1.0, "%"),
    (
        &["us", "µs", "usec", "microseconds"],
        Unit::Seconds,
        1e-6,
        "µs",
    ),
    (
        &["ms", "msec", "millisecond", "milliseconds"],
        Unit::Seconds,
        1e-3,
        "ms",
    ),
    (
        &["s", "sec", "secs", "second", "seconds"],
        Unit::Seconds,
        1.0,
        "s",
    ),
    (
        &["min", "mins", "minute", "minutes"],
        Unit::Seconds,
        60.0,
        "min",
    ),
    (
        &["h", "hr", "hrs", "hour", "hours"],
        Unit::Seconds,
        3600.0,
        "h",
    ),
    (&["day", "days"], Unit::Seconds, 86_400.0, "days"),
    (&["week", "weeks"], Unit::Seconds, 604_800.0, "weeks"),
    (&["bytes", "byte"], Unit::Bytes, 1.0, "bytes"),
    (&["kb"], Unit::Bytes, 1e3, "kB"),
    (&["mb"], Unit::Bytes, 1e6, "MB"),
    (&["gb"], Unit::Bytes, 1e9, "GB"),
    (&["tb"], Unit::Bytes, 1e12, "TB"),
    (&["pb"], Unit::Bytes, 1e15, "PB"),
    (&["kib"], Unit::Bytes, 1024.0, "KiB"),
    (&["mib"], Unit::Bytes, 1_048_576.0, "MiB"),
    (&["gib"], Unit::Bytes, 1_073_741_824.0, "GiB"),
    (&["tib"], Unit::Bytes, 1_099_511_627_776.0, "TiB"),
];

/// Units of a rate as they are written.
const RATES: [(&str, &str); 9] = [
    ("bytes", "B/s"),
    ("kB", "kB/s"),
    ("MB", "MB/s"),
    ("GB", "GB/s"),
    ("KiB", "KiB/s"),
    ("MiB", "MiB/s"),
    ("GiB", "GiB/s"),
    ("TB", "TB/s"),
    ("TiB", "TiB/s"),
];

fn scale(name: &str) -> Option<Scale> {
    let lower = name.to_lowercase();
    SCALES
        .iter()
        .find(|(names, ..)| names.contains(&lower.as_str()))
        .map(|&(_, unit, factor, shown)| Scale {
            unit,
            factor,
            shown,
        })
}

fn rate(of: Scale) -> Option<Scale> {
    let (_, shown) = RATES.iter().find(|(size, _)| *size == of.shown)?;
    Some(Scale {
        unit: Unit::BytesPerSecond,
        shown,
        ..of
    })
}

const IOPS: Scale = Scale {
    unit: Unit::Count,
    factor: 1.0,
    shown: "requests/s",
};

/// The unit that a text begins with, and what follows it.
pub(super) fn unit_of(text: &str) -> Option<(Scale, &str)> {
    let text = text.trim_start();
    if let Some(rest) = text.strip_prefix('%') {
        return Some((scale("%")?, rest));
    }
    let end = text
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.eq_ignore_ascii_case("iops") {
        return Some((IOPS, rest));
    }
    if name == "B" && rest.starts_with("/s") {
        return Some((rate(scale("bytes")?)?, rest.trim_start_matches("/s")));
    }
    // `4G` of tools is binary.
    let short = match name {
        "K" | "k" => "kib",
        "M" => "mib",
        "G" => "gib",
        "T" => "tib",
        name => name,
    };
    let found = scale(short)?;
    let per = ["/sec", "/s", " per second", " a second"]
        .iter()
        .find_map(|per| rest.strip_prefix(per));
    match per {
        Some(rest) => Some((rate(found)?, rest)),
        None if rest.starts_with('/') => None,
        None => Some((found, rest)),
    }
}

/// The unit that the words of a key name, and how many words of its end (or, negative, of its
/// beginning) do.
pub(super) fn unit_of_key(words: &[String]) -> Option<(Scale, std::ops::Range<usize>)> {
    let n = words.len();
    let word = |back: usize| {
        n.checked_sub(back)
            .and_then(|at| words.get(at))
            .map(String::as_str)
    };
    let last = word(1)?;
    if last == "iops" {
        return Some((IOPS, n - 1..n));
    }
    let per_second = matches!(last, "s" | "sec" | "second");
    if per_second && n >= 2 {
        let before = if word(2) == Some("per") { 3 } else { 2 };
        // `rkb_s` and `wmb_s` are the columns of iostat, in powers of 1024.
        let column = match word(before) {
            Some("rkb" | "wkb" | "dkb") => Some("kib"),
            Some("rmb" | "wmb" | "dmb") => Some("mib"),
            _ => None,
        };
        if let Some(column) = column {
            return Some((rate(scale(column)?)?, n - before + 1..n));
        }
        if let Some(of) = word(before)
            .and_then(scale)
            .filter(|of| of.unit == Unit::Bytes)
        {
            return Some((rate(of)?, n - before..n));
        }
        if before == 3 || matches!(word(2), Some("r" | "w" | "f" | "d" | "reads" | "writes")) {
            // Something else a second: `commits_per_s`, `r/s`.
            return None;
        }
    }
    let is_window = |at: usize| {
        at.checked_sub(1)
            .and_then(|before| words.get(before))
            .is_some_and(|w| w.bytes().all(|b| b.is_ascii_digit()) || w == "per" || w == "last")
    };
    let found = scale(last).filter(|found| match found.unit {
        Unit::Percent => true,
        // "min" alone is a minimum, "s" alone anything.
        Unit::Seconds => n >= 2 && !is_window(n - 1),
        _ => n >= 2,
    });
    if let Some(found) = found {
        return Some((found, n - 1..n));
    }
    // `tb_written_10_days`, `gib_free`.
    let first = scale(words.first()?).filter(|first| first.unit == Unit::Bytes && n >= 2)?;
    let rated = words
        .get(1)
        .is_some_and(|w| w == "per" || w == "s" || w == "a");
    (!rated).then_some((first, 0..1))
}

/// Bytes of a number, if there are so many.
pub(super) fn bytes(number: f64) -> Option<Bytes> {
    (0.0..18_446_744_073_709_551_616.0)
        .contains(&number)
        .then(|| Bytes(number.round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(f64, Bound, &str)> {
        amount(text).map(|a| (a.number, a.bound, a.rest))
    }

    #[test]
    fn numbers_keep_their_bounds() {
        use Bound::{AtLeast, AtMost, Below, Exact};
        for (text, expected) in [
            ("12", Some((12.0, Exact, ""))),
            (">30", Some((30.0, AtLeast, ""))),
            ("> 3000 snapshots", Some((3000.0, AtLeast, "snapshots"))),
            ("more than 1,234", Some((1234.0, AtLeast, ""))),
            ("1,234,567.5 kB", Some((1_234_567.5, Exact, "kB"))),
            ("1,5 GiB", Some((1.5, Exact, "GiB"))),
            ("0,125", Some((0.125, Exact, ""))),
            ("40-50", Some((40.0, AtLeast, ""))),
            ("2–8 each", Some((2.0, AtLeast, "each"))),
            ("10 to 20 min", Some((10.0, AtLeast, "min"))),
            ("200+", Some((200.0, AtLeast, ""))),
            ("~4 min", Some((4.0, Exact, "min"))),
            ("<1 GiB", Some((1.0, Below, "GiB"))),
            ("up to 5%", Some((5.0, AtMost, "%"))),
            ("99.3%", Some((99.3, Exact, "%"))),
            ("overnight 3", None),
            ("12:30", None),
            ("1,23,4", None),
            ("none", None),
            ("", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn units_are_certain_or_none() {
        let unit = |text| unit_of(text).map(|(s, rest)| (s.shown, s.factor, rest));
        assert_eq!(unit("%"), Some(("%", 1.0, "")));
        assert_eq!(unit("MB/s write"), Some(("MB/s", 1e6, " write")));
        assert_eq!(unit("MiB per second"), Some(("MiB/s", 1_048_576.0, "")));
        assert_eq!(
            unit("G of memory"),
            Some(("GiB", 1_073_741_824.0, " of memory"))
        );
        assert_eq!(unit("min"), Some(("min", 60.0, "")));
        for none in ["m", "mbps", "GB/h", "x", "", "snapshots"] {
            assert_eq!(unit(none), None, "{none}");
        }
    }

    #[test]
    fn keys_name_units() {
        let unit = |key: &str| {
            let words: Vec<String> = key.split('_').map(str::to_owned).collect();
            unit_of_key(&words).map(|(s, at)| (s.shown, at))
        };
        assert_eq!(unit("ram_gib"), Some(("GiB", 1..2)));
        assert_eq!(unit("mount_s"), Some(("s", 1..2)));
        assert_eq!(unit("write_mb_s"), Some(("MB/s", 1..3)));
        assert_eq!(unit("write_mb_per_s"), Some(("MB/s", 1..4)));
        assert_eq!(unit("rkb_s"), Some(("KiB/s", 1..2)));
        assert_eq!(unit("wear_pct"), Some(("%", 1..2)));
        assert_eq!(unit("read_iops"), Some(("requests/s", 1..2)));
        assert_eq!(unit("tb_written_10_days"), Some(("TB", 0..1)));
        for none in [
            "s",
            "min",
            "r_s",
            "retention_7_days",
            "commits_per_s",
            "count",
            "tb_per_day",
            "size_m",
        ] {
            assert_eq!(unit(none), None, "{none}");
        }
    }
}

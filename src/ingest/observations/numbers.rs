//! Numbers of a text with their units and with what they measure.

use super::tokens::{Break, Token};
use crate::model::observation::{Bound, Quantity, Unit};

/// The figure that a text begins with.
pub(super) struct Figure {
    /// How many bytes of the text it is.
    pub length: usize,
    /// Its value; none for dates and versions.
    pub value: Option<f64>,
}

/// Reads `1,400`, `1.5`, `1,5`, `6.10.3` (no number), `2026-05-01` (no number).
pub(super) fn figure(text: &str) -> Figure {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ','))
        .unwrap_or(text.len());
    let figures = text[..end].trim_end_matches(['.', ',']);
    let none = |length| Figure {
        length,
        value: None,
    };
    let rest = &text[figures.len()..];
    if figures.len() == 4
        && rest.starts_with('-')
        && rest[1..].starts_with(|c: char| c.is_ascii_digit())
    {
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '-')
            .unwrap_or(text.len());
        return none(text[..end].trim_end_matches('-').len());
    }
    let parts: Vec<&str> = figures.split(['.', ',']).collect();
    let commas = figures.matches(',').count();
    let thousands = parts.len() > 1
        && parts[0].len() <= 3
        && !parts[0].starts_with('0')
        && parts[1..].iter().all(|part| part.len() == 3);
    let value = match (parts.len(), commas) {
        (1, _) => figures.parse().ok(),
        // `1,400` and `12,000,000`; `1.400.000` too, but `1.400` is one and a bit.
        (2, 1) if thousands => parts.concat().parse().ok(),
        (2, _) => figures.replace(',', ".").parse().ok(),
        (3.., n) if thousands && (n == 0 || n + 1 == parts.len()) => parts.concat().parse().ok(),
        _ => None,
    };
    Figure {
        length: figures.len(),
        value: value.filter(|v: &f64| v.is_finite() && *v < 1e18),
    }
}

/// The unit of a name, and what turns its numbers into the base unit.
///
/// `Mb/s` is megabits and `MB/s` megabytes, as the standard has it; `mb/s` is what people type for
/// the latter. `kb/s` may be either and is not read.
pub(super) fn unit(name: &str) -> Option<(f64, Unit)> {
    const TIMES: [(&[&str], f64); 6] = [
        (&["us", "µs", "μs", "microseconds"], 1e-6),
        (
            &["ms", "msec", "msecs", "millisecond", "milliseconds"],
            1e-3,
        ),
        (&["s", "sec", "secs", "second", "seconds"], 1.0),
        (&["min", "mins", "minute", "minutes"], 60.0),
        (&["h", "hr", "hrs", "hour", "hours"], 3600.0),
        (&["d", "day", "days"], 86_400.0),
    ];
    if name.len() > 32 {
        return None;
    }
    let lower = name.to_lowercase();
    if let Some((_, factor)) = TIMES
        .iter()
        .find(|(names, _)| names.contains(&lower.as_str()))
    {
        return Some((*factor, Unit::Seconds));
    }
    if matches!(lower.as_str(), "%" | "percent" | "pct") {
        return Some((1.0, Unit::Percent));
    }
    let (size, rate) = ["/second", "/sec", "/s", "_s", "ps"]
        .iter()
        .find_map(|end| Some((name.len() - lower.strip_suffix(end)?.len(), true)))
        .map_or((name, false), |(end, rate)| {
            (&name[..name.len() - end], rate)
        });
    let unit = if rate {
        Unit::BytesPerSecond
    } else {
        Unit::Bytes
    };
    Some((size_factor(size, rate, name.ends_with("ps"))?, unit))
}

/// A size or rate in the unit of its family in which its number is small, where that is not the unit it
/// has: `2000 GB` is 2 `tb`.
pub(super) fn scaled(value: f64, name: &str) -> Option<(f64, &'static str)> {
    const FAMILIES: [(f64, [&str; 4]); 4] = [
        (1000.0, ["kb", "mb", "gb", "tb"]),
        (1024.0, ["kib", "mib", "gib", "tib"]),
        (1000.0, ["kb/s", "mb/s", "gb/s", "tb/s"]),
        (1024.0, ["kib/s", "mib/s", "gib/s", "tib/s"]),
    ];
    let bits = name.strip_suffix("/s").is_some_and(|n| n.ends_with('b'));
    let lower = name.to_lowercase();
    let (base, units, at) = FAMILIES.iter().find_map(|(base, units)| {
        let at = units.iter().position(|unit| *unit == lower)?;
        Some((*base, units, at))
    })?;
    if bits || value <= 0.0 {
        return None;
    }
    let (mut scaled, mut now) = (value, at);
    while scaled >= base && now + 1 < units.len() {
        (scaled, now) = (scaled / base, now + 1);
    }
    (now != at).then_some((scaled, units[now]))
}

/// Whether a word is a unit, be it one that may mean two things.
pub(super) fn is_unit(name: &str) -> bool {
    unit(name).is_some() || name.eq_ignore_ascii_case("kb/s")
}

fn size_factor(size: &str, rate: bool, ps: bool) -> Option<f64> {
    let lower = size.to_lowercase();
    let power = |letter: &str| "kmgtp".find(letter).map(|p| p as i32 + 1);
    let first = lower.get(..1)?;
    // Bits: `Mbit/s`, `Mbps`, `Mb/s`.
    let bits = ["bit", "bits"].iter().any(|end| lower.ends_with(end));
    if bits || (rate && size.len() == 2 && size.ends_with('b')) {
        let stem = lower.strip_suffix("bits").or(lower.strip_suffix("bit"));
        let stem = stem.unwrap_or(first);
        if !bits && !ps && size.starts_with(|c: char| c.is_lowercase()) {
            return (first != "k").then(|| power(first).map(|p| 1000f64.powi(p)))?;
        }
        let binary = stem.len() == 2 && stem.ends_with('i');
        let base = if binary { 1024f64 } else { 1000.0 };
        return (stem.len() == 1 || binary).then(|| power(first).map(|p| base.powi(p) / 8.0))?;
    }
    match lower.as_str() {
        "b" if rate => Some(1.0),
        "byte" | "bytes" => Some(1.0),
        "kilobyte" | "kilobytes" => Some(1e3),
        "megabyte" | "megabytes" | "meg" | "megs" => Some(1e6),
        "gigabyte" | "gigabytes" | "gig" | "gigs" => Some(1e9),
        "terabyte" | "terabytes" => Some(1e12),
        "kb" | "mb" | "gb" | "tb" | "pb" => power(first).map(|p| 1000f64.powi(p)),
        "kib" | "mib" | "gib" | "tib" | "pib" => power(first).map(|p| 1024f64.powi(p)),
        // A letter alone is binary, as tools print it; people write it large.
        "k" | "m" | "g" | "t" if rate || (size != lower && lower != "k") => {
            power(first).map(|p| 1024f64.powi(p))
        }
        _ => None,
    }
}

/// A rate in words: `12 MB per second`.
fn per_second(tokens: &[Token], at: usize) -> bool {
    let word = |n: usize| tokens.get(at + n).map_or("", |t| t.word.as_str());
    matches!(word(0), "per" | "a" | "each" | "every") && matches!(word(1), "second" | "sec" | "s")
}

/// Number words; `true` where it is only known to be at least so many.
fn number_word(word: &str) -> Option<(f64, bool)> {
    const WORDS: [&str; 21] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
    ];
    const TENS: [&str; 7] = [
        "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    if let Some(n) = WORDS.iter().position(|w| *w == word) {
        return Some((n as f64, false));
    }
    if let Some(n) = TENS.iter().position(|w| *w == word) {
        return Some((30.0 + 10.0 * n as f64, false));
    }
    Some(match word {
        "hundred" => (100.0, false),
        "thousand" => (1000.0, false),
        "million" => (1e6, false),
        "dozen" => (12.0, false),
        "dozens" => (24.0, true),
        "hundreds" => (200.0, true),
        "thousands" => (2000.0, true),
        "millions" => (2e6, true),
        _ => return None,
    })
}

/// The value of a word for a number, the vague ones by what they say at least.
pub(super) fn word(text: &str) -> Option<f64> {
    number_word(text).map(|(value, _)| value)
}

/// The value of two words for one number: `twenty five`, `three hundred`.
pub(super) fn compound(first: f64, word: &str, next: &str) -> Option<f64> {
    let (value, least) = number_word(next)?;
    if least || number_word(word)?.1 {
        return None;
    }
    let scale = matches!(next, "hundred" | "thousand" | "million" | "dozen");
    let tens = (20.0..100.0).contains(&first) && (1.0..10.0).contains(&value);
    match (scale, tens) {
        (true, _) if value > first => Some(first * value),
        (false, true) => Some(first + value),
        _ => None,
    }
}

/// What is counted, by the word after the number.
fn counted(word: &str) -> Option<&'static str> {
    Some(match word {
        "core" | "cores" | "cpus" => "cores",
        "thread" | "threads" => "threads",
        "snapshot" | "snapshots" | "snaps" => "snapshots",
        "subvolume" | "subvolumes" | "subvols" => "subvolumes",
        "extent" | "extents" | "fragment" | "fragments" => "extents",
        "file" | "files" => "files",
        "inode" | "inodes" => "inodes",
        "disk" | "disks" | "drive" | "drives" | "hdds" | "ssds" | "devices" => "disks",
        "container" | "containers" => "containers",
        "vm" | "vms" => "vms",
        "image" | "images" => "images",
        "layer" | "layers" => "layers",
        "process" | "processes" => "processes",
        "kworker" | "kworkers" => "kworkers",
        "error" | "errors" => "errors",
        _ => return None,
    })
}

/// What is measured, by a word beside the number.
fn measured(word: &str) -> Option<&'static str> {
    Some(match word {
        "ram" | "memory" => "ram",
        "swap" => "swap",
        "free" | "available" | "left" | "unallocated" => "free",
        "full" | "used" | "filled" => "used",
        "cpu" => "cpu",
        "iowait" | "wait" => "iowait",
        "load" => "load",
        "pressure" | "psi" => "pressure",
        "util" | "utilisation" | "utilization" => "util",
        "await" | "latency" => "latency",
        "temperature" => "temperature",
        _ => return None,
    })
}

/// Whether a word names what numbers measure or count.
pub(super) fn names(word: &str) -> bool {
    counted(word).is_some() || measured(word).is_some()
}

/// Words that may stand between a number and what it measures.
const BETWEEN: [&str; 18] = [
    "of", "is", "at", "a", "the", "only", "about", "around", "over", "above", "up", "to", "was",
    "still", "just", "than", "more", "under",
];

/// A number, how many tokens it takes and how it binds.
fn number_at(tokens: &[Token], at: usize) -> Option<(f64, usize, Option<Bound>)> {
    let word = |n: usize| tokens.get(at + n).map_or("", |t| t.word.as_str());
    let token = tokens.get(at)?;
    if let Some(value) = token.number {
        let joined = tokens
            .get(at + 1)
            .is_some_and(|t| t.at.start == token.at.end);
        return Some(match word(1) {
            "k" if joined => (value * 1e3, 2, None),
            "thousand" => (value * 1e3, 2, None),
            "million" => (value * 1e6, 2, None),
            "dozen" => (value * 12.0, 2, None),
            // `2M extents`; with a unit after it, `M` is bytes.
            "m" if joined && counted(word(2)).is_some() => (value * 1e6, 2, None),
            _ => (value, 1, None),
        });
    }
    let article = matches!(word(0), "a" | "an" | "one");
    match (word(0), word(1)) {
        ("half", "a" | "an") => return Some((0.5, 2, None)),
        ("half", "second" | "minute" | "hour" | "day") => return Some((0.5, 1, None)),
        ("a", "couple") if word(2) == "of" => return Some((2.0, 3, Some(Bound::AtLeast))),
        (_, "hundred" | "thousand" | "million" | "dozen") if article => {
            let (value, _) = number_word(word(1))?;
            return Some((value, 2, None));
        }
        ("a" | "an", "second" | "minute" | "hour" | "day") => return Some((1.0, 1, None)),
        ("a" | "an", _) => return None,
        _ => {}
    }
    let (value, least) = number_word(word(0))?;
    // `hundreds of snapshots`
    let length = if least && word(1) == "of" { 2 } else { 1 };
    Some((value, length, least.then_some(Bound::AtLeast)))
}

/// Whether words before a number bind it: `more than`, `above`, `less than`.
fn bound_before(tokens: &[Token], at: usize) -> Option<Bound> {
    let word = |n: usize| at.checked_sub(n).map_or("", |i| tokens[i].word.as_str());
    match (word(2), word(1)) {
        ("more" | "greater" | "larger" | "higher" | "longer", "than")
        | (_, "above" | "over" | "exceeds" | "exceeding")
        | ("at", "least") => Some(Bound::AtLeast),
        ("less" | "fewer" | "lower" | "smaller", "than")
        | (_, "below" | "under")
        | ("at", "most")
        | ("up", "to") => Some(Bound::AtMost),
        _ => None,
    }
}

/// The numbers of a text that have a unit or count something, with the tokens each stands at.
pub(super) fn quantities(text: &str, tokens: &[Token]) -> Vec<(Quantity, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let Some((value, length, bound)) = number_at(tokens, at) else {
            at += 1;
            continue;
        };
        let bound = bound.or_else(|| bound_before(tokens, at));
        let after = at + length;
        let together = tokens[after - 1].after == Break::None;
        let raw = |n: usize| {
            let token = tokens.get(n).filter(|_| together)?;
            text.get(token.at.clone())
        };
        let mut end = after;
        let mut of = raw(after).and_then(unit);
        // `s` of `the 90 s` is seconds; `d` and `h` alone only close to their number.
        if of.is_some() {
            end += 1;
            if let Some((factor, Unit::Bytes)) = of
                && per_second(tokens, end)
            {
                of = Some((factor, Unit::BytesPerSecond));
                end += 2;
            }
        }
        // `5 to 10 minutes`: at least 5 of them.
        let (of, end, bound) = match of {
            None => match range(text, tokens, at, after, value) {
                Some((of, end)) => (Some(of), end, bound.or(Some(Bound::AtLeast))),
                None => (None, end, bound),
            },
            of => (of, end, bound),
        };
        let quantity = match of {
            Some((factor, unit)) => Some(Quantity {
                what: beside(tokens, at, end, unit),
                value: value * factor,
                unit,
                bound,
            }),
            None => count(tokens, at, after, together).map(|what| Quantity {
                what: Some(what.to_owned()),
                value,
                unit: Unit::Count,
                bound,
            }),
        };
        match quantity.filter(|q| q.value.is_finite() && q.value < 1e18) {
            Some(quantity) if !is_age(tokens, at, end, &quantity) => {
                found.push((quantity, at..end));
                at = end;
            }
            _ => at = after,
        }
    }
    found
}

/// The unit of a range whose lower end stands at `at`, and where the range ends; `from 40 to 12`
/// is none.
fn range(
    text: &str,
    tokens: &[Token],
    at: usize,
    after: usize,
    lower: f64,
) -> Option<((f64, Unit), usize)> {
    let from = at.checked_sub(1).is_some_and(|i| tokens[i].word == "from");
    if from || tokens.get(after - 1)?.after != Break::None {
        return None;
    }
    let between = tokens.get(after)?;
    let joins =
        matches!(between.word.as_str(), "to" | "or" | "and") && between.after == Break::None;
    let second = if joins { after + 1 } else { after };
    let (upper, length, _) = number_at(tokens, second)?;
    let name = tokens.get(second + length)?;
    let open = tokens.get(second + length - 1)?.after == Break::None;
    let unit = unit(text.get(name.at.clone())?)?;
    (open && upper > lower).then_some((unit, second + length + 1))
}

/// What a plain number counts: `4 cores`, `a load of 30`.
fn count(tokens: &[Token], at: usize, after: usize, together: bool) -> Option<&'static str> {
    for next in after..after + 3 {
        let Some(token) = tokens.get(next).filter(|_| together) else {
            break;
        };
        if let Some(what) = counted(&token.word) {
            return Some(what);
        }
        // `40 old hourly snapshots`
        const KINDS: [&str; 16] = [
            "cpu",
            "processor",
            "old",
            "hourly",
            "daily",
            "btrfs",
            "spinning",
            "physical",
            "big",
            "small",
            "read",
            "write",
            "checksum",
            "large",
            "tiny",
            "outdated",
        ];
        if !KINDS.contains(&token.word.as_str()) || token.after != Break::None {
            break;
        }
    }
    let before = at.checked_sub(1)?;
    named_before(tokens, before).filter(|what| matches!(*what, "load"))
}

/// Whether what is full or free there is no filesystem: `the flash cache is 100 % full`.
fn is_of_another(tokens: &[Token], at: usize) -> bool {
    const OTHERS: [&str; 14] = [
        "cache", "buffer", "buffers", "queue", "battery", "tank", "link", "line", "uplink", "bus",
        "core", "cores", "gpu", "vram",
    ];
    let before = tokens[..at].iter().rev();
    let noun = before
        .take_while(|t| t.after == Break::None)
        .find(|t| !BETWEEN.contains(&t.word.as_str()));
    noun.is_some_and(|t| OTHERS.contains(&t.word.as_str()))
}

/// What a measured number is of: `2 GB RAM`, `CPU at 100 %`, `40 % free`.
fn beside(tokens: &[Token], at: usize, end: usize, unit: Unit) -> Option<String> {
    let fits = |what: &&str| match unit {
        Unit::Bytes => matches!(*what, "ram" | "swap" | "free" | "used"),
        Unit::Percent => !matches!(*what, "latency" | "temperature" | "load"),
        Unit::Seconds => matches!(*what, "latency"),
        Unit::BytesPerSecond | Unit::Count => false,
    };
    let mut open = tokens.get(end - 1).is_some_and(|t| t.after == Break::None);
    for next in end..end + 3 {
        let Some(token) = tokens.get(next).filter(|_| open) else {
            break;
        };
        if let Some(what) = measured(&token.word).filter(fits) {
            let other = matches!(what, "used" | "free") && is_of_another(tokens, at);
            // `2 GB free memory` is free.
            return (!other).then(|| what.to_owned());
        }
        if !BETWEEN.contains(&token.word.as_str()) {
            break;
        }
        open = token.after == Break::None;
    }
    let before = at.checked_sub(1)?;
    named_before(tokens, before).filter(fits).map(str::to_owned)
}

/// The measured thing that ends at a token, small words left aside.
fn named_before(tokens: &[Token], mut at: usize) -> Option<&'static str> {
    for _ in 0..4 {
        let token = &tokens[at];
        if token.after == Break::Stop {
            return None;
        }
        if let Some(what) = measured(&token.word) {
            return Some(what);
        }
        if !BETWEEN.contains(&token.word.as_str()) && token.word != "average" {
            return None;
        }
        at = at.checked_sub(1)?;
    }
    None
}

/// `for three days`, `every ten minutes`, `two days ago` are times it happens, no measurement.
fn is_age(tokens: &[Token], at: usize, end: usize, quantity: &Quantity) -> bool {
    let before = |n: usize| at.checked_sub(n).map_or("", |i| tokens[i].word.as_str());
    let after = tokens.get(end).map_or("", |t| t.word.as_str());
    let long = quantity.value >= 86_400.0;
    quantity.unit == Unit::Seconds
        && (matches!(after, "ago" | "old")
            || matches!(before(1), "every" | "each")
            || before(1) == "once"
            || (quantity.value <= 3600.0 && matches!(before(1), "an" | "per"))
            || matches!(before(1), "within" | "after")
            || (long
                && matches!(
                    before(1),
                    "for" | "since" | "last" | "past" | "about" | "in"
                )))
}

//! The text format of Prometheus: `# HELP`/`# TYPE`, then `name{label="value",…} number [time]`.
//!
//! (The crates that read it bring regex and chrono for what is a page of code.)

use std::collections::HashMap;

use super::Reading;
use super::exporter;
use super::text::Block;
use crate::ingest::problem::quoted;

/// One line.
#[derive(Debug, PartialEq)]
pub(super) struct Series<'t> {
    pub(super) name: &'t str,
    labels: Vec<(&'t str, String)>,
    pub(super) value: f64,
    /// Milliseconds since 1970, where written.
    time_ms: Option<f64>,
}

impl Series<'_> {
    /// The value of a label, unless empty.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels
            .iter()
            .find(|(label, value)| *label == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }
}

/// The series of one scrape.
#[derive(Default)]
pub(super) struct Scrape<'t> {
    series: HashMap<&'t str, Vec<Series<'t>>>,
    /// The name of the last line.
    last: &'t str,
}

impl<'t> Scrape<'t> {
    /// Every series of a name, in the order of the file.
    pub(super) fn all(&self, name: &str) -> &[Series<'t>] {
        self.series.get(name).map_or(&[], Vec::as_slice)
    }

    /// The value of a series without labels.
    pub(super) fn one(&self, name: &str) -> Option<f64> {
        self.all(name).first().map(|series| series.value)
    }

    /// Whether it may break off within the series of a name, so that a sum of them is not sure.
    pub(super) fn ends_with(&self, name: &str) -> bool {
        self.last == name
    }

    /// When it was made, in seconds since 1970.
    pub(super) fn at(&self) -> Option<f64> {
        self.one("node_time_seconds").or_else(|| {
            let times = self.series.values().flatten().filter_map(|s| s.time_ms);
            times.reduce(f64::max).map(|ms| ms / 1000.0)
        })
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':'))
}

/// One line; not finite numbers are kept out by the reader.
fn series(line: &str) -> Option<Series<'_>> {
    let end = line.find(['{', ' ', '\t'])?;
    let (name, mut rest) = line.split_at(end);
    if !is_name(name) {
        return None;
    }
    let mut labels = Vec::new();
    if let Some(open) = rest.strip_prefix('{') {
        rest = open.trim_start();
        loop {
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (label, after) = rest.split_once('=')?;
            let after = after.trim_start().strip_prefix('"')?;
            let (value, used) = quoted_value(after)?;
            labels.push((label.trim(), value));
            rest = after.get(used..)?.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
    }
    let mut words = rest.split_whitespace();
    let value = match words.next()? {
        "NaN" => f64::NAN,
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        number if number.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+') => {
            number.parse().ok()?
        }
        _ => return None,
    };
    let time_ms = match words.next() {
        Some(time) => Some(time.parse::<i64>().ok()? as f64),
        None => None,
    };
    words.next().is_none().then_some(Series {
        name,
        labels,
        value,
        time_ms,
    })
}

/// A label's value up to its quote, without escapes, and how long it is with the quote.
fn quoted_value(text: &str) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, at + 1)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            c => value.push(c),
        }
    }
    None
}

/// Names without labels that only exporters use.
const PREFIXES: [&str; 4] = ["node_", "go_", "process_", "promhttp_"];

pub(super) fn is_line(line: &str) -> bool {
    if line.starts_with("# HELP ") || line.starts_with("# TYPE ") || line.starts_with("# EOF") {
        return true;
    }
    let named = line.contains("=\"") || PREFIXES.iter().any(|prefix| line.starts_with(prefix));
    named && series(line).is_some()
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut scrapes: Vec<Scrape<'_>> = vec![Scrape::default()];
    for line in &block.lines {
        if line.text.starts_with('#') {
            continue;
        }
        let Some(series) = series(line.text) else {
            let message = format!(
                "not a line of metrics: `{}`; passed over",
                quoted(line.text)
            );
            reading.doubt(line.number, message);
            continue;
        };
        // A file that breaks off inside a number: `4.7` of `4.718592e+08`.
        if !series.value.is_finite() || reading.cut == line.number {
            continue;
        }
        let Some(last) = scrapes.last() else { return };
        // The same once more is the next scrape.
        let again = last
            .all(series.name)
            .iter()
            .any(|s| s.labels == series.labels);
        if again {
            scrapes.push(Scrape::default());
        }
        if let Some(last) = scrapes.last_mut() {
            last.last = series.name;
            last.series.entry(series.name).or_default().push(series);
        }
    }
    let before = exporter::Before::of(reading.metrics);
    for scrape in &scrapes {
        exporter::counters(reading, scrape, block);
        exporter::facts(reading, scrape, &before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_labels_a_number_and_perhaps_a_time() {
        let line = series(r#"a_b{x="q\"\\\n,}",y="",} 4.718592e+08 1795416539649"#).unwrap();
        assert_eq!(line.name, "a_b");
        assert_eq!(line.label("x"), Some("q\"\\\n,}"));
        assert_eq!(line.label("y"), None);
        assert_eq!(
            (line.value, line.time_ms),
            (471_859_200.0, Some(1_795_416_539_649.0))
        );
        assert!(series("a NaN").unwrap().value.is_nan());
        for bad in [
            "a",
            "a{x=\"1\" 2",
            "a{x=1} 2",
            "1a 2",
            "a b",
            "a 1 2 3",
            "a 1 b",
        ] {
            assert_eq!(series(bad), None, "{bad}");
        }
        assert!(is_line("node_load1 3.93"));
        assert!(!is_line("pswpin 0"), "/proc/vmstat");
    }
}

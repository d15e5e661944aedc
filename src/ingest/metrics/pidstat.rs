//! `pidstat`, as text (any of `-d -u -r -h -t -U -l`, with averages) or as JSON (sysstat 12.7 and
//! later). Columns are known by their names, which are not translated.

use serde_json::Value;

use super::Reading;
use super::counters::bytes;
use super::json;
use super::size::decimal;
use super::system::{after_words, is_integer, is_time};
use super::tally::{Tally, named};
use super::text::{Block, Line};
use crate::ingest::problem::quoted;
use crate::model::metrics::Process;
use crate::model::units::Percent;

/// Where the columns of a table are: after the words of its time.
struct Head<'t> {
    columns: Vec<&'t str>,
    average: bool,
    /// Words before the columns in a row.
    before: usize,
}

fn head(line: &str) -> Option<Head<'_>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|w| matches!(*w, "UID" | "USER"))?;
    let numbered = matches!(words.get(at + 1), Some(&("PID" | "TGID")));
    let first = *words.first()?;
    let timed = at > 0 && (is_time(first) || first.starts_with('#') || line.contains(':'));
    let commanded = words.last() == Some(&"Command") || words.contains(&"Command");
    (numbered && timed && commanded && at <= 3).then(|| Head {
        columns: words[at..].to_vec(),
        average: !first.starts_with('#') && !first.starts_with(|c: char| c.is_ascii_digit()),
        // `# Time` stands above one word.
        before: if first.starts_with('#') { 1 } else { at },
    })
}

/// `# Time  UID  PID …`, the head with `-h`.
pub(super) fn is_commented_head(line: &str) -> bool {
    line.starts_with('#') && head(line).is_some()
}

/// The head of a table, or the banner above one.
pub(super) fn is_head(lines: &[Line<'_>]) -> bool {
    let banner = lines[0].text.starts_with("Linux ") && lines[0].text.ends_with("CPU)");
    let mut next = lines[1..].iter().filter(|line| !line.text.is_empty());
    head(lines[0].text).is_some()
        || banner && next.next().is_some_and(|line| head(line.text).is_some())
}

/// A row: a time (or the word for an average) and numbers.
pub(super) fn is_row(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let first = words.next().unwrap_or_default();
    (is_time(first) || is_integer(first) || first.ends_with(':')) && words.nth(3).is_some()
}

/// One cell and what it says of a process.
fn cell(process: &mut Process, column: &str, value: f64) {
    // -1 is written where the file could not be read.
    if value < 0.0 {
        return;
    }
    match column {
        "%CPU" | "cpu" => process.cpu = Some(Percent(value)),
        "kB_rd/s" => process.read_bytes_s = Some(value * 1024.0),
        "kB_wr/s" => process.write_bytes_s = Some(value * 1024.0),
        "RSS" => process.resident = bytes(value * 1024.0),
        _ => {}
    }
}

/// A number of a table; with `--human` it has a unit of its own, on top of the column's kB.
fn number(column: &str, word: &str) -> Option<f64> {
    let plain = word.trim_end_matches('%');
    if !plain.ends_with(|c: char| c.is_ascii_alphabetic()) {
        return decimal(plain);
    }
    let sized = matches!(column, "kB_rd/s" | "kB_wr/s" | "kB_ccwr/s" | "RSS" | "VSZ");
    // Capital or small, sysstat's letters are powers of 1024.
    let size = super::size::size(&plain.to_ascii_uppercase())?;
    sized.then(|| size.bytes.0 as f64 / 1024.0)
}

fn user(word: &str) -> Option<String> {
    match word {
        "0" => Some("root".to_owned()),
        "-" | "" => None,
        other => Some(other.to_owned()),
    }
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let (mut tally, mut averages) = (Tally::default(), Tally::default());
    let mut table: Option<Head<'_>> = None;
    let mut times: Vec<&str> = Vec::new();
    for line in &block.lines {
        let banner = line.text.starts_with("Linux ") && line.text.ends_with("CPU)");
        if banner {
            if let (Some(release), None) = (line.words().nth(1), &reading.metrics.kernel) {
                reading.metrics.kernel = Some(reading.sourced(release.to_owned()));
            }
            continue;
        }
        if let Some(head) = head(line.text) {
            table = Some(head);
            continue;
        }
        let process = table.as_ref().and_then(|head| process(head, line.text));
        match (process, &table) {
            (Some(process), Some(head)) if head.average => averages.add(process),
            (Some(process), _) => {
                let time = line.words().next().unwrap_or_default();
                if !times.contains(&time) {
                    times.push(time);
                }
                tally.add(process);
            }
            (None, _) => {
                let message = format!(
                    "not a line of `pidstat`: `{}`; passed over",
                    quoted(line.text)
                );
                reading.doubt(line.number, message);
            }
        }
    }
    let reports = u32::try_from(times.len()).unwrap_or(u32::MAX);
    // The tool's own averages are over the exact time; a process that a report leaves out was idle.
    match averages.is_empty() {
        true => tally.finish(reading, reports, true),
        false => {
            let before = reading.metrics.processes.len();
            averages.finish(reading, 1, false);
            for process in reading.metrics.processes.iter_mut().skip(before) {
                process.value.samples = process.value.samples.max(reports);
            }
        }
    }
}

fn process(head: &Head<'_>, line: &str) -> Option<Process> {
    let words: Vec<&str> = line.split_whitespace().collect();
    // A clock of twelve hours adds a word (`06:47:34 AM`), above which `# Time` has none.
    let twelve = words
        .get(1)
        .is_some_and(|word| matches!(*word, "AM" | "PM"));
    let extra = usize::from(head.before == 1 && twelve);
    let before = head.before + extra;
    let command_at = head.columns.iter().position(|c| *c == "Command")?;
    let rest = words.get(before..)?;
    if rest.len() <= command_at {
        return None;
    }
    let command = after_words(line, before + command_at);
    let command = command.trim_start_matches("|__");
    let (name, command) = named(command);
    let mut process = Process {
        name,
        command,
        ..Process::default()
    };
    for (column, word) in head.columns.iter().zip(rest).take(command_at) {
        match *column {
            "UID" | "USER" => process.user = user(word),
            // A thread has its own number; of a whole process `-` stands there.
            "PID" | "TGID" | "TID" if *word == "-" => {}
            "PID" | "TGID" | "TID" => process.pid = Some(word.parse().ok()?),
            "CPU" if *word == "-" => {}
            column => {
                let value = number(column, word)?;
                cell(&mut process, column, value);
            }
        }
    }
    process.pid.is_some().then_some(process)
}

/// Whether a host of sysstat's JSON is of `pidstat`.
pub(super) fn is_json(host: &Value) -> bool {
    let statistics = host.get("statistics").into_iter().flat_map(json::objects);
    statistics
        .flat_map(|s| TABLES.iter().map(move |table| s.get(*table)))
        .flatten()
        .next()
        .is_some()
}

/// The lists of a report that are of processes themselves (not of their children).
const TABLES: [&str; 3] = ["task-cpu-load", "task-memory", "io"];

pub(super) fn read_json(reading: &mut Reading<'_>, host: &Value) {
    let mut tally = Tally::default();
    let mut reports = 0;
    for statistics in host.get("statistics").into_iter().flat_map(json::objects) {
        let tables = TABLES.iter().filter_map(|table| statistics.get(*table));
        let mut any = false;
        for row in tables.flat_map(json::objects) {
            let pid = ["TID", "PID", "TGID"]
                .iter()
                .find_map(|key| row.get(*key).and_then(json::number));
            let Some((pid, command)) = pid.zip(json::text(row, "cmd")) else {
                continue;
            };
            let (name, command) = named(&command);
            let mut process = Process {
                name,
                command,
                pid: Some(pid),
                user: ["USER", "UID"]
                    .iter()
                    .find_map(|key| json::text(row, key))
                    .and_then(|word| user(&word)),
                ..Process::default()
            };
            for (column, value) in row.as_object().into_iter().flatten() {
                if let Some(value) = value.as_f64() {
                    cell(&mut process, column, value);
                }
            }
            any = true;
            tally.add(process);
        }
        reports += u32::from(any);
    }
    tally.finish(reading, reports, true);
}

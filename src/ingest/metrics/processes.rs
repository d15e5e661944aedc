//! Processes at a moment: `ps` in any form with a head, and `top -b`.

use super::Reading;
use super::counters::{bytes, offer_vm};
use super::proc_files::uptime_load;
use super::size::{decimal, size};
use super::system::{after_words, is_integer};
use super::tally::{Tally, named, state, unwrapped};
use super::text::Block;
use crate::ingest::problem::quoted;
use crate::model::metrics::{CpuUse, Process, ProcessState, Sourced, VmActivity};
use crate::model::units::{Bytes, Percent};

/// Heads of columns that only `ps` has.
const PS_COLUMNS: [&str; 34] = [
    "USER", "UID", "RUSER", "PID", "PPID", "PGID", "TID", "LWP", "SPID", "S", "STAT", "%CPU",
    "CPU", "C", "%MEM", "VSZ", "RSS", "TTY", "TT", "START", "STARTED", "STIME", "TIME", "ELAPSED",
    "NI", "PRI", "CLS", "WCHAN", "COMMAND", "CMD", "NLWP", "PSR", "F", "SZ",
];

/// The head of `ps aux`, `ps -ef`, `ps -eo …`.
pub(super) fn is_ps(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let known = words
        .iter()
        .filter(|w| PS_COLUMNS.contains(w) || **w == "ADDR")
        .count();
    words.len() >= 3
        && words
            .iter()
            .any(|w| matches!(*w, "PID" | "TID" | "LWP" | "SPID"))
        && words
            .last()
            .is_some_and(|w| matches!(*w, "COMMAND" | "CMD"))
        && known == words.len()
}

/// The column with the number of the process.
fn pid_column(columns: &[&str]) -> Option<usize> {
    ["TID", "LWP", "SPID", "PID"]
        .iter()
        .find_map(|name| columns.iter().position(|c| c == name))
}

/// Whether a line is a row under a head of `ps`: a number stands where its number stands.
pub(super) fn is_row(head: &str, line: &str) -> bool {
    let columns: Vec<&str> = head.split_whitespace().collect();
    let words: Vec<&str> = line.split_whitespace().take(columns.len()).collect();
    pid_column(&columns).is_some_and(|at| words.get(at).is_some_and(|word| is_integer(word)))
        && words.len() >= columns.len()
}

pub(super) fn read_ps(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let Some((head, rows)) = block.lines.split_first() else {
        return;
    };
    let columns: Vec<&str> = head.words().collect();
    let mut tally = Tally::default();
    for line in rows {
        match ps_row(head.text, &columns, line.text) {
            Some(process) => tally.add(process),
            None => {
                let message = format!("not a row of `ps`: `{}`; passed over", quoted(line.text));
                reading.doubt(line.number, message);
            }
        }
    }
    tally.finish(reading, 1, false);
}

fn ps_row(head: &str, columns: &[&str], line: &str) -> Option<Process> {
    if !is_row(head, line) {
        return None;
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let last = columns.len() - 1;
    let mut process = Process::default();
    let mut short = None;
    // `lstart` (`Mon Nov 23 06:47:28 2026`) is one column of five words.
    let mut shift = 0;
    for (at, column) in columns.iter().enumerate() {
        let word = *words.get(at + shift)?;
        let number = || decimal(word).filter(|n| *n >= 0.0);
        match *column {
            "STARTED" if word.len() == 3 && word.chars().all(|c| c.is_ascii_alphabetic()) => {
                shift += 4
            }
            "USER" | "RUSER" => process.user = Some(word.to_owned()),
            "UID" => process.user = Some(if word == "0" { "root" } else { word }.to_owned()),
            "PID" => process.pid = process.pid.or(word.parse().ok()),
            "TID" | "LWP" | "SPID" => process.pid = word.parse().ok(),
            "%CPU" | "C" => process.cpu = number().map(Percent),
            "S" | "STAT" => process.state = state(word),
            "RSS" => process.resident = number().and_then(|kib| bytes(kib * 1024.0)),
            "WCHAN" if !matches!(word, "-" | "0" | "*") => process.wchan = Some(word.to_owned()),
            // The short name where the command line follows.
            "COMMAND" | "CMD" if at < last => short = Some(word),
            _ => {}
        }
    }
    let command = after_words(line, last + shift);
    if command.is_empty() {
        return None;
    }
    let (name, line) = named(command);
    process.name = match short {
        Some(short) if !name.contains(short) => unwrapped(short).to_owned(),
        _ => name,
    };
    process.command = line;
    process.pid.is_some().then_some(process)
}

/// `top - 21:44:59 up 12:47,  0 user,  load average: 0.86, 1.20, 1.43`
pub(super) fn is_top(line: &str) -> bool {
    line.starts_with("top - ") && line.contains(" up ") || is_top_head(line)
}

fn is_top_head(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.first() == Some(&"PID")
        && words.contains(&"S")
        && words.contains(&"%CPU")
        && words.contains(&"VIRT")
}

/// A row of the table of `top`, or one of the lines above it.
pub(super) fn is_top_row(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().take(12).collect();
    let looks = words.len() >= 10
        && words.first().is_some_and(|word| is_integer(word))
        && words
            .iter()
            .take(10)
            .any(|word| word.len() == 1 && state(word).is_some());
    is_summary(line) || looks
}

/// The lines between the first and the table.
fn is_summary(line: &str) -> bool {
    [
        "Tasks:", "Threads:", "%Cpu", "Cpu(s)", "MiB ", "KiB ", "GiB ", "TiB ", "Mem:", "Swap:",
    ]
    .iter()
    .any(|prefix| line.starts_with(prefix))
}

/// The number before a short name: `%Cpu(s):  5.9 us, … 31.1 wa`. A large one sticks to the comma
/// before it (`0.0 ni,100.0 id`), and a comma may be the decimal sign too.
fn share(line: &str, name: &str) -> Option<f64> {
    let (_, mut rest) = line.split_once(':')?;
    loop {
        let at = rest.find(name)?;
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        let ends = !after.starts_with(|c: char| c.is_alphanumeric());
        let number = before.trim_end().trim_end_matches('%');
        let from = number
            .rfind(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
            .map_or(0, |at| at + 1);
        let number = number
            .get(from..)
            .unwrap_or_default()
            .trim_start_matches(',');
        if let Some(number) = decimal(number).filter(|_| ends) {
            return Some(number);
        }
        rest = after;
    }
}

pub(super) fn read_top(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut reports: Vec<Report<'_>> = Vec::new();
    for line in &block.lines {
        if line.text.starts_with("top - ") || reports.is_empty() {
            reports.push(Report::default());
        }
        let Some(report) = reports.last_mut() else {
            return;
        };
        if line.text.starts_with("top - ") {
            if let Some(load) = uptime_load(line.text) {
                reading.metrics.load = Some(reading.sourced(load));
            }
        } else if is_top_head(line.text) {
            report.columns = line.words().collect();
        } else if line.text.starts_with("%Cpu") || line.text.starts_with("Cpu(s)") {
            report.cpu = cpu(line.text);
        } else if line.text.starts_with("Tasks:") || is_summary(line.text) {
            // Of memory /proc/meminfo says more.
        } else if let Some(process) = top_row(&report.columns, line.text) {
            report.rows.push(process);
        } else {
            let message = format!("not a row of `top`: `{}`; passed over", quoted(line.text));
            reading.doubt(line.number, message);
        }
    }
    // The first report counts from the start of each process (and of the machine).
    let first = reports.len() > 1;
    let mut tally = Tally::default();
    let mut count = 0;
    let mut blocked = 0.0;
    let mut cpus: Vec<CpuUse> = Vec::new();
    for report in reports.into_iter().skip(usize::from(first)) {
        count += 1;
        cpus.extend(report.cpu);
        for process in report.rows {
            if process.state == Some(ProcessState::Uninterruptible) {
                blocked += 1.0;
            }
            tally.add(process);
        }
    }
    if let Some(mut cpu) = mean(&cpus) {
        cpu.since_boot = !first;
        reading.coarse_cpu(cpu);
    }
    if count > 0 && !tally.is_empty() {
        let activity = VmActivity {
            blocked: Some(super::counters::rounded(blocked / f64::from(count))),
            samples: count,
            ..VmActivity::default()
        };
        let source = std::sync::Arc::clone(&reading.source);
        offer_vm(
            reading.metrics,
            Sourced {
                value: activity,
                source,
            },
        );
    }
    tally.finish(reading, count, false);
}

#[derive(Default)]
struct Report<'t> {
    columns: Vec<&'t str>,
    cpu: Option<CpuUse>,
    rows: Vec<Process>,
}

fn cpu(line: &str) -> Option<CpuUse> {
    let percent = |name: &str| share(line, name).map(Percent);
    let sum = |names: &[&str]| {
        let sum: f64 = names.iter().filter_map(|name| share(line, name)).sum();
        Percent(super::counters::rounded(sum))
    };
    Some(CpuUse {
        user: Percent(percent("us")?.0 + sum(&["ni"]).0),
        system: sum(&["sy", "hi", "si"]),
        iowait: percent("wa")?,
        steal: percent("st").unwrap_or_default(),
        idle: percent("id")?,
        samples: 1,
        since_boot: false,
    })
}

fn mean(cpus: &[CpuUse]) -> Option<CpuUse> {
    let count = u32::try_from(cpus.len()).ok().filter(|n| *n > 0)?;
    let share = |field: fn(&CpuUse) -> Percent| {
        let sum: f64 = cpus.iter().map(|cpu| field(cpu).0).sum();
        Percent(super::counters::rounded(sum / f64::from(count)))
    };
    Some(CpuUse {
        user: share(|c| c.user),
        system: share(|c| c.system),
        iowait: share(|c| c.iowait),
        steal: share(|c| c.steal),
        idle: share(|c| c.idle),
        samples: count,
        since_boot: false,
    })
}

fn top_row(columns: &[&str], line: &str) -> Option<Process> {
    let last = columns.len().checked_sub(1)?;
    let words: Vec<&str> = line.split_whitespace().collect();
    if words.len() <= last {
        return None;
    }
    let mut process = Process::default();
    for (column, word) in columns.iter().zip(&words) {
        match *column {
            "PID" => process.pid = Some(word.parse().ok()?),
            "USER" => process.user = Some((*word).to_owned()),
            "S" => process.state = Some(state(word)?),
            "%CPU" => process.cpu = Some(Percent(decimal(word)?)),
            // KiB, or with a letter.
            "RES" => {
                process.resident = match word.ends_with(|c: char| c.is_ascii_alphabetic()) {
                    true => size(&word.to_ascii_uppercase()).map(|s| s.bytes),
                    false => word.parse::<u64>().ok()?.checked_mul(1024).map(Bytes),
                }
            }
            _ => {}
        }
    }
    let command = after_words(line, last).trim_end_matches('+');
    let (name, command) = named(command);
    process.name = name;
    process.command = command;
    (!process.name.is_empty()).then_some(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_top_are_read_with_points_and_commas() {
        let line =
            "%Cpu(s):  5.9 us,  2.9 sy,  0.0 ni,100.0 id, 31.1 wa,  0.0 hi,  0.0 si,  0.2 st";
        assert_eq!(share(line, "us"), Some(5.9));
        assert_eq!(share(line, "id"), Some(100.0));
        assert_eq!(share(line, "wa"), Some(31.1));
        assert_eq!(share(line, "st"), Some(0.2));
        let german =
            "%CPU(s):  5,9 us,  2,9 sy,  0,0 ni,100,0 id, 31,1 wa,  0,0 hi,  0,0 si,  0,0 st";
        assert_eq!(share(german, "us"), Some(5.9));
        assert_eq!(share(german, "id"), Some(100.0));
        assert_eq!(share(german, "wa"), Some(31.1));
    }
}

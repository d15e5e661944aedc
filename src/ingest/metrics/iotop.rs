//! `iotop -b`: the one in Python (0.6) and the one in C (iotop-c), with any of `-o -k -P -a -t -q`.
//!
//! Rows are known by their shape, because `-qqq` leaves out every head.

use super::Reading;
use super::counters::bytes;
use super::size::decimal;
use super::system::{after_words, is_integer, is_time};
use super::tally::{Tally, named};
use super::text::Block;
use crate::ingest::problem::quoted;
use crate::model::metrics::Process;
use crate::model::units::Percent;

/// A row, taken apart.
struct Row<'t> {
    time: Option<&'t str>,
    pid: u64,
    user: &'t str,
    read: Amount,
    write: Amount,
    wait: Option<f64>,
    command: &'t str,
}

/// Bytes, or bytes a second.
struct Amount {
    number: f64,
    /// The letter of its unit is this power of the base.
    power: i32,
    per_second: bool,
}

impl Amount {
    fn of(number: &str, unit: &str) -> Option<Self> {
        let (letter, per_second) = match unit.strip_suffix("/s") {
            Some(letter) => (letter, true),
            None => (unit, false),
        };
        let power = ["B", "K", "M", "G", "T", "P"]
            .iter()
            .position(|l| *l == letter)?;
        Some(Amount {
            number: decimal(number).filter(|n| *n >= 0.0)?,
            power: i32::try_from(power).ok()?,
            per_second,
        })
    }
}

fn row(line: &str) -> Option<Row<'_>> {
    let words: Vec<&str> = line.split_whitespace().take(14).collect();
    let time = words.first().copied().filter(|word| is_time(word));
    let at = usize::from(time.is_some());
    let [pid, _priority, user, read, read_unit, write, write_unit, ..] = *words.get(at..)? else {
        return None;
    };
    // Kernels without delay accounting: one word for both shares; `-6` hides the first of them.
    let mut behind = at + 7;
    let mut wait = None;
    if words.get(behind) == Some(&"?unavailable?") {
        behind += 1;
    } else {
        for _ in 0..2 {
            if let (Some(share), Some(&"%")) = (words.get(behind), words.get(behind + 1)) {
                wait = decimal(share);
                behind += 2;
            }
        }
    }
    Some(Row {
        time,
        pid: pid.parse().ok().filter(|_| is_integer(pid))?,
        user,
        read: Amount::of(read, read_unit)?,
        write: Amount::of(write, write_unit)?,
        wait,
        command: after_words(line, behind),
    })
}

/// The totals and the head above the rows.
fn is_head(line: &str) -> bool {
    let line = match line.split_whitespace().next() {
        Some(word) if is_time(word) => after_words(line, 1),
        _ => line.trim_start(),
    };
    let total = ["Total ", "Actual ", "Current "]
        .iter()
        .any(|word| line.starts_with(word))
        && line.contains("DISK READ");
    let columns =
        line.contains("DISK READ") && line.contains("DISK WRITE") && line.contains("COMMAND");
    total || columns
}

/// What either program says of a kernel without delay accounting.
fn is_warning(line: &str) -> bool {
    line.contains("task_delayacct") && !line.starts_with("kernel.") && !line.contains(" = ")
        || line.starts_with("CONFIG_TASK_DELAY_ACCT")
}

pub(super) fn is_line(line: &str) -> bool {
    is_head(line)
        || row(line).is_some()
        || (is_warning(line) && line.len() < 200 && !line.starts_with('['))
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let base = match block.context.label.contains("--si") {
        true => 1000.0,
        false => 1024.0_f64,
    };
    let mut tally = Tally::default();
    let mut reports = 0;
    let mut fresh = true;
    let mut seen: Vec<u64> = Vec::new();
    let mut time = None;
    let mut accounted = true;
    for line in &block.lines {
        if is_warning(line.text) && row(line.text).is_none() {
            accounted = false;
            continue;
        }
        if is_head(line.text) {
            fresh = true;
            continue;
        }
        let Some(row) = row(line.text) else {
            let message = format!(
                "not a line of `iotop`: `{}`; passed over",
                quoted(line.text)
            );
            reading.doubt(line.number, message);
            continue;
        };
        if row.command.is_empty() {
            reading.doubt(
                line.number,
                "a line of `iotop` without a command; passed over",
            );
            continue;
        }
        let next = fresh || row.time != time || seen.contains(&row.pid);
        if next {
            reports += 1;
            seen.clear();
        }
        fresh = false;
        time = row.time;
        seen.push(row.pid);
        let (name, command) = named(row.command);
        let value = |amount: &Amount| amount.number * base.powi(amount.power);
        let rate = |amount: &Amount| amount.per_second.then(|| value(amount));
        let total = |amount: &Amount| match amount.per_second {
            true => None,
            false => bytes(value(amount)),
        };
        tally.add(Process {
            name,
            command,
            pid: Some(row.pid),
            user: Some(row.user.to_owned()),
            read_bytes_s: rate(&row.read),
            write_bytes_s: rate(&row.write),
            read_total: total(&row.read),
            write_total: total(&row.write),
            io_wait: row.wait.filter(|_| accounted).map(Percent),
            ..Process::default()
        });
    }
    tally.finish(reading, reports, true);
}

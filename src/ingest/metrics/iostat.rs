//! `iostat`, as JSON or as text of any version: columns are known by their names.
//!
//! The first of several reports is the average since boot and left out; of the others the rates
//! are averaged, and the times weighted by the requests they are of.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Reading;
use super::counters::{offer_cpu, rounded};
use super::json;
use super::size;
use super::text::{Block, Context};
use crate::ingest::problem::quoted;
use crate::model::metrics::{CpuUse, DeviceIo};
use crate::model::units::{Millis, Percent};

/// What a column means, and its value in the unit of that meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Reads,
    Writes,
    Flushes,
    Discards,
    Any,
    ReadBytes,
    WriteBytes,
    DiscardBytes,
    AnyBytes,
    ReadWait,
    WriteWait,
    FlushWait,
    DiscardWait,
    AnyWait,
    Queue,
    Util,
}

type Row = BTreeMap<Column, f64>;

/// One report of a run.
#[derive(Default)]
struct Report {
    cpu: BTreeMap<String, f64>,
    devices: BTreeMap<String, Row>,
}

impl Report {
    fn begun(&self) -> bool {
        !self.cpu.is_empty() || !self.devices.is_empty()
    }
}

/// `11/23/26 06:47:28 AM`, `23.11.2026 06:47:28`, `2026-11-23T06:47:28+0000`.
fn is_stamp(words: &[&str]) -> bool {
    let first = words.first().copied().unwrap_or_default();
    words.len() <= 3
        && first.starts_with(|c: char| c.is_ascii_digit())
        && (first.contains(['/', '-', '.', 'T']) || first.ends_with("年"))
        && first.matches(['/', '-', '.', '年', '月']).count() >= 2
}

/// The meaning of a column and what turns its numbers into the meaning's unit.
fn column(name: &str) -> Option<(Column, f64)> {
    const KIB: f64 = 1024.0;
    Some(match name {
        "r/s" => (Column::Reads, 1.0),
        "w/s" => (Column::Writes, 1.0),
        "f/s" => (Column::Flushes, 1.0),
        "d/s" => (Column::Discards, 1.0),
        "tps" => (Column::Any, 1.0),
        "rkB/s" | "kB_read/s" => (Column::ReadBytes, KIB),
        "wkB/s" | "kB_wrtn/s" => (Column::WriteBytes, KIB),
        "rMB/s" | "MB_read/s" => (Column::ReadBytes, KIB * KIB),
        "wMB/s" | "MB_wrtn/s" => (Column::WriteBytes, KIB * KIB),
        "dkB/s" | "kB_dscd/s" => (Column::DiscardBytes, KIB),
        "dMB/s" | "MB_dscd/s" => (Column::DiscardBytes, KIB * KIB),
        "dsec/s" | "Blk_dscd/s" => (Column::DiscardBytes, 512.0),
        "kB/s" => (Column::AnyBytes, KIB),
        "MB/s" => (Column::AnyBytes, KIB * KIB),
        "sec/s" => (Column::AnyBytes, 512.0),
        "rsec/s" | "Blk_read/s" => (Column::ReadBytes, 512.0),
        "wsec/s" | "Blk_wrtn/s" => (Column::WriteBytes, 512.0),
        "r_await" => (Column::ReadWait, 1.0),
        "w_await" => (Column::WriteWait, 1.0),
        "f_await" => (Column::FlushWait, 1.0),
        "d_await" => (Column::DiscardWait, 1.0),
        "await" => (Column::AnyWait, 1.0),
        "aqu-sz" | "avgqu-sz" => (Column::Queue, 1.0),
        "%util" | "util" => (Column::Util, 1.0),
        _ => return None,
    })
}

/// Whether a number is printed to its end.
fn has_two_decimals(word: &str) -> bool {
    word.split_once(['.', ',']).is_some_and(|(_, decimals)| {
        decimals.len() == 2 && decimals.bytes().all(|b| b.is_ascii_digit())
    })
}

/// A cell of a text table; with `-h` it may have a unit of its own (`3.6M`, `48.8%`).
fn cell(text: &str, unit: f64) -> Option<f64> {
    let text = text.trim_end_matches('%');
    match text.chars().last()? {
        c if c.is_ascii_alphabetic() => size::size(text).map(|size| size.bytes.0 as f64),
        _ => size::decimal(text).filter(|n| *n >= 0.0).map(|n| n * unit),
    }
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut reports = vec![Report::default()];
    let mut heads: Vec<&str> = Vec::new();
    let mut cpu_heads: Vec<&str> = Vec::new();
    for line in &block.lines {
        let words: Vec<&str> = line.words().collect();
        let Some(report) = reports.last_mut() else {
            return;
        };
        let device_column = words
            .iter()
            .position(|w| matches!(*w, "Device" | "Device:"));
        if words[0] == "Linux" && line.text.ends_with("CPU)") {
            // Another run: its first report is since boot again.
            if report.begun() {
                add(reading, std::mem::take(&mut reports), &block.context);
                reports.push(Report::default());
            }
            (heads, cpu_heads) = (Vec::new(), Vec::new());
            if let Some(release) = words.get(1).filter(|_| reading.metrics.kernel.is_none()) {
                reading.metrics.kernel = Some(reading.sourced((*release).to_owned()));
            }
        } else if words[0] == "avg-cpu:" {
            if report.begun() {
                reports.push(Report::default());
            }
            cpu_heads = words[1..].to_vec();
        } else if !cpu_heads.is_empty() {
            let shares = cpu_heads.iter().zip(&words).map_while(|(head, word)| {
                let name = head.trim_start_matches('%').to_owned();
                Some((name, cell(word, 1.0).filter(|share| *share <= 100.5)?))
            });
            let shares: BTreeMap<String, f64> = shares.collect();
            // A row with a part missing would make shares of nothing of it.
            if shares.len() == cpu_heads.len() && reading.cut != line.number {
                report.cpu = shares;
            } else {
                reading.doubt(line.number, "not a row of processor shares; passed over");
            }
            cpu_heads.clear();
        } else if let Some(at) = device_column {
            // `-h` cuts one report into several tables: only a column that is there already
            // begins the next.
            let columns = words.iter().filter_map(|word| column(word));
            let seen = report.devices.values().next();
            if columns
                .into_iter()
                .any(|(c, _)| seen.is_some_and(|row| row.contains_key(&c)))
            {
                reports.push(Report::default());
            }
            heads = words;
            if at != 0 && at + 1 != heads.len() {
                heads.clear();
            }
        } else if words.len() == heads.len() {
            let last = heads.last().is_some_and(|head| head.starts_with("Device"));
            let name = if last {
                words[words.len() - 1]
            } else {
                words[0]
            };
            // A file that breaks off within a number says nothing of it; a name is worse.
            let cut = reading.cut == line.number && !has_two_decimals(words[words.len() - 1]);
            if cut && last {
                reading.doubt(
                    line.number,
                    "the name of the device may be cut; passed over",
                );
                continue;
            }
            let sure = words.len() - usize::from(cut);
            for (head, word) in heads.iter().zip(&words[..sure]) {
                let Some((column, unit)) = column(head) else {
                    continue;
                };
                let Some(value) = cell(word, unit) else {
                    let message = format!("`{}` of `{head}` is no number; left out", quoted(word));
                    reading.doubt(line.number, message);
                    continue;
                };
                let row = report.devices.entry(name.to_owned()).or_default();
                row.insert(column, value);
            }
        } else if !is_stamp(&words) {
            reading.doubt(
                line.number,
                "a line of `iostat` that does not fit its head; passed over",
            );
        }
    }
    add(reading, reports, &block.context);
}

pub(super) fn read_json(reading: &mut Reading<'_>, line: usize, host: &Value, context: &Context) {
    if let Some(release) = json::text(host, "release")
        && reading.metrics.kernel.is_none()
    {
        reading.metrics.kernel = Some(reading.sourced(release));
    }
    let mut reports = Vec::new();
    for statistics in host.get("statistics").into_iter().flat_map(json::objects) {
        let numbers = |object: &Value| -> Vec<(String, f64)> {
            let fields = object.as_object().into_iter().flatten();
            fields
                .filter_map(|(key, value)| Some((key.clone(), value.as_f64()?)))
                .filter(|(_, value)| value.is_finite() && *value >= 0.0)
                .collect()
        };
        let mut report = Report::default();
        report
            .cpu
            .extend(statistics.get("avg-cpu").map(numbers).into_iter().flatten());
        for disk in statistics.get("disk").into_iter().flat_map(json::objects) {
            let Some(name) = json::text(disk, "disk_device") else {
                continue;
            };
            let cells = numbers(disk).into_iter().filter_map(|(key, value)| {
                let (column, unit) = column(&key)?;
                Some((column, value * unit))
            });
            report.devices.insert(name, cells.collect());
        }
        reports.push(report);
    }
    if reports.is_empty() {
        reading.doubt(line, "an `iostat` without a report; nothing was read");
    }
    add(reading, reports, context);
}

/// Averages the reports of one run and adds them to the metrics.
fn add(reading: &mut Reading<'_>, mut reports: Vec<Report>, context: &Context) {
    reports.retain(Report::begun);
    // `-y` leaves out the report since boot itself.
    let without_boot = context.label.contains("iostat")
        && context
            .label
            .split_whitespace()
            .any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('y'));
    let since_boot = reports.len() == 1 && !without_boot;
    if reports.len() > 1 && !without_boot {
        reports.remove(0);
    }

    let cpus: Vec<&BTreeMap<String, f64>> = reports
        .iter()
        .map(|report| &report.cpu)
        .filter(|cpu| !cpu.is_empty())
        .collect();
    if !cpus.is_empty() {
        let share = |name: &str| {
            let sum: f64 = cpus.iter().filter_map(|cpu| cpu.get(name)).sum();
            Percent(rounded(sum / cpus.len() as f64))
        };
        let use_ = CpuUse {
            user: Percent(rounded(share("user").0 + share("nice").0)),
            system: share("system"),
            iowait: share("iowait"),
            steal: share("steal"),
            idle: share("idle"),
            samples: u32::try_from(cpus.len()).unwrap_or(u32::MAX),
            since_boot,
        };
        let offered = reading.sourced(use_);
        offer_cpu(reading.metrics, offered);
    }

    let mut rows: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for report in &reports {
        for (name, row) in &report.devices {
            rows.entry(name).or_default().push(row);
        }
    }
    for (name, rows) in rows {
        let device = average(name, &rows, since_boot);
        reading.metrics.devices.push(reading.sourced(device));
    }
}

fn average(name: &str, rows: &[&Row], since_boot: bool) -> DeviceIo {
    let values = |column: Column| rows.iter().filter_map(move |row| row.get(&column).copied());
    let mean = |column: Column| {
        let count = values(column).count();
        (count > 0).then(|| rounded(values(column).sum::<f64>() / count as f64))
    };
    // A wait of 0.00 in a report without requests is no wait that anyone had.
    let wait = |wait: Column, requests: Column| {
        let weighted = || {
            rows.iter().filter_map(|row| {
                Some((*row.get(&wait)?, row.get(&requests).copied().unwrap_or(1.0)))
            })
        };
        let total: f64 = weighted().map(|(_, n)| n).sum();
        (total > 0.0).then(|| {
            Millis(rounded(
                weighted().map(|(ms, n)| ms * n).sum::<f64>() / total,
            ))
        })
    };
    DeviceIo {
        name: name.to_owned(),
        r_per_s: mean(Column::Reads),
        w_per_s: mean(Column::Writes),
        read_bytes_s: mean(Column::ReadBytes),
        write_bytes_s: mean(Column::WriteBytes),
        r_await_ms: wait(Column::ReadWait, Column::Reads),
        w_await_ms: wait(Column::WriteWait, Column::Writes),
        f_per_s: mean(Column::Flushes),
        f_await_ms: wait(Column::FlushWait, Column::Flushes),
        d_per_s: mean(Column::Discards),
        discard_bytes_s: mean(Column::DiscardBytes),
        d_await_ms: wait(Column::DiscardWait, Column::Discards),
        per_s: mean(Column::Any),
        bytes_s: mean(Column::AnyBytes),
        await_ms: wait(Column::AnyWait, Column::Any),
        aqu_sz: mean(Column::Queue),
        util_percent: mean(Column::Util).map(Percent),
        util_peak: values(Column::Util).reduce(f64::max).map(Percent),
        samples: u32::try_from(rows.len()).unwrap_or(u32::MAX),
        since_boot,
    }
}

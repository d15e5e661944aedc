//! `iostat`, as JSON or as text of any version: columns are known by their names.
//!
//! The first of several reports is the average since boot and left out; of the others the rates
//! are averaged, and the times weighted by the requests they are of.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Reading;
use super::json;
use super::size;
use super::text::{Block, Context};
use crate::model::metrics::{CpuUse, DeviceIo};
use crate::model::units::{Millis, Percent};

/// What a column means, and its value in the unit of that meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Reads,
    Writes,
    Flushes,
    ReadBytes,
    WriteBytes,
    ReadWait,
    WriteWait,
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

/// The meaning of a column and what turns its numbers into the meaning's unit.
fn column(name: &str) -> Option<(Column, f64)> {
    const KIB: f64 = 1024.0;
    Some(match name {
        "r/s" => (Column::Reads, 1.0),
        "w/s" => (Column::Writes, 1.0),
        "f/s" => (Column::Flushes, 1.0),
        "rkB/s" | "kB_read/s" => (Column::ReadBytes, KIB),
        "wkB/s" | "kB_wrtn/s" => (Column::WriteBytes, KIB),
        "rMB/s" | "MB_read/s" => (Column::ReadBytes, KIB * KIB),
        "wMB/s" | "MB_wrtn/s" => (Column::WriteBytes, KIB * KIB),
        "rsec/s" | "Blk_read/s" => (Column::ReadBytes, 512.0),
        "wsec/s" | "Blk_wrtn/s" => (Column::WriteBytes, 512.0),
        "r_await" => (Column::ReadWait, 1.0),
        "w_await" => (Column::WriteWait, 1.0),
        "aqu-sz" | "avgqu-sz" => (Column::Queue, 1.0),
        "%util" | "util" => (Column::Util, 1.0),
        _ => return None,
    })
}

/// A cell of a text table; with `-h` it may have a unit of its own (`3.6M`, `48.8%`).
fn cell(text: &str, unit: f64) -> Option<f64> {
    let text = text.trim_end_matches('%');
    match text.chars().last()? {
        c if c.is_ascii_alphabetic() => size::size(text).map(|size| size.bytes.0 as f64),
        _ => size::decimal(text).map(|n| n * unit),
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
            if let Some(release) = words.get(1).filter(|_| reading.metrics.kernel.is_none()) {
                reading.metrics.kernel = Some(reading.sourced((*release).to_owned()));
            }
        } else if words[0] == "avg-cpu:" {
            if !report.cpu.is_empty() || !report.devices.is_empty() {
                reports.push(Report::default());
            }
            cpu_heads = words[1..].to_vec();
        } else if !cpu_heads.is_empty() {
            let cells = cpu_heads.iter().zip(&words);
            report.cpu = cells
                .filter_map(|(head, word)| {
                    Some((head.trim_start_matches('%').to_owned(), cell(word, 1.0)?))
                })
                .collect();
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
            let row = report.devices.entry(name.to_owned()).or_default();
            for (head, word) in heads.iter().zip(&words) {
                if let Some((column, unit)) = column(head)
                    && let Some(value) = cell(word, unit)
                {
                    row.insert(column, value);
                }
            }
        } else if words.len() > 3 {
            reading.doubt(
                line.number,
                "a line of `iostat` that does not fit its head; passed over",
            );
        }
    }
    add(reading, reports, &block.context);
}

pub(super) fn read_json(reading: &mut Reading<'_>, line: usize, hosts: &Value, context: &Context) {
    for host in json::objects(hosts) {
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
                    .filter(|(_, value)| value.is_finite())
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
}

/// Averages the reports of one run and adds them to the metrics.
fn add(reading: &mut Reading<'_>, mut reports: Vec<Report>, context: &Context) {
    reports.retain(|report| !report.cpu.is_empty() || !report.devices.is_empty());
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
        reading.metrics.cpu = Some(reading.sourced(use_));
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
        f_await_ms: None,
        d_per_s: None,
        discard_bytes_s: None,
        d_await_ms: None,
        aqu_sz: mean(Column::Queue),
        util_percent: mean(Column::Util).map(Percent),
        util_peak: values(Column::Util).reduce(f64::max).map(Percent),
        samples: u32::try_from(rows.len()).unwrap_or(u32::MAX),
        since_boot,
    }
}

/// To two decimals, as the tool prints: an average must not pretend to more.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

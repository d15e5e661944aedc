//! `/proc/pressure/{io,cpu,memory}`. The content does not say which of the three it is: a heading,
//! a command line or the name of the file must.

use procfs_core::parse_pressure_record;

use super::Reading;
use super::detect::Format;
use super::proc_files::sample;
use super::text::{Block, Line};
use crate::ingest::problem::{Problem, quoted};
use crate::model::metrics::{Psi, PsiShares, StallCounters};
use crate::model::units::Percent;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource {
    Io,
    Cpu,
    Memory,
    Irq,
}

/// One resource's two lines.
struct Record {
    line: usize,
    /// What stood before the colon, as `grep . /proc/pressure/*` prints it.
    prefix: Option<Resource>,
    psi: Psi,
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut records: Vec<Record> = Vec::new();
    for line in &block.lines {
        let (prefix, text) = match line.text.split_once(':') {
            Some((prefix, text)) => (resources(prefix).first().copied(), text.trim()),
            None => (None, line.text.trim()),
        };
        let Some(mut shares) = shares(text) else {
            let message = format!(
                "not a line of pressure: `{}`; passed over",
                quoted(line.text)
            );
            reading.doubt(line.number, message);
            continue;
        };
        if reading.cut == line.number {
            shares.total_us = None;
        }
        if text.starts_with("some") {
            let psi = Psi {
                some: shares,
                full: None,
            };
            records.push(Record {
                line: line.number,
                prefix,
                psi,
            });
        } else if let Some(record) = records
            .last_mut()
            .filter(|r| r.psi.full.is_none() && r.prefix == prefix)
        {
            record.psi.full = Some(shares);
        }
        // A `full` alone is that of interrupts, which nothing here uses.
    }
    let Some(named) = names(reading, block, &records) else {
        let line = block
            .lines
            .first()
            .map_or(0, |line: &&Line<'_>| line.number);
        reading.tell(
            Problem::warning(
                &reading.source,
                "pressure of what? Nothing names the resource; not read",
            )
            .on_line(line)
            .help("name the file after it: pressure-io.txt, pressure-cpu.txt, pressure-memory.txt"),
        );
        return;
    };
    for (resource, record) in named.into_iter().zip(records) {
        if let Some(some_us) = record.psi.some.total_us {
            let full_us = record.psi.full.and_then(|full| full.total_us);
            let stall = StallCounters {
                some_us: some_us as f64,
                full_us: full_us.map(|us| us as f64),
            };
            let sample = sample(reading, block, stall);
            let counters = &mut reading.metrics.counters;
            match resource {
                Resource::Io => counters.io.push(sample),
                Resource::Cpu => counters.processor.push(sample),
                Resource::Memory => counters.memory.push(sample),
                Resource::Irq => {}
            }
        }
        let psi = Some(reading.sourced(record.psi));
        match resource {
            Resource::Io => reading.metrics.pressure.io = psi,
            Resource::Cpu => reading.metrics.pressure.cpu = psi,
            Resource::Memory => reading.metrics.pressure.memory = psi,
            Resource::Irq => {}
        }
    }
}

/// The resource of each record, by the best of: its prefix, the heading, the file's name, and the
/// order in which `btrfs-tune` asks people to print these files.
fn names(
    reading: &mut Reading<'_>,
    block: &Block<'_, '_>,
    records: &[Record],
) -> Option<Vec<Resource>> {
    if let Some(prefixes) = records.iter().map(|r| r.prefix).collect::<Option<Vec<_>>>() {
        return Some(prefixes);
    }
    let fits = |named: Vec<Resource>| (named.len() == records.len()).then_some(named);
    let label = &block.context.label;
    if label.contains("pressure/*") || (records.len() == 3 && resources(label).is_empty()) {
        // A glob gives them in this order; the record of irq has no `some`.
        return fits(vec![Resource::Cpu, Resource::Io, Resource::Memory]);
    }
    let by_name = |text: &str| fits(resources(text));
    let from_label = || {
        let words = label
            .split_whitespace()
            .filter(|w| w.contains("pressure") || !w.contains('/'));
        by_name(&words.collect::<Vec<_>>().join(" "))
    };
    if let Some(named) = from_label().or_else(|| by_name(&reading.source)) {
        return Some(named);
    }
    if records.len() == 1 && reading.previous == Some(Format::MemInfo) {
        let message = "pressure without a name right after meminfo; taken for /proc/pressure/io";
        reading.note(records[0].line, message);
        return Some(vec![Resource::Io]);
    }
    None
}

/// The resources that a text names, in order.
fn resources(text: &str) -> Vec<Resource> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(|word| match word.to_ascii_lowercase().as_str() {
            "io" => Some(Resource::Io),
            "cpu" => Some(Resource::Cpu),
            "memory" | "mem" => Some(Resource::Memory),
            "irq" => Some(Resource::Irq),
            _ => None,
        })
        .collect()
}

fn shares(text: &str) -> Option<PsiShares> {
    // The crate's function cuts at a fixed place: it must be a boundary.
    if !text.starts_with("some ") && !text.starts_with("full ") {
        return None;
    }
    let record = parse_pressure_record(text).ok()?;
    let percent = |share: f32| {
        let share = (f64::from(share) * 100.0).round() / 100.0;
        share.is_finite().then_some(Percent(share))
    };
    Some(PsiShares {
        avg10: percent(record.avg10)?,
        avg60: percent(record.avg60)?,
        avg300: percent(record.avg300)?,
        total_us: Some(record.total),
    })
}

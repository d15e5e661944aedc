//! `vmstat`: its table of any width, `-d` and `-s`.
//!
//! The first row is the average since boot and left out when others follow. `si` and `so` come in
//! the unit of `-S`, `bi` and `bo` always in KiB (procps, src/vmstat.c).

use std::collections::BTreeMap;

use super::Reading;
use super::counters::{bytes, offer_vm, rounded};
use super::proc_files::sample;
use super::size::decimal;
use super::text::{Block, Line};
use crate::ingest::problem::quoted;
use crate::model::metrics::{CpuCounters, CpuUse, DiskCounters, MemInfo, VmActivity, VmCounters};
use crate::model::units::Percent;

/// A row of the table by its columns.
type Row<'t> = BTreeMap<&'t str, f64>;

/// A table's head comes again after a screen of rows; after fewer it is that of another run.
const SCREEN: usize = 10;

/// The two lines above a table; translations leave the short names.
pub(super) fn is_head(lines: &[Line<'_>]) -> bool {
    let second = |line: &Line<'_>| {
        let words: Vec<&str> = line.words().collect();
        words.len() >= 14 && ["si", "so", "bi", "bo"].iter().all(|c| words.contains(c))
    };
    let first = lines[0].text.trim_start_matches('-').starts_with("proc")
        || lines[0].text.contains("---") && lines[0].text.contains("cpu--");
    second(&lines[0]) || first && lines.get(1).is_some_and(second)
}

pub(super) fn is_disks(line: &str) -> bool {
    line.starts_with("disk-") && line.contains("--reads--")
}

pub(super) fn is_summary(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let number = words.next().is_some_and(super::system::is_integer);
    number && line.ends_with("total memory")
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut columns: Vec<&str> = Vec::new();
    let mut runs: Vec<Vec<Row<'_>>> = vec![Vec::new()];
    for line in &block.lines {
        let words: Vec<&str> = line.words().collect();
        if line.text.contains("---") {
            continue;
        }
        if words.contains(&"si") && words.contains(&"bo") {
            if runs
                .last()
                .is_some_and(|run| (1..SCREEN).contains(&run.len()))
            {
                runs.push(Vec::new());
            }
            columns = words;
            continue;
        }
        let mut numbers: Vec<f64> = words.iter().map_while(|w| decimal(w)).collect();
        // A file that breaks off inside its last number says nothing of it.
        if reading.cut == line.number && numbers.len() == words.len() {
            numbers.pop();
        }
        // The name of a time zone stands above the time, and is no number.
        let named = columns
            .iter()
            .position(|c| c.contains(|c: char| c.is_ascii_uppercase() || c == '+'));
        let expected = named.unwrap_or(columns.len());
        if numbers.len() < expected.saturating_sub(1) || numbers.len() < 14 {
            let message = format!(
                "not a row of `vmstat`: `{}`; passed over",
                quoted(line.text)
            );
            reading.doubt(line.number, message);
            continue;
        }
        let row = columns
            .iter()
            .take(expected)
            .copied()
            .zip(numbers)
            .collect();
        if let Some(run) = runs.last_mut() {
            run.push(row);
        }
    }
    let label = &block.context.label;
    let without_boot = label.contains("vmstat")
        && label
            .split_whitespace()
            .any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('y'));
    let first = block.lines.first().map_or(0, |line| line.number);
    for run in runs {
        add(reading, run, without_boot, label, first);
    }
}

fn add(
    reading: &mut Reading<'_>,
    mut rows: Vec<Row<'_>>,
    without_boot: bool,
    label: &str,
    line: usize,
) {
    let since_boot = rows.len() == 1 && !without_boot;
    if rows.len() > 1 && !without_boot {
        rows.remove(0);
    }
    if rows.is_empty() {
        return;
    }
    let mean = |column: &str| {
        let values: Vec<f64> = rows
            .iter()
            .filter_map(|row| row.get(column).copied())
            .collect();
        (!values.is_empty()).then(|| rounded(values.iter().sum::<f64>() / values.len() as f64))
    };
    let samples = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let unit = swap_unit(&rows, label);
    let swap = |column: &str| match (mean(column)?, unit) {
        (rate, Some(unit)) => Some(rounded(rate * unit)),
        // Nothing is nothing in any unit.
        (rate, None) => (rate == 0.0).then_some(0.0),
    };
    let activity = VmActivity {
        swap_in_bytes_s: swap("si"),
        swap_out_bytes_s: swap("so"),
        block_in_bytes_s: mean("bi").map(|rate| rate * 1024.0),
        block_out_bytes_s: mean("bo").map(|rate| rate * 1024.0),
        // These two are of the moment even in the first row.
        runnable: mean("r"),
        blocked: mean("b"),
        samples,
        since_boot,
        ..VmActivity::default()
    };
    if activity.swap_in_bytes_s.is_none() && mean("si").is_some() {
        reading.note(
            line,
            "swapping in a unit that nothing tells (`vmstat -S`?); its rates are left out",
        );
    }
    let source = std::sync::Arc::clone(&reading.source);
    let activity = crate::model::metrics::Sourced {
        value: activity,
        source,
    };
    offer_vm(reading.metrics, activity);
    let share = |column: &str| mean(column).map(Percent);
    if let (Some(user), Some(system), Some(idle)) = (share("us"), share("sy"), share("id")) {
        let use_ = CpuUse {
            user: Percent(user.0 + share("gu").unwrap_or_default().0),
            system,
            iowait: share("wa").unwrap_or_default(),
            steal: share("st").unwrap_or_default(),
            idle,
            samples,
            since_boot,
        };
        reading.coarse_cpu(use_);
    }
}

/// Bytes of the unit of `si` and `so`: as the command line says, else KiB, unless the memory is so
/// small in it that another must be meant.
fn swap_unit(rows: &[Row<'_>], label: &str) -> Option<f64> {
    let mut words = label.split_whitespace();
    if label.contains("vmstat")
        && let Some(option) = words.find(|w| w.starts_with("-S") || w.starts_with("--unit"))
    {
        let letter = match option {
            "-S" | "--unit" => words.next(),
            joined => Some(
                joined
                    .trim_start_matches("-S")
                    .trim_start_matches("--unit="),
            ),
        };
        return match letter? {
            "k" => Some(1000.0),
            "K" => Some(1024.0),
            "m" => Some(1_000_000.0),
            "M" => Some(1_048_576.0),
            _ => None,
        };
    }
    let memory = ["free", "buff", "cache", "inact", "active"];
    let seen = rows
        .iter()
        .map(|row| memory.iter().filter_map(|c| row.get(c)).sum::<f64>());
    // No machine of today has less than 64 MiB that is free or cache.
    (seen.fold(0.0, f64::max) >= 65_536.0).then_some(1024.0)
}

/// `vmstat -d`: counters since boot, by disk.
pub(super) fn read_disks(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut disks = BTreeMap::new();
    for line in &block.lines {
        let words: Vec<&str> = line.words().collect();
        if is_disks(line.text) || words.first() == Some(&"total") {
            continue;
        }
        let numbers: Vec<f64> = words
            .iter()
            .skip(1)
            .map_while(|w| w.parse::<u64>().ok())
            .map(|n| n as f64)
            .collect();
        // With `-t` a time follows.
        let [
            reads,
            _,
            read_sectors,
            read_ms,
            writes,
            _,
            write_sectors,
            write_ms,
            _,
            seconds,
            ..,
        ] = numbers[..]
        else {
            let message = format!(
                "not a row of `vmstat -d`: `{}`; passed over",
                quoted(line.text)
            );
            reading.doubt(line.number, message);
            continue;
        };
        let whole = reading.cut != line.number;
        let counters = DiskCounters {
            reads: Some(reads),
            read_bytes: Some(read_sectors * 512.0),
            read_ms: Some(read_ms),
            writes: Some(writes),
            write_bytes: Some(write_sectors * 512.0),
            write_ms: Some(write_ms),
            busy_ms: whole.then_some(seconds * 1000.0),
            ..DiskCounters::default()
        };
        disks.insert(words[0].to_owned(), counters);
    }
    if !disks.is_empty() {
        let sample = sample(reading, block, disks);
        reading.metrics.counters.disks.push(sample);
    }
}

/// `vmstat -s`: memory, and counters since boot.
pub(super) fn read_summary(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut memory = MemInfo::default();
    let (mut cpu, mut vm) = (CpuCounters::default(), VmCounters::default());
    let mut ticks_end = false;
    for line in &block.lines {
        let mut words = line.words();
        let number = words.next().and_then(|word| word.parse::<u64>().ok());
        let Some(number) = number.map(|n| n as f64) else {
            let message = format!(
                "not a line of `vmstat -s`: `{}`; passed over",
                quoted(line.text)
            );
            reading.doubt(line.number, message);
            continue;
        };
        let rest: Vec<&str> = words.collect();
        let unit = match rest.first() {
            Some(&"K") => 1024.0,
            Some(&"k") => 1000.0,
            Some(&"M") => 1_048_576.0,
            Some(&"m") => 1_000_000.0,
            _ => 1.0,
        };
        let size = || bytes(number * unit);
        match rest.join(" ").as_str() {
            text if text.ends_with("total memory") && unit > 1.0 => {
                memory.total = size().unwrap_or_default();
            }
            text if text.ends_with("free memory") && unit > 1.0 => memory.free = size(),
            text if text.ends_with("swap cache") && unit > 1.0 => memory.cached = size(),
            text if text.ends_with("total swap") && unit > 1.0 => memory.swap_total = size(),
            text if text.ends_with("free swap") && unit > 1.0 => memory.swap_free = size(),
            "non-nice user cpu ticks" | "nice user cpu ticks" => cpu.user += number,
            "system cpu ticks" | "IRQ cpu ticks" | "softirq cpu ticks" => cpu.system += number,
            "idle cpu ticks" => cpu.idle += number,
            "IO-wait cpu ticks" => cpu.iowait += number,
            "stolen cpu ticks" => {
                cpu.steal += number;
                ticks_end = true;
            }
            // Pages are counted in KiB here, as in /proc/vmstat; older tools leave out the `K`.
            "K paged in" | "pages paged in" => vm.read_bytes = Some(number * 1024.0),
            "K paged out" | "pages paged out" => vm.write_bytes = Some(number * 1024.0),
            "pages swapped in" => vm.swap_in_pages = Some(number),
            "pages swapped out" => vm.swap_out_pages = Some(number),
            _ => {}
        }
    }
    if memory.total.0 > 0 && reading.metrics.memory.is_none() {
        reading.metrics.memory = Some(reading.sourced(memory));
    }
    // The last of these lines: a part of them makes other shares.
    if cpu.idle > 0.0 && ticks_end {
        let sample = sample(reading, block, cpu);
        reading.metrics.counters.cpu.push(sample);
    }
    if vm != VmCounters::default() {
        let sample = sample(reading, block, vm);
        reading.metrics.counters.vm.push(sample);
    }
}

//! `btrfs scrub status` and `btrfs balance status`.

use super::Reading;
use super::detect::Format;
use super::size;
use super::text::{Block, Line};
use crate::model::metrics::{Maintenance, MaintenanceJob, MaintenanceState};
use crate::model::units::Percent;

const SCRUB: &str = "`btrfs scrub status`";

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    if block.format == Format::Scrub {
        scrub(reading, block);
    } else {
        balance(reading, block);
    }
}

fn job(job: MaintenanceJob, block: &Block<'_, '_>) -> Maintenance {
    Maintenance {
        job,
        path: block.context.path.clone(),
        running: false,
        state: MaintenanceState::Unknown,
        errors: None,
        rate_bytes_s: None,
        done: None,
    }
}

/// Sums over the devices of `-d`.
#[derive(Default)]
struct Sums {
    /// Bytes to scrub, and scrubbed, of the parts that tell both.
    total: u64,
    scrubbed: u64,
    /// The total of this part, until its second number comes.
    of_part: Option<u64>,
    parts: usize,
    told: usize,
    errors: Vec<String>,
    /// Whether nothing was measured yet: this part took less than a second, or is in its first
    /// seconds, before the first report.
    is_unmeasured: bool,
}

fn scrub(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut state = job(MaintenanceJob::Scrub, block);
    let mut sums = Sums::default();
    for line in &block.lines {
        let is_head = ["UUID:", "scrub status for ", "scrub done for "]
            .iter()
            .any(|head| line.text.starts_with(head));
        if is_head && state.state != MaintenanceState::Unknown {
            finish_scrub(reading, state, &sums);
            (state, sums) = (job(MaintenanceJob::Scrub, block), Sums::default());
        }
        if !scrub_line(&mut state, &mut sums, line.text) {
            reading.not_understood(line, SCRUB);
        }
    }
    finish_scrub(reading, state, &sums);
}

fn finish_scrub(reading: &mut Reading<'_>, mut state: Maintenance, sums: &Sums) {
    state.running = state.state == MaintenanceState::Running;
    if sums.told > 0 && sums.told >= sums.parts && sums.total > 0 {
        state.done = Some(Percent(sums.scrubbed as f64 * 100.0 / sums.total as f64));
    }
    state.errors = (!sums.errors.is_empty()).then(|| sums.errors.join(", "));
    reading.metrics.maintenance.push(reading.sourced(state));
}

/// Which of two states says more of the whole: one device that runs, and the job runs.
fn worst(a: MaintenanceState, b: MaintenanceState) -> MaintenanceState {
    use MaintenanceState::{Aborted, Finished, Interrupted, Never, Paused, Running, Unknown};
    [Running, Paused, Aborted, Interrupted, Finished, Never]
        .into_iter()
        .find(|state| *state == a || *state == b)
        .unwrap_or(Unknown)
}

fn scrub_line(state: &mut Maintenance, sums: &mut Sums, text: &str) -> bool {
    let text = text.trim();
    // `Scrub device /dev/sda2 (id 1) status`, of `-d`.
    let lower = text.to_lowercase();
    if lower.starts_with("scrub device ") {
        sums.of_part = None;
        sums.is_unmeasured = false;
        return true;
    }
    if lower.starts_with("scrub status for ") || lower.starts_with("scrub done for ") {
        return true;
    }
    if text == "no stats available" {
        sums.is_unmeasured = true;
        state.state = worst(state.state, MaintenanceState::Never);
        return true;
    }
    if let Some(understood) = old_scrub_line(state, sums, text) {
        return understood;
    }
    let Some((key, value)) = text.split_once(':') else {
        return false;
    };
    let value = value.trim();
    match key {
        "UUID" | "Scrub started" | "Scrub resumed" => {}
        // Only of one that runs, even where nothing else is known of it yet.
        "Time left" | "ETA" => state.state = MaintenanceState::Running,
        "Duration" => sums.is_unmeasured = value == "0:00:00",
        "Status" => {
            let found = match value {
                "running" => MaintenanceState::Running,
                "finished" => MaintenanceState::Finished,
                "aborted" => MaintenanceState::Aborted,
                "interrupted" => MaintenanceState::Interrupted,
                _ => return false,
            };
            sums.parts += 1;
            state.state = worst(state.state, found);
        }
        "Total to scrub" => {
            sums.of_part = size::size(value).map(|size| size.bytes.0);
            return sums.of_part.is_some();
        }
        // 12.00GiB  (34.56%)
        "Bytes scrubbed" => {
            let Some((bytes, percent)) = value.split_once('(') else {
                return false;
            };
            let (Some(scrubbed), true) = (size::size(bytes.trim()), percent.ends_with("%)")) else {
                return false;
            };
            if sums.is_unmeasured && scrubbed.bytes.0 == 0 {
                return true;
            }
            if let Some(total) = sums.of_part {
                sums.total = sums.total.saturating_add(total);
                sums.scrubbed = sums.scrubbed.saturating_add(scrubbed.bytes.0);
                sums.told += 1;
            }
        }
        // 512.00MiB/s (limit 100.00MiB/s)
        "Rate" => {
            let rate = value
                .split_whitespace()
                .next()
                .and_then(|rate| size::size(rate.strip_suffix("/s")?));
            let Some(rate) = rate else { return false };
            if sums.is_unmeasured && rate.bytes.0 == 0 {
                return true;
            }
            // Devices are read side by side.
            let sum = state.rate_bytes_s.unwrap_or(0.0) + rate.bytes.0 as f64;
            state.rate_bytes_s = Some(sum);
        }
        "Error summary" => {
            if value != "no errors found" {
                sums.errors.push(value.to_owned());
            }
            return !value.is_empty();
        }
        "Corrected" | "Uncorrectable" | "Unverified" => {
            let Ok(count) = value.parse::<u64>() else {
                return false;
            };
            if count > 0 {
                sums.errors.push(format!("{} {count}", key.to_lowercase()));
            }
        }
        // What `-R` counts.
        "read_errors"
        | "csum_errors"
        | "verify_errors"
        | "super_errors"
        | "malloc_errors"
        | "uncorrectable_errors"
        | "unverified_errors"
        | "corrected_errors" => {
            let Ok(count) = value.parse::<u64>() else {
                return false;
            };
            if count > 0 {
                sums.errors
                    .push(format!("{}={count}", key.trim_end_matches("_errors")));
            }
        }
        "data_extents_scrubbed"
        | "tree_extents_scrubbed"
        | "data_bytes_scrubbed"
        | "tree_bytes_scrubbed"
        | "no_csum"
        | "csum_discards"
        | "last_physical" => {
            return value.parse::<u64>().is_ok();
        }
        _ => return false,
    }
    true
}

/// Lines of progs before 5.2: `scrub started at Mon … and finished after 00:01:02`, `total bytes
/// scrubbed: 1.00GiB with 2 errors`, `error details: csum=2`, `corrected errors: 2, …`.
fn old_scrub_line(state: &mut Maintenance, sums: &mut Sums, text: &str) -> Option<bool> {
    if text.starts_with("scrub started at ") || text.starts_with("scrub resumed at ") {
        let found = if text.contains(", running for ") {
            MaintenanceState::Running
        } else if text.contains(" and finished after ") {
            MaintenanceState::Finished
        } else if text.contains(" and was aborted after ") {
            MaintenanceState::Aborted
        } else if text.contains(", interrupted after ") {
            MaintenanceState::Interrupted
        } else {
            return Some(false);
        };
        sums.parts += 1;
        state.state = worst(state.state, found);
        return Some(true);
    }
    if let Some(rest) = text.strip_prefix("total bytes scrubbed: ") {
        return Some(rest.ends_with(" errors"));
    }
    if let Some(details) = text.strip_prefix("error details: ") {
        sums.errors.push(details.trim().to_owned());
        return Some(true);
    }
    if text.starts_with("corrected errors: ") {
        // corrected errors: 2, uncorrectable errors: 0, unverified errors: 0
        for part in text.split(", ") {
            let (name, count) = part.split_once(" errors: ")?;
            match count.trim().parse::<u64>() {
                Ok(0) => {}
                Ok(count) => sums.errors.push(format!("{name} {count}")),
                Err(_) => return Some(false),
            }
        }
        return Some(true);
    }
    None
}

fn balance(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut state: Option<Maintenance> = None;
    for line in &block.lines {
        let text = line.text;
        if text.starts_with("No balance found on ") || text.starts_with("Balance on '") {
            let mut found = job(MaintenanceJob::Balance, block);
            // The path may hold quotes itself.
            let path = text
                .split_once('\'')
                .and_then(|(_, rest)| rest.rsplit_once('\''));
            if let Some((path, _)) = path {
                found.path = Some(path.to_owned());
            }
            let said = path.map_or("", |(_, rest)| rest);
            found.state = if text.starts_with("No balance") {
                MaintenanceState::Never
            } else if said.starts_with(" is running") {
                MaintenanceState::Running
            } else if said.starts_with(" is paused") {
                MaintenanceState::Paused
            } else {
                MaintenanceState::Unknown
            };
            found.running = found.state == MaintenanceState::Running;
            if found.state == MaintenanceState::Unknown {
                reading.not_understood(line, "`btrfs balance status`");
            }
            if let Some(before) = state.replace(found) {
                reading.metrics.maintenance.push(reading.sourced(before));
            }
        } else if let Some(done) = chunks(text) {
            if let Some(state) = &mut state {
                state.done = done;
            }
        } else if !is_filter(line) {
            reading.not_understood(line, "`btrfs balance status`");
        }
    }
    if let Some(state) = state {
        reading.metrics.maintenance.push(reading.sourced(state));
    }
}

/// `3 out of about 9 chunks balanced (4 considered),  67% left`: the share that is done. Zero of
/// zero is no share.
fn chunks(text: &str) -> Option<Option<Percent>> {
    let (done, rest) = text.split_once(" out of about ")?;
    let (all, _) = rest.split_once(" chunks balanced")?;
    let (done, all) = (
        done.trim().parse::<u64>().ok()?,
        all.trim().parse::<u64>().ok()?,
    );
    // The number of chunks is a guess of the kernel's, and may prove too small.
    Some((all > 0).then(|| Percent((done as f64 * 100.0 / all as f64).min(100.0))))
}

/// What `-v` adds: `Dumping filters: …`, `  DATA (flags 0x2): balancing, usage=50`.
fn is_filter(line: &Line<'_>) -> bool {
    let text = line.text.trim_start();
    text.starts_with("Dumping filters:")
        || ["DATA (", "METADATA (", "SYSTEM ("]
            .iter()
            .any(|kind| text.starts_with(kind))
}

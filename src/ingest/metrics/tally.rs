//! Processes over several reports of one run.

use std::collections::BTreeMap;

use super::Reading;
use super::counters::rounded;
use crate::model::metrics::{Process, ProcessState};
use crate::model::units::Percent;

/// The sum of a value over reports, and of how many.
#[derive(Debug, Default, Clone, Copy)]
struct Sum {
    sum: f64,
    count: u32,
}

impl Sum {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.count += 1;
        }
    }

    /// The mean over the reports with a value, or over `reports` where a report without one means
    /// none.
    fn mean(self, reports: Option<u32>) -> Option<f64> {
        (self.count > 0).then(|| rounded(self.sum / f64::from(reports.unwrap_or(self.count))))
    }
}

#[derive(Default)]
struct Row {
    process: Process,
    cpu: Sum,
    read: Sum,
    write: Sum,
    wait: Sum,
}

/// Rows of all reports, by process and name: a worker of the kernel keeps its number and changes
/// its name with what it works for.
#[derive(Default)]
pub(super) struct Tally {
    rows: Vec<Row>,
    places: BTreeMap<(Option<u64>, String), usize>,
}

impl Tally {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes a row of a report.
    pub(super) fn add(&mut self, process: Process) {
        let key = (process.pid, process.name.clone());
        let place = *self.places.entry(key).or_insert_with(|| {
            self.rows.push(Row::default());
            self.rows.len() - 1
        });
        let Some(row) = self.rows.get_mut(place) else {
            return;
        };
        row.cpu.add(process.cpu.map(|p| p.0));
        row.read.add(process.read_bytes_s);
        row.write.add(process.write_bytes_s);
        row.wait.add(process.io_wait.map(|p| p.0));
        let known = &mut row.process;
        known.name = process.name;
        known.pid = process.pid;
        known.command = process.command.or(known.command.take());
        known.user = process.user.or(known.user.take());
        known.wchan = process.wchan.or(known.wchan.take());
        known.resident = process.resident.or(known.resident);
        known.read_total = process.read_total.or(known.read_total);
        known.write_total = process.write_total.or(known.write_total);
        // One look that found it waiting says more than one that did not.
        if known.state != Some(ProcessState::Uninterruptible) {
            known.state = process.state.or(known.state);
        }
    }

    /// Adds the means to the metrics. `idle_left_out`: a process that a report does not list did
    /// nothing in it.
    pub(super) fn finish(self, reading: &mut Reading<'_>, reports: u32, idle_left_out: bool) {
        let reports = reports.max(1);
        let over = idle_left_out.then_some(reports);
        for row in self.rows {
            let process = Process {
                cpu: row.cpu.mean(over).map(Percent),
                read_bytes_s: row.read.mean(over),
                write_bytes_s: row.write.mean(over),
                io_wait: row.wait.mean(over).map(Percent),
                samples: reports,
                ..row.process
            };
            reading.metrics.processes.push(reading.sourced(process));
        }
    }
}

/// The short name of a command line, and the line itself where it says more.
pub(super) fn named(command: &str) -> (String, Option<String>) {
    let command = command.trim();
    if let Some(thread) = command
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return (thread.to_owned(), None);
    }
    let first = command.split_whitespace().next().unwrap_or_default();
    let base = match first.starts_with(['/', '.', '~']) && first.contains('/') {
        true => first.rsplit('/').next().unwrap_or(first),
        false => first,
    };
    // `postgres: checkpointer`, `nginx: worker process`; login shells begin with `-`.
    let base = base.trim_end_matches(':').trim_start_matches('-');
    let name = unwrapped(base).to_owned();
    let more = (name != command).then(|| command.to_owned());
    (name, more)
}

/// The program behind a wrapper of nixpkgs: `.firefox-wrapped`, which the kernel cuts to 15
/// characters (`.firefox-wrappe`).
pub(super) fn unwrapped(name: &str) -> &str {
    name.strip_prefix('.')
        .and_then(|rest| rest.rfind("-wr").map(|end| (rest, end)))
        .filter(|(rest, end)| {
            *end > 0 && "-wrapped_".starts_with(rest[*end..].trim_end_matches('_'))
        })
        .map_or(name, |(rest, end)| &rest[..end])
}

/// What a letter of `ps` or `top` says.
pub(super) fn state(letters: &str) -> Option<ProcessState> {
    Some(match letters.chars().next()? {
        'R' => ProcessState::Running,
        'S' | 'I' => ProcessState::Sleeping,
        'D' => ProcessState::Uninterruptible,
        'T' | 't' => ProcessState::Stopped,
        'Z' | 'X' => ProcessState::Zombie,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_the_line_is_kept() {
        let name = |command| named(command).0;
        assert_eq!(
            name("[kworker/u8:0-btrfs-endio]"),
            "kworker/u8:0-btrfs-endio"
        );
        assert_eq!(name("kworker/u8:0-loop2"), "kworker/u8:0-loop2");
        assert_eq!(
            name("/nix/store/abc-pg/bin/.postgres-wrapped -D /x"),
            "postgres"
        );
        assert_eq!(name("postgres: checkpointer "), "postgres");
        assert_eq!(name(".firefox-wrappe"), "firefox");
        assert_eq!(name("-bash"), "bash");
        assert_eq!(
            named("sync -f m"),
            ("sync".into(), Some("sync -f m".into()))
        );
        assert_eq!(named("fio"), ("fio".into(), None));
    }
}

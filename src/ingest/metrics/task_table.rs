//! The table of processes in a bundle of `btrfs-tune collect`: a heading
//! `## processes t=12.345 hz=100 page=4096`, a head of column names, and one line a task, all parted
//! by tabs. `-` is unknown; blanks and control characters in names are octal (`\040`). Counters of
//! two samples become rates; a task of a single sample has none. A worker of the kernel keeps its
//! number and changes its name with what it works for: it is told once for each name.

use std::collections::BTreeMap;

use super::Reading;
use super::text::Block;
use crate::ingest::problem::quoted;
use crate::model::metrics::{Process, ProcessState};
use crate::model::units::{Bytes, Percent};

/// The tasks of all samples of one file, by number and time of start.
#[derive(Debug, Default)]
pub(super) struct Samples {
    by_start: BTreeMap<(u64, u64), Task>,
}

#[derive(Debug, Default)]
struct Task {
    process: Process,
    first: Option<Counters>,
    last: Option<Counters>,
    /// Of a worker: the other names it had, with what it used up to them.
    names: BTreeMap<String, Named>,
}

/// What a worker did under one name.
#[derive(Debug, Default)]
struct Named {
    process: Process,
    cpu_s: f64,
    read: u64,
    written: u64,
}

/// What a task used up to a time.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    at_s: f64,
    /// Seconds of processor time.
    cpu_s: Option<f64>,
    /// Seconds of waiting for block devices.
    blocked_s: Option<f64>,
    read: Option<u64>,
    written: Option<u64>,
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let Some((head, rows)) = block.lines.split_first() else {
        return;
    };
    let setting = |name: &str| -> Option<f64> {
        let word = block.context.label.split_whitespace();
        let value = word.filter_map(|w| w.strip_prefix(name)).next_back()?;
        value.parse().ok().filter(|v| *v > 0.0)
    };
    let (hz, page) = (setting("hz="), setting("page="));
    let columns: Vec<&str> = head.text.split('\t').collect();
    for line in rows {
        let fields: Vec<&str> = line.text.split('\t').collect();
        let field = |name: &str| -> Option<&str> {
            let at = columns.iter().position(|c| *c == name)?;
            fields.get(at).copied().filter(|f| !matches!(*f, "-" | ""))
        };
        let number = |name: &str| field(name)?.parse::<u64>().ok();
        let (Some(pid), Some(comm)) = (number("pid"), field("comm")) else {
            let message = format!(
                "not a line of processes: `{}`; passed over",
                quoted(line.text)
            );
            reading.doubt(line.number, message);
            continue;
        };
        let ticks = |name: &str| Some(number(name)? as f64 / hz?);
        let counters = block.context.at_s.map(|at_s| Counters {
            at_s,
            cpu_s: ticks("cpu_ticks"),
            blocked_s: ticks("blkio_ticks"),
            read: number("read_bytes"),
            written: number("write_bytes"),
        });
        let key = (pid, number("start").unwrap_or_default());
        let task = reading.tasks.by_start.entry(key).or_default();
        let name = unescaped(comm);
        let is_worker = name.starts_with("kworker/");
        let process = match is_worker {
            // What it did since it was last looked at counts for the name that it has now.
            true => {
                let named = task.names.entry(of_work(&name).to_owned()).or_default();
                if let Some((was, is)) = task.last.zip(counters) {
                    let grown = |a: Option<u64>, b: Option<u64>| {
                        a.zip(b).map_or(0, |(a, b)| b.saturating_sub(a))
                    };
                    let cpu = was.cpu_s.zip(is.cpu_s).map_or(0.0, |(a, b)| b - a);
                    named.cpu_s += cpu.max(0.0);
                    named.read = named.read.saturating_add(grown(was.read, is.read));
                    named.written = named.written.saturating_add(grown(was.written, is.written));
                }
                &mut named.process
            }
            false => &mut task.process,
        };
        process.pid = Some(pid);
        // `kworker/u8:4+btrfs-qgroup-rescan` works at it now, with `-` it did last.
        if process.name.is_empty() || name.contains('+') || !is_worker {
            process.name = name;
        }
        let program = field("program").map(unescaped);
        process.command = program.filter(|p| *p != process.name);
        process.user = field("user").map(unescaped);
        process.resident = number("rss_pages")
            .zip(page)
            .map(|(pages, size)| Bytes(pages.saturating_mul(size as u64)));
        process.io_uring = match field("io_uring") {
            Some("yes") => Some(true),
            Some("no") => Some(false),
            _ => process.io_uring,
        };
        process.samples += 1;
        // A task that waited once for a device is remembered in that state, with where it was.
        if process.state != Some(ProcessState::Uninterruptible) {
            process.state = field("state").and_then(state);
            process.wchan = field("wchan").map(unescaped);
        }
        task.first = task.first.or(counters);
        task.last = counters.or(task.last);
    }
}

/// The rates of all tasks of a file, when all its samples are read.
pub(super) fn finish(reading: &mut Reading<'_>) {
    for (_, task) in std::mem::take(&mut reading.tasks.by_start) {
        let Task {
            mut process,
            first,
            last,
            names,
        } = task;
        let seconds = first.zip(last).map(|(a, b)| b.at_s - a.at_s);
        for named in names.into_values() {
            let mut process = named.process;
            if let Some((seconds, last)) = seconds.filter(|s| *s > 0.0).zip(last) {
                let rate = |n: u64| n as f64 / seconds;
                process.cpu = last.cpu_s.map(|_| Percent(named.cpu_s / seconds * 100.0));
                process.read_bytes_s = last.read.map(|_| rate(named.read));
                process.write_bytes_s = last.written.map(|_| rate(named.written));
            }
            let process = reading.sourced(process);
            reading.metrics.processes.push(process);
        }
        if process.pid.is_none() {
            continue;
        }
        if let Some((first, last)) = first.zip(last) {
            let seconds = last.at_s - first.at_s;
            // Counters that fell are of another task, or of a kernel that lost some.
            let rate = |a: Option<f64>, b: Option<f64>| {
                let used = b? - a?;
                (seconds > 0.0 && used >= 0.0).then_some(used / seconds)
            };
            let bytes = |n: Option<u64>| n.map(|n| n as f64);
            process.cpu = rate(first.cpu_s, last.cpu_s).map(|r| Percent(r * 100.0));
            process.io_wait = rate(first.blocked_s, last.blocked_s).map(|r| Percent(r * 100.0));
            process.read_bytes_s = rate(bytes(first.read), bytes(last.read));
            process.write_bytes_s = rate(bytes(first.written), bytes(last.written));
        }
        let process = reading.sourced(process);
        reading.metrics.processes.push(process);
    }
}

/// What a worker works for: the end of `kworker/u8:4+btrfs-qgroup-rescan`; its whole name if that
/// says nothing.
fn of_work(name: &str) -> &str {
    let end = name.split_once(['+', '-']).map(|(_, end)| end);
    end.filter(|end| !end.is_empty()).unwrap_or(name)
}

fn state(word: &str) -> Option<ProcessState> {
    Some(match word {
        "R" => ProcessState::Running,
        "S" | "I" => ProcessState::Sleeping,
        "D" => ProcessState::Uninterruptible,
        "T" | "t" => ProcessState::Stopped,
        "Z" | "X" => ProcessState::Zombie,
        _ => return None,
    })
}

/// A name whose odd characters were written as octal bytes. What steers a terminal stays written.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let octal = rest.get(1..4).and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            digits.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
            u8::from_str_radix(digits, 8).ok()
        });
        match octal {
            Some(decoded) if byte == b'\\' && !decoded.is_ascii_control() => {
                bytes.push(decoded);
                rest = &rest[4..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use crate::ingest::metrics::read_bytes;
    use crate::model::metrics::{Metrics, ProcessState};
    use crate::model::units::Bytes;

    const TABLE: &str = "## processes t=100.5 hz=100 page=4096
pid\tppid\tstart\tcomm\tprogram\tuser\tstate\tcpu_ticks\tblkio_ticks\tread_bytes\twrite_bytes\trss_pages\twchan\tio_uring
7\t1\t20\tpostgres\tpostgres\tpostgres\tS\t100\t0\t1000\t2000\t10\t0\tno
8\t2\t21\tbtrfs-cleaner\t-\troot\tD\t50\t-\t-\t-\t0\tio_schedule\t-

## processes t=102.5 hz=100 page=4096
pid\tppid\tstart\tcomm\tprogram\tuser\tstate\tcpu_ticks\tblkio_ticks\tread_bytes\twrite_bytes\trss_pages\twchan\tio_uring
7\t1\t20\tpostgres\tpostgres\tpostgres\tR\t200\t10\t1000\t6000\t12\t-\tyes
8\t2\t21\tbtrfs-cleaner\t-\troot\tS\t250\t-\t-\t-\t0\t-\t-
9\t1\t300\todd\\040\\033[31m\\134\tperl\tuser1\tS\t5\t0\t1\t1\t1\t-\tno
";

    #[test]
    fn two_samples_become_rates_and_one_does_not() {
        let mut metrics = Metrics::default();
        let problems = read_bytes("p", TABLE.as_bytes(), &mut metrics);
        assert_eq!(problems, []);
        let [postgres, cleaner, odd] = &metrics.processes[..] else {
            panic!("{:?}", metrics.processes);
        };
        assert_eq!(postgres.cpu.map(|p| p.0), Some(50.0));
        assert_eq!(postgres.io_wait.map(|p| p.0), Some(5.0));
        assert_eq!(postgres.read_bytes_s, Some(0.0));
        assert_eq!(postgres.write_bytes_s, Some(2000.0));
        assert_eq!(postgres.resident, Some(Bytes(12 * 4096)));
        assert_eq!(postgres.io_uring, Some(true));
        assert_eq!((postgres.samples, &postgres.command), (2, &None));
        assert_eq!(cleaner.cpu.map(|p| p.0), Some(100.0));
        assert_eq!(cleaner.state, Some(ProcessState::Uninterruptible));
        assert_eq!(cleaner.wchan.as_deref(), Some("io_schedule"));
        assert_eq!((cleaner.write_bytes_s, cleaner.io_uring), (None, None));
        assert_eq!(odd.name, "odd \\033[31m\\");
        assert_eq!(odd.command.as_deref(), Some("perl"));
        assert_eq!((odd.cpu, odd.samples), (None, 1));
    }

    #[test]
    fn a_number_taken_by_another_task_is_another_task() {
        let again = TABLE.replace(
            "7\t1\t20\tpostgres\tpostgres\tpostgres\tR",
            "7\t1\t999\tnew\tnew\troot\tR",
        );
        let mut metrics = Metrics::default();
        read_bytes("p", again.as_bytes(), &mut metrics);
        let rates: Vec<_> = metrics
            .processes
            .iter()
            .map(|p| (p.name.as_str(), p.cpu.is_some()))
            .collect();
        let expected = [("postgres", false), ("new", false), ("btrfs-cleaner", true)];
        assert_eq!(rates[..3], expected);
    }

    #[test]
    fn a_worker_is_told_by_each_name_with_what_it_did_under_it() {
        let head = "pid\tppid\tstart\tcomm\tprogram\tuser\tstate\tcpu_ticks\tread_bytes\twchan";
        let looks = [
            (1, "kworker/u8:4-btrfs-endio", "I", 100, "-"),
            (
                2,
                "kworker/u8:4+btrfs-qgroup-rescan",
                "D",
                150,
                "btrfs_tree_lock",
            ),
            (3, "kworker/u8:4-btrfs-qgroup-rescan", "I", 240, "-"),
            (5, "kworker/u8:4-btrfs-endio", "I", 240, "-"),
        ];
        let text: String = looks
            .iter()
            .map(|(at, name, state, ticks, wchan)| {
                format!(
                    "## processes t={at}.0 hz=100 page=4096\n{head}\n\
                     7\t2\t20\t{name}\t-\troot\t{state}\t{ticks}\t0\t{wchan}\n\n"
                )
            })
            .collect();
        let mut metrics = Metrics::default();
        assert_eq!(read_bytes("p", text.as_bytes(), &mut metrics), []);
        let [endio, rescan] = &metrics.processes[..] else {
            panic!("{:?}", metrics.processes);
        };
        assert_eq!(endio.name, "kworker/u8:4-btrfs-endio");
        assert_eq!(endio.cpu.map(|p| p.0), Some(0.0));
        assert_eq!(rescan.name, "kworker/u8:4+btrfs-qgroup-rescan");
        assert_eq!(rescan.cpu.map(|p| p.0), Some(35.0));
        assert_eq!(rescan.state, Some(ProcessState::Uninterruptible));
        assert_eq!(rescan.wchan.as_deref(), Some("btrfs_tree_lock"));
        assert_eq!((rescan.samples, rescan.pid), (2, Some(7)));
    }

    #[test]
    fn broken_rows_are_told() {
        let mut metrics = Metrics::default();
        let text = "pid\tppid\tstart\tcomm\nx\ty\n5\t1\t2\tgood\n";
        let problems = read_bytes("p", text.as_bytes(), &mut metrics);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].line, Some(2));
        assert_eq!(metrics.processes.len(), 1);
        assert_eq!(metrics.processes[0].cpu, None);
    }
}

//! Owns: programs and kernel threads as signals: who computes, who waits, who reads and writes.

use std::collections::BTreeMap;

use super::{Gather, Subject, measured};
use crate::model::metrics::{Process, ProcessState, Sourced};

/// Half a core is more than anything takes that waits.
const BUSY_PERCENT: f64 = 50.0;
/// Less than this is not what keeps a disk busy.
const MUCH_BYTES_S: f64 = 5e6;
/// So many programs are those that somebody names, and no list of all that there are.
const FEW: usize = 20;

pub(super) fn gather(gather: &mut Gather<'_>) {
    // Who looks is not what the machine does.
    let processes = gather.host.metrics.processes.iter();
    let processes: Vec<_> = processes.filter(|p| p.name != "btrfs-tune").collect();
    let sum = |bytes: fn(&Process) -> Option<f64>| -> f64 {
        processes.iter().filter_map(|p| bytes(p)).sum()
    };
    let (read, written) = (sum(|p| p.read_bytes_s), sum(|p| p.write_bytes_s));
    for process in &processes {
        one(gather, process, read, written);
    }
    workers(gather, &processes);
}

/// Work that several workers of the kernel share, none of which takes half a core: what matters is
/// what they work for.
fn workers(gather: &mut Gather<'_>, processes: &[&Sourced<Process>]) {
    let work = |p: &Sourced<Process>| -> Option<(String, f64)> {
        let of = p.name.strip_prefix("kworker/")?.split_once(['+', '-'])?.1;
        Some((of.to_owned(), p.cpu?.0))
    };
    let mut sums: BTreeMap<String, (f64, &Sourced<Process>)> = BTreeMap::new();
    for process in processes {
        let Some((of, cpu)) = work(process) else {
            continue;
        };
        // Whoever takes half a core by itself is told already.
        let sum = sums.entry(of).or_insert((0.0, process));
        sum.0 += if cpu < BUSY_PERCENT { cpu } else { 0.0 };
    }
    for (of, (cpu, first)) in sums.into_iter().filter(|(_, s)| s.0 >= BUSY_PERCENT) {
        let name = format!("kworker+{of}");
        let text = format!("workers for {of} take {cpu:.0} % of a core together");
        gather.word(
            "thread.busy",
            Subject::Machine,
            &name,
            measured(first),
            text,
        );
    }
}

fn one(gather: &mut Gather<'_>, process: &Sourced<Process>, read: f64, written: f64) {
    let name = &process.name;
    let word = |gather: &mut Gather<'_>, signal: &str, text: String| {
        gather.word(signal, Subject::Machine, name, measured(process), text);
    };
    if let Some(cpu) = process.cpu.filter(|c| c.0 >= BUSY_PERCENT) {
        let text = format!("{name} takes {cpu} of a core");
        word(gather, "thread.busy", text.clone());
        if !is_of_kernel(process) {
            word(gather, "program.busy", text);
        }
    }
    // Somebody names it as what runs at that time, without a figure.
    let is_named = process.state == Some(ProcessState::Running)
        && process.cpu.is_none()
        && process.pid.is_none()
        && process.wchan.is_none()
        && gather.host.metrics.processes.len() <= FEW;
    if is_named {
        word(gather, "thread.busy", format!("{name} is at work"));
    }
    if process.state == Some(ProcessState::Uninterruptible) {
        let wchan = process
            .wchan
            .as_ref()
            .map_or(String::new(), |w| format!(" in {w}"));
        word(
            gather,
            "thread.blocked",
            format!("{name} waits{wchan} and cannot be woken"),
        );
        if let Some(function) = &process.wchan {
            gather.word(
                "thread.waits_in",
                Subject::Machine,
                function,
                measured(process),
                format!("{name} waits in {function}"),
            );
        }
    }
    let much = |bytes: f64, all: f64| bytes >= MUCH_BYTES_S || (bytes >= 1e6 && bytes >= all / 2.0);
    if let Some(bytes) = process.write_bytes_s.filter(|b| much(*b, written)) {
        let text = format!("{name} writes {:.1} MB/s", bytes / 1e6);
        word(gather, "thread.writes", text.clone());
        if !is_of_kernel(process) {
            word(gather, "program.writes", text);
        }
    }
    if let Some(bytes) = process.read_bytes_s.filter(|b| much(*b, read)) {
        word(
            gather,
            "thread.reads",
            format!("{name} reads {:.1} MB/s", bytes / 1e6),
        );
    }
    if process.io_uring == Some(true) {
        word(
            gather,
            "thread.io_uring",
            format!("{name} holds an io_uring open"),
        );
    }
}

/// Whether something is a thread of the kernel, by its name: those have no command line.
fn is_of_kernel(process: &Process) -> bool {
    const NAMES: [&str; 14] = [
        "kworker",
        "kswapd",
        "btrfs-",
        "ksoftirqd",
        "kcompactd",
        "khugepaged",
        "kthreadd",
        "rcu_",
        "migration/",
        "jbd2",
        "md",
        "dmcrypt",
        "kcryptd",
        "loop",
    ];
    process.command.is_none() && NAMES.iter().any(|n| process.name.starts_with(n))
}

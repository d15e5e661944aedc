//! The kernel's log: as it is printed, and single lines of it wherever somebody quotes them.

use serde_json::Value;

use super::Reader;
use super::node::{self, Node};
use crate::ingest::metrics;
use crate::model::metrics::{
    KernelEvent, KernelEventKind, Metrics, Process, ProcessState, Sourced,
};

/// Lines of the kernel's log.
pub(super) fn kernel_log(reader: &mut Reader<'_>, node: &Node<'_>) {
    // CALL SITE of the classifier of kernel logs (`crate::ingest::metrics`): it is reached through
    // the one reader of outputs, which knows the log by its lines, one or several.
    let lines: Vec<&str> = match node.value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !lines.is_empty() && reader.output(node, &lines.join("\n")) {
        return;
    }
    if let Some(text) = node.text() {
        if fragments(reader, node, text, true) {
            reader.partly(node);
        }
        return;
    }
    for member in node.leaves().iter().filter(|m| m.text().is_some()) {
        let text = member.text().unwrap_or_default();
        if !reader.output(member, text) && fragments(reader, member, text, true) {
            reader.partly(member);
        }
    }
}

/// Lines of the kernel's log without their times, quoted in a sentence or as one. Whether there are
/// any. Where a key says that it is the log, looser words do too.
pub(super) fn fragments(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    text: &str,
    is_log: bool,
) -> bool {
    const MARKS: [&str; 15] = [
        "BTRFS ",
        "BTRFS:",
        "nvme nvme",
        "task ",
        "usb ",
        "usb: ",
        "sd ",
        "scsi host",
        "I/O error, dev ",
        "Out of memory: Kill",
        "watchdog: BUG",
        "workqueue: ",
        "mmcblk",
        "mmc",
        "ata",
    ];
    const DENIED: [&str; 7] = ["no", "not", "without", "never", "clean", "nothing", "none"];
    let mut found = false;
    if is_log && let Some(process) = waiting(text) {
        let process = reader.sourced(node, process);
        reader.facts.metrics.processes.push(process);
        found = true;
    }
    let before = reader.facts.metrics.kernel_events.len();
    for part in text.split(['\n', ';']) {
        let begins = MARKS.iter().filter_map(|mark| {
            let at = part.find(mark)?;
            let free = !part[..at].ends_with(|c: char| c.is_alphanumeric());
            let numbered =
                *mark != "ata" || part[at + 3..].starts_with(|c: char| c.is_ascii_digit());
            (free && numbered).then_some(at)
        });
        let Some(at) = begins.min() else { continue };
        let (ahead, line) = part.split_at(at);
        if node::words(ahead)
            .iter()
            .any(|word| DENIED.contains(&word.as_str()))
        {
            continue;
        }
        let source = reader.place(&node.path);
        let line = line.trim_end_matches(['"', '\'', '`', '.']);
        let mut read = Metrics::default();
        metrics::read_bytes(
            &source,
            format!("[    1.000000] {line}\n").as_bytes(),
            &mut read,
        );
        if read.kernel_events.is_empty() && is_log {
            read.kernel_events
                .extend(loose(line).map(|(kind, subject)| Sourced {
                    value: KernelEvent {
                        kind,
                        subject,
                        line: line.to_owned(),
                        count: 1,
                    },
                    source: source.clone().into(),
                }));
        }
        for mut event in read.kernel_events {
            if event.value.kind == KernelEventKind::HungTask && event.value.subject.is_none() {
                event.value.subject = task_of(line);
            }
            let seen = &mut reader.facts.metrics.kernel_events[before..];
            let same = seen.iter_mut().find(|e| {
                e.value.kind == event.value.kind && e.value.subject == event.value.subject
            });
            match same {
                Some(known) => known.value.count += event.value.count,
                None => reader.facts.metrics.kernel_events.push(event),
            }
            found = true;
        }
    }
    found
}

/// The task of `task btrfs-transacti blocked`.
fn task_of(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("task ")?;
    let task = rest.split_whitespace().next()?.trim_end_matches(':');
    (task != "blocked").then(|| task.to_owned())
}

/// `task:fstrim state:D stack:0 pid:512`: a task that the kernel lists because it waits.
fn waiting(line: &str) -> Option<Process> {
    let (_, rest) = line.split_once("task:")?;
    let (name, rest) = rest
        .trim_start()
        .split_once(|c: char| c.is_whitespace() || c == ',')?;
    let state = rest.trim_start().strip_prefix("state")?;
    let state = state.trim_start_matches([':', ' ']);
    let waits = state.starts_with('D') && !state[1..].starts_with(|c: char| c.is_alphanumeric());
    (waits && !name.is_empty()).then(|| Process {
        name: name.to_owned(),
        state: Some(ProcessState::Uninterruptible),
        samples: 1,
        ..Process::default()
    })
}

/// Lines as people shorten them.
fn loose(line: &str) -> Option<(KernelEventKind, Option<String>)> {
    let words = node::words(line);
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    let subject = |begin: &str| {
        let found = words.iter().find(|w| {
            w.strip_prefix(begin)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        found.cloned()
    };
    if has(&["denied", "no", "not", "without"]) {
        None
    } else if line.starts_with("nvme") && has(&["timeout", "timeouts"]) {
        Some((KernelEventKind::NvmeTimeout, subject("nvme")))
    } else if line.starts_with("nvme") && has(&["reset", "resetting"]) {
        Some((KernelEventKind::NvmeReset, subject("nvme")))
    } else if line.starts_with("usb") && has(&["reset", "disconnect"])
        || line.contains("uas_zap_pending")
    {
        Some((KernelEventKind::UsbReset, None))
    } else if line.starts_with("mmc") && has(&["timeout", "timed"]) {
        Some((KernelEventKind::MmcError, subject("mmc")))
    } else if line.starts_with("task ") && has(&["blocked"]) {
        Some((KernelEventKind::HungTask, task_of(line)))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_waits_is_found_in_its_line() {
        let name = |line| waiting(line).map(|p| p.name);
        for line in [
            "task:fstrim state:D stack:0 pid:512 ppid:1",
            "task: fstrim, state D",
        ] {
            assert_eq!(name(line).as_deref(), Some("fstrim"), "{line}");
        }
        for line in [
            "task:fstrim state:S stack:0",
            "task fstrim blocked for more than 120 seconds",
            "task:",
        ] {
            assert_eq!(name(line), None, "{line}");
        }
    }
}

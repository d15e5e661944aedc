//! The kernel's log: as it is printed, and single lines of it wherever somebody quotes them.

use serde_json::Value;

use super::Reader;
use super::node::{self, Node};
use crate::ingest::metrics;
use crate::model::metrics::{KernelEvent, KernelEventKind, Metrics, Sourced};

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

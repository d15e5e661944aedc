//! Programs and kernel threads, wherever a file names one with what it does.

use serde_json::Value;

use super::Reader;
use super::amount;
use super::node::{self, Node};
use super::process_words::{cleaned, describe, is_high, wrapped};
use crate::model::metrics::{Process, ProcessState, VmActivity};
use crate::model::observation::Unit;
use crate::model::units::Percent;

/// Whether a key heads a list of programs.
pub(super) fn is_list(words: &[String]) -> bool {
    const LISTS: [&str; 16] = [
        "top",
        "htop",
        "atop",
        "ps",
        "threads",
        "processes",
        "process",
        "tasks",
        "pidstat",
        "iotop",
        "kworkers",
        "wchan",
        "programs",
        "blocked",
        "hung",
        "daemons",
    ];
    let name = words.join(" ");
    LISTS.iter().any(|list| words.iter().any(|w| w == list)) && !name.contains("cpu threads")
        || is_d_state(words)
}

fn is_d_state(words: &[String]) -> bool {
    let name = words.join(" ");
    if name == "ps d" {
        return true;
    }
    [
        "d state",
        "dstate",
        "uninterruptible",
        "state d",
        "blocked tasks",
        "hung tasks",
    ]
    .iter()
    .any(|d| name.contains(d))
}

/// Whether a name is that of a kernel thread.
pub(super) fn is_thread(name: &str) -> bool {
    const BEGIN: [&str; 14] = [
        "btrfs-",
        "kworker",
        "kswapd",
        "khugepaged",
        "kcompactd",
        "ksoftirqd",
        "dmcrypt_write",
        "kcryptd",
        "jbd2/",
        "usb-storage",
        "md0_",
        "md1_",
        "md127_",
        "zswap-",
    ];
    let name = name.trim_start_matches('[');
    BEGIN.iter().any(|begin| name.starts_with(begin))
}

/// What is known of a list of programs: all of them wait, or a bare number is a share of a core.
#[derive(Clone, Copy, Default)]
struct Listed {
    waits: bool,
    bare_is_cpu: bool,
    is_top: bool,
}

pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>) {
    let words = node.words();
    let listed = Listed {
        waits: is_d_state(&words) || words.iter().any(|w| w == "blocked" || w == "hung"),
        is_top: words
            .iter()
            .any(|w| matches!(w.as_str(), "top" | "htop" | "iotop" | "atop")),
        bare_is_cpu: words.iter().any(|w| {
            matches!(
                w.as_str(),
                "top" | "htop" | "ps" | "cpu" | "threads" | "tasks"
            )
        }),
    };
    list(reader, node, listed);
}

fn list(reader: &mut Reader<'_>, node: &Node<'_>, listed: Listed) {
    match node.value {
        // An empty list of tasks that wait: none does.
        Value::Array(none) if none.is_empty() && listed.waits => {
            let mut vm = activity(reader);
            vm.blocked = Some(0.0);
            set_activity(reader, node, vm);
        }
        Value::Array(_) => {
            let members = node.members();
            // `["elephant", "34 GB written"]` is one program, and said of it.
            if let [first, second] = members.as_slice()
                && let (Some(name), Some(said)) = (first.text(), second.text())
                && said.starts_with(|c: char| c.is_ascii_digit())
            {
                let mut process = Process {
                    name: name.to_owned(),
                    samples: 1,
                    ..Process::default()
                };
                if describe(said, &mut process) {
                    push(reader, node, process);
                    reader.typed(node);
                }
                return;
            }
            for member in members {
                list(reader, &member, listed);
            }
        }
        Value::Object(_) => {
            if name_of(node).is_some() {
                object(reader, node, listed);
                return;
            }
            for member in node.members() {
                // `us`, `wa` … of top are shares of the processors, and no programs.
                if totals(reader, &member) || is_share(member.key()) {
                    continue;
                }
                match member.value {
                    Value::Object(_) => named_object(reader, &member, listed),
                    _ => pair(reader, &member, listed),
                }
            }
        }
        Value::String(text) if listed.waits && is_nobody(text) => {
            let mut vm = activity(reader);
            vm.blocked = Some(0.0);
            set_activity(reader, node, vm);
            reader.typed(node);
        }
        Value::String(text) => entries(reader, node, text, listed),
        Value::Number(_) if listed.waits => {
            if let Some((count, _)) = node.plain_count() {
                let mut vm = activity(reader);
                vm.blocked = Some(count as f64);
                set_activity(reader, node, vm);
                reader.typed(node);
            }
        }
        _ => {}
    }
}

/// Whether a list of tasks is said to be empty.
fn is_nobody(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    matches!(
        text.as_str(),
        "none" | "nothing" | "nobody" | "no" | "empty" | "no tasks" | "zero"
    )
}

fn is_share(key: &str) -> bool {
    let key = key.trim_start_matches('%').to_lowercase();
    matches!(
        key.as_str(),
        "us" | "sy" | "ni" | "id" | "wa" | "hi" | "si" | "st" | "iowait" | "idle"
    )
}

fn activity(reader: &Reader<'_>) -> VmActivity {
    reader.facts.metrics.vm.as_ref().map_or_else(
        || VmActivity {
            samples: 1,
            ..VmActivity::default()
        },
        |vm| vm.value,
    )
}

fn set_activity(reader: &mut Reader<'_>, node: &Node<'_>, vm: VmActivity) {
    let vm = reader.sourced(node, vm);
    reader.facts.metrics.vm = Some(vm);
}

/// What the whole machine reads and writes: `"iotop": "30 MB/s read and write"`, or a member
/// `total_write_mb_s`.
fn totals(reader: &mut Reader<'_>, node: &Node<'_>) -> bool {
    const WORDS: [&str; 10] = [
        "total", "actual", "disk", "read", "reads", "write", "writes", "written", "current", "io",
    ];
    let words = node.words();
    let end = amount::unit_of_key(&words).map_or(words.len(), |(_, at)| at.start);
    let is_total = words[..end].iter().all(|w| WORDS.contains(&w.as_str()));
    is_total && end > 0 && rates(reader, node, &words[..end].join(" "))
}

fn rates(reader: &mut Reader<'_>, node: &Node<'_>, said: &str) -> bool {
    let Some(measure) = node.measure() else {
        return false;
    };
    let Some(rate) = measure.of(Unit::BytesPerSecond) else {
        return false;
    };
    let words = node::words(&format!("{said} {}", measure.rest));
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    let (reads, writes) = (
        has(&["read", "reads", "reading"]),
        has(&["write", "writes", "writing", "written"]),
    );
    if !reads && !writes {
        return false;
    }
    let mut vm = activity(reader);
    if reads {
        vm.block_in_bytes_s = Some(rate);
    }
    if writes {
        vm.block_out_bytes_s = Some(rate);
    }
    set_activity(reader, node, vm);
    reader.typed(node);
    true
}

/// `"btrfs-cleaner": "100% of one core"`, `"postgres": 97.3`.
fn pair(reader: &mut Reader<'_>, node: &Node<'_>, listed: Listed) {
    let Some((name, remark)) = cleaned(node.key()) else {
        return;
    };
    let mut process = Process {
        name,
        samples: 1,
        ..Process::default()
    };
    let mut known = describe(&remark, &mut process);
    known |= match node.value {
        Value::String(text) if listed.bare_is_cpu && is_high(text) => {
            process.state.get_or_insert(ProcessState::Running);
            true
        }
        Value::String(text) => describe(text, &mut process),
        Value::Number(_) if listed.bare_is_cpu => {
            process.cpu = node.percent(true).map(Percent);
            process.cpu.is_some()
        }
        Value::Bool(true) => listed.waits,
        _ => false,
    };
    if listed.waits && !matches!(node.value, Value::Bool(false)) {
        process.state = Some(ProcessState::Uninterruptible);
        known = true;
    }
    // A name under `top` is a program that stood there, whatever is said of it.
    if known {
        push(reader, node, process);
        let more = node.text().filter(|t| t.contains(' ')).unwrap_or_default();
        reader.typed_but(node, more);
    }
}

/// The same where what it does is an object: `"bees": {"cpu": 40, "state": "D"}`.
fn named_object(reader: &mut Reader<'_>, node: &Node<'_>, listed: Listed) {
    if let Some((name, _)) = cleaned(node.key()) {
        fields(reader, node, name, listed);
    }
}

fn name_of<'v>(node: &Node<'v>) -> Option<(Node<'v>, &'v str)> {
    let names = [
        "name", "comm", "command", "process", "thread", "cmd", "task", "program", "what",
    ];
    let member = node.get(&names)?;
    let text = member.text()?;
    Some((member, text))
}

fn object(reader: &mut Reader<'_>, node: &Node<'_>, listed: Listed) {
    let Some((member, text)) = name_of(node) else {
        return;
    };
    if let Some((name, remark)) = cleaned(text) {
        fields(reader, node, name, listed);
        reader.typed_but(&member, &remark);
    }
}

fn fields(reader: &mut Reader<'_>, node: &Node<'_>, name: String, listed: Listed) {
    let mut process = Process {
        name,
        samples: 1,
        state: listed.waits.then_some(ProcessState::Uninterruptible),
        ..Process::default()
    };
    for member in node.members() {
        let words = member.words();
        let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
        let rate = member.measure().and_then(|m| m.of(Unit::BytesPerSecond));
        let taken = if has(&["cpu", "%cpu", "pcpu"]) && !has(&["time"]) {
            process.cpu = member.percent(true).map(Percent);
            process.cpu.is_some()
                || member
                    .text()
                    .is_some_and(|text| describe(text, &mut process))
        } else if has(&["state", "stat", "s", "status"]) {
            member
                .text()
                .is_some_and(|text| describe(text, &mut process))
        } else if has(&["wchan"]) {
            process.wchan = member.text().map(str::to_owned);
            process.wchan.is_some()
        } else if has(&["pid", "tid"]) {
            process.pid = member.plain_count().map(|(pid, _)| pid);
            process.pid.is_some()
        } else if has(&["user", "owner"]) {
            process.user = member.text().map(str::to_owned);
            process.user.is_some()
        } else if has(&["io", "iowait", "io%", "wait"]) && member.percent(false).is_some() {
            process.io_wait = member.percent(false).map(Percent);
            true
        } else if has(&["read", "reads"]) && rate.is_some() {
            process.read_bytes_s = rate;
            true
        } else if has(&["write", "writes", "written"]) && rate.is_some() {
            process.write_bytes_s = rate;
            true
        } else if has(&["rss", "res", "resident", "mem", "memory"]) && member.bytes().is_some() {
            process.resident = member.bytes();
            true
        } else if has(&["io", "uring"]) && words.join(" ") == "io uring" {
            process.io_uring = member.state().map(|(on, _)| on);
            process.io_uring.is_some()
        } else {
            false
        };
        if taken {
            reader.typed(&member);
        }
    }
    push(reader, node, process);
}

/// `btrfs-transacti 95 %, kworker/u8:1 30 %`: several, where each part names one with a share.
fn entries(reader: &mut Reader<'_>, node: &Node<'_>, text: &str, listed: Listed) {
    let parts: Vec<&str> = text
        .split([',', ';'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    let names_one = |part: &&str| {
        let thread = cleaned(part).is_some_and(|(name, _)| is_thread(&name));
        let share = part
            .trim_end_matches(')')
            .trim_end_matches("CPU")
            .trim_end();
        thread || share.ends_with('%') && part.split_whitespace().count() <= 4
    };
    if parts.len() > 1 && parts.iter().all(names_one) {
        for part in parts {
            entry(reader, node, part, listed);
        }
    } else {
        entry(reader, node, text, listed);
    }
}

/// `btrfs device remove: 100% of one core`: a command line before what it does.
fn command(text: &str) -> Option<(Process, &str)> {
    let (head, rest) = text.split_once(": ")?;
    let words: Vec<&str> = head.split_whitespace().collect();
    let is_command = (2..=5).contains(&words.len())
        && words.iter().all(|word| {
            word.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_./=:@".contains(&b))
        });
    let mut process = Process {
        name: (*words.first()?).to_owned(),
        command: Some(head.to_owned()),
        samples: 1,
        ..Process::default()
    };
    (is_command && describe(rest, &mut process)).then_some((process, rest))
}

/// An element of a list: `btrfs-transacti`, `many kworkers`, `[btrfs-cleaner] 100% CPU`.
fn entry(reader: &mut Reader<'_>, node: &Node<'_>, text: &str, listed: Listed) {
    if rates(reader, node, "") {
        return;
    }
    if let Some((mut process, rest)) = command(text) {
        if listed.waits {
            process.state = Some(ProcessState::Uninterruptible);
        }
        push(reader, node, process);
        reader.typed_but(node, rest);
        return;
    }
    if let Some(name) = wrapped(text) {
        let process = Process {
            name: name.to_owned(),
            command: Some(text.to_owned()),
            samples: 1,
            state: Some(match listed.waits {
                true => ProcessState::Uninterruptible,
                false => ProcessState::Running,
            }),
            ..Process::default()
        };
        push(reader, node, process);
        reader.partly(node);
        return;
    }
    let Some((name, remark)) = cleaned(text) else {
        return;
    };
    // A sentence has no name in front.
    let is_name = is_thread(&name) || text.split_whitespace().count() <= 5;
    if !is_name {
        return;
    }
    let mut process = Process {
        name,
        samples: 1,
        state: listed.waits.then_some(ProcessState::Uninterruptible),
        ..Process::default()
    };
    let known = describe(&remark, &mut process) || written(&remark, &mut process);
    let inside = remark.strip_prefix('(').and_then(|r| r.strip_suffix(')'));
    let is_function = |name: &&str| {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        name.contains('_') && name.bytes().all(fits)
    };
    process.wchan = process
        .wchan
        .or(inside.filter(is_function).map(str::to_owned));
    // Whoever names a thread of the kernel under `top` saw it there, and those that sleep are not.
    if listed.is_top && remark.is_empty() && is_thread(&process.name) {
        process.state = Some(ProcessState::Running);
    }
    if known || listed.waits || remark.is_empty() {
        push(reader, node, process);
        reader.typed_but(node, &remark);
    }
}

fn push(reader: &mut Reader<'_>, node: &Node<'_>, process: Process) {
    let process = reader.sourced(node, process);
    reader.facts.metrics.processes.push(process);
}

/// `61.3 G in 6 h`, `90 GB in an hour`: what a kernel thread moved in a time. Such threads write; of
/// a program it may be either.
fn written(text: &str, process: &mut Process) -> bool {
    let Some((moved, time)) = text.split_once(" in ") else {
        return false;
    };
    if !is_thread(&process.name) {
        return false;
    }
    let bytes = amount::amount(moved).and_then(|a| {
        let (scale, rest) = amount::unit_of(a.rest)?;
        let fits = scale.unit == Unit::Bytes && rest.trim().is_empty();
        fits.then_some(a.number * scale.factor)
    });
    let seconds = amount::amount(time).and_then(|a| {
        let (scale, rest) = amount::unit_of(a.rest)?;
        let fits = scale.unit == Unit::Seconds && rest.trim().is_empty();
        fits.then_some(a.number * scale.factor)
    });
    let (Some(bytes), Some(seconds)) = (bytes, seconds.filter(|s| *s > 0.0)) else {
        return false;
    };
    process.write_bytes_s = Some(bytes / seconds);
    true
}

/// A key that is a kernel thread is one wherever it stands.
pub(super) fn thread_by_key(reader: &mut Reader<'_>, node: &Node<'_>) -> bool {
    if !is_thread(node.key()) {
        return false;
    }
    let listed = Listed {
        bare_is_cpu: false,
        ..Listed::default()
    };
    match node.value {
        Value::Object(_) => named_object(reader, node, listed),
        Value::Array(_) => return false,
        _ => pair(reader, node, listed),
    }
    true
}

/// Kernel threads that a sentence names with what they do: `btrfs-cleaner sits at 100 % CPU`.
pub(super) fn threads_in(text: &str) -> Vec<Process> {
    const NEAR: usize = 9;
    let mut found: Vec<Process> = Vec::new();
    for clause in text.split([';', '\n']).flat_map(|part| part.split(". ")) {
        let words: Vec<&str> = clause.split_whitespace().collect();
        for (at, word) in words.iter().enumerate() {
            let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
            if !is_thread(bare) || found.iter().any(|p| p.name == bare) {
                continue;
            }
            let behind = words[at + 1..words.len().min(at + 1 + NEAR)].join(" ");
            let before = words[at.saturating_sub(6)..at].join(" ");
            let mut process = Process {
                name: bare.to_owned(),
                samples: 1,
                ..Process::default()
            };
            let led = ["in", "by", "from", "of", "with"]
                .iter()
                .any(|w| before.ends_with(&format!(" {w}")) || before == **w);
            if describe(&behind, &mut process) || led && describe(&before, &mut process) {
                found.push(process);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> (Option<f64>, Option<ProcessState>) {
        let mut process = Process::default();
        describe(text, &mut process);
        (process.cpu.map(|p| p.0), process.state)
    }

    #[test]
    fn what_a_program_does_is_read_of_words() {
        use ProcessState::{Running, Sleeping, Uninterruptible};
        for (text, expected) in [
            ("100% of one core", (Some(100.0), None)),
            ("a full core", (Some(100.0), None)),
            ("97.3 %", (Some(97.3), None)),
            ("busy during the freeze", (None, Some(Running))),
            ("D state for minutes", (None, Some(Uninterruptible))),
            ("D", (None, Some(Uninterruptible))),
            ("idle", (None, Some(Sleeping))),
            ("not busy", (None, None)),
            ("40% of all cores", (None, None)),
            ("12% mem", (None, None)),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }

    #[test]
    fn threads_are_found_in_sentences() {
        let found = |text| {
            threads_in(text)
                .into_iter()
                .map(|p| (p.name, p.cpu.map(|c| c.0), p.state))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            found("In top, `btrfs-cleaner` sits at 100 % CPU; nothing else runs."),
            [("btrfs-cleaner".to_owned(), Some(100.0), None)]
        );
        assert_eq!(
            found("perf shows 95% of the time in btrfs-transaction"),
            [("btrfs-transaction".to_owned(), Some(95.0), None)]
        );
        assert_eq!(found("I know of btrfs-cleaner, it was not busy."), []);
    }
}

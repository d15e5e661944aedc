//! The stack of a task: functions of the kernel, the innermost first.

use serde_json::Value;

use super::Reader;
use super::node::Node;
use crate::model::metrics::{Process, ProcessState};

/// Functions of a stack that are read.
const DEEPEST: usize = 24;

/// Whether a key heads a stack: `stack`, `stack_vim`, `/proc/1234/stack`, `call_trace`.
pub(super) fn is_stack(words: &[String]) -> bool {
    const WORDS: [&str; 5] = ["stack", "stacks", "backtrace", "stacktrace", "callstack"];
    let trace = words
        .windows(2)
        .any(|w| matches!(w, [a, b] if a == "call" && b == "trace"));
    trace || words.iter().any(|w| WORDS.contains(&w.as_str()))
}

/// `["blkdev_issue_discard", "btrfs_sync_file"]`, `"a <- b <- c"`, `"[<0>] folio_wait+0x1a/0x40"`.
/// Whoever has a stack of the kernel that somebody looked up waits in each of its functions.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>) {
    let texts: Vec<&str> = match node.value {
        Value::String(text) => vec![text.as_str()],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let functions: Vec<&str> = texts
        .iter()
        .flat_map(|text| {
            text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '>' | '<'))
        })
        .filter_map(function)
        .take(DEEPEST)
        .collect();
    // A single word with a low line may be anything.
    if functions.len() < 2 {
        return;
    }
    let words = node.words();
    let own = words.iter().find(|w| {
        !matches!(
            w.as_str(),
            "stack" | "of" | "kernel" | "call" | "trace" | "proc" | "cat" | "stacks"
        ) && !w.bytes().all(|b| b.is_ascii_digit())
    });
    let name = own.map_or("a task", String::as_str).to_owned();
    for wchan in functions {
        let process = Process {
            name: name.clone(),
            state: Some(ProcessState::Uninterruptible),
            wchan: Some(wchan.to_owned()),
            samples: 1,
            ..Process::default()
        };
        let process = reader.sourced(node, process);
        reader.facts.metrics.processes.push(process);
    }
    reader.typed(node);
}

/// The name of a function, without its offset.
fn function(word: &str) -> Option<&str> {
    let name = word.split(['+', '(', '[', ']', '.']).next()?;
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (name.contains('_') && name.bytes().all(fits) && !name.starts_with("0x")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_stand_without_their_offsets() {
        assert_eq!(
            function("btrfs_sync_file+0x1a/0x40"),
            Some("btrfs_sync_file")
        );
        assert_eq!(
            function("blkdev_issue_discard"),
            Some("blkdev_issue_discard")
        );
        assert_eq!(function("[<0>]"), None);
        assert_eq!(function("vim"), None);
    }

    #[test]
    fn keys_that_head_a_stack() {
        let is = |key: &str| is_stack(&super::super::node::words(key));
        assert!(is("stack_vim") && is("/proc/77/stack") && is("call_trace"));
        assert!(!is("trace") && !is("software"));
    }
}

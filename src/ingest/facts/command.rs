//! Keys that are commands or files of the kernel: `btrfs subvolume list / | wc -l`, `uname -r`,
//! `/sys/block/sda/queue/scheduler`. The value is what they print.

use super::node::{self, Node};
use super::{
    Reader, activity, df, disk_words, hardware, health, memory, mounts, quota, services, space,
};
use crate::model::hardware::Medium;
use crate::model::metrics::{BlockDevice, FilesystemState, SubvolumeCount};

/// Tools whose lines the reader of outputs knows by themselves.
const PRINTED: [&str; 14] = [
    "lsattr", "chattr", "uptime", "free", "swapon", "filefrag", "lsblk", "mount", "findmnt",
    "compsize", "smartctl", "cat", "head", "btrfs",
];

/// Reads the value of a key that is a command. Whether it was understood.
pub(super) fn read_key(reader: &mut Reader<'_>, node: &Node<'_>) -> bool {
    is_command(node.key()) && read(reader, node)
}

fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> bool {
    let key = node.key().trim();
    let key = ["sudo ", "time ", "doas "]
        .iter()
        .fold(key, |key, prefix| key.strip_prefix(prefix).unwrap_or(key));
    let stages: Vec<Vec<&str>> = key
        .split('|')
        .map(|stage| stage.split_whitespace().collect())
        .collect();
    let Some((&tool, rest)) = stages.first().and_then(|first| first.split_first()) else {
        return false;
    };
    if stages.len() > 1 {
        return node.is_leaf() && counted(reader, node, tool, rest, &stages[1..]);
    }
    if let Some(file) = file(tool, rest) {
        return kernel_file(reader, node, file);
    }
    let before = reader.typed.len();
    match (tool, rest.first().copied()) {
        ("uname", Some(_)) => hardware::kernel(reader, node),
        ("nproc", None) if node.is_leaf() => hardware::threads(reader, node),
        ("btrfs", Some(first)) if "filesystem".starts_with(first) && first.len() >= 2 => {
            match rest.get(1).copied() {
                Some("usage" | "us" | "df") => space::usage(reader, node),
                _ => return false,
            }
        }
        ("btrfs", Some("qgroup" | "quota")) => quota::quota_command(reader, node, rest),
        ("btrfs", Some("device" | "dev")) if rest.get(1) == Some(&"stats") => {
            health::device_stats(reader, node);
        }
        ("btrfs", Some("scrub" | "balance")) => health::maintenance(reader, node),
        ("smartctl" | "nvme", Some(_)) if node.is_leaf() => health::smart(reader, node),
        ("df", _) => df::df(reader, node),
        ("systemctl", Some("status" | "is-active" | "is-enabled")) => {
            let name = rest.get(1).copied().unwrap_or_default();
            let first = node
                .text()
                .and_then(|t| t.split([' ', ',', ';', '(']).next());
            let is_on = matches!(first, Some("active" | "running" | "enabled" | "activating"));
            if is_on && services::add(reader, node, name) {
                reader.partly(node);
            }
        }
        ("free", _) => memory::told(reader, node),
        ("findmnt", _) => {
            if let Some(path) = rest.iter().find(|word| word.starts_with('/')) {
                mounts::of_path(reader, node, path);
            }
        }
        ("uptime" | "w", None) => activity::load_in(reader, node),
        _ => {}
    }
    if reader.typed.len() > before {
        return true;
    }
    let Some(text) = node.text().filter(|_| PRINTED.contains(&tool)) else {
        return false;
    };
    // Of compsize people leave the heading out.
    if tool == "compsize" && text.trim_start().starts_with("TOTAL") {
        const HEADING: &str = "Type       Perc     Disk Usage   Uncompressed Referenced";
        return reader.output(node, &format!("{HEADING}\n{}\n", text.trim()));
    }
    reader.output(node, text) || reader.output(node, &format!("## {key}\n{text}"))
}

/// The file of the kernel that is read: `cat /proc/loadavg`, or its path alone.
fn file<'k>(tool: &'k str, rest: &[&'k str]) -> Option<&'k str> {
    let file = match (tool, rest) {
        ("cat" | "head" | "grep", [.., file]) => file,
        (file, []) => file,
        _ => return None,
    };
    (file.starts_with("/sys/") || file.starts_with("/proc/")).then_some(file)
}

fn kernel_file(reader: &mut Reader<'_>, node: &Node<'_>, file: &str) -> bool {
    let parts: Vec<&str> = file.split('/').filter(|part| !part.is_empty()).collect();
    let text = match node.value {
        serde_json::Value::String(text) => text.trim().to_owned(),
        serde_json::Value::Number(number) => number.to_string(),
        _ => return false,
    };
    match parts[..] {
        ["sys", "block", disk, "queue", name] => {
            let mut device = BlockDevice {
                name: disk.replace('*', ""),
                ..BlockDevice::default()
            };
            match name {
                "scheduler" => device.scheduler = chosen(&text),
                "rotational" => {
                    device.medium = match text.as_str() {
                        "1" => Medium::Rotational,
                        "0" => Medium::SolidState,
                        _ => return false,
                    }
                }
                "nr_requests" => device.queue_depth = text.parse().ok(),
                _ => return false,
            }
            if device
                == (BlockDevice {
                    name: device.name.clone(),
                    ..BlockDevice::default()
                })
            {
                return false;
            }
            let device = reader.sourced(node, device);
            reader.facts.metrics.block_devices.push(device);
        }
        ["sys", "fs", "btrfs", .., "read_policy"] => {
            let Some(policy) = chosen(&text) else {
                return false;
            };
            let state = FilesystemState {
                read_policy: Some(policy),
                ..FilesystemState::default()
            };
            let state = reader.sourced(node, state);
            reader.facts.metrics.states.push(state);
        }
        _ => return reader.output(node, &format!("## {file}\n{text}")),
    }
    reader.typed(node);
    true
}

/// `{"scheduler": "bfq"}`, `{"sda": "[none] mq-deadline"}`.
pub(super) fn scheduler(reader: &mut Reader<'_>, node: &Node<'_>) {
    const KNOWN: [&str; 7] = [
        "none",
        "mq-deadline",
        "bfq",
        "kyber",
        "noop",
        "deadline",
        "cfq",
    ];
    for leaf in node.leaves() {
        let Some(scheduler) = leaf.text().and_then(chosen) else {
            continue;
        };
        if !KNOWN.contains(&scheduler.as_str()) {
            continue;
        }
        let key = leaf.key().trim_start_matches("/dev/");
        let device = BlockDevice {
            name: if disk_words::is_kernel_name(key) {
                key
            } else {
                ""
            }
            .to_owned(),
            scheduler: Some(scheduler),
            ..BlockDevice::default()
        };
        let device = reader.sourced(&leaf, device);
        reader.facts.metrics.block_devices.push(device);
        reader.typed(&leaf);
    }
}

/// The one in brackets of `[none] mq-deadline`, or the only word.
pub(super) fn chosen(text: &str) -> Option<String> {
    let bracketed = text
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'))
        .map(|(word, _)| word);
    let word = bracketed.or_else(|| Some(text).filter(|t| !t.contains(char::is_whitespace)))?;
    let is_word = !word.is_empty() && !word.contains(char::is_whitespace);
    is_word.then(|| word.to_owned())
}

/// `… | wc -l`, `… | grep -c x`: how many there are.
fn counted(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    tool: &str,
    rest: &[&str],
    behind: &[Vec<&str>],
) -> bool {
    let is_count = behind.last().is_some_and(|last| {
        matches!(last[..], ["wc", "-l"]) || last.first() == Some(&"grep") && last.contains(&"-c")
    });
    let Some((count, at_least)) = node.plain_count().filter(|_| is_count) else {
        return false;
    };
    let filters: Vec<&str> = behind
        .iter()
        .filter(|stage| stage.first() == Some(&"grep"))
        .flat_map(|stage| stage[1..].iter().copied())
        .collect();
    let path = rest
        .iter()
        .rev()
        .find(|word| word.starts_with('/'))
        .map(|path| path.trim_end_matches('/').to_owned())
        .map(|path| {
            if path.is_empty() {
                "/".to_owned()
            } else {
                path
            }
        });
    // People leave the name of the tool out.
    let words: Vec<&str> = [tool].into_iter().chain(rest.iter().copied()).collect();
    let words = words.strip_prefix(&["btrfs"]).unwrap_or(&words);
    let is_list = words.first().is_some_and(|w| w.starts_with("sub"))
        && words.get(1).is_some_and(|w| w.starts_with("li"));
    let is_listed = matches!(tool, "ls" | "find");
    let has = |part: &str| {
        path.as_deref()
            .is_some_and(|p| p.split('/').any(|p| p == part))
    };
    let by_filter = filters.iter().any(|f| f.contains("snap")) && !filters.contains(&"-v");
    // Only what a filter names is not all of it.
    let snapshots =
        is_list && (rest.contains(&"-s") || by_filter) || is_listed && has(".snapshots");
    let subvolumes = is_list && filters.is_empty() || is_listed && has("subvolumes");
    if !snapshots && !subvolumes {
        return false;
    }
    if is_listed && has("subvolumes") && has("btrfs") && (has("docker")) {
        let driver = reader.sourced(node, "btrfs".to_owned());
        reader.facts.metrics.docker_driver.get_or_insert(driver);
    }
    let value = SubvolumeCount {
        path,
        total: count,
        snapshots: snapshots.then_some(count),
        paths: Vec::new(),
        at_least,
    };
    let value = reader.sourced(node, value);
    reader.facts.metrics.subvolumes.push(value);
    let remark = node.amount().map_or("", |a| a.rest);
    reader.typed_but(node, remark);
    true
}

/// Whether a key looks like a command line, so that the words of its arguments are no names.
fn is_command(key: &str) -> bool {
    key.contains('|')
        || key.starts_with('/') && (key.starts_with("/sys/") || key.starts_with("/proc/"))
        || key.split_whitespace().count() > 1
            && node::words(key).first().is_some_and(|first| {
                PRINTED.contains(&first.as_str())
                    || ["uname", "df", "nvme", "sudo", "time", "systemctl"]
                        .contains(&first.as_str())
            })
        || matches!(key, "nproc" | "uptime" | "lsattr" | "w")
}

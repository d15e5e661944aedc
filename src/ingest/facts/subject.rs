//! Keys that name a part of the machine, with a word for how it is: `"cpu": "idle during the stalls"`,
//! `"iotop": "nothing"`, `"df": "plenty free"`, `"filesystem": "ext4"`. They are read as a sentence.

use super::mounts;
use super::node::Node;

/// How a part is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Idle,
    Busy,
    Free,
    Full,
}

/// Words that may stand before the one that tells.
const LIGHT: [&str; 14] = [
    "mostly",
    "almost",
    "nearly",
    "near",
    "very",
    "quite",
    "completely",
    "totally",
    "always",
    "is",
    "at",
    "all",
    "next",
    "to",
];

/// The sentence that key and value make, if the key is such a part.
pub(super) fn sentence(leaf: &Node<'_>, value: &str) -> Option<String> {
    leaf.text()?;
    let words = leaf.words();
    let name = words.join(" ");
    if matches!(
        name.as_str(),
        "filesystem" | "file system" | "fs" | "fstype" | "root fs"
    ) {
        let first = value.split([' ', ',', ';', '(']).next()?.to_lowercase();
        let is_other = mounts::is_fstype(&first) && first != "btrfs";
        return is_other.then(|| format!("the filesystem is {value}"));
    }
    let first = words.first().map(String::as_str).unwrap_or_default();
    let start = value.trim_start_matches(['~', '≈', ' ']);
    match name.as_str() {
        // `~2.1 million`, `very many, tiny`
        "files" | "paths" | "inodes" if !start.contains('/') => {
            return Some(format!("{start} files"));
        }
        "age" | "filesystem age" | "file system age" | "fs age" | "age of filesystem"
            if start.starts_with(|c: char| c.is_ascii_digit()) =>
        {
            return Some(format!("the filesystem is {start} old, in use for {start}"));
        }
        "kernel" if matches!(start, "unchanged" | "the same" | "same" | "same as before") => {
            return Some("the kernel is unchanged, same kernel as before".to_owned());
        }
        "dmesg" | "log" | "logs" | "journal" | "journalctl" | "kernel log" | "syslog"
            if matches!(
                start,
                "clean" | "nothing" | "quiet" | "empty" | "none" | "no errors"
            ) =>
        {
            return Some("no errors".to_owned());
        }
        "symptom" | "symptoms" | "complaint" if matches!(start, "none" | "nothing") => {
            return Some("nothing is slow, no problems".to_owned());
        }
        _ => {}
    }
    // `pidstat -d`, `iotop -ao`: nobody reads or writes.
    let is_io_tool = matches!(first, "iotop" | "pidstat" | "iostat" | "biotop" | "dstat");
    let name = if is_io_tool { first } else { name.as_str() };
    let (part, is_room) = part(name)?;
    let how = how(value)?;
    // "low memory" is short, "low load" is little.
    let said = match (part, how, is_room) {
        (_, How::Free, true) => format!("plenty of free {part}"),
        (_, How::Full, true) => format!("{part} is full"),
        (_, How::Idle, true) => return None,
        (_, How::Busy, true) => return None,
        ("load", How::Idle, _) => "load is low".to_owned(),
        ("load", How::Busy, _) => "load is high".to_owned(),
        ("iowait", How::Busy | How::Full, _) => "iowait is high".to_owned(),
        ("iowait", ..) => "iowait is low".to_owned(),
        (_, How::Idle | How::Free, _) => format!("{part} is idle"),
        (_, How::Busy | How::Full, _) => format!("{part} is busy"),
    };
    Some(format!("{said}; {value}"))
}

/// The part that a key names, and whether it is room that can be full.
fn part(name: &str) -> Option<(&'static str, bool)> {
    let part = match name {
        "cpu" | "cpus" | "processor" | "processors" | "cpu usage" | "cpu load" | "cpu use" => "cpu",
        "disk" | "disks" | "disk activity" | "disk io" | "disk usage" | "disk load" | "iostat"
        | "iotop" | "pidstat" | "biotop" | "disk util" | "disk utilisation"
        | "disk utilization" | "io" | "disk led" => "disk",
        "network" | "net" | "network usage" | "network traffic" => "network",
        "load" | "loadavg" | "load average" => "load",
        "iowait" | "wa" | "io wait" => "iowait",
        "memory" | "ram" | "mem" | "free memory" | "available memory" => {
            return Some(("memory", true));
        }
        "df" | "space" | "free space" | "disk space" | "room" => return Some(("space", true)),
        _ => return None,
    };
    Some((part, false))
}

/// What the first word that tells anything says.
fn how(value: &str) -> Option<How> {
    let lower = value.to_lowercase();
    let mut words = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty() && !LIGHT.contains(w));
    let how = match words.next()? {
        "idle" | "idling" | "quiet" | "nothing" | "bored" | "low" | "none" | "zero"
        | "negligible" | "asleep" | "unused" | "calm" | "little" | "hardly" | "barely"
        | "nobody" | "minimal" | "tiny" | "inactive" => How::Idle,
        "busy" | "saturated" | "maxed" | "pegged" | "hammered" | "high" | "heavy"
        | "overloaded" | "pinned" | "flooded" | "thrashing" | "active" => How::Busy,
        "plenty" | "free" | "enough" | "lots" | "ample" | "sufficient" | "fine" => How::Free,
        "full" | "exhausted" | "tight" | "scarce" => How::Full,
        _ => return None,
    };
    Some(how)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_part_and_how_it_is_make_a_sentence() {
        let said = |value: serde_json::Value| {
            let node = Node::root(&value).members().remove(0);
            let text = node.text().unwrap_or_default().to_owned();
            sentence(&node, &text)
        };
        let begins = |value, with: &str| said(value).is_some_and(|s| s.starts_with(with));
        assert!(begins(
            json!({"cpu": "idle during the stalls"}),
            "cpu is idle"
        ));
        assert!(begins(json!({"disk": "busy all the time"}), "disk is busy"));
        assert!(begins(json!({"iotop": "nothing"}), "disk is idle"));
        assert!(begins(json!({"loadavg": "low"}), "load is low"));
        assert!(begins(json!({"df": "plenty free"}), "plenty of free space"));
        assert!(begins(
            json!({"filesystem": "ext4"}),
            "the filesystem is ext4"
        ));
        // Low memory is short of it, and may be anything else.
        assert_eq!(said(json!({"memory": "low"})), None);
        assert_eq!(said(json!({"filesystem": "btrfs"})), None);
        assert_eq!(said(json!({"disk": "WD Red"})), None);
    }
}

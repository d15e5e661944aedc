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
    let (part, is_room) = part(&name)?;
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
        | "iotop" | "disk util" | "disk utilisation" | "disk utilization" | "io" | "disk led" => {
            "disk"
        }
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

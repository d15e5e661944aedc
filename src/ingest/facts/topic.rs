//! What a key speaks of, and who reads its value.

use serde_json::Value;

use super::node::Node;
use super::{
    Reader, activity, asked, command, data, df, disks, hardware, health, log, memory, mounts,
    options, process, quota, services, space, stack, told,
};

/// Reads the value of a key, and takes what it understands of it.
type Topic = fn(&mut Reader<'_>, &Node<'_>);

/// Looks for what is known in a value and all below it. What nobody takes is left to the words.
pub(super) fn visit(reader: &mut Reader<'_>, node: &Node<'_>) {
    if options::read(reader, node) {
        return;
    }
    if is_asked(node) {
        asked::read(reader, node);
        return;
    }
    if stack::is_stack(&node.words()) {
        stack::read(reader, node);
        if reader.typed.contains(&node.path)
            || node.leaves().iter().any(|l| reader.typed.contains(&l.path))
        {
            return;
        }
    }
    if printed(reader, node) || command::read_key(reader, node) {
        return;
    }
    if let Some(topic) = topic(node) {
        let taken = |reader: &Reader<'_>| reader.typed.len() + reader.passed.len();
        let before = taken(reader);
        topic(reader, node);
        // Where nothing of a list or an object was what its name promised, its parts may be.
        if node.is_leaf() || taken(reader) > before {
            return;
        }
    } else if process::thread_by_key(reader, node) {
        return;
    }
    for member in node.members() {
        visit(reader, &member);
    }
}

/// Whether it stands in what somebody asked for in a configuration, which is not yet what is so.
fn is_asked(node: &Node<'_>) -> bool {
    const ASKED: [&str; 9] = [
        "disko",
        "configuration",
        "config",
        "requested",
        "wanted",
        "expected",
        "fstab",
        "filesystems",
        "configured",
    ];
    let keys = node.keys.iter();
    keys.map(|key| key.to_lowercase()).any(|key| {
        let first = key.split([' ', '.', '_']).next().unwrap_or_default();
        ASKED.contains(&first)
    })
}

/// The output of a tool: text of several lines, a list of lines, or the JSON that tools print.
fn printed(reader: &mut Reader<'_>, node: &Node<'_>) -> bool {
    /// Members that only the JSON of a tool has: iostat, lsblk, smartctl, fio, btrfs, findmnt.
    const MARKS: [&str; 6] = [
        "sysstat",
        "blockdevices",
        "json_format_version",
        "fio version",
        "filesystem-df",
        "filesystems",
    ];
    let text = match node.value {
        Value::String(text) if text.trim().contains('\n') => text.clone(),
        Value::Array(lines) if lines.len() > 1 => {
            let lines: Option<Vec<&str>> = lines.iter().map(Value::as_str).collect();
            match lines {
                Some(lines) => lines.join("\n"),
                None => return false,
            }
        }
        Value::Object(members) if MARKS.iter().any(|mark| members.contains_key(*mark)) => {
            node.value.to_string()
        }
        _ => return false,
    };
    // A key may be the command: `btrfs filesystem usage /home`.
    let key = node.key();
    let text = match key.contains('/') && !text.starts_with('{') {
        true => format!("## {key}\n{text}"),
        false => text,
    };
    reader.output(node, &text)
}

/// Whether a key heads words.
pub(super) fn is_prose(words: &[String]) -> bool {
    const KEYS: [&str; 8] = [
        "complaint",
        "complaints",
        "observation",
        "observations",
        "note",
        "notes",
        "remark",
        "remarks",
    ];
    words.iter().any(|word| KEYS.contains(&word.as_str()))
}

/// Who reads the value of this key.
pub(super) fn topic(node: &Node<'_>) -> Option<Topic> {
    let words = node.words();
    let name = words.join(" ");
    let has = |word: &str| words.iter().any(|w| w == word);
    let any = |list: &[&str]| list.iter().any(|word| has(word));
    let is = |list: &[&str]| list.contains(&name.as_str());
    let in_hardware = node.keys.iter().any(|key| {
        matches!(
            key.to_lowercase().as_str(),
            "hardware" | "machine" | "host" | "system" | "hw"
        )
    });
    let in_metrics = node.keys.contains(&"metrics");
    let is_container = !node.is_leaf();
    let topic: Topic = if is_prose(&words) {
        return None;
    } else if is(&["services", "service", "daemons", "units", "running"]) && !in_hardware {
        services::read
    } else if is(&[
        "kernel",
        "kernel version",
        "kernel release",
        "running kernel",
        "linux",
        "linux kernel",
        "linux version",
        "uname",
        "uname r",
    ]) && !node.value.is_array()
    {
        hardware::kernel
    } else if is(&["hardware", "machine", "hw"]) && node.text().is_some() && node.keys.len() <= 2 {
        hardware::sentence
    } else if is(&[
        "scheduler",
        "io scheduler",
        "disk scheduler",
        "elevator",
        "schedulers",
    ]) {
        command::scheduler
    } else if is(&["nproc"]) {
        hardware::threads
    } else if is(&["nixos", "nixos version"]) && !is_container {
        hardware::nixos
    } else if is(&["btrfs progs", "btrfs progs version", "btrfsprogs", "progs"]) {
        hardware::progs
    } else if is(&[
        "mounts",
        "mount options",
        "mountoptions",
        "mount opts",
        "fstab",
        "mountpoints",
        "proc mounts",
        "mountinfo",
        "mounted",
    ]) || (is(&["mount"]) && (is_container || node.text().is_some_and(mounts::is_line)))
    {
        mounts::read
    } else if any(&["qgroup", "qgroups", "quota", "quotas", "squota"]) {
        quota::quota
    } else if any(&["snapshot", "snapshots"]) && !any(&["delete", "deletion", "interval"]) {
        data::snapshots
    } else if any(&["subvolume", "subvolumes", "subvols"]) {
        data::subvolumes
    } else if any(&["oom", "oomkilled"]) && is_kills(&words) {
        memory::kills
    } else if any(&["psi", "pressure"]) {
        activity::pressure
    } else if space::is_usage(&words, is_container) {
        space::usage
    } else if any(&["dmesg", "journal", "journalctl"])
        || is(&["kernel log", "kernel messages", "log", "logs", "kernel"])
    {
        log::kernel_log
    } else if space::is_group(node) {
        space::group
    } else if is(&[
        "profile",
        "profiles",
        "raid profile",
        "raid profiles",
        "btrfs profile",
    ]) && !is_container
    {
        space::profiles
    } else if is(&["scrub", "scrub status", "balance", "balance status"])
        || has("btrfs") && has("status") && node.is_leaf()
    {
        health::maintenance
    } else if any(&["smart", "smartctl", "smartd"]) {
        health::smart
    } else if is(&[
        "device stats",
        "dev stats",
        "btrfs device stats",
        "device errors",
        "error counters",
    ]) {
        health::device_stats
    } else if any(&["filefrag", "extents", "fragmentation", "fragments"]) {
        data::filefrag
    } else if any(&["compsize"]) {
        data::compsize
    } else if has("lsattr") || is(&["file attributes"]) {
        data::lsattr
    } else if is(&["features", "btrfs features", "filesystem features"]) {
        data::features
    } else if any(&["docker"]) {
        told::docker
    } else if is(&["nix", "nix conf", "nix settings"]) && is_container {
        told::nix
    } else if is(&[
        "loadavg",
        "load average",
        "load avg",
        "load",
        "load 1m",
        "load1",
    ]) {
        activity::load
    } else if is(&[
        "uptime",
        "uptime s",
        "uptime h",
        "uptime days",
        "uptime hours",
    ]) {
        activity::uptime
    } else if has("vmstat") {
        activity::vmstat
    } else if process::is_list(&words)
        && !in_hardware
        && !(is(&["threads"]) && node.value.is_number())
    {
        process::read
    } else if any(&["iostat", "diskstats"])
        || activity::is_device_figure(&words)
        || in_metrics && activity::is_device_rate(&words)
    {
        activity::devices
    } else if any(&["cpu", "mpstat"]) && in_metrics && is_container {
        activity::cpu
    } else if memory::is_memory(&words, in_hardware, is_container) {
        memory::read
    } else if is(&["memory", "mem", "ram"]) && node.text().is_some_and(memory::is_use) {
        memory::told
    } else if hardware::is_hardware(&words, in_hardware, in_metrics, is_container) {
        hardware::read
    } else if df::is_df(&words) || is_fill(node, &words) {
        df::df
    } else if is(&["model", "models"]) && node.text().is_some_and(disks::is_model) {
        disks::read
    } else {
        return None;
    };
    Some(topic)
}

/// `used: 99.3 %`, `full: "97 %"`, not of memory or a quota.
fn is_fill(node: &Node<'_>, words: &[String]) -> bool {
    const FILLS: [&str; 6] = ["used", "full", "fullness", "filled", "occupied", "fill"];
    const OTHERS: [&str; 9] = [
        "memory", "ram", "mem", "swap", "cpu", "quota", "cache", "inodes", "zram",
    ];
    let above = || node.keys.iter().flat_map(|key| super::node::words(key));
    matches!(words, [word] if FILLS.contains(&word.as_str()))
        && node.percent(false).is_some_and(|share| share <= 100.0)
        && !above().any(|word| OTHERS.contains(&word.as_str()))
}

/// `oom_kills`, `oom kills since boot`.
fn is_kills(words: &[String]) -> bool {
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    has(&["kills", "kill", "count", "events", "oomkilled"])
}

//! Owns: other ways to write the same facts.

use serde_json::{Map, Value};

/// The same value with each key and each text replaced.
pub(crate) fn mapped(
    value: &Value,
    key: &dyn Fn(&str) -> String,
    text: &dyn Fn(&str) -> String,
) -> Value {
    match value {
        Value::String(words) => Value::String(text(words)),
        Value::Array(elements) => {
            Value::Array(elements.iter().map(|e| mapped(e, key, text)).collect())
        }
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, field)| (key(name), mapped(field, key, text)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// The same value with the keys of each object in the opposite order.
pub(crate) fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(elements) => Value::Array(elements.iter().map(reversed).collect()),
        Value::Object(fields) => {
            let fields: Map<String, Value> = fields
                .iter()
                .rev()
                .map(|(name, field)| (name.clone(), reversed(field)))
                .collect();
            Value::Object(fields)
        }
        other => other.clone(),
    }
}

/// A unit, the one that it is written in instead, and by how much the number grows.
pub(crate) type Unit = (&'static str, &'static str, f64);

/// The same quantities in smaller units.
pub(crate) const SMALLER: [Unit; 6] = [
    ("TiB", "GiB", 1024.0),
    ("GiB", "MiB", 1024.0),
    ("MiB", "KiB", 1024.0),
    ("TB", "GB", 1000.0),
    ("GB", "MB", 1000.0),
    ("MB", "kB", 1000.0),
];

/// The same quantities, counted in powers of ten instead of two.
pub(crate) const DECIMAL: [Unit; 3] = [
    ("TiB", "TB", 1.099_511_627_776),
    ("GiB", "GB", 1.073_741_824),
    ("MiB", "MB", 1.048_576),
];

/// A text with each number before one of the units written in another: `8 GiB` as `8192 MiB`.
pub(crate) fn in_units(text: &str, units: &[Unit]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        // A digit in a word is no number: `sda1`, `gen4`, `v5.16`.
        let is_word = rest[..at].ends_with(|c: char| c.is_alphanumeric() || "._-,".contains(c));
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let gap = after.len() - after.trim_start_matches(' ').len();
        let found = units.iter().find(|(unit, _, _)| {
            after[gap..]
                .strip_prefix(unit)
                .is_some_and(|next| !next.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        });
        match (found, number.parse::<f64>()) {
            (Some((unit, other, factor)), Ok(n)) if !is_word => {
                let n = (n * factor * 1e6).round() / 1e6;
                out.push_str(&format!("{n}{}{other}", &after[..gap]));
                rest = &after[gap + unit.len()..];
            }
            _ => {
                out.push_str(number);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// What says nothing about what is slow: (key below `facts`, value).
pub(crate) fn irrelevant() -> Vec<(&'static str, Value)> {
    use serde_json::json;
    vec![
        ("hostname", json!("tellus")),
        ("uptime", json!("3 days, 4:05")),
        ("timezone", json!("Europe/Lisbon")),
        ("locale", json!("pt_PT.UTF-8")),
        ("wallpaper", json!("mountains-at-dawn.png")),
        ("keyboard", json!({ "layout": "pt", "backlight": "on" })),
        ("monitor", json!("27 inch, 2560x1440, 60 Hz")),
        ("audio", json!("pipewire, USB headset")),
        ("bluetooth", json!("off")),
        ("printer", json!("laser printer in the hall, works")),
        ("shell", json!("fish 3.7")),
        ("editor", json!("helix")),
        ("ip", json!("192.0.2.17/24")),
        ("owner_since", json!("2021")),
        ("bios_date", json!("2023-02-14")),
        ("sensors", json!({ "cpu_temp_c": 41, "fan_rpm": 820 })),
        (
            "other_services",
            json!(["systemd-timesyncd", "dbus", "sshd", "avahi-daemon"]),
        ),
        ("failed_units", json!("none")),
        ("camera", json!("built in, not used")),
        ("packages", json!(["htop", "jq", "tmux"])),
    ]
}

/// Keys and what others call the same thing.
pub(crate) const SYNONYMS: [(&str, &[&str]); 14] = [
    ("ram", &["memory", "mem", "RAM"]),
    ("memory", &["ram", "mem"]),
    ("ram_gb", &["memory_gb", "mem_gb", "RAM (GB)"]),
    ("kernel", &["uname", "uname -r", "linux", "kernel_version"]),
    (
        "mounts",
        &["mount options", "mount", "/proc/mounts", "mount_options"],
    ),
    ("disks", &["drives", "storage", "block devices"]),
    ("disk", &["drive", "storage"]),
    ("cpu", &["processor", "CPU"]),
    ("metrics", &["measurements", "numbers", "stats"]),
    ("services", &["daemons", "running services", "software"]),
    ("observations", &["notes", "remarks", "comment"]),
    ("dmesg", &["kernel log", "journalctl -k", "log"]),
    ("top", &["htop", "ps", "processes"]),
    ("iostat", &["iostat -x", "iostat -xk 5"]),
];

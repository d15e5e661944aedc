//! Figures side by side: `{"btrfs": 400, "ext4": 410}`, `{"cow": "82.9 MB/s", "nodatacow": "82.5 MB/s"}`.
//! What was measured once so and once otherwise says whether the difference matters, which no single
//! figure does; it is told as people would say it.

use super::node::{self, Node};
use super::{Reader, mounts, words};
use crate::ingest::observations;
use crate::model::observation::Unit;

/// Figures closer than this are the same, as benchmarks go.
const SAME: f64 = 0.07;
/// Figures farther apart than this are clearly different.
const APART: f64 = 1.4;

/// Words that name the two sides of an experiment.
const SIDES: [&[&str]; 5] = [
    &["cow", "nocow", "nodatacow", "c"],
    &[
        "with", "without", "on", "off", "enabled", "disabled", "default", "tuned",
    ],
    &[
        "zstd",
        "lzo",
        "zlib",
        "none",
        "uncompressed",
        "compressed",
        "raw",
    ],
    &["none", "bfq", "kyber", "deadline"],
    &["before", "after"],
];
const HERE: [&str; 5] = ["local", "locally", "server", "nas", "direct"];
const THERE: [&str; 8] = [
    "smb", "samba", "nfs", "cifs", "network", "remote", "lan", "wifi",
];

/// One side of a comparison.
struct Side {
    name: String,
    value: f64,
    unit: Option<Unit>,
}

/// Tells what the figures below a node show.
pub(super) fn tell(reader: &mut Reader<'_>, node: &Node<'_>) {
    let members = node.members();
    for member in members.iter().filter(|m| !m.is_leaf()) {
        tell(reader, member);
    }
    if !node.is_object() {
        return;
    }
    if let Some(said) = clock(&members) {
        push(reader, node, &said, |text| text.to_owned());
    }
    let measured = members.iter().filter_map(side).filter(|s| s.value > 0.0);
    let measured: Vec<Side> = measured.collect();
    let kernel = reader.facts.metrics.kernel.as_ref();
    let kernel = kernel.map_or(String::new(), |k| k.value.clone());
    let of_kernel = node::words(&node.path).iter().any(|w| w == "kernel");
    let more = versions(&measured, |name| of_kernel || kernel.starts_with(name));
    let more = more
        .or_else(|| plainly(&measured))
        .or_else(|| sums(&measured));
    if let Some(said) = more {
        push(reader, node, said, |_| shown(&members));
        return;
    }
    if !(2..=4).contains(&members.len()) || measured.len() < members.len() {
        return;
    }
    let same_unit = |pair: &[Side]| matches!(pair, [a, b] if a.unit == b.unit);
    if !measured.windows(2).all(same_unit) {
        return;
    }
    let shorter_is_better = measured.iter().any(|s| s.unit == Some(Unit::Seconds));
    if let Some(said) = sentence(&measured, shorter_is_better) {
        push(reader, node, &said, |_| shown(&members));
    }
}

fn shown(members: &[Node<'_>]) -> String {
    let shown = members
        .iter()
        .map(|m| format!("{}: {}", m.key(), words::plain(m)));
    shown.collect::<Vec<_>>().join(", ")
}

/// Tells a sentence of figures; the text that is kept is that of the file.
fn push(reader: &mut Reader<'_>, node: &Node<'_>, said: &str, text: impl FnOnce(&str) -> String) {
    let (mut observation, _) = observations::read_text_from(&reader.place(&node.path), said);
    observation.text = text(said);
    observation.quantities.clear();
    observation.severity = None;
    observation.since = None;
    reader.facts.observations.push(observation);
}

/// What `time` tells, as members: `{"real_s": 64.6, "user_s": 46.5}`.
fn clock(members: &[Node<'_>]) -> Option<String> {
    let of = |name: &str| {
        let is_it = |m: &&Node<'_>| m.words().first().is_some_and(|w| w == name);
        let side = members.iter().find(is_it).and_then(side)?;
        (side.unit == Some(Unit::Seconds)).then_some(side.value)
    };
    let (real, user) = (of("real").or_else(|| of("elapsed"))?, of("user")?);
    Some(format!("real {real} s user {user} s"))
}

/// The same under several kernels: `{"5.10.63": 270, "6.1.21": 130}`.
fn versions(sides: &[Side], is_kernel: impl Fn(&str) -> bool) -> Option<&'static str> {
    let version = |side: &Side| {
        let mut parts = side.name.trim_start_matches(['v', 'l']).split('.');
        let number = |part: Option<&str>| {
            let digits = part?.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse::<u32>().ok()
        };
        let (major, minor) = (number(parts.next())?, number(parts.next())?);
        let patch = number(parts.next()).unwrap_or(0);
        (2..20).contains(&major).then_some((major, minor, patch))
    };
    let known: Option<Vec<_>> = sides.iter().map(|s| Some((version(s)?, s))).collect();
    let known = known?;
    let old = known.iter().min_by_key(|k| k.0)?;
    let new = known.iter().max_by_key(|k| k.0)?;
    let alike = sides
        .windows(2)
        .all(|p| matches!(p, [a, b] if a.unit == b.unit));
    if old.0 == new.0 || !alike || !sides.iter().any(|s| is_kernel(&s.name)) {
        return None;
    }
    let gain = match new.1.unit {
        Some(Unit::Seconds) => new.1.value / old.1.value,
        _ => old.1.value / new.1.value,
    };
    (gain >= APART).then_some("with the older kernel it is fast")
}

/// A plain measurement of the disk beside the rate of a job: `{"dd": 90, "backup": 15}`.
fn plainly(sides: &[Side]) -> Option<&'static str> {
    const PLAIN: [&str; 9] = [
        "dd",
        "fio",
        "hdparm",
        "raw",
        "bench",
        "benchmark",
        "bonnie",
        "kdiskmark",
        "diskspd",
    ];
    const JOBS: [&str; 12] = [
        "backup", "rsync", "copy", "cp", "restore", "import", "save", "untar", "extract", "send",
        "borg", "restic",
    ];
    /// No disk of this century streams less.
    const LEAST: f64 = 3e7;
    let find = |list: &[&str]| {
        let is_of = |s: &&Side| {
            let words = node::words(&s.name);
            words.iter().any(|w| list.contains(&w.as_str())) && s.unit == Some(Unit::BytesPerSecond)
        };
        sides.iter().find(is_of)
    };
    let (plain, job) = (find(&PLAIN)?, find(&JOBS)?);
    (plain.value >= LEAST && plain.value >= job.value * 3.0)
        .then_some("dd shows full speed, the disk itself is fine")
}

/// Two disks that together do what one does: `{"one_drive": 72, "two_drives_sum": 72}`.
fn sums(sides: &[Side]) -> Option<&'static str> {
    let has = |side: &Side, list: &[&str]| {
        let words = node::words(&side.name);
        words.iter().any(|w| list.contains(&w.as_str()))
    };
    let one = sides
        .iter()
        .find(|s| has(s, &["one", "single", "alone", "1"]))?;
    let sum = sides
        .iter()
        .find(|s| has(s, &["sum", "total", "together"]))?;
    let same = (one.value - sum.value).abs() <= SAME * one.value.max(sum.value);
    (same && one.unit == sum.unit && one.unit == Some(Unit::BytesPerSecond))
        .then_some("two disks together are no faster than one, the sum stays the same")
}

fn side(member: &Node<'_>) -> Option<Side> {
    let measure = member.measure().filter(|m| m.rest.is_empty())?;
    Some(Side {
        name: member.key().to_lowercase(),
        value: measure.value(),
        unit: measure.scale.map(|scale| scale.unit),
    })
}

fn sentence(sides: &[Side], shorter_is_better: bool) -> Option<String> {
    let one_of = |side: &Side, list: &[&str]| {
        let words = node::words(&side.name);
        words.iter().any(|w| list.contains(&w.as_str()))
    };
    let better = |a: &Side, b: &Side| match shorter_is_better {
        true => b.value / a.value,
        false => a.value / b.value,
    };
    let close = |a: &Side, b: &Side| (a.value - b.value).abs() <= SAME * a.value.max(b.value);
    // btrfs, and another filesystem.
    let btrfs = sides.iter().find(|s| one_of(s, &["btrfs"]));
    let other = sides.iter().find_map(|s| {
        let words = node::words(&s.name);
        let name = words
            .into_iter()
            .find(|w| mounts::is_fstype(w) && w != "btrfs")?;
        (name != "nfs" && name != "cifs").then_some((s, name))
    });
    if let (Some(btrfs), Some((other, name))) = (btrfs, other) {
        return if close(btrfs, other) {
            Some(format!(
                "it is the same on {name}: no measurable difference"
            ))
        } else if better(other, btrfs) >= APART {
            Some(format!("it is much faster on {name}"))
        } else {
            None
        };
    }
    let [a, b] = sides else { return None };
    let pair = |x: &[&str], y: &[&str]| match (one_of(a, x), one_of(b, y)) {
        (true, true) => Some((a, b)),
        _ if one_of(b, x) && one_of(a, y) => Some((b, a)),
        _ => None,
    };
    if let Some((here, there)) = pair(&HERE, &THERE) {
        return (better(here, there) >= APART)
            .then(|| "slow only over the network, on the server itself it is fast".to_owned());
    }
    if let Some((host, guest)) = pair(&["host", "hypervisor"], &["guest", "vm"]) {
        return (better(host, guest) >= APART)
            .then(|| "on the host it is fast, only in the guest it is slow".to_owned());
    }
    let is_experiment = SIDES.iter().any(|list| one_of(a, list) && one_of(b, list));
    (is_experiment && close(a, b)).then(|| "no measurable difference between both".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures_side_by_side_say_whether_it_matters() {
        let said = |value: serde_json::Value, shorter_is_better: bool| {
            let members = Node::root(&value).members();
            let sides: Option<Vec<Side>> = members.iter().map(side).collect();
            sentence(&sides?, shorter_is_better)
        };
        let has = |said: Option<String>, part: &str| said.is_some_and(|s| s.contains(part));
        assert!(has(
            said(json!({"btrfs": 80, "ext4": 82}), false),
            "same on ext4"
        ));
        assert!(has(
            said(json!({"btrfs": 80, "xfs": 820}), false),
            "faster on xfs"
        ));
        assert!(has(
            said(json!({"cow": 82.9, "nodatacow": 82.5}), false),
            "no measurable"
        ));
        assert!(has(
            said(json!({"smb": 8, "local": 190}), false),
            "only over the network"
        ));
        assert!(has(said(json!({"host": 4, "vm": 40}), true), "on the host"));
        // Slower elsewhere, unlike figures, and things that are no alternatives say nothing.
        assert_eq!(said(json!({"btrfs": 820, "ext4": 80}), false), None);
        assert_eq!(said(json!({"cow": 40, "nodatacow": 82}), false), None);
        assert_eq!(said(json!({"util": 80, "await": 82}), false), None);
    }

    fn sides(value: &serde_json::Value) -> Vec<Side> {
        let members = Node::root(value).members();
        members.iter().filter_map(side).collect()
    }

    #[test]
    fn kernels_side_by_side_are_compared_where_one_of_them_runs() {
        let of = |value, runs: &str| versions(&sides(&value), |name| runs.starts_with(name));
        let rates = json!({"5.10.63": "270 MB/s", "6.1.21": "130 MB/s", "6.1.51": "131 MB/s"});
        assert!(of(rates.clone(), "6.1.51-v8+").is_some_and(|s| s.contains("older kernel")));
        // Versions of something else; a newer one that is as fast, or faster; times.
        assert_eq!(of(rates, "6.12.3"), None);
        let alike = json!({"6.1.21": "130 MB/s", "6.6.3": "128 MB/s"});
        assert_eq!(of(alike, "6.6.3"), None);
        assert_eq!(of(json!({"6.1": "20 s", "6.6": "10 s"}), "6.6.3"), None);
        assert!(of(json!({"6.1": "10 s", "6.6": "20 s"}), "6.6.3").is_some());
        assert_eq!(of(json!({"util": "90 %", "6.6": "20 %"}), "6.6.3"), None);
    }

    #[test]
    fn a_plain_measurement_acquits_the_disk_only_where_it_is_far_faster() {
        let of = |value| plainly(&sides(&value));
        assert!(of(json!({"dd_mib_s": 90, "backup_mib_s": 15})).is_some());
        assert_eq!(of(json!({"dd_mib_s": 90, "backup_mib_s": 60})), None);
        assert_eq!(of(json!({"dd_mib_s": 9, "backup_mib_s": 1})), None);
        assert_eq!(of(json!({"backup_mib_s": 15, "net_mib_s": 90})), None);
    }

    #[test]
    fn disks_that_together_do_what_one_does_share_a_limit() {
        let of = |value| sums(&sides(&value));
        let rates = json!({"one_drive": "72 MB/s", "two_drives_sum": "71 MB/s"});
        assert!(of(rates).is_some());
        let rates = json!({"one_drive": "72 MB/s", "two_drives_sum": "140 MB/s"});
        assert_eq!(of(rates), None);
    }

    #[test]
    fn what_time_tells_is_read_as_its_line() {
        let of = |value: serde_json::Value| clock(&Node::root(&value).members());
        assert_eq!(
            of(json!({"real_s": 64.6, "user_s": 46.5, "sys_s": 6})).as_deref(),
            Some("real 64.6 s user 46.5 s")
        );
        assert_eq!(of(json!({"real_s": 64.6, "sys_s": 6})), None);
    }
}

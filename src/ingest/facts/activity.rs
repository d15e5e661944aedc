//! Load of devices, processor and the whole machine: iostat, pressure, load average, vmstat.

use serde_json::Value;

use super::Reader;
use super::node::{self, Node};
use super::{disk_words, figures};
use crate::model::metrics::{CpuUse, DeviceIo, LoadAverage, Psi, PsiShares, VmActivity};
use crate::model::observation::Unit;
use crate::model::units::{Millis, Percent};

/// Words below a key, down to a leaf.
fn below(node: &Node<'_>, leaf: &Node<'_>) -> Vec<String> {
    let from = node.keys.len().saturating_sub(1);
    leaf.keys[from..]
        .iter()
        .flat_map(|key| node::words(key))
        .collect()
}

/// `psi_io: "~100%"`, `{"io": {"some_avg10": 80}}`. A share without a window is how it stands, and
/// holds for all three; one that is not said to be `full` is `some`, which `full` is a part of.
pub(super) fn pressure(reader: &mut Reader<'_>, node: &Node<'_>) {
    for leaf in node.leaves() {
        let words = below(node, &leaf);
        let has = |word: &str| words.iter().any(|w| w == word);
        let window =
            |n: &str| has(&format!("avg{n}")) || has("avg") && has(n) || has(&format!("{n}s"));
        if has("total") {
            continue;
        }
        let Some(value) = leaf.percent(true).filter(|v| *v <= 100.0) else {
            continue;
        };
        let pressure = &mut reader.facts.metrics.pressure;
        let slot = if has("io") || has("disk") {
            &mut pressure.io
        } else if has("cpu") {
            &mut pressure.cpu
        } else if has("memory") || has("mem") {
            &mut pressure.memory
        } else {
            continue;
        };
        let mut psi = slot.as_ref().map_or_else(Psi::default, |psi| psi.value);
        let share = Percent(value);
        let which = [window("10"), window("60"), window("300")];
        let into = |shares: &mut PsiShares| {
            let first = *shares == PsiShares::default();
            let none = !which.iter().any(|w| *w);
            for (slot, told) in [
                (&mut shares.avg10, which[0]),
                (&mut shares.avg60, which[1]),
                (&mut shares.avg300, which[2]),
            ] {
                if told || none || first {
                    *slot = share;
                }
            }
        };
        if has("full") {
            into(psi.full.get_or_insert_default());
        } else {
            into(&mut psi.some);
        }
        if let Some(full) = psi.full {
            let most = |a: &mut Percent, b: Percent| a.0 = a.0.max(b.0);
            most(&mut psi.some.avg10, full.avg10);
            most(&mut psi.some.avg60, full.avg60);
            most(&mut psi.some.avg300, full.avg300);
        }
        let rest = leaf.measure().map_or("", |m| m.rest);
        let source = reader.place(&leaf.path).into();
        let sourced = crate::model::metrics::Sourced { value: psi, source };
        let pressure = &mut reader.facts.metrics.pressure;
        if has("io") || has("disk") {
            pressure.io = Some(sourced);
        } else if has("cpu") {
            pressure.cpu = Some(sourced);
        } else {
            pressure.memory = Some(sourced);
        }
        reader.typed_but(&leaf, rest);
    }
}

/// `">30"`, `[3.1, 2.0, 1.5]`, `"3.1 2.0 1.5"`, `{"1m": 30}`. One number alone is how it stands.
pub(super) fn load(reader: &mut Reader<'_>, node: &Node<'_>) {
    let plain = |leaf: &Node<'_>| {
        let amount = leaf.amount()?;
        let bare = super::amount::unit_of(amount.rest).is_none();
        bare.then_some(amount.number)
    };
    let mut numbers: Vec<f64> = match node.value {
        serde_json::Value::String(text) => {
            // `0,08 0,07 0,02` are three numbers of a country that writes them so.
            let plain = |word: &str| {
                let whole = super::amount::amount(word)?;
                whole.rest.is_empty().then_some(whole.number)
            };
            let three: Option<Vec<f64>> = text.split_whitespace().map(plain).collect();
            let parts = text.split([' ', ',', '/']).filter(|part| !part.is_empty());
            let all: Option<Vec<f64>> = parts.map(|part| part.parse().ok()).collect();
            three.filter(|t| t.len() == 3).or(all).unwrap_or_default()
        }
        serde_json::Value::Array(_) => node.members().iter().filter_map(plain).collect(),
        _ => Vec::new(),
    };
    let mut rest = "";
    if numbers.is_empty() && node.is_leaf() {
        numbers.extend(plain(node));
        rest = node.amount().map_or("", |a| a.rest);
    }
    if numbers.is_empty() && node.is_object() {
        let windows: [&[&str]; 3] = [
            &[
                "1m",
                "1min",
                "1 min",
                "one",
                "1",
                "load1",
                "avg1",
                "one minute",
            ],
            &["5m", "5min", "5 min", "five", "5", "load5", "avg5"],
            &["15m", "15min", "15 min", "fifteen", "15", "load15", "avg15"],
        ];
        numbers = windows
            .iter()
            .filter_map(|names| plain(&node.get(names)?))
            .collect();
    }
    let (Some(&one), Some(&last)) = (numbers.first(), numbers.last()) else {
        return;
    };
    let five = numbers.get(1).copied().unwrap_or(last);
    let fifteen = numbers.get(2).copied().unwrap_or(five);
    if numbers.iter().all(|n| n.is_finite() && *n >= 0.0) {
        let value = LoadAverage { one, five, fifteen };
        reader.facts.metrics.load = Some(reader.sourced(node, value));
        reader.typed_but(node, rest);
    }
}

/// The line of `uptime`, or whatever of it stands there: `load average: 31, 30, 28`.
pub(super) fn load_in(reader: &mut Reader<'_>, node: &Node<'_>) {
    let Some((_, rest)) = node.text().and_then(|text| text.split_once("load average")) else {
        return;
    };
    let numbers: Vec<f64> = rest
        .trim_start_matches(['s', ':', ' '])
        .split([' ', ','])
        .filter(|part| !part.is_empty())
        .map_while(|part| part.parse().ok())
        .take(3)
        .collect();
    if let [one, five, fifteen] = numbers[..] {
        let value = LoadAverage { one, five, fifteen };
        reader.facts.metrics.load = Some(reader.sourced(node, value));
        reader.typed(node);
    }
}

pub(super) fn uptime(reader: &mut Reader<'_>, node: &Node<'_>) {
    if node
        .text()
        .is_some_and(|text| text.contains("load average"))
    {
        load_in(reader, node);
        return;
    }
    // "A few hours a day" is how long it is on.
    let whole = node
        .measure()
        .filter(|m| m.rest.is_empty() || m.rest.starts_with([',', '(']));
    if let Some(seconds) = whole.and_then(|m| m.of(Unit::Seconds)) {
        reader.facts.metrics.uptime_s = Some(reader.sourced(node, seconds));
        reader.typed(node);
    }
}

/// The columns of vmstat by their names; `si`, `so`, `bi` and `bo` are KiB.
pub(super) fn vmstat(reader: &mut Reader<'_>, node: &Node<'_>) {
    let mut vm = VmActivity {
        samples: 1,
        ..VmActivity::default()
    };
    let mut known = false;
    for member in node.members() {
        if column(&mut vm, &member) {
            known = true;
            reader.typed(&member);
        }
    }
    if let Some(text) = node.text().filter(|text| !figures::is_wish(text)) {
        let mut all = true;
        for clause in figures::clauses(text) {
            all &= figures::each(clause, |name, number| {
                let value = Value::from(number);
                let taken = column(&mut vm, &figures::member(node, name, &value));
                known |= taken;
                taken
            });
        }
        if known {
            reader.typed_but(node, if all { "" } else { text });
        }
    }
    if known {
        let vm = reader.sourced(node, vm);
        reader.facts.metrics.vm = Some(vm);
    }
}

/// Takes one column of vmstat by its name.
fn column(vm: &mut VmActivity, node: &Node<'_>) -> bool {
    let Some(measure) = node.measure().filter(|m| m.rest.is_empty()) else {
        return false;
    };
    let name = node.name();
    let is_rate = matches!(name.as_str(), "si" | "so" | "bi" | "bo");
    let value = match measure.scale {
        None if is_rate => measure.value() * 1024.0,
        None => measure.value(),
        Some(scale) if is_rate && scale.unit == Unit::BytesPerSecond => measure.value(),
        Some(_) => return false,
    };
    let slot = match name.as_str() {
        "r" | "runnable" => &mut vm.runnable,
        "b" | "blocked" => &mut vm.blocked,
        "si" => &mut vm.swap_in_bytes_s,
        "so" => &mut vm.swap_out_bytes_s,
        "bi" => &mut vm.block_in_bytes_s,
        "bo" => &mut vm.block_out_bytes_s,
        _ => return false,
    };
    *slot = Some(value);
    true
}

/// What a word says that is figured of a device.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Figure {
    Util,
    ReadWait,
    WriteWait,
    FlushWait,
    Queue,
    Reads,
    Writes,
    Flushes,
    ReadBytes,
    WriteBytes,
}

fn figure(words: &[String]) -> Option<Figure> {
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    let name = words.join(" ");
    let reads = has(&["r", "read", "reads"]);
    let writes = has(&["w", "write", "writes"]);
    let waits = has(&["await", "latency", "lat"]);
    let found = if has(&["util", "%util", "utilisation", "utilization"])
        && !has(&["cpu", "gpu", "memory"])
        || has(&["busy"]) && has(&["disk", "device", "percent", "pct"]) && !has(&["cpu"])
    {
        Figure::Util
    } else if waits && has(&["f", "flush"]) || name == "f await" {
        Figure::FlushWait
    } else if waits && reads && !writes {
        Figure::ReadWait
    } else if waits && writes && !reads {
        Figure::WriteWait
    } else if matches!(
        name.as_str(),
        "aqu sz" | "avgqu sz" | "queue depth" | "queue length"
    ) {
        Figure::Queue
    } else if matches!(
        name.as_str(),
        "r s" | "reads s" | "reads per s" | "read iops"
    ) {
        Figure::Reads
    } else if matches!(
        name.as_str(),
        "w s" | "writes s" | "writes per s" | "write iops"
    ) {
        Figure::Writes
    } else if matches!(name.as_str(), "f s" | "flushes s" | "flushes per s") {
        Figure::Flushes
    } else if has(&["rkb", "rmb"])
        || reads && has(&["kb", "mb", "kib", "mib", "gb", "gib"])
        || matches!(name.as_str(), "disk read" | "disk reads" | "device read")
    {
        Figure::ReadBytes
    } else if has(&["wkb", "wmb"])
        || writes && has(&["kb", "mb", "kib", "mib", "gb", "gib"])
        || matches!(name.as_str(), "disk write" | "disk writes" | "device write")
    {
        Figure::WriteBytes
    } else {
        return None;
    };
    Some(found)
}

/// Whether a key is a figure of a device by itself; rates of bytes may be anything's.
pub(super) fn is_device_figure(words: &[String]) -> bool {
    /// A latency may be anybody's too: of a database, or the 99th percentile.
    const VOCABULARY: [&str; 24] = [
        "disk",
        "device",
        "io",
        "r",
        "w",
        "f",
        "read",
        "reads",
        "write",
        "writes",
        "flush",
        "await",
        "latency",
        "lat",
        "util",
        "%util",
        "utilisation",
        "utilization",
        "busy",
        "ssd",
        "hdd",
        "nvme",
        "avg",
        "mean",
    ];
    let end = super::amount::unit_of_key(words).map_or(words.len(), |(_, at)| at.start);
    let own = words[..end]
        .iter()
        .all(|w| VOCABULARY.contains(&w.as_str()));
    let rate = [
        Figure::ReadBytes,
        Figure::WriteBytes,
        Figure::Reads,
        Figure::Writes,
        Figure::Flushes,
    ];
    own && end > 0 && figure(words).is_some_and(|figure| !rate.contains(&figure))
}

fn put(io: &mut DeviceIo, figure: Figure, leaf: &Node<'_>) -> bool {
    let millis = || {
        let measure = leaf.measure()?;
        match measure.scale {
            Some(_) => measure.of(Unit::Seconds).map(|s| Millis(s * 1e3)),
            // iostat knows no other unit; of a "latency" it is not certain.
            None => (leaf.name().contains("await") && measure.rest.is_empty())
                .then(|| Millis(measure.value())),
        }
    };
    let plain = || {
        let amount = leaf.amount()?;
        let fits = amount.rest.is_empty() || amount.rest.to_lowercase().starts_with("iops");
        fits.then_some(amount.number)
    };
    let rate = || leaf.measure()?.of(Unit::BytesPerSecond);
    match figure {
        Figure::Util => {
            io.util_percent = leaf
                .percent(true)
                .filter(|v| *v > 1.0 || *v == 0.0 || leaf.key().contains('%'))
                .filter(|v| *v <= 101.0)
                .map(Percent);
            io.util_peak = io.util_percent;
            io.util_percent.is_some()
        }
        Figure::ReadWait => fill(&mut io.r_await_ms, millis()),
        Figure::WriteWait => fill(&mut io.w_await_ms, millis()),
        Figure::FlushWait => fill(&mut io.f_await_ms, millis()),
        Figure::Queue => fill(&mut io.aqu_sz, plain()),
        Figure::Reads => fill(&mut io.r_per_s, plain()),
        Figure::Writes => fill(&mut io.w_per_s, plain()),
        Figure::Flushes => fill(&mut io.f_per_s, plain()),
        Figure::ReadBytes => fill(&mut io.read_bytes_s, rate()),
        Figure::WriteBytes => fill(&mut io.write_bytes_s, rate()),
    }
}

fn fill<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    let known = value.is_some();
    if known {
        *slot = value;
    }
    known
}

/// An object of figures, of devices with figures, a list of both, or one figure.
pub(super) fn devices(reader: &mut Reader<'_>, node: &Node<'_>) {
    if node.is_leaf() {
        let mut io = DeviceIo {
            samples: 1,
            ..DeviceIo::default()
        };
        if figure(&node.words()).is_some_and(|figure| put(&mut io, figure, node)) {
            // Figures beside each other are of one device.
            let same = reader
                .facts
                .metrics
                .devices
                .iter_mut()
                .find(|d| d.name.is_empty());
            match same {
                Some(device) => {
                    if let Some(figure) = figure(&node.words()) {
                        put(&mut device.value, figure, node);
                    }
                }
                None => {
                    let io = reader.sourced(node, io);
                    reader.facts.metrics.devices.push(io);
                }
            }
            let rest = node.measure().map_or("", |m| m.rest);
            reader.typed_but(node, rest);
        } else {
            sentence(reader, node);
        }
        return;
    }
    if !node.is_object() {
        for member in node.members().iter() {
            devices(reader, member);
        }
        return;
    }
    let mut io = DeviceIo {
        samples: 1,
        ..DeviceIo::default()
    };
    let name = node.get(&["device", "dev", "name", "disk"]);
    if let Some(text) = name.as_ref().and_then(Node::text) {
        io.name = text.strip_prefix("/dev/").unwrap_or(text).to_owned();
    } else {
        let key = node.key();
        // `iostat -x` is no disk.
        let heads = ["iostat", "disk", "devices", "diskstats"];
        if !key.contains(' ') && !node.words().iter().any(|w| heads.contains(&w.as_str())) {
            io.name = key.strip_prefix("/dev/").unwrap_or(key).to_owned();
        }
    }
    let mut known = false;
    for member in node.members() {
        if !member.is_leaf() {
            devices(reader, &member);
        } else if figure(&member.words()).is_some_and(|figure| put(&mut io, figure, &member)) {
            known = true;
            let rest = member.measure().map_or("", |m| m.rest);
            reader.typed_but(&member, rest);
        } else if is_device(member.key()) {
            of_disk(reader, &member);
        }
    }
    if known {
        if let Some(name) = &name {
            reader.typed(name);
        }
        let io = reader.sourced(node, io);
        reader.facts.metrics.devices.push(io);
    }
}

/// The name of a disk, or of an array or a mapping above disks: `md0`, `dm-3`.
fn is_device(name: &str) -> bool {
    let above = name.strip_prefix("md").or_else(|| name.strip_prefix("dm-"));
    disk_words::is_kernel_name(name)
        || above.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// `{"sda": "98 %"}`, and sentences below the name of a disk.
fn of_disk(reader: &mut Reader<'_>, node: &Node<'_>) {
    let whole = node.measure().filter(|m| m.rest.is_empty());
    let share = whole.and_then(|m| m.of(Unit::Percent));
    let Some(share) = share.filter(|share| *share <= 101.0) else {
        sentence(reader, node);
        return;
    };
    let io = DeviceIo {
        name: node.key().to_owned(),
        util_percent: Some(Percent(share)),
        util_peak: Some(Percent(share)),
        samples: 1,
        ..DeviceIo::default()
    };
    let io = reader.sourced(node, io);
    reader.facts.metrics.devices.push(io);
    reader.typed(node);
}

/// `sda 100 % util, 3 MB/s; sdb %util 2`, `every disk below 8 %util`.
fn sentence(reader: &mut Reader<'_>, node: &Node<'_>) {
    let Some(text) = node.text().filter(|text| !figures::is_wish(text)) else {
        return;
    };
    let bare = DeviceIo {
        samples: 1,
        ..DeviceIo::default()
    };
    let of_key = Some(node.key()).filter(|key| is_device(key));
    let mut all = true;
    let mut found: Vec<DeviceIo> = Vec::new();
    let mut name = of_key.unwrap_or_default().to_owned();
    for clause in figures::clauses(text) {
        let told = clause
            .split([' ', ':'])
            .find(|word| disk_words::is_kernel_name(word.trim_start_matches("/dev/")));
        if let Some(told) = told {
            name = told.trim_start_matches("/dev/").to_owned();
        }
        all &= figures::each(clause, |words, number| {
            const NOBODY: [&str; 9] = [
                "every", "each", "all", "the", "disk", "disks", "at", "is", "are",
            ];
            let own: Vec<&str> = words
                .split_whitespace()
                .filter(|word| !NOBODY.contains(word) && word.trim_start_matches("/dev/") != name)
                .collect();
            let own = own.join(" ");
            let Some(figure) = figure(&node::words(&own)).filter(|_| own.len() < 24) else {
                return false;
            };
            let value = Value::from(number);
            let member = figures::member(node, &own, &value);
            let at = found.iter().position(|io| io.name == name);
            let mut io = at
                .and_then(|at| found.get(at).cloned())
                .unwrap_or_else(|| DeviceIo {
                    name: name.clone(),
                    ..bare.clone()
                });
            let taken = put(&mut io, figure, &member);
            match at.and_then(|at| found.get_mut(at)) {
                Some(slot) if taken => *slot = io,
                None if taken => found.push(io),
                _ => {}
            }
            taken
        });
    }
    if found.is_empty() {
        return;
    }
    for io in found {
        let io = reader.sourced(node, io);
        reader.facts.metrics.devices.push(io);
    }
    reader.typed_but(node, if all { "" } else { text });
}

/// Whether a key is a rate of a disk: `disk_read: 50 MB/s`.
pub(super) fn is_device_rate(words: &[String]) -> bool {
    let end = super::amount::unit_of_key(words).map_or(words.len(), |(_, at)| at.start);
    matches!(
        words[..end].join(" ").as_str(),
        "disk read" | "disk reads" | "disk write" | "disk writes" | "device read" | "device write"
    )
}

/// Shares of processor time, where they are told in full; one alone is a number in words.
pub(super) fn cpu(reader: &mut Reader<'_>, node: &Node<'_>) {
    let share = |names: &[&str]| {
        let member = node.get(names)?;
        let value = member.percent(true)?;
        Some((member, value))
    };
    let user = share(&["user", "us", "usr", "user pct"]);
    let system = share(&["system", "sys", "sy", "kernel", "system pct"]);
    let iowait = share(&["iowait", "wa", "io wait", "wait", "iowait pct"]);
    let idle = share(&["idle", "id", "idle pct"]);
    let steal = share(&["steal", "st"]);
    let value = |of: &Option<(Node<'_>, f64)>| of.as_ref().map_or(0.0, |(_, v)| *v);
    let sum: f64 = [&user, &system, &iowait, &idle, &steal]
        .iter()
        .map(|of| value(of))
        .sum();
    let all = user.is_some() && system.is_some() && iowait.is_some() && idle.is_some();
    if all && (90.0..=101.0).contains(&sum) {
        let told = CpuUse {
            user: Percent(value(&user)),
            system: Percent(value(&system)),
            iowait: Percent(value(&iowait)),
            steal: Percent(value(&steal)),
            idle: Percent(value(&idle)),
            samples: 1,
            since_boot: false,
        };
        reader.facts.metrics.cpu = Some(reader.sourced(node, told));
        for (member, _) in [user, system, iowait, idle, steal].into_iter().flatten() {
            reader.typed(&member);
        }
    }
}

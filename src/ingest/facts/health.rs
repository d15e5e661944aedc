//! How well disks and filesystem are: SMART, device errors, scrub and balance.

use serde_json::Value;

use super::node::{self, Node};
use super::{Reader, amount, disk_words, figures};
use crate::model::metrics::{DeviceErrors, Maintenance, MaintenanceJob, Smart, Sourced};
use crate::model::observation::Unit;
use crate::model::units::Percent;

/// Figures of SMART that stand at several places and name no disk.
#[derive(Default)]
pub(super) struct LooseSmart {
    smart: Smart,
    source: Option<std::sync::Arc<str>>,
}

/// An object of figures, of disks with figures, or the verdict alone.
pub(super) fn smart(reader: &mut Reader<'_>, node: &Node<'_>) {
    if node.is_leaf() {
        if sentence(reader, node) {
            return;
        }
        if let Some(passed) = node.text().and_then(verdict) {
            let mut loose = std::mem::take(&mut reader.gathered.smart);
            loose.smart.passed = Some(passed);
            loose
                .source
                .get_or_insert_with(|| reader.place(&node.path).into());
            reader.gathered.smart = loose;
            let more = node.text().filter(|t| t.contains(' ')).unwrap_or_default();
            reader.typed_but(node, more);
        } else {
            // `smart_wear_percent: 80` beside others.
            let mut loose = std::mem::take(&mut reader.gathered.smart);
            if take(&mut loose.smart, node) {
                loose
                    .source
                    .get_or_insert_with(|| reader.place(&node.path).into());
                reader.typed(node);
            }
            reader.gathered.smart = loose;
        }
        return;
    }
    let mut smart = Smart::default();
    let key = node.key();
    if key.starts_with("/dev/") || ["nvme", "sd"].iter().any(|p| key.starts_with(p)) {
        smart.device = format!("/dev/{}", key.trim_start_matches("/dev/"));
    }
    let mut known = false;
    for member in node.members() {
        let key = member.key().trim_start_matches("/dev/");
        if !member.is_leaf() || disk_words::is_kernel_name(key) {
            self::smart(reader, &member);
        } else if take(&mut smart, &member) {
            known = true;
            let more = member
                .text()
                .filter(|t| t.contains(' '))
                .unwrap_or_default();
            reader.typed_but(&member, more);
        }
    }
    if known {
        let smart = reader.sourced(node, smart);
        reader.facts.metrics.smart.push(smart);
    }
}

/// `PASSED, reallocated 0, pending 0`, `0 errors, 3% used`, of the disk that the key names.
fn sentence(reader: &mut Reader<'_>, node: &Node<'_>) -> bool {
    let Some(text) = node.text().filter(|text| !figures::is_wish(text)) else {
        return false;
    };
    let key = node.key();
    let disk = key
        .split_whitespace()
        .map(|word| word.trim_start_matches("/dev/"))
        .find(|word| {
            disk_words::is_kernel_name(word)
                || word
                    .strip_prefix("nvme")
                    .is_some_and(|n| n.parse::<u8>().is_ok())
        });
    let is_loose = disk.is_none();
    let mut smart = match is_loose {
        true => reader.gathered.smart.smart.clone(),
        false => Smart::default(),
    };
    let (mut found, mut all) = (false, true);
    for clause in figures::clauses(text) {
        let mut any = false;
        all &= figures::each(clause, |name, number| {
            // "3% used" is of the endurance.
            let name = match name {
                "used" if number.ends_with('%') => "percentage used",
                name => name,
            };
            let value = Value::from(number);
            let taken = take(&mut smart, &figures::member(node, name, &value));
            any |= taken;
            taken
        });
        if !any && let Some(passed) = verdict(clause) {
            smart.passed = Some(passed);
            any = true;
        }
        found |= any;
    }
    if !found {
        return false;
    }
    if let Some(disk) = disk {
        smart.device = format!("/dev/{disk}");
        let smart = reader.sourced(node, smart);
        reader.facts.metrics.smart.push(smart);
    } else {
        reader.gathered.smart.smart = smart;
        let place = reader.place(&node.path);
        reader
            .gathered
            .smart
            .source
            .get_or_insert_with(|| place.into());
    }
    reader.typed_but(node, if all { "" } else { text });
    true
}

pub(super) fn finish(reader: &mut Reader<'_>) {
    let loose = std::mem::take(&mut reader.gathered.smart);
    if let Some(source) = loose.source {
        let value = loose.smart;
        reader.facts.metrics.smart.push(Sourced { value, source });
    }
}

fn verdict(text: &str) -> Option<bool> {
    let lower = text.to_lowercase();
    let first = lower.split(|c: char| !c.is_alphanumeric()).next()?;
    if lower.starts_with("no errors") || lower.starts_with("0 errors") {
        return Some(true);
    }
    match first {
        "passed" | "ok" | "pass" | "healthy" | "good" | "clean" | "fine" => Some(true),
        "failed" | "failing" | "fail" | "bad" => Some(false),
        _ => None,
    }
}

fn take(smart: &mut Smart, member: &Node<'_>) -> bool {
    let words = member.words();
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    // What was written in ten days is no figure of a life.
    if has(&[
        "per", "day", "days", "week", "hours", "daily", "last", "before", "previous",
    ]) && !has(&["power", "on"])
    {
        return false;
    }
    let count = || member.plain_count().map(|(n, _)| n);
    let share = || {
        let share = member.percent(true)?;
        (0.0..=1000.0)
            .contains(&share)
            .then_some(share.round() as u64)
    };
    let bytes = || member.bytes();
    if has(&[
        "passed",
        "health",
        "status",
        "result",
        "assessment",
        "verdict",
        "overall",
    ]) {
        let passed = match member.value {
            Value::Bool(passed) => Some(*passed),
            _ => member.text().and_then(verdict),
        };
        return fill(&mut smart.passed, passed);
    }
    if has(&["written", "tbw"]) {
        let tbw = || {
            let amount = member
                .amount()
                .filter(|a| a.rest.is_empty() && has(&["tbw"]))?;
            amount::bytes(amount.number * 1e12)
        };
        return fill(&mut smart.written, bytes().or_else(tbw));
    }
    if has(&["wear", "wearout"])
        || words.join(" ").contains("percentage used")
        || has(&["endurance"])
    {
        // Wear *levelling* of ATA counts down, and "remaining" too.
        let counts_down = has(&["leveling", "levelling", "remaining", "left"]);
        return !counts_down && fill(&mut smart.wear_percent, share());
    }
    if has(&["spare"]) && !has(&["threshold"]) {
        return fill(&mut smart.spare_percent, share());
    }
    if has(&["reallocated"]) {
        return fill(&mut smart.reallocated, count());
    }
    if has(&["pending"]) {
        return fill(&mut smart.pending, count());
    }
    if has(&["uncorrectable"]) {
        return fill(&mut smart.uncorrectable, count());
    }
    if has(&["crc", "udma", "interface"]) {
        return fill(&mut smart.interface_errors, count());
    }
    if has(&["media", "medium"]) && has(&["errors", "error"]) {
        return fill(&mut smart.media_errors, count());
    }
    if has(&["critical"]) {
        return fill(&mut smart.critical_warning, count());
    }
    if has(&["power"]) && has(&["hours", "on", "h"]) {
        let hours = || {
            let measure = member.measure()?;
            measure.of(Unit::Seconds).map(|s| (s / 3600.0) as u64)
        };
        return fill(&mut smart.power_on_hours, count().or_else(hours));
    }
    if has(&["temperature", "temp"]) {
        let text = member.amount();
        let celsius = text.filter(|a| a.rest.is_empty() || a.rest.starts_with(['C', '°', 'c']));
        return fill(&mut smart.temperature_c, celsius.map(|a| a.number as i64));
    }
    if has(&["rotation", "rpm"]) {
        let rpm = count().and_then(|n| u32::try_from(n).ok());
        return fill(&mut smart.rotation_rpm, rpm);
    }
    let text = || member.text().map(str::to_owned);
    match words.join(" ").as_str() {
        "model" => fill(&mut smart.model, text()),
        "firmware" | "fw" => fill(&mut smart.firmware, text()),
        "device" | "disk" => match text().filter(|t| !t.contains(' ')) {
            Some(device) => {
                smart.device = device;
                true
            }
            None => false,
        },
        "trim" => fill(&mut smart.trim, member.state().map(|(on, _)| on)),
        _ => false,
    }
}

fn fill<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    let known = value.is_some();
    if known {
        *slot = value;
    }
    known
}

/// `{"/dev/sda": {"read_errs": 3}}`, or the counters of one device.
pub(super) fn device_stats(reader: &mut Reader<'_>, node: &Node<'_>) {
    let mut errors = DeviceErrors::default();
    let key = node.key();
    if key.starts_with("/dev/") || key.starts_with("devid") {
        errors.device = key.to_owned();
    }
    let mut known = false;
    if node.is_leaf() {
        counters(reader, node);
        return;
    }
    for member in node.members() {
        let is_device = member.key().starts_with("/dev/")
            || disk_words::is_kernel_name(member.key())
            || member.key().starts_with("devid");
        if !member.is_leaf() || is_device || !node.is_object() {
            device_stats(reader, &member);
            continue;
        }
        let words = member.words();
        if words.join(" ") == "device" {
            if let Some(device) = member.text() {
                errors.device = device.to_owned();
                reader.typed(&member);
            }
            continue;
        }
        let Some(slot) = counter(&mut errors, &words) else {
            continue;
        };
        if let Some((count, _)) = member.plain_count() {
            *slot = count;
            known = true;
            reader.typed(&member);
        }
    }
    if known {
        let errors = reader.sourced(node, errors);
        reader.facts.metrics.device_errors.push(errors);
    }
}

fn counter<'e>(errors: &'e mut DeviceErrors, words: &[String]) -> Option<&'e mut u64> {
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    let slot = if has(&["corruption", "corrupt", "csum", "checksum"]) {
        &mut errors.corruption
    } else if has(&["flush", "flushes"]) {
        &mut errors.flush
    } else if has(&["generation", "gen"]) {
        &mut errors.generation
    } else if has(&["write", "wr"]) {
        &mut errors.write
    } else if has(&["read", "rd"]) {
        &mut errors.read
    } else {
        return None;
    };
    Some(slot)
}

/// All counters of a device in one value: `0`, `all zero`, `corruption_errs 312`.
fn counters(reader: &mut Reader<'_>, node: &Node<'_>) {
    const NONE: [&str; 9] = [
        "0",
        "all zero",
        "all zeros",
        "all 0",
        "zero",
        "zeros",
        "none",
        "clean",
        "no errors",
    ];
    let mut errors = DeviceErrors::default();
    let key = node.key();
    if key.starts_with("/dev/") || key.starts_with("devid") || disk_words::is_kernel_name(key) {
        errors.device = key.to_owned();
    }
    let text = node.text().unwrap_or_default();
    let lower = text.to_lowercase();
    let is_none = node.value == &Value::from(0) || NONE.contains(&lower.as_str());
    let (mut known, mut all) = (is_none, true);
    if !is_none && !figures::is_wish(text) {
        for clause in figures::clauses(text) {
            all &= figures::each(clause, |name, number| {
                let slot = counter(&mut errors, &node::words(name));
                let count = number.parse().ok();
                let (Some(slot), Some(count)) = (slot, count) else {
                    return false;
                };
                *slot = count;
                known = true;
                true
            });
        }
    }
    if known {
        let errors = reader.sourced(node, errors);
        reader.facts.metrics.device_errors.push(errors);
        reader.typed_but(node, if all { "" } else { text });
    }
}

/// `"running"`, `{"status": "running", "mib_s": 12, "progress": "45%"}`. A rate is that of a job that
/// somebody watched.
pub(super) fn maintenance(reader: &mut Reader<'_>, node: &Node<'_>) {
    // Of a status without a name: only a scrub tells of errors and has a rate.
    let words = node.words();
    let told = |list: &[&str]| {
        let text = node.text().unwrap_or_default().to_lowercase();
        list.iter().any(|word| text.contains(word))
    };
    let is_named = words.iter().any(|w| w == "scrub" || w == "balance");
    let is_scrub = words.iter().any(|w| w == "scrub") || !is_named && told(&["error", "rate"]);
    if !is_named && !is_scrub && !told(&["chunk", "balance"]) {
        return;
    }
    let mut told = Maintenance {
        job: match is_scrub {
            true => MaintenanceJob::Scrub,
            false => MaintenanceJob::Balance,
        },
        path: None,
        running: false,
        // In loose words only whether it runs is told for sure.
        state: Default::default(),
        errors: None,
        rate_bytes_s: None,
        done: None,
    };
    if node.is_leaf() {
        let state = running(node);
        let known = progress(&mut told, node);
        if state.is_none() && !known {
            return;
        }
        let unfinished = told.done.is_some_and(|done| done.0 < 100.0);
        let (running, rest) = state.unwrap_or((
            told.rate_bytes_s.is_some() || unfinished,
            node.text().unwrap_or_default(),
        ));
        told.running = running;
        let told = reader.sourced(node, told);
        reader.facts.metrics.maintenance.push(told);
        reader.typed_but(node, rest);
        return;
    }
    let mut state = None;
    let mut known = false;
    for member in node.members().iter().filter(|m| m.is_leaf()) {
        let words = member.words();
        let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
        let measure = member.measure();
        let earlier = has(&["before", "earlier", "previous", "old", "was", "expected"]);
        let taken = if earlier {
            false
        } else if let Some(rate) = measure.and_then(|m| m.of(Unit::BytesPerSecond)) {
            told.rate_bytes_s = Some(rate);
            true
        } else if has(&["state", "status", "running", "active"]) {
            match running(member) {
                Some((running, _)) => state = Some(running),
                None => continue,
            }
            true
        } else if has(&["progress", "done", "percent", "pct", "completed"]) {
            told.done = member.percent(true).filter(|p| *p <= 100.0).map(Percent);
            told.done.is_some()
        } else if has(&[
            "csum",
            "corrected",
            "uncorrectable",
            "unrecoverable",
            "verify",
        ]) {
            if let Some((count, _)) = member.plain_count().filter(|(count, _)| *count > 0) {
                let more = format!("{count} {}", member.name());
                let found = told.errors.take().map(|found| format!("{found}, {more}"));
                told.errors = Some(found.unwrap_or(more));
            }
            member.plain_count().is_some()
        } else if has(&["duration", "took", "finished", "ended"]) && !member.value.is_boolean() {
            // How long it took is known of one that has ended.
            state = state.or(Some(false));
            true
        } else if has(&["errors", "error"]) {
            let text = match member.plain_count() {
                Some((0, _)) => None,
                Some((count, _)) => Some(format!("{count} errors")),
                None if matches!(member.state(), Some((false, _))) => None,
                None => member.text().map(str::to_owned),
            };
            told.errors = text;
            true
        } else if has(&["path", "mount", "mountpoint"]) {
            told.path = member.text().map(str::to_owned);
            told.path.is_some()
        } else {
            false
        };
        if taken {
            known = true;
            let rest = measure.map_or("", |m| m.rest);
            reader.typed_but(member, rest);
        }
    }
    if known {
        let unfinished = told.done.is_some_and(|done| done.0 < 100.0);
        told.running = state.unwrap_or(told.rate_bytes_s.is_some() || unfinished);
        let told = reader.sourced(node, told);
        reader.facts.metrics.maintenance.push(told);
    }
}

/// The figures of a sentence: `running, 12 MB/s, 40 %`, `csum=312 corrected=312`.
fn progress(told: &mut Maintenance, node: &Node<'_>) -> bool {
    let Some(text) = node.text().filter(|text| !figures::is_wish(text)) else {
        return false;
    };
    let mut known = false;
    let mut errors = None;
    for clause in figures::clauses(text) {
        let clause = clause
            .trim_start_matches("rate")
            .trim_start_matches([':', ' ']);
        let found = amount::amount(clause).and_then(|a| {
            let (scale, _) = amount::unit_of(a.rest)?;
            Some((scale.unit, a.number * scale.factor))
        });
        match found {
            Some((Unit::BytesPerSecond, rate)) => told.rate_bytes_s = Some(rate),
            Some((Unit::Percent, done)) if done <= 100.0 => told.done = Some(Percent(done)),
            _ => {
                figures::each(clause, |name, number| {
                    let Ok(count) = number.parse::<u64>() else {
                        return false;
                    };
                    let is_errors = node::words(name).iter().any(|w| {
                        [
                            "csum",
                            "errors",
                            "uncorrectable",
                            "verify",
                            "corrected",
                            "super",
                            "unverified",
                        ]
                        .contains(&w.as_str())
                    });
                    if is_errors {
                        errors = Some(errors.unwrap_or(0) + count);
                    }
                    is_errors
                });
                continue;
            }
        }
        known = true;
    }
    if let Some(count) = errors {
        told.errors = (count > 0).then(|| text.to_owned());
        known = true;
    }
    known
}

fn running<'v>(node: &Node<'v>) -> Option<(bool, &'v str)> {
    if let Some(state) = node.state() {
        return Some(state);
    }
    let text = node.text()?;
    let words = node::words(text);
    let first = words.first()?;
    let known = match first.as_str() {
        "running" | "started" | "ongoing" => true,
        "finished" | "done" | "paused" | "aborted" | "cancelled" | "idle" | "completed" => false,
        _ => return None,
    };
    let rest = text
        .split_once([' ', ',', ';'])
        .map_or("", |(_, rest)| rest);
    Some((known, rest))
}

//! Memory and swap: the figures of `free` and `/proc/meminfo`, told at one place or several.

use super::node::{self, Node};
use super::{Reader, figures};
use crate::model::metrics::{MemInfo, Sourced, SwapArea, VmActivity};
use crate::model::observation::Unit;
use crate::model::units::Bytes;

/// What is known of memory while the file is read.
#[derive(Default)]
pub(super) struct Partial {
    source: Option<std::sync::Arc<str>>,
    total: Option<Bytes>,
    used: Option<Bytes>,
    free: Option<Bytes>,
    cache: Option<Bytes>,
    info: MemInfo,
    swap_used: Option<Bytes>,
    /// The share in use, the worst that was told.
    used_share: Option<f64>,
    swap_used_share: Option<f64>,
    /// Leaves that become facts only where the total is known.
    leaves: Vec<String>,
}

pub(super) fn is_memory(words: &[String], in_hardware: bool, is_container: bool) -> bool {
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    let is_swap = has(&["swap"])
        && !has(&[
            "subvolume",
            "file",
            "mount",
            "options",
            "path",
            "swappiness",
            "activity",
            "in",
        ]);
    let figures = has(&[
        "used",
        "free",
        "available",
        "avail",
        "dirty",
        "writeback",
        "total",
    ]);
    if in_hardware {
        return is_swap;
    }
    is_swap
        || has(&["meminfo", "sar"])
        || is_container && has(&["free", "memory", "mem", "ram"])
        || has(&["memory", "mem", "ram"]) && figures
        || matches!(
            words.join(" ").as_str(),
            "dirty mib" | "dirty mb" | "dirty gib" | "dirty kib"
        )
}

pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>) {
    for leaf in node.leaves() {
        let from = node.keys.len().saturating_sub(1);
        let words: Vec<String> = leaf.keys[from..]
            .iter()
            .flat_map(|key| super::node::words(key))
            .collect();
        if share(reader, &leaf, &words) || sentence(reader, node, &leaf) {
            continue;
        }
        if words.iter().any(|w| w.starts_with("swap")) {
            swap(reader, &leaf, &words);
        } else {
            figure(reader, node, &leaf, &words);
        }
    }
}

/// `ram_used: 91 %`: a share is a figure where the whole is known.
fn share(reader: &mut Reader<'_>, leaf: &Node<'_>, words: &[String]) -> bool {
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    let Some(share) = leaf.percent(false).filter(|p| (0.0..=100.0).contains(p)) else {
        return false;
    };
    let share = match (
        has(&["free", "available", "avail"]),
        has(&["used", "usage", "full", "use"]),
    ) {
        (true, false) => 100.0 - share,
        (false, _) => share,
        (true, true) => return false,
    };
    let partial = &mut reader.gathered.memory;
    let slot = if has(&["swap"]) {
        &mut partial.swap_used_share
    } else if has(&["ram", "memory", "mem"]) {
        &mut partial.used_share
    } else {
        return false;
    };
    *slot = Some(slot.map_or(share, |before| before.max(share)));
    gathered(reader, leaf);
    // Shares stay as words too: where the whole is unknown they are all there is.
    reader.heard.insert(leaf.path.clone());
    true
}

fn gathered(reader: &mut Reader<'_>, leaf: &Node<'_>) {
    let place = reader.place(&leaf.path);
    let partial = &mut reader.gathered.memory;
    partial.leaves.push(leaf.path.clone());
    partial.source.get_or_insert_with(|| place.into());
}

/// Whether a text tells how much of the memory is in use, not only how much there is.
pub(super) fn is_use(text: &str) -> bool {
    let words = node::words(text);
    let tells = ["free", "available", "avail", "used"];
    words.iter().any(|w| tells.contains(&w.as_str()))
}

/// A sentence of figures and nothing else.
pub(super) fn told(reader: &mut Reader<'_>, node: &Node<'_>) {
    if node.is_leaf() {
        sentence(reader, node, node);
    }
}

/// `ram 93.95%, swap 99.99%, cpu 81%`, `available 300 MB of 8 GB`.
fn sentence(reader: &mut Reader<'_>, node: &Node<'_>, leaf: &Node<'_>) -> bool {
    let Some(text) = leaf.text().filter(|text| !figures::is_wish(text)) else {
        return false;
    };
    let mut found = false;
    for clause in figures::clauses(text) {
        let whole = clause.split_once(" of ").and_then(|(_, whole)| {
            let value = serde_json::Value::from(whole);
            let node = figures::member(leaf, "total", &value);
            super::hardware::binary(&node)
                .filter(|_| node.measure().is_some_and(|m| m.rest.is_empty()))
        });
        let clause = clause.split(" of ").next().unwrap_or(clause);
        figures::each(clause, |name, number| {
            let mut words = node::words(name);
            let about = [
                "ram",
                "memory",
                "mem",
                "swap",
                "free",
                "available",
                "used",
                "total",
                "avail",
            ];
            if words.is_empty()
                || words.len() > 3
                || !words.iter().all(|w| about.contains(&w.as_str()))
            {
                return false;
            }
            let value = serde_json::Value::from(number);
            let member = figures::member(leaf, name, &value);
            if member.percent(false).is_some() {
                let taken = share(reader, &member, &words);
                found |= taken;
                return taken;
            }
            let Some(bytes) = member.bytes() else {
                return false;
            };
            if words.iter().any(|w| w == "swap") {
                let partial = &mut reader.gathered.memory;
                match (
                    words.iter().any(|w| w == "used"),
                    words.iter().any(|w| w == "free"),
                ) {
                    (true, false) => partial.swap_used = Some(bytes),
                    (false, true) => partial.info.swap_free = Some(bytes),
                    _ => return false,
                }
                gathered(reader, leaf);
            } else {
                if let Some(whole) = whole {
                    reader.gathered.memory.total.get_or_insert(whole);
                }
                words.insert(0, "memory".to_owned());
                figure(reader, node, &member, &words);
            }
            found = true;
            true
        });
    }
    if found {
        reader.heard.insert(leaf.path.clone());
    }
    found
}

/// `oom_kills: 0`.
pub(super) fn kills(reader: &mut Reader<'_>, node: &Node<'_>) {
    let Some((count, _)) = node.plain_count() else {
        return;
    };
    let mut vm = reader.facts.metrics.vm.as_ref().map_or_else(
        || VmActivity {
            samples: 1,
            ..VmActivity::default()
        },
        |vm| vm.value,
    );
    vm.oom_kills = Some(count);
    reader.facts.metrics.vm = Some(reader.sourced(node, vm));
    reader.typed(node);
}

fn figure(reader: &mut Reader<'_>, node: &Node<'_>, leaf: &Node<'_>, words: &[String]) {
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    let own = leaf.words();
    let own_has = |list: &[&str]| list.iter().any(|w| own.iter().any(|word| word == w));
    let Some(bytes) = super::hardware::binary(leaf).or_else(|| leaf.bytes()) else {
        return;
    };
    let partial = &mut reader.gathered.memory;
    let slot = if own_has(&["available", "avail"]) {
        &mut partial.info.available
    } else if own_has(&["dirty"]) {
        &mut partial.info.dirty
    } else if own_has(&["writeback"]) {
        &mut partial.info.writeback
    } else if own_has(&["buff", "cache", "buffers", "cached"]) {
        &mut partial.cache
    } else if own_has(&["total", "size"]) {
        &mut partial.total
    } else if own_has(&["used"]) {
        &mut partial.used
    } else if own_has(&["free"]) {
        &mut partial.free
    } else if has(&["total", "ram"]) || !leaf.path.is_empty() && leaf.path == node.path {
        &mut partial.total
    } else {
        return;
    };
    *slot = Some(bytes);
    partial.leaves.push(leaf.path.clone());
    if reader.gathered.memory.source.is_none() {
        let place = reader.place(&node.path);
        reader.gathered.memory.source = Some(place.into());
    }
}

fn swap(reader: &mut Reader<'_>, leaf: &Node<'_>, words: &[String]) {
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    if has(&["zram", "zswap", "swappiness", "in", "out"]) {
        return;
    }
    if leaf
        .text()
        .is_some_and(|text| text.to_lowercase().contains("zram"))
    {
        return;
    }
    let none = matches!(leaf.state(), Some((false, _)));
    let is_size = !has(&["used", "free"]);
    if is_size && (none || leaf.bytes() == Some(Bytes(0))) {
        reader.facts.metrics.swaps = Some(reader.sourced(leaf, Vec::<SwapArea>::new()));
        let rest = leaf.state().map_or("", |(_, rest)| rest);
        reader.typed_but(leaf, rest);
        return;
    }
    let measure = leaf.measure();
    let Some(bytes) = measure
        .and_then(|m| m.of(Unit::Bytes))
        .and_then(super::amount::bytes)
    else {
        return;
    };
    let partial = &mut reader.gathered.memory;
    if has(&["used"]) {
        partial.swap_used = Some(bytes);
    } else if has(&["free"]) {
        partial.info.swap_free = Some(bytes);
    } else {
        partial.info.swap_total = Some(bytes);
    }
    partial.leaves.push(leaf.path.clone());
    // "8 GiB partition": the words are heard too.
    if measure.is_some_and(|m| !m.rest.is_empty()) {
        reader.heard.insert(leaf.path.clone());
    }
    if reader.gathered.memory.source.is_none() {
        let place = reader.place(&leaf.path);
        reader.gathered.memory.source = Some(place.into());
    }
}

/// Memory is a fact once its total is known: told, or the sum that `free` prints, or what is built
/// in.
pub(super) fn finish(reader: &mut Reader<'_>) {
    let partial = std::mem::take(&mut reader.gathered.memory);
    let Some(source) = partial.source else { return };
    let summed = || {
        let (used, free, cache) = (partial.used?, partial.free?, partial.cache?);
        used.0.checked_add(free.0)?.checked_add(cache.0).map(Bytes)
    };
    let installed = || Some(reader.facts.hardware.as_ref()?.memory?.bytes);
    let free_cache = || {
        let (free, cache) = (partial.free?, partial.cache?);
        free.0.checked_add(cache.0).map(Bytes)
    };
    let Some(total) = partial.total.or_else(summed).or_else(installed) else {
        for leaf in &partial.leaves {
            reader.heard.remove(leaf);
        }
        return;
    };
    let mut info = partial.info;
    info.total = total;
    // Without the kernel's own figure, free pages and cache are what could be given.
    info.available = info.available.or_else(free_cache).or_else(|| {
        let free = 100.0 - partial.used_share?;
        super::amount::bytes(total.0 as f64 * free / 100.0)
    });
    info.swap_free = info.swap_free.or_else(|| {
        let (total, used) = (info.swap_total?, partial.swap_used?);
        total.0.checked_sub(used.0).map(Bytes)
    });
    info.swap_free = info.swap_free.or_else(|| {
        let (total, used) = (info.swap_total?, partial.swap_used_share?);
        super::amount::bytes(total.0 as f64 * (100.0 - used) / 100.0)
    });
    let known = MemInfo {
        total,
        ..MemInfo::default()
    } != info
        || partial.total.is_some();
    if known {
        reader.facts.metrics.memory = Some(Sourced {
            value: info,
            source,
        });
        reader.typed.extend(partial.leaves);
    }
}

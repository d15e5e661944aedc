//! Memory and swap: the figures of `free` and `/proc/meminfo`, told at one place or several.

use super::Reader;
use super::node::Node;
use crate::model::metrics::{MemInfo, Sourced, SwapArea};
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
        || has(&["meminfo"])
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
        if words.iter().any(|w| w.starts_with("swap")) {
            swap(reader, &leaf, &words);
        } else {
            figure(reader, node, &leaf, &words);
        }
    }
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
    info.available = info.available.or_else(free_cache);
    info.swap_free = info.swap_free.or_else(|| {
        let (total, used) = (info.swap_total?, partial.swap_used?);
        total.0.checked_sub(used.0).map(Bytes)
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

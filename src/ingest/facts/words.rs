//! What no key knew: words for the lexicon, and numbers with what they measure.

use serde_json::Value;

use super::node::{self, Node};
use super::{Ended, Reader, amount, log, process, subject};
use crate::ingest::observations;
use crate::model::observation::{Bound, Observation, Quantity, Unit};

/// Longer text is no remark.
const LONGEST: usize = 64 << 10;

/// Keys that only part a file into its sections.
const SECTIONS: [&str; 26] = [
    "facts",
    "metrics",
    "hardware",
    "mounts",
    "observation",
    "observations",
    "complaint",
    "complaints",
    "note",
    "notes",
    "remark",
    "remarks",
    "comment",
    "comments",
    "text",
    "description",
    "details",
    "other",
    "extra",
    "misc",
    "timings",
    "timing",
    "measurements",
    "benchmarks",
    "measured",
    "kernel",
];

/// Reads a leaf that is not typed, or whose words say more than its type.
pub(super) fn read(reader: &mut Reader<'_>, leaf: &Node<'_>) -> Ended {
    let typed = reader.typed.contains(&leaf.path);
    if typed && !reader.heard.contains(&leaf.path) {
        return Ended::Typed;
    }
    let (shown, mut said) = phrase(leaf);
    // The key has gone into the fact, such as the name of a thread; the rest is what is said of it.
    if typed && leaf.state().is_none() {
        said = plain(leaf);
    }
    if said.len() > LONGEST {
        return if typed {
            Ended::Typed
        } else {
            Ended::NotUnderstood
        };
    }
    let source = reader.place(&leaf.path);
    let (mut observation, _) = observations::read_text_from(&source, &said);
    observation.text = shown;
    if typed {
        observation.quantities.clear();
        observation.severity = None;
    } else {
        measured(leaf, &mut observation);
    }
    // `use-sqlite-wal: false` denies the setting, and no database.
    if leaf.words().len() > 1 && matches!(leaf.state(), Some((false, _))) {
        let denies_work = |concept: &str| concept.starts_with("work.");
        observation
            .heard
            .retain(|h| !(h.negated && denies_work(&h.concept)));
    }
    let threads = match leaf.text() {
        Some(text) if !typed => process::threads_in(text),
        _ => Vec::new(),
    };
    let logged = leaf
        .text()
        .is_some_and(|text| !typed && log::fragments(reader, leaf, text, false));
    let found = !threads.is_empty() || logged;
    for thread in threads {
        let thread = reader.sourced(leaf, thread);
        reader.facts.metrics.processes.push(thread);
    }
    let heard = is_understood(&observation) || found;
    // Sentences stay, as people's words, also where nothing of them is understood.
    if heard || is_prose(leaf) && (!typed || is_lines(leaf)) {
        reader.facts.observations.push(observation);
    }
    match (typed, heard) {
        (true, _) => Ended::Typed,
        (false, true) => Ended::Said,
        (false, false) => Ended::NotUnderstood,
    }
}

fn is_understood(observation: &Observation) -> bool {
    !(observation.heard.is_empty()
        && observation.symptoms.is_empty()
        && observation.denied.is_empty()
        && observation.workloads.is_empty()
        && observation.paths.is_empty()
        && observation.quantities.is_empty()
        && observation.since.is_none()
        && observation.when.is_none()
        && observation.severity.is_none())
}

fn is_prose(leaf: &Node<'_>) -> bool {
    leaf.text()
        .is_some_and(|text| text.split_whitespace().count() >= 4)
}

fn is_lines(leaf: &Node<'_>) -> bool {
    leaf.text().is_some_and(|text| text.contains('\n'))
}

/// The value as it stands.
pub(super) fn plain(leaf: &Node<'_>) -> String {
    match leaf.value {
        Value::String(text) => text.clone(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    }
}

/// A leaf with its keys, as a sentence.
pub(super) fn told(leaf: &Node<'_>) -> String {
    format!("{} . ", phrase(leaf).0.replace('_', " "))
}

/// The keys above a leaf that mean something, without the unit that they end in.
fn keys(leaf: &Node<'_>) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for (at, key) in leaf.keys.iter().enumerate() {
        if SECTIONS.contains(&key.to_lowercase().as_str()) {
            continue;
        }
        let words = node::words(key);
        let shown = match amount::unit_of_key(&words) {
            Some((_, unit)) => {
                let kept = words
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| !unit.contains(at))
                    .map(|(_, word)| word.as_str());
                kept.collect::<Vec<_>>().join(" ")
            }
            None => key.replace('_', " "),
        };
        // `enabled` says nothing beside the name above it.
        let is_last = at + 1 == leaf.keys.len();
        let is_state = [
            "enabled", "enable", "active", "present", "used", "running", "value",
        ];
        if shown.is_empty() || is_last && !keys.is_empty() && is_state.contains(&shown.as_str()) {
            continue;
        }
        keys.push(shown);
    }
    keys
}

/// A leaf in words: as it is shown, and as it is read. `workload: none` is read as "no workload".
fn phrase(leaf: &Node<'_>) -> (String, String) {
    let keys = keys(leaf);
    let value = plain(leaf);
    if let Some(said) = subject::sentence(leaf, &value) {
        let shown = format!("{}: {value}", keys.join(": "));
        return (shown, said);
    }
    let Some((last, above)) = keys.split_last() else {
        return (value.clone(), value);
    };
    let head = above
        .iter()
        .map(|key| format!("{key}: "))
        .collect::<String>();
    let value = match leaf.measure() {
        Some(measure) if measure.rest.is_empty() => match measure.scale {
            Some(scale)
                if leaf
                    .amount()
                    .is_some_and(|a| amount::unit_of(a.rest).is_none()) =>
            {
                let gap = if scale.shown == "%" { "" } else { " " };
                format!("{value}{gap}{}", scale.shown)
            }
            _ => value,
        },
        _ => value,
    };
    let shown = format!("{head}{last}: {value}");
    let spoken = last.replace('_', " ");
    let is_zero = leaf.value == &Value::from(0);
    let said = match leaf.state() {
        Some((true, rest)) => format!("{head}{spoken}{}", joined(rest)),
        Some((false, rest)) => format!("{head}no {spoken}{}", joined(rest)),
        None if is_zero => format!("{head}no {spoken}"),
        None => shown.clone(),
    };
    (shown, said)
}

fn joined(rest: &str) -> String {
    match rest.trim() {
        "" => String::new(),
        rest => format!(", {rest}"),
    }
}

/// A number with a certain unit is one that somebody measured; its name is what its keys say. So is
/// one that its keys say to be a count or a ratio.
fn measured(leaf: &Node<'_>, observation: &mut Observation) {
    const COUNTS: [&str; 18] = [
        "ratio",
        "count",
        "number",
        "files",
        "images",
        "containers",
        "vms",
        "derivations",
        "generations",
        "snapshots",
        "subvolumes",
        "deleted",
        "extents",
        "jobs",
        "users",
        "errors",
        "times",
        "iops",
    ];
    let Some(measure) = leaf.measure() else {
        return;
    };
    let words: Vec<String> = leaf.keys.iter().flat_map(|key| node::words(key)).collect();
    let (factor, unit) = match measure.scale {
        Some(scale) => (scale.factor, scale.unit),
        None if measure.rest.is_empty() && words.iter().any(|w| COUNTS.contains(&w.as_str())) => {
            (1.0, Unit::Count)
        }
        None => return,
    };
    let what = keys(leaf).join(" ").replace([':', '_'], " ");
    let value = measure.number * factor;
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * a.abs().max(b.abs());
    // A span in a key ("in 10 days") is not how long something takes.
    let has_span = words.iter().any(|w| w.bytes().all(|b| b.is_ascii_digit()));
    if has_span && unit != Unit::Seconds {
        observation.quantities.retain(|q| q.unit != Unit::Seconds);
        observation.severity = None;
    }
    observation
        .quantities
        .retain(|q| !(q.unit == unit && close(q.value, value)));
    let what = Some(what).filter(|what| !what.is_empty());
    let bound = match measure.bound {
        amount::Bound::Exact => None,
        amount::Bound::AtLeast => Some(Bound::AtLeast),
        amount::Bound::AtMost | amount::Bound::Below => Some(Bound::AtMost),
    };
    let quantity = Quantity {
        what,
        value,
        unit,
        bound,
    };
    observation.quantities.insert(0, quantity);
}

//! Services and programs: a list of names, an object, or a sentence.

use serde_json::Value;

use super::Reader;
use super::node::{self, Node};

/// A name has no more words than this; more are a sentence.
const MOST_WORDS: usize = 2;

pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>) {
    match node.value {
        Value::String(text) => names(reader, node, text),
        Value::Array(_) => {
            for member in node.members() {
                read(reader, &member);
            }
        }
        Value::Object(_) => {
            if let Some(name) = node.get(&["name", "service", "unit", "program"]) {
                let state = node.get(&["state", "status", "active", "running", "enabled"]);
                let off = state
                    .as_ref()
                    .and_then(Node::state)
                    .is_some_and(|(on, _)| !on);
                if let Some(text) = name.text().filter(|_| !off) {
                    names(reader, &name, text);
                    if let Some(state) = &state {
                        reader.typed(state);
                    }
                }
                return;
            }
            for member in node.members() {
                let off = matches!(member.state(), Some((false, _)))
                    || member.value.is_null()
                    || member.value == &Value::from(0);
                if off {
                    continue;
                }
                // The key is the name; what is said of it is typed only where it is a bare "on".
                let named = add(reader, &member, member.key());
                if named && matches!(member.state(), Some((true, rest)) if rest.is_empty()) {
                    reader.typed(&member);
                } else if named && member.is_leaf() {
                    reader.partly(&member);
                }
            }
        }
        _ => {}
    }
}

/// The names in a text. Whatever is no name is a sentence, and is left to the words.
fn names(reader: &mut Reader<'_>, node: &Node<'_>, text: &str) {
    if super::options::assignment(reader, node, text) {
        return;
    }
    let (head, remark) = match text.split_once(['(', ';']) {
        Some((head, remark)) => (head, remark),
        None => (text, ""),
    };
    if node::words(head)
        .iter()
        .any(|w| ["no", "not", "none", "without"].contains(&w.as_str()))
    {
        return;
    }
    let parts: Vec<&str> = head
        .split([',', '+', '&', '/'])
        .flat_map(|part| part.split(" and "))
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    let is_name = |part: &&str| {
        let is_version = |w: &str| w.starts_with(|c: char| c.is_ascii_digit());
        part.split_whitespace().filter(|w| !is_version(w)).count() <= MOST_WORDS
            && part.contains(|c: char| c.is_alphabetic())
            && !part.contains(['.', ':']) | part.contains(".timer") | part.contains(".service")
    };
    if parts.is_empty() || !parts.iter().all(is_name) {
        return;
    }
    for part in &parts {
        add(reader, node, part);
    }
    reader.typed_but(node, remark);
}

/// Adds a plain name: `PostgreSQL 15` → `postgresql`, `btrfs-scrub.timer` → `btrfs-scrub`.
pub(super) fn add(reader: &mut Reader<'_>, node: &Node<'_>, name: &str) -> bool {
    let lower = name.trim().to_lowercase();
    let lower = [".service", ".timer", ".socket", ".target"]
        .iter()
        .find_map(|end| lower.strip_suffix(end))
        .unwrap_or(&lower);
    let words: Vec<&str> = lower
        .split_whitespace()
        .filter(|word| !word.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    let name = words.join(" ");
    // How often, an option and a file are no services.
    let often = ["hourly", "daily", "weekly", "monthly", "boot", "nightly"];
    if often.contains(&name.as_str()) || name.starts_with('-') || name.ends_with(".conf") {
        return false;
    }
    if name.is_empty() || words.len() > MOST_WORDS + 1 {
        return false;
    }
    let services = &reader.facts.metrics.services;
    if !services.iter().any(|service| service.value == name) {
        let service = reader.sourced(node, name);
        reader.facts.metrics.services.push(service);
    }
    true
}

//! What lies on a filesystem: snapshots, extents, compression, attributes.

use serde_json::Value;

use super::node::Node;
use super::{Reader, amount};
use crate::model::metrics::{
    CompressionRow, CompressionUse, FileFlags, FilesystemState, Fragmentation, Sourced,
    SubvolumeCount,
};

/// Subvolumes and snapshots, which files count at two places.
#[derive(Default)]
pub(super) struct Counted {
    source: Option<std::sync::Arc<str>>,
    subvolumes: Option<(u64, bool)>,
    snapshots: Option<(u64, bool)>,
}

/// A number of things, by a number or by a word that is one at least.
fn counted(node: &Node<'_>, things: &[&str]) -> Option<((u64, bool), String)> {
    if let Some(product) = product(node) {
        return Some((product, node.text()?.to_owned()));
    }
    if let Some(count) = node.count() {
        let rest = node.amount()?.rest.trim_start_matches(['k', 'K']);
        let first = rest
            .split(|c: char| !c.is_alphabetic())
            .find(|w| !w.is_empty())
            .unwrap_or_default()
            .to_lowercase();
        const AFTER: [&str; 10] = [
            "in",
            "total",
            "of",
            "on",
            "across",
            "per",
            "kept",
            "left",
            "read",
            "altogether",
        ];
        let fits = first.is_empty()
            || rest.starts_with(['(', ',', ';'])
            || things.iter().any(|thing| first.starts_with(thing))
            || AFTER.contains(&first.as_str());
        // "20 per subvolume" are more than 20.
        let more = rest.to_lowercase().contains("per ") || rest.to_lowercase().contains("each");
        return fits.then(|| ((count.0, count.1 || more), rest.to_owned()));
    }
    let lower = node.text()?.to_lowercase();
    // `daily, 120 kept`: what is kept is what there is.
    let kept = lower.split([',', ';']).skip(1).find_map(|part| {
        let amount = amount::amount(part)?;
        let rest = amount.rest;
        let is_kept = ["kept", "snapshots", "in total", "retained", "of them"]
            .iter()
            .any(|word| rest.starts_with(word));
        let whole = amount.number.fract() == 0.0 && amount.number < 1e9;
        let more = amount.bound == amount::Bound::AtLeast
            || rest.contains(" per ")
            || rest.contains("each");
        let fits = is_kept
            && whole
            && matches!(amount.bound, amount::Bound::AtLeast | amount::Bound::Exact);
        fits.then_some((amount.number as u64, more))
    });
    if let Some(kept) = kept {
        return Some((kept, lower));
    }
    let lower = ["a ", "some ", "many ", "several "]
        .iter()
        .find_map(|word| lower.strip_prefix(word))
        .map_or(lower.clone(), |rest| {
            rest.trim_start_matches("few ").to_owned()
        });
    let words = super::node::words(&lower);
    let at_least = [
        ("thousands", 2000),
        ("thousand", 1000),
        ("hundreds", 200),
        ("hundred", 100),
        ("dozens", 24),
        ("none", 0),
    ];
    let (word, number) = at_least
        .into_iter()
        .find(|(word, _)| words.first().is_some_and(|w| w == word))?;
    Some((
        (number, number > 0),
        lower.trim_start_matches(word).to_owned(),
    ))
}

/// `1000 configs x 10`, `24 x 7`: so many of each.
fn product(node: &Node<'_>) -> Option<(u64, bool)> {
    let (first, second) = node.text()?.split_once([' ', '\u{d7}'])?;
    let first = amount::amount(first).filter(|a| a.rest.is_empty())?;
    let second = second
        .split_once("x ")
        .filter(|(of, _)| of.is_empty() || of.ends_with(' ') && of.split_whitespace().count() <= 2)?
        .1;
    let second = amount::amount(second).filter(|a| a.rest.is_empty())?;
    let number = first.number * second.number;
    let exact = [first, second]
        .iter()
        .all(|a| a.bound == amount::Bound::Exact && a.number.fract() == 0.0);
    (exact && number < 1e9).then_some((number as u64, false))
}

pub(super) fn snapshots(reader: &mut Reader<'_>, node: &Node<'_>) {
    count_all(reader, node, &["snapshot"], |counted| {
        &mut counted.snapshots
    });
}

pub(super) fn subvolumes(reader: &mut Reader<'_>, node: &Node<'_>) {
    count_all(reader, node, &["subvol"], |counted| &mut counted.subvolumes);
}

fn count_all(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    things: &[&str],
    slot: fn(&mut Counted) -> &mut Option<(u64, bool)>,
) {
    let names = [
        "count",
        "number",
        "total",
        "n",
        "snapshots",
        "subvolumes",
        "snapshots total",
    ];
    let own = node.words();
    let plain = own.iter().all(|w| {
        [
            "count",
            "number",
            "of",
            "total",
            "num",
            "n",
            "btrfs",
            "snapshot",
            "snapshots",
            "subvolume",
            "subvolumes",
            "subvols",
        ]
        .contains(&w.as_str())
    });
    let at = match node.value {
        Value::Object(_) => {
            if let Some(inner) = node.get(&["snapshots"]).filter(|_| things == ["subvol"]) {
                snapshots(reader, &inner);
            }
            node.get(&names[..4])
        }
        Value::Array(_) => None,
        _ if plain => Some(node.clone()),
        _ => None,
    };
    let Some(at) = at else { return };
    let Some((count, rest)) = counted(&at, things) else {
        return;
    };
    *slot(&mut reader.gathered.subvolumes) = Some(count);
    if reader.gathered.subvolumes.source.is_none() {
        reader.gathered.subvolumes.source = Some(reader.place(&at.path).into());
    }
    reader.typed_but(&at, if rest.contains(' ') { &rest } else { "" });
}

pub(super) fn finish(reader: &mut Reader<'_>) {
    let told = std::mem::take(&mut reader.gathered.subvolumes);
    let Some(source) = told.source else { return };
    let snapshots = told.snapshots.map(|(n, _)| n);
    let (subvolumes, more) = told.subvolumes.unwrap_or_default();
    let value = SubvolumeCount {
        path: None,
        total: subvolumes.max(snapshots.unwrap_or(0)),
        snapshots,
        paths: Vec::new(),
        at_least: told.snapshots.map_or(more, |(_, more)| more),
    };
    reader
        .facts
        .metrics
        .subvolumes
        .push(Sourced { value, source });
}

/// `[{"file": "vm.img", "extents": 297652}]`, `{"/var/db/x": 12000}`, `"120000 extents"`.
pub(super) fn filefrag(reader: &mut Reader<'_>, node: &Node<'_>) {
    match node.value {
        Value::Array(_) => {
            for member in node.members() {
                filefrag(reader, &member);
            }
        }
        Value::Object(_) => {
            let Some(extents) = node.get(&["extents", "extent count", "count", "fragments"]) else {
                for member in node.members() {
                    if member.is_object() {
                        filefrag(reader, &member);
                    } else {
                        let path = member.key().to_owned();
                        file(reader, &member, path);
                    }
                }
                return;
            };
            let name = node.get(&["file", "path", "name", "object", "what", "image"]);
            let path = match name.as_ref().and_then(Node::text) {
                Some(text) => text.to_owned(),
                None => path_of(node),
            };
            let before = reader.facts.metrics.fragmentation.len();
            file(reader, &extents, path);
            if let Some(fact) = reader.facts.metrics.fragmentation.get_mut(before) {
                let size = node
                    .members()
                    .into_iter()
                    .find(|m| m.words().first().is_some_and(|w| w == "size"));
                fact.value.size = size.as_ref().and_then(Node::bytes);
                let compressed = node.get(&["compressed"]);
                fact.value.compressed = compressed.as_ref().and_then(Node::state).map(|s| s.0);
                if let Some(size) = size.filter(|_| fact.value.size.is_some()) {
                    reader.typed(&size);
                }
                if let Some(compressed) = compressed {
                    reader.typed(&compressed);
                }
                if let Some(name) = name {
                    // What file it is may tell of other filesystems, or of when.
                    reader.partly(&name);
                }
            }
        }
        _ => {
            let path = path_of(node);
            file(reader, node, path);
        }
    }
}

fn path_of(node: &Node<'_>) -> String {
    match node.key() {
        key if key.starts_with('/') => key.to_owned(),
        _ => String::new(),
    }
}

fn file(reader: &mut Reader<'_>, node: &Node<'_>, path: String) {
    let Some((extents, _)) = node.count() else {
        return;
    };
    let rest = node.amount().map_or("", |a| a.rest);
    let first = rest.trim_start_matches(['k', 'K', ' ']).to_lowercase();
    let fits = first.is_empty()
        || first.starts_with(['(', ',', ';'])
        || first.starts_with("extent")
        || first.starts_with("fragment");
    // "up to" and "less than" are no count.
    if !fits {
        return;
    }
    let fact = Fragmentation {
        path,
        extents,
        size: None,
        compressed: None,
    };
    let fact = reader.sourced(node, fact);
    reader.facts.metrics.fragmentation.push(fact);
    let more = first.split_once(' ').map_or("", |(_, more)| more);
    reader.typed_but(node, more);
}

/// Objects with the sizes before and after; a share alone stays a number in words.
pub(super) fn compsize(reader: &mut Reader<'_>, node: &Node<'_>) {
    if !node.is_object() {
        for member in node.members() {
            compsize(reader, &member);
        }
        return;
    }
    let members = node.members();
    let find = |list: &[&str]| {
        members.iter().find(|m| {
            let words = m.words();
            m.is_leaf()
                && list
                    .iter()
                    .any(|w| words.first().is_some_and(|word| word == w))
        })
    };
    let disk = find(&["disk", "compressed", "ondisk"]);
    let plain = find(&["uncompressed", "original", "before"])
        .or_else(|| find(&["logical", "apparent", "referenced"]));
    let share = find(&["perc", "percent", "pct"]);
    let Some(uncompressed) = plain.and_then(Node::bytes) else {
        for member in members.iter().filter(|m| !m.is_leaf()) {
            compsize(reader, member);
        }
        return;
    };
    let by_share = || {
        let share = share?.percent(true)?;
        amount::bytes(uncompressed.0 as f64 * share / 100.0)
    };
    let Some(bytes) = disk.and_then(Node::bytes).or_else(by_share) else {
        return;
    };
    let referenced = find(&["referenced"]);
    let algorithm = find(&["algorithm", "type", "compression", "algo"]);
    let path = find(&["path", "object", "directory", "dir", "file", "name"]);
    let files = find(&["files"]);
    let row = CompressionRow {
        algorithm: algorithm
            .and_then(Node::text)
            .map_or_else(|| "unknown".to_owned(), str::to_lowercase),
        disk: bytes,
        uncompressed,
        referenced: referenced.and_then(Node::bytes).unwrap_or(uncompressed),
    };
    let fact = CompressionUse {
        path: path.and_then(Node::text).map(str::to_owned),
        files: files.and_then(Node::plain_count).map_or(0, |(n, _)| n),
        extents: 0,
        rows: vec![row],
        approximate: true,
    };
    let fact = reader.sourced(node, fact);
    reader.facts.metrics.compression.push(fact);
    for member in [disk, plain, share, referenced, algorithm, files]
        .into_iter()
        .flatten()
    {
        reader.typed(member);
    }
    if let Some(path) = path {
        reader.partly(path);
    }
}

/// `{"/var/lib/mysql": "C"}`, `{"file": "images/*.img", "flags": "none"}`, `"no C flag"`: with the
/// letters, the line of lsattr, or what people say of it.
pub(super) fn lsattr(reader: &mut Reader<'_>, node: &Node<'_>) {
    if let Some(text) = node.text() {
        if let Some((letters, path)) = lsattr_line(text) {
            attributes(reader, node, path, letters);
        } else if let Some(nocow) = is_nocow(text) {
            attributes(reader, node, path_of(node), if nocow { "C" } else { "-" });
        }
        return;
    }
    let file = node.get(&["file", "path", "directory", "dir", "name", "object"]);
    let flags = node.get(&["flags", "attributes", "attrs", "flag", "attr"]);
    if let (Some(file), Some(flags)) = (file, flags) {
        let path = file.text().unwrap_or_default().to_owned();
        if let Some(nocow) = flags.text().and_then(is_nocow) {
            attributes(reader, &flags, path, if nocow { "C" } else { "-" });
            reader.partly(&file);
        }
        return;
    }
    for member in node.members() {
        if !member.is_leaf() || node.value.is_array() {
            lsattr(reader, &member);
            continue;
        }
        let Some(text) = member.text() else { continue };
        let path = member.key().to_owned();
        let letters = text.split_whitespace().next().unwrap_or_default();
        let is_letters = letters
            .bytes()
            .all(|b| b.is_ascii_alphabetic() || b == b'-' || b == b'+');
        if let Some(nocow) = is_nocow(text) {
            attributes(reader, &member, path, if nocow { "C" } else { "-" });
        } else if is_letters
            && path.starts_with('/')
            && (letters.len() <= 3 || letters.contains('-'))
        {
            attributes(reader, &member, path, letters);
        }
    }
}

fn attributes(reader: &mut Reader<'_>, node: &Node<'_>, path: String, letters: &str) {
    let fact = FileFlags {
        path,
        nocow: letters.contains('C'),
        compress: letters.contains('c'),
        no_compress: letters.contains('m'),
    };
    let fact = reader.sourced(node, fact);
    reader.facts.metrics.flags.push(fact);
    reader.typed(node);
}

/// Whether people say of a file that it has the flag: `C set`, `+C`, `no C flag`, `none`.
fn is_nocow(text: &str) -> Option<bool> {
    let words: Vec<&str> = text
        .split([' ', ',', ';', '(', ')', '.'])
        .filter(|w| !w.is_empty())
        .collect();
    let any = |list: &[&str]| {
        words
            .iter()
            .any(|w| list.contains(&w.to_lowercase().as_str()))
    };
    let is_named = words
        .iter()
        .any(|w| matches!(*w, "C" | "+C" | "-C" | "nocow" | "NOCOW" | "No_COW"));
    let is_denied = any(&[
        "no", "not", "without", "missing", "unset", "absent", "never", "lacks", "none",
    ]);
    match words[..] {
        ["none" | "None" | "empty" | "-" | "no" | "unset"] => Some(false),
        _ if words.len() > 8 || !is_named => None,
        _ if is_denied || words.contains(&"-C") => Some(false),
        _ => Some(true),
    }
}

/// `---------------C------ images/root.img`: the letters and the path.
fn lsattr_line(text: &str) -> Option<(&str, String)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [letters, path] = words[..] else {
        return None;
    };
    let is_line = letters.len() >= 10
        && letters.contains('-')
        && letters
            .bytes()
            .all(|b| b.is_ascii_alphabetic() || b == b'-');
    is_line.then(|| (letters, path.to_owned()))
}

/// A list of features that are on.
pub(super) fn features(reader: &mut Reader<'_>, node: &Node<'_>) {
    if node.is_object() {
        return;
    }
    let names: Vec<String> = match node.value {
        Value::String(text) => text
            .split([',', ' '])
            .filter(|w| !w.is_empty())
            .map(str::to_owned)
            .collect(),
        _ => node
            .members()
            .iter()
            .filter_map(|m| m.text())
            .map(str::to_owned)
            .collect(),
    };
    let is_name = |name: &String| {
        name.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    };
    if names.is_empty() || !names.iter().all(is_name) {
        return;
    }
    let fact = FilesystemState {
        features: names
            .iter()
            .map(|n| n.to_lowercase().replace('-', "_"))
            .collect(),
        ..FilesystemState::default()
    };
    let fact = reader.sourced(node, fact);
    reader.facts.metrics.states.push(fact);
    reader.typed(node);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn things_are_counted_or_at_least_so_many() {
        let count = |value: Value| {
            let value = json!({ "snapshots": value });
            let node = Node::root(&value).members().remove(0);
            counted(&node, &["snapshot"]).map(|(count, _)| count)
        };
        assert_eq!(count(json!(12)), Some((12, false)));
        assert_eq!(count(json!(">3000")), Some((3000, true)));
        assert_eq!(count(json!("40-50")), Some((40, true)));
        assert_eq!(count(json!("about 300 snapshots")), Some((300, false)));
        assert_eq!(count(json!("20 per subvolume")), Some((20, true)));
        assert_eq!(count(json!("1.5k")), Some((1500, false)));
        assert_eq!(count(json!("thousands")), Some((2000, true)));
        assert_eq!(count(json!("every 15 minutes")), None);
        assert_eq!(count(json!("3 months of them")), None);
        assert_eq!(count(json!("< 20")), None);
    }

    #[test]
    fn people_tell_of_the_flag_in_words() {
        for text in ["C", "+C", "C set", "with C"] {
            assert_eq!(is_nocow(text), Some(true), "{text}");
        }
        for text in ["no C flag", "none", "C missing", "not C", "-"] {
            assert_eq!(is_nocow(text), Some(false), "{text}");
        }
        for text in [
            "unknown",
            "written in C by somebody who did not know the language at all",
        ] {
            assert_eq!(is_nocow(text), None, "{text}");
        }
    }
}

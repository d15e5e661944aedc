//! One value of a facts file with the way to it.

use serde_json::Value;

use super::amount::{self, Amount, Bound, Scale};
use crate::model::observation::Unit;
use crate::model::units::Bytes;

/// Values nested deeper than this are not looked into.
const DEEPEST: usize = 32;
/// Characters of a key that are shown in a path, and read.
const LONGEST_KEY: usize = 120;

/// A value with its path and the keys above it, its own last. An element of a list has the keys of
/// its list.
#[derive(Debug, Clone)]
pub(super) struct Node<'v> {
    pub(super) value: &'v Value,
    pub(super) path: String,
    pub(super) keys: Vec<&'v str>,
    depth: usize,
}

/// A number with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measure<'t> {
    pub(super) number: f64,
    pub(super) bound: Bound,
    pub(super) about: bool,
    /// `None` where it is not certain.
    pub(super) scale: Option<Scale>,
    /// What follows number and unit.
    pub(super) rest: &'t str,
}

impl Measure<'_> {
    /// The value in the base unit; something less than a bound is just below it.
    pub(super) fn value(&self) -> f64 {
        let value = self.number * self.scale.map_or(1.0, |scale| scale.factor);
        match self.bound {
            Bound::Below => value.next_down().max(0.0),
            _ => value,
        }
    }

    /// The value if its unit is this one.
    pub(super) fn of(&self, unit: Unit) -> Option<f64> {
        (self.scale?.unit == unit).then(|| self.value())
    }
}

impl<'v> Node<'v> {
    pub(super) fn root(value: &'v Value) -> Self {
        Node {
            value,
            path: String::new(),
            keys: Vec::new(),
            depth: 0,
        }
    }

    /// A value that stands in a sentence, with the name that it has there.
    pub(super) fn made(value: &'v Value, path: String, keys: Vec<&'v str>) -> Self {
        Node {
            value,
            path,
            keys,
            depth: 0,
        }
    }

    /// Members of an object, or elements of a list.
    pub(super) fn members(&self) -> Vec<Node<'v>> {
        if self.depth >= DEEPEST {
            return Vec::new();
        }
        let depth = self.depth + 1;
        match self.value {
            Value::Object(members) => members
                .iter()
                .enumerate()
                .map(|(index, (key, value))| {
                    let mut keys = self.keys.clone();
                    keys.push(cut(key));
                    Node {
                        value,
                        path: format!("{}{}", self.path, step(key, index, self.path.is_empty())),
                        keys,
                        depth,
                    }
                })
                .collect(),
            Value::Array(elements) => elements
                .iter()
                .enumerate()
                .map(|(index, value)| Node {
                    value,
                    path: format!("{}[{index}]", self.path),
                    keys: self.keys.clone(),
                    depth,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// All values below it that are no object and no list, itself if it is none. `null` and empty
    /// text say nothing and are left out; what is nested too deep counts as one value.
    pub(super) fn leaves(&self) -> Vec<Node<'v>> {
        let mut open = vec![self.clone()];
        let mut leaves = Vec::new();
        while let Some(node) = open.pop() {
            if node.says_nothing() {
                continue;
            }
            if node.is_leaf() {
                leaves.push(node);
                continue;
            }
            let mut members = node.members();
            members.reverse();
            open.extend(members);
        }
        leaves
    }

    /// How many leaves there are below a value, without making them.
    pub(super) fn leaf_count(value: &Value) -> usize {
        let mut open = vec![value];
        let mut count = 0;
        while let Some(value) = open.pop() {
            match value {
                Value::Object(members) => open.extend(members.values()),
                Value::Array(elements) => open.extend(elements),
                _ => count += 1,
            }
        }
        count
    }

    fn says_nothing(&self) -> bool {
        match self.value {
            Value::Null => true,
            Value::String(text) => text.trim().is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        }
    }

    pub(super) fn is_too_deep(&self) -> bool {
        self.depth >= DEEPEST && (self.value.is_array() || self.value.is_object())
    }

    pub(super) fn is_leaf(&self) -> bool {
        self.depth >= DEEPEST || !(self.value.is_array() || self.value.is_object())
    }

    pub(super) fn is_object(&self) -> bool {
        self.value.is_object()
    }

    /// Its own key, or that of the list it stands in.
    pub(super) fn key(&self) -> &'v str {
        self.keys.last().copied().unwrap_or_default()
    }

    /// The words of its key in lower case: `swap.mountOptions` → swap, mount, options.
    pub(super) fn words(&self) -> Vec<String> {
        words(self.key())
    }

    /// The same as one text: `swap mount options`.
    pub(super) fn name(&self) -> String {
        self.words().join(" ")
    }

    pub(super) fn text(&self) -> Option<&'v str> {
        self.value.as_str().map(str::trim).filter(|t| !t.is_empty())
    }

    /// The member of one of these names (as [`Node::name`] gives them).
    pub(super) fn get(&self, names: &[&str]) -> Option<Node<'v>> {
        self.is_object()
            .then(|| self.members())?
            .into_iter()
            .find(|member| names.contains(&member.name().as_str()))
    }

    /// The number that it is or begins with.
    pub(super) fn amount(&self) -> Option<Amount<'v>> {
        match self.value {
            Value::Number(number) => Some(Amount {
                number: number.as_f64().filter(|n| n.is_finite() && *n >= 0.0)?,
                bound: Bound::Exact,
                about: false,
                rest: "",
            }),
            Value::String(text) => amount::amount(text),
            _ => None,
        }
    }

    /// The number with its unit: the one behind it, else the one that its key or the nearest key
    /// above names.
    pub(super) fn measure(&self) -> Option<Measure<'v>> {
        let Some(Amount {
            number,
            bound,
            about,
            rest,
        }) = self.amount()
        else {
            return self.spoken();
        };
        let of_key = || {
            self.keys
                .iter()
                .rev()
                .find_map(|key| amount::unit_of_key(&words(key)))
                .map(|(scale, _)| scale)
        };
        let (scale, rest) = match amount::unit_of(rest) {
            Some((scale, rest)) => (Some(scale), rest),
            None if is_remark(rest) => (of_key(), rest),
            None => (None, rest),
        };
        Some(Measure {
            number,
            bound,
            about,
            scale,
            rest: rest.trim_start(),
        })
    }

    /// A number in words, where a unit follows: `half a minute`, `a couple of seconds`.
    fn spoken(&self) -> Option<Measure<'v>> {
        const NUMBERS: [(&str, f64); 16] = [
            ("half a", 0.5),
            ("half an", 0.5),
            ("a couple of", 2.0),
            ("a few", 3.0),
            ("an", 1.0),
            ("a", 1.0),
            ("one", 1.0),
            ("two", 2.0),
            ("three", 3.0),
            ("four", 4.0),
            ("five", 5.0),
            ("six", 6.0),
            ("eight", 8.0),
            ("ten", 10.0),
            ("twenty", 20.0),
            ("thirty", 30.0),
        ];
        let text = self.text()?;
        NUMBERS.iter().find_map(|(word, number)| {
            let head = text.get(..word.len())?;
            let rest = text[word.len()..].strip_prefix(' ')?;
            let (scale, rest) = amount::unit_of(rest)?;
            head.eq_ignore_ascii_case(word).then_some(Measure {
                number: *number,
                bound: Bound::Exact,
                about: true,
                scale: Some(scale),
                rest: rest.trim_start(),
            })
        })
    }

    /// Bytes, if it is certain that it is a number of bytes. Nothing is so many in every unit.
    pub(super) fn bytes(&self) -> Option<Bytes> {
        let measure = self.measure()?;
        if measure.scale.is_none()
            && measure.number == 0.0
            && measure.bound == Bound::Exact
            && measure.rest.is_empty()
        {
            return Some(Bytes(0));
        }
        amount::bytes(measure.of(Unit::Bytes)?)
    }

    /// A percentage; a bare number is one only where `bare` is.
    pub(super) fn percent(&self, bare: bool) -> Option<f64> {
        let measure = self.measure()?;
        match measure.scale {
            Some(_) => measure.of(Unit::Percent),
            None => (bare && measure.rest.is_empty()).then(|| measure.value()),
        }
    }

    /// A whole number without a unit, and whether there may be more.
    pub(super) fn count(&self) -> Option<(u64, bool)> {
        let Amount {
            number,
            bound,
            rest,
            ..
        } = self.amount()?;
        let (number, rest) = match rest.strip_prefix(['k', 'K']) {
            Some(rest) if !rest.starts_with(char::is_alphabetic) => (number * 1e3, rest),
            _ => (number, rest),
        };
        let known = number.fract() == 0.0 && number < 1e15;
        let no_unit = amount::unit_of(rest).is_none();
        let above = matches!(bound, Bound::Exact | Bound::AtLeast);
        (known && no_unit && above).then_some((number as u64, bound == Bound::AtLeast))
    }

    /// The same where nothing but the number is said, or a remark behind a comma or bracket.
    pub(super) fn plain_count(&self) -> Option<(u64, bool)> {
        let rest = self.amount()?.rest;
        (rest.is_empty() || rest.starts_with(['(', ',', ';']))
            .then(|| self.count())
            .flatten()
    }

    /// On or off, and what is said beside it.
    pub(super) fn state(&self) -> Option<(bool, &'v str)> {
        match self.value {
            Value::Bool(state) => Some((*state, "")),
            Value::String(text) => state(text),
            _ => None,
        }
    }
}

/// Whether what follows a number leaves its unit to the key: nothing, a remark, "each".
fn is_remark(rest: &str) -> bool {
    const WORDS: [&str; 8] = [
        "each",
        "total",
        "in total",
        "altogether",
        "now",
        "today",
        "idle",
        "on average",
    ];
    rest.is_empty()
        || rest.starts_with(['(', ',', ';'])
        || WORDS.iter().any(|word| {
            let tail = rest.strip_prefix(word);
            tail.is_some_and(|tail| !tail.starts_with(char::is_alphanumeric))
        })
}

/// On or off, by the first words of a text, and what follows them.
pub(super) fn state(text: &str) -> Option<(bool, &str)> {
    const ON: [&str; 10] = [
        "on", "yes", "true", "enabled", "active", "running", "present", "enable", "started",
        "in use",
    ];
    const OFF: [&str; 18] = [
        "off",
        "no",
        "false",
        "disabled",
        "none",
        "inactive",
        "stopped",
        "not enabled",
        "not running",
        "not active",
        "not in use",
        "not used",
        "not set",
        "not present",
        "unset",
        "unused",
        "absent",
        "never",
    ];
    let text = text.trim();
    let end = text.find([',', ';', '(', '.', ':']).unwrap_or(text.len());
    let (first, rest) = text.split_at(end);
    let first = first.trim().to_lowercase();
    let rest = rest.trim_start_matches([',', ';', '.', ':', ' ']);
    if ON.contains(&first.as_str()) {
        return Some((true, rest));
    }
    OFF.contains(&first.as_str()).then_some((false, rest))
}

/// Keys as words: cut at signs, and where a small letter meets a capital with a small one behind.
pub(super) fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let letters: Vec<char> = key.chars().collect();
    for (at, &c) in letters.iter().enumerate() {
        let is_hump = c.is_uppercase()
            && at > 0
            && letters[at - 1].is_lowercase()
            && letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        if is_hump || !(c.is_alphanumeric() || c == '%') {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && (c.is_alphanumeric() || c == '%')
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn cut(key: &str) -> &str {
    match key.char_indices().nth(LONGEST_KEY) {
        Some((end, _)) => &key[..end],
        None => key,
    }
}

/// A key as a step of a path. Keys that are no plain word stand in brackets; one that is cut has its
/// number among its siblings, so that no two paths are the same.
fn step(key: &str, index: usize, is_first: bool) -> String {
    let plain = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let shown = cut(key);
    match (plain, shown.len() < key.len()) {
        (true, false) if is_first => key.to_owned(),
        (true, false) => format!(".{key}"),
        (false, false) => format!("[{}]", Value::from(key)),
        (_, true) => format!("[{}…#{index}]", Value::from(shown)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_tell_every_leaf_from_every_other() {
        let long = "x".repeat(500);
        let value = json!({"a": {"b.c": 1, "b": {"c": [2, {"d": null}, ""]}}, long.clone(): 3});
        let leaves = Node::root(&value).leaves();
        let paths: Vec<&str> = leaves.iter().map(|l| l.path.as_str()).collect();
        assert_eq!(paths[..2], ["a[\"b.c\"]", "a.b.c[0]"]);
        assert_eq!(paths.len(), 3);
        assert!(paths[2].ends_with("…#1]") && paths[2].len() < 200);
    }

    #[test]
    fn keys_are_cut_into_words() {
        for (key, expected) in [
            ("swap.mountOptions", "swap mount options"),
            ("rkB/s", "rkb s"),
            ("MemTotal", "mem total"),
            ("%util", "%util"),
            ("RAM GiB", "ram gib"),
            ("per_GiB", "per gib"),
        ] {
            assert_eq!(words(key).join(" "), expected);
        }
    }

    #[test]
    fn a_unit_is_that_of_the_value_else_of_a_key() {
        let value = json!({"write_mb_s": {"zstd:15": 11, "none": "1 GiB/s"}, "free": 5, "x_gib": "<1", "full": "5 snapshots"});
        let read = |path: &str| {
            let leaves = Node::root(&value).leaves();
            let leaf = leaves.iter().find(|l| l.path == path).unwrap().clone();
            leaf.measure()
                .map(|m| (m.scale.map(|s| s.shown), m.value()))
        };
        assert_eq!(read("write_mb_s[\"zstd:15\"]"), Some((Some("MB/s"), 11e6)));
        assert_eq!(
            read("write_mb_s.none"),
            Some((Some("GiB/s"), 1_073_741_824.0))
        );
        assert_eq!(read("free"), Some((None, 5.0)));
        assert!(
            read("x_gib").is_some_and(|(_, v)| (1_073_741_823.0..1_073_741_824.0).contains(&v))
        );
        assert_eq!(read("full"), Some((None, 5.0)));
    }
}

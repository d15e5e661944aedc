//! Sentences of figures: `sda 100 % util, 3 MB/s, await 90 ms`, `si 4000 so 5200`, `csum=312
//! corrected=312`. Each number is read with the words before it or those behind it.

use serde_json::Value;

use super::amount;
use super::node::Node;

/// Words that belong to the number behind them.
const BEFORE: [&str; 18] = [
    "below", "under", "over", "above", "about", "around", "roughly", "only", "just", "max", "up",
    "to", "<", ">", "<=", ">=", "~", "≈",
];
/// Words after which a number is a wish, a limit or what once was.
const WISHES: [&str; 20] = [
    "should",
    "expected",
    "expect",
    "instead",
    "rated",
    "limit",
    "threshold",
    "target",
    "was",
    "were",
    "before",
    "previously",
    "earlier",
    "normally",
    "usually",
    "advertised",
    "spec",
    "than",
    "would",
    "not",
];

/// A word or a number of a sentence.
#[derive(Debug, Clone, PartialEq)]
enum Item<'t> {
    Word(&'t str),
    Number(String),
}

/// Whether the numbers of a text may be no measurements.
pub(super) fn is_wish(text: &str) -> bool {
    super::node::words(text)
        .iter()
        .any(|word| WISHES.contains(&word.as_str()))
}

/// The clauses of a text: parted by commas (not those of numbers), semicolons, and ` / `.
pub(super) fn clauses(text: &str) -> impl Iterator<Item = &str> {
    text.split([';', '\n', '(', ')'])
        .flat_map(|part| part.split(", "))
        .flat_map(|part| part.split(" / "))
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// Offers each number of a clause with its name: the words before it, else those behind it. What
/// takes a number answers whether it did. Whether all words and numbers went into one.
pub(super) fn each(clause: &str, mut take: impl FnMut(&str, &str) -> bool) -> bool {
    let items = items(clause);
    let mut all = true;
    let mut used = 0;
    for (at, item) in items.iter().enumerate() {
        let Item::Number(number) = item else { continue };
        let before = &items[used.min(at)..at];
        let end = items[at + 1..]
            .iter()
            .position(|item| matches!(item, Item::Number(_)))
            .map_or(items.len(), |next| at + 1 + next);
        let before = name(before);
        let behind = name(&items[at + 1..end]);
        if !before.is_empty() && take(&before, number) {
            used = at + 1;
        } else if !behind.is_empty() && take(&behind, number) {
            all &= before.is_empty();
            used = end;
        } else {
            all = false;
            used = at + 1;
        }
    }
    all && used == items.len() && used > 0
}

fn name(items: &[Item<'_>]) -> String {
    let words = items.iter().filter_map(|item| match item {
        Item::Word(word) => Some(*word),
        Item::Number(_) => None,
    });
    words.collect::<Vec<_>>().join(" ")
}

fn items(clause: &str) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    let mut words = clause
        .split(|c: char| c.is_whitespace() || c == '=')
        .map(|word| word.trim_end_matches([',', ':', '.']))
        .filter(|word| !word.is_empty())
        .peekable();
    let mut mark: Vec<&str> = Vec::new();
    while let Some(word) = words.next() {
        let next_is_number = || {
            words
                .clone()
                .find(|next| !BEFORE.contains(next))
                .is_some_and(|next| amount::amount(next).is_some_and(|a| is_number(a.rest)))
        };
        if BEFORE.contains(&word.to_lowercase().as_str()) && next_is_number() {
            mark.push(word);
            continue;
        }
        let found = amount::amount(word).filter(|found| is_number(found.rest));
        let Some(found) = found else {
            for word in mark.drain(..) {
                items.push(Item::Word(word));
            }
            items.push(Item::Word(word));
            continue;
        };
        let mut text = match found.rest {
            // `40k` requests.
            "k" => word.trim_end_matches('k').to_owned() + "000",
            _ => word.to_owned(),
        };
        // `8 %util` is a number and a name, `8 % util` has its unit.
        let unit = words.peek().filter(|next| {
            let whole = amount::unit_of(next).is_some_and(|(_, rest)| rest.is_empty());
            found.rest.is_empty() && (whole || next.eq_ignore_ascii_case("iops"))
        });
        if let Some(unit) = unit {
            text = format!("{text} {unit}");
            words.next();
        }
        let head: String = mark.drain(..).map(|m| format!("{m} ")).collect();
        items.push(Item::Number(format!("{head}{text}")));
    }
    items.extend(mark.into_iter().map(Item::Word));
    items
}

/// Whether a word that begins with a number is one: `99`, `3MB/s`, `40k`, and not `2x` or `6.1-rc`.
fn is_number(rest: &str) -> bool {
    rest.is_empty() || rest == "k" || amount::unit_of(rest).is_some_and(|(_, rest)| rest.is_empty())
}

/// A figure as if it stood under its name in the file, at the place of the sentence.
pub(super) fn member<'v>(of: &Node<'_>, name: &'v str, value: &'v Value) -> Node<'v> {
    Node::made(value, of.path.clone(), vec![name])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, known: &[&str]) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for clause in clauses(text) {
            each(clause, |name, number| {
                let is_known = known.contains(&name);
                if is_known {
                    found.push((name.to_owned(), number.to_owned()));
                }
                is_known
            });
        }
        found
    }

    #[test]
    fn numbers_are_named_before_or_behind() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        for (text, known, expected) in [
            (
                "si 4000 so 5200",
                &["si", "so"][..],
                vec![pair("si", "4000"), pair("so", "5200")],
            ),
            (
                "sda 120 r/s 4 w/s",
                &["r/s", "w/s"],
                vec![pair("r/s", "120"), pair("w/s", "4")],
            ),
            (
                "every disk below 8 %util",
                &["%util"],
                vec![pair("%util", "below 8")],
            ),
            (
                "sda 100 % util, 3 MB/s, await 90 ms",
                &["util", "await"],
                vec![pair("util", "100 %"), pair("await", "90 ms")],
            ),
            (
                "one image: 40k w/s, aqu-sz > 300",
                &["w/s", "aqu-sz"],
                vec![pair("w/s", "40000"), pair("aqu-sz", "> 300")],
            ),
            (
                "csum=312 corrected=310",
                &["csum", "corrected"],
                vec![pair("csum", "312"), pair("corrected", "310")],
            ),
            ("2x 6.1-rc3 x", &["x"], vec![]),
        ] {
            assert_eq!(all(text, known), expected, "{text}");
        }
        assert!(is_wish("should be 500 MB/s") && !is_wish("500 MB/s"));
    }
}

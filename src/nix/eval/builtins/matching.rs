//! `match` and `split`, and what is cut out of names.

use std::rc::Rc;

use super::super::interpret::Evaluator;
use super::super::value::*;
use super::regex::{Failure, Group, Regex};
use super::text::text;
use super::{list_of, primitive, set_of, string};
use crate::nix::source::Span;

pub(super) const PRIMITIVES: &[Primitive] = &[
    primitive("match", 2, |e, a, at| {
        let (pattern, whole) = (text(e, a[0], at)?, text(e, a[1], at)?);
        let found = Regex::new(&pattern).and_then(|r| r.full_match(&whole));
        match found.map_err(|failure| unknown(failure, &pattern, at))? {
            None => Ok(Value {
                data: Data::Null,
                at,
            }),
            Some(groups) => list_of(cut(e, &whole, &groups, at), Vec::new(), at),
        }
    }),
    primitive("split", 2, |e, a, at| {
        let (pattern, whole) = (text(e, a[0], at)?, text(e, a[1], at)?);
        let matches = Regex::new(&pattern).and_then(|r| r.matches(&whole));
        let matches = matches.map_err(|failure| unknown(failure, &pattern, at))?;
        let mut items = Vec::with_capacity(matches.len() * 2 + 1);
        let mut position = 0;
        for groups in &matches {
            let Some((Some((start, end)), groups)) = groups.split_first() else {
                continue;
            };
            items.push(piece(e, &whole, position, *start, at));
            let list = List {
                items: cut(e, &whole, groups, at),
                parts: Vec::new(),
            };
            items.push(e.done(Value::synthetic(Data::List(Rc::new(list)))));
            position = *end;
        }
        items.push(piece(e, &whole, position, whole.len(), at));
        list_of(items, Vec::new(), at)
    }),
    primitive("parseDrvName", 1, |e, a, at| {
        let whole = text(e, a[0], at)?;
        let bytes = whole.as_bytes();
        // The version begins after the first hyphen that no letter follows.
        let hyphen = bytes
            .windows(2)
            .position(|w| w[0] == b'-' && !w[1].is_ascii_alphabetic());
        let (name, version) = match hyphen {
            Some(index) => (&whole[..index], &whole[index + 1..]),
            None => (&*whole, ""),
        };
        let part = |part: &str| Attribute::new(e.text(part));
        set_of(
            vec![
                ("name".into(), part(name)),
                ("version".into(), part(version)),
            ],
            at,
        )
    }),
    // nixpkgs' lib.splitString, without its regular expression.
    primitive("<splitString>", 2, |e, a, at| {
        let (separator, whole) = (text(e, a[0], at)?, text(e, a[1], at)?);
        if separator.is_empty() {
            let why = Why::Unsupported("an empty separator".into());
            return Err(Unknown::new(why, at));
        }
        let parts = whole.split(&*separator);
        let items = parts.map(|p| e.text(p)).collect();
        list_of(items, Vec::new(), at)
    }),
    // The single bytes of a string, as lib.stringToCharacters has them.
    primitive("<characters>", 1, |e, a, at| {
        let whole = text(e, a[0], at)?;
        let items = (0..whole.len()).map(|i| piece(e, &whole, i, i + 1, at));
        list_of(items.collect(), Vec::new(), at)
    }),
    primitive("<toLower>", 1, |e, a, at| {
        string(text(e, a[0], at)?.to_ascii_lowercase(), at)
    }),
    primitive("<toUpper>", 1, |e, a, at| {
        string(text(e, a[0], at)?.to_ascii_uppercase(), at)
    }),
];

fn unknown(failure: Failure, pattern: &str, at: Option<Span>) -> Rc<Unknown> {
    let why = match failure {
        Failure::Invalid(what) => {
            Why::Refused(format!("invalid regular expression `{pattern}`: {what}"))
        }
        Failure::Unclear(what) => {
            Why::Unsupported(format!("{what} in the regular expression `{pattern}`"))
        }
        Failure::Costly => Why::Budget("a regular expression takes too long"),
    };
    Unknown::new(why, at)
}

/// The bytes from `start` to `end`, which may cut a character in two.
fn piece(e: &Evaluator, whole: &str, start: usize, end: usize, at: Option<Span>) -> Thunk {
    match whole.get(start..end) {
        Some(part) => e.text(part),
        None => {
            let why = Why::Unsupported("half a character".into());
            e.unknown(Unknown::new(why, at))
        }
    }
}

fn cut(e: &Evaluator, whole: &str, groups: &[Group], at: Option<Span>) -> Vec<Thunk> {
    let one = |group: &Group| match group {
        Some((start, end)) => piece(e, whole, *start, *end, at),
        None => e.done(Value::synthetic(Data::Null)),
    };
    groups.iter().map(one).collect()
}

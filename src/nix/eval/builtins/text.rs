//! Functions on strings.

use std::rc::Rc;

use super::super::interpret::Evaluator;
use super::super::value::*;
use super::{list_of, primitive, set_of, string};
use crate::nix::source::Span;

pub(super) const PRIMITIVES: &[Primitive] = &[
    primitive("toString", 1, |e, a, at| {
        let value = e.force(a[0])?;
        // A string is its own text, and keeps its origin.
        match value.data {
            Data::Str(_) => Ok(value),
            _ => string(e.to_text(&value, at)?, at),
        }
    }),
    primitive("stringLength", 1, |e, a, at| {
        let length = coerced(e, a[0], at)?.len() as i64;
        Ok(Value {
            data: Data::Int(length),
            at,
        })
    }),
    primitive("substring", 3, |e, a, at| {
        let (start, length) = (e.force(a[0])?, e.force(a[1])?);
        let (start, length) = (e.as_int(&start, at)?, e.as_int(&length, at)?);
        let whole = coerced(e, a[2], at)?;
        let Ok(start) = usize::try_from(start) else {
            return Err(Unknown::new(Why::Refused("a negative start".into()), at));
        };
        let start = start.min(whole.len());
        let end = match usize::try_from(length) {
            Ok(length) => start.saturating_add(length).min(whole.len()),
            Err(_) => whole.len(),
        };
        match whole.get(start..end) {
            Some(part) => string(part, at),
            // Nix cuts bytes, and would cut a character in two here.
            None => Err(Unknown::new(
                Why::Unsupported("half a character".into()),
                at,
            )),
        }
    }),
    primitive("concatStringsSep", 2, |e, a, at| {
        let separator = text(e, a[0], at)?;
        let list = e.force(a[1])?;
        let mut words = Vec::new();
        for item in &e.as_list(&list, at)?.items {
            let word = coerced(e, *item, at)?;
            e.charge(word.len() + separator.len(), at)?;
            words.push(word.to_string());
        }
        string(words.join(&separator), at)
    }),
    primitive("replaceStrings", 3, |e, a, at| {
        let texts = |thunk| -> Eval<Vec<Rc<str>>> {
            let list = e.force(thunk)?;
            e.as_list(&list, at)?
                .items
                .iter()
                .map(|item| text(e, *item, at))
                .collect()
        };
        let (from, to, whole) = (texts(a[0])?, texts(a[1])?, text(e, a[2], at)?);
        if from.len() != to.len() {
            return Err(Unknown::new(
                Why::Refused("lists of different lengths".into()),
                at,
            ));
        }
        let mut out = String::new();
        let mut position = 0;
        // At the very end only an empty pattern can still match, once.
        while position <= whole.len() {
            let rest = whole.get(position..).unwrap_or_default();
            let matched = from.iter().position(|f| rest.starts_with(&**f));
            let replacement = matched.map_or("", |index| &to[index]);
            e.charge(replacement.len(), at)?;
            out.push_str(replacement);
            match matched.map_or(0, |index| from[index].len()) {
                0 => {
                    // Nix goes by bytes, and would put the replacement into the character.
                    if matched.is_some() && rest.chars().next().is_some_and(|c| !c.is_ascii()) {
                        let why = Why::Unsupported("half a character".into());
                        return Err(Unknown::new(why, at));
                    }
                    out.extend(rest.chars().next());
                    position += rest.chars().next().map_or(1, char::len_utf8);
                }
                length => position += length,
            }
        }
        string(out, at)
    }),
    primitive("compareVersions", 2, |e, a, at| {
        let (left, right) = (text(e, a[0], at)?, text(e, a[1], at)?);
        let order = compare_versions(&left, &right) as i64;
        Ok(Value {
            data: Data::Int(order),
            at,
        })
    }),
    primitive("splitVersion", 1, |e, a, at| {
        let version = text(e, a[0], at)?;
        let items = version_parts(&version).map(|p| e.text(p)).collect();
        list_of(items, Vec::new(), at)
    }),
    // What is known here has no context: a derivation is unknown, and a path stays a path.
    primitive("unsafeDiscardStringContext", 1, |e, a, at| {
        e.interpolated(&e.force(a[0])?, at)
    }),
    primitive("unsafeDiscardOutputDependency", 1, |e, a, at| {
        e.interpolated(&e.force(a[0])?, at)
    }),
    primitive("addDrvOutputDependencies", 1, |e, a, at| {
        text(e, a[0], at)?;
        let why = "a string without a derivation has no outputs to depend on".to_owned();
        Err(Unknown::new(Why::Refused(why), at))
    }),
    primitive("hasContext", 1, |e, a, at| {
        text(e, a[0], at)?;
        Ok(Value {
            data: Data::Bool(false),
            at,
        })
    }),
    primitive("getContext", 1, |e, a, at| {
        text(e, a[0], at)?;
        set_of(Vec::new(), at)
    }),
    primitive("appendContext", 2, |e, a, at| {
        let whole = text(e, a[0], at)?;
        let context = e.as_set(&e.force(a[1])?, at)?;
        super::closed(&context, at)?;
        match context.iter().next() {
            None => string(whole, at),
            Some(_) => {
                let why = Why::Unsupported("a string with a context".to_owned());
                Err(Unknown::new(why, at))
            }
        }
    }),
];

/// A string argument, where Nix takes nothing else.
pub(super) fn text(e: &Evaluator, thunk: Thunk, at: Option<Span>) -> Eval<Rc<str>> {
    e.as_str(&e.force(thunk)?, at)
}

/// An argument where Nix also takes a set that stands for a string. A path would be copied to the
/// store.
pub(super) fn coerced(e: &Evaluator, thunk: Thunk, at: Option<Span>) -> Eval<Rc<str>> {
    match e.interpolated(&e.force(thunk)?, at)?.data {
        Data::Str(text) => Ok(text),
        _ => {
            let why = Why::Unsupported("a path copied to the store".to_owned());
            Err(Unknown::new(why, at))
        }
    }
}

fn version_parts(version: &str) -> impl Iterator<Item = &str> {
    let mut rest = version;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(['.', '-']);
        let first = rest.chars().next()?;
        let digits = first.is_ascii_digit();
        let end = rest
            .find(|c: char| c == '.' || c == '-' || c.is_ascii_digit() != digits)
            .unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        rest = after;
        Some(part)
    })
}

/// `compareVersions` as Nix documents it: numbers by value, `pre` before everything, other words
/// by text and before numbers.
fn compare_versions(left: &str, right: &str) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    let rank = |a: &str, b: &str| -> bool {
        // What does not fit an int of C is a word to Nix.
        let (na, nb) = (a.parse::<i32>().ok(), b.parse::<i32>().ok());
        match (na, nb) {
            (Some(a), Some(b)) => a < b,
            (None, Some(_)) if a.is_empty() => true,
            _ if a == "pre" && b != "pre" => true,
            _ if b == "pre" => false,
            (Some(_), None) => false,
            (None, Some(_)) => true,
            (None, None) => a < b,
        }
    };
    let (mut left, mut right) = (version_parts(left), version_parts(right));
    loop {
        let (a, b) = (left.next(), right.next());
        if a.is_none() && b.is_none() {
            return Ordering::Equal;
        }
        let (a, b) = (a.unwrap_or(""), b.unwrap_or(""));
        if rank(a, b) {
            return Ordering::Less;
        }
        if rank(b, a) {
            return Ordering::Greater;
        }
    }
}

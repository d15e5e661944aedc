//! The functions of nixpkgs' lib that configurations call most, each under a name that no
//! configuration asks for. They force what nixpkgs' own force, in the same order.

use std::rc::Rc;

use rustc_hash::FxHashSet;

use super::super::hir::Name;
use super::super::interpret::Evaluator;
use super::super::value::*;
use super::collections::{apply_later, list, name, set};
use super::text::{coerced, text};
use super::{closed, list_of, primitive, set_of, string};
use crate::nix::source::Span;

pub(super) const PRIMITIVES: &[Primitive] = &[
    primitive("<filterAttrs>", 2, |e, a, at| {
        let set = set(e, a[1], at)?;
        closed(&set, at)?;
        let mut entries = Vec::new();
        // The predicate itself is needed only where there is something to ask.
        for (name, attribute) in set.iter() {
            let predicate = e.force(a[0])?;
            let asked = [name_of(e, name), attribute.value];
            if e.as_bool(&e.call_all(&predicate, &asked, at)?, at)? {
                entries.push((name.clone(), *attribute));
            }
        }
        set_of(entries, at)
    }),
    primitive("<genAttrs>", 2, |e, a, at| {
        let (mut entries, mut seen) = (Vec::new(), FxHashSet::default());
        for item in &list(e, a[0], at)?.items {
            let name = name(e, *item, at)?;
            if seen.insert(name.clone()) {
                let value = apply_later(e, a[1], vec![*item], at);
                entries.push((name, Attribute { value, entry: None }));
            }
        }
        set_of(entries, at)
    }),
    primitive("<mapAttrsToList>", 2, |e, a, at| {
        let set = set(e, a[1], at)?;
        closed(&set, at)?;
        let items = set.iter().map(|(name, attribute)| {
            apply_later(e, a[0], vec![name_of(e, name), attribute.value], at)
        });
        list_of(items.collect(), Vec::new(), at)
    }),
    primitive("<recursiveUpdate>", 2, |e, a, at| {
        let (left, right) = (set(e, a[0], at)?, set(e, a[1], at)?);
        closed(&right, at)?;
        closed(&left, at)?;
        recursive_update(e, &left, &right, at)
    }),
    primitive("<attrByPath>", 3, |e, a, at| {
        let mut value = e.force(a[2])?;
        for key in &list(e, a[0], at)?.items {
            let key = name(e, *key, at)?;
            let Data::Set(set) = &value.data else {
                return e.force(a[1]);
            };
            match set.get(&key).map(|attribute| attribute.value) {
                Some(inner) => value = e.force(inner)?,
                None => match &set.open {
                    Openness::Closed => return e.force(a[1]),
                    Openness::Open(why) => return Err(Unknown::new(why.below(&key), at)),
                },
            }
        }
        Ok(value)
    }),
    primitive("<flatten>", 1, |e, a, at| {
        let mut flat = List::default();
        flatten(e, a[0], &mut flat, at)?;
        list_of(flat.items, flat.parts, at)
    }),
    primitive("<unique>", 1, |e, a, at| {
        let list = list(e, a[0], at)?;
        // A single element is not looked at.
        if list.items.len() < 2 {
            return list_of(list.items.clone(), list.parts.clone(), at);
        }
        let (mut texts, mut others, mut items) =
            (FxHashSet::default(), Vec::<Value>::new(), Vec::new());
        for item in &list.items {
            let value = e.force(*item)?;
            let is_new = match &value.data {
                Data::Str(text) => texts.insert(Rc::clone(text)),
                _ => {
                    let mut known = false;
                    for other in &others {
                        known = known || e.equal(&value, other)?;
                    }
                    if !known {
                        others.push(value);
                    }
                    !known
                }
            };
            if is_new {
                items.push(*item);
            }
        }
        list_of(items, list.parts.clone(), at)
    }),
    primitive("<hasPrefix>", 2, |e, a, at| {
        let prefix = text(e, a[0], at)?;
        truth(has(e, Part::Start, &prefix, a[1], at)?, at)
    }),
    primitive("<hasSuffix>", 2, |e, a, at| {
        let suffix = text(e, a[0], at)?;
        truth(has(e, Part::End, &suffix, a[1], at)?, at)
    }),
    primitive("<hasInfix>", 2, |e, a, at| {
        let infix = text(e, a[0], at)?;
        truth(has(e, Part::Within, &infix, a[1], at)?, at)
    }),
    primitive("<removePrefix>", 2, |e, a, at| {
        let (prefix, whole) = (text(e, a[0], at)?, coerced(e, a[1], at)?);
        match whole.strip_prefix(&*prefix) {
            Some(rest) => string(rest, at),
            None => e.force(a[1]),
        }
    }),
    primitive("<removeSuffix>", 2, |e, a, at| {
        let (suffix, whole) = (text(e, a[0], at)?, coerced(e, a[1], at)?);
        match whole.strip_suffix(&*suffix) {
            Some(rest) => string(rest, at),
            None => e.force(a[1]),
        }
    }),
];

/// Where in a text another is looked for.
#[derive(Debug, Clone, Copy)]
enum Part {
    Start,
    End,
    Within,
}

/// Whether a text has another in it.
fn has(e: &Evaluator, part: Part, wanted: &str, whole: Thunk, at: Option<Span>) -> Eval<bool> {
    let path = match e.interpolated(&e.force(whole)?, at)?.data {
        Data::Str(text) => {
            return Ok(match part {
                Part::Start => text.starts_with(wanted),
                Part::End => text.ends_with(wanted),
                Part::Within => text.contains(wanted),
            });
        }
        Data::Path(path) => path,
        _ => return Ok(coerced(e, whole, at)?.contains(wanted)),
    };
    // Nix copies the path to the store. Of the new text the beginning and the last name are known,
    // and not even that of the project's own root.
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_root = std::path::Path::new(&*path) == e.sources().root();
    let answer = match part {
        Part::Start if STORE.starts_with(wanted) => Some(true),
        Part::Start if !wanted.starts_with(STORE) => Some(false),
        Part::End if !is_root && wanted.len() <= name.len() => Some(name.ends_with(wanted)),
        Part::Within if !is_root && name.contains(wanted) => Some(true),
        _ => None,
    };
    answer.ok_or_else(|| {
        let why = Why::Unsupported("a path copied to the store".to_owned());
        Unknown::new(why, at)
    })
}

/// How the path of everything in the store begins.
const STORE: &str = "/nix/store/";

fn name_of(e: &Evaluator, name: &Name) -> Thunk {
    e.done(Value::synthetic(Data::Str(name.as_str().into())))
}

fn truth(truth: bool, at: Option<Span>) -> Eval<Value> {
    Ok(Value {
        data: Data::Bool(truth),
        at,
    })
}

fn flatten(e: &Evaluator, thunk: Thunk, flat: &mut List, at: Option<Span>) -> Eval<()> {
    let value = e.force(thunk)?;
    let Data::List(list) = &value.data else {
        flat.items.push(thunk);
        return Ok(());
    };
    flat.parts.extend(&list.parts);
    e.deeper(at, || {
        list.items
            .iter()
            .try_for_each(|item| flatten(e, *item, flat, at))
    })
}

fn recursive_update(
    e: &Evaluator,
    left: &AttrSet,
    right: &AttrSet,
    at: Option<Span>,
) -> Eval<Value> {
    let mut entries: Vec<(Name, Attribute)> = left
        .iter()
        .filter(|(name, _)| right.get(name).is_none())
        .map(|(name, attribute)| (name.clone(), *attribute))
        .collect();
    for (name, new) in right.iter() {
        let value = match left.get(name) {
            None => new.value,
            Some(old) => {
                let (old, new) = (old.value, new.value);
                e.native(move |e| {
                    // The old value is looked at first: it may fail where the new one would not.
                    let before = e.force(old)?;
                    let after = e.force(new)?;
                    match (&before.data, &after.data) {
                        (Data::Set(before), Data::Set(after)) => {
                            closed(after, at)?;
                            closed(before, at)?;
                            recursive_update(e, before, after, at)
                        }
                        _ => Ok(after),
                    }
                })
            }
        };
        let entry = new.entry;
        entries.push((name.clone(), Attribute { value, entry }));
    }
    set_of(entries, at)
}

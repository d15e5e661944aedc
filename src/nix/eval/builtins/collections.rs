//! Functions on lists and sets.

use std::collections::BTreeMap;
use std::rc::Rc;

use rustc_hash::FxHashSet;

use super::super::hir::Name;
use super::super::interpret::Evaluator;
use super::super::partial::Gathered;
use super::super::value::*;
use super::{closed, list_of, primitive, set_of};
use crate::nix::source::Span;

pub(super) const PRIMITIVES: &[Primitive] = &[
    primitive("length", 1, |e, a, at| {
        let list = list(e, a[0], at)?;
        Ok(Value {
            data: Data::Int(list.items.len() as i64),
            at,
        })
    }),
    primitive("head", 1, |e, a, at| element(e, a[0], 0, at)),
    primitive("tail", 1, |e, a, at| {
        let list = list(e, a[0], at)?;
        match list.items.split_first() {
            Some((_, rest)) => list_of(rest.to_vec(), list.parts.clone(), at),
            None => Err(Unknown::new(
                Why::Refused("the tail of an empty list".into()),
                at,
            )),
        }
    }),
    primitive("elemAt", 2, |e, a, at| {
        let index = e.force(a[1])?;
        element(e, a[0], e.as_int(&index, at)?, at)
    }),
    primitive("elem", 2, |e, a, at| {
        let mut found = false;
        for item in &list(e, a[1], at)?.items {
            found = e.equal(&e.force(a[0])?, &e.force(*item)?)?;
            if found {
                break;
            }
        }
        Ok(Value {
            data: Data::Bool(found),
            at,
        })
    }),
    primitive("map", 2, |e, a, at| {
        let function = a[0];
        let mapped = |items: &[Thunk]| -> Vec<Thunk> {
            let items = items.iter();
            items
                .map(|item| apply_later(e, function, vec![*item], at))
                .collect()
        };
        match list(e, a[1], at) {
            Ok(list) => list_of(mapped(&list.items), list.parts.clone(), at),
            Err(unknown) => Err(unknown.with_items(mapped)),
        }
    }),
    primitive("genList", 2, |e, a, at| {
        let length = e.force(a[1])?;
        let length = e.as_int(&length, at)?;
        if !(0..=1_000_000).contains(&length) {
            return Err(Unknown::new(
                Why::Refused(format!("a list of {length} elements")),
                at,
            ));
        }
        e.charge(length as usize * 4, at)?;
        let items = (0..length).map(|i| {
            let index = e.done(Value::synthetic(Data::Int(i)));
            apply_later(e, a[0], vec![index], at)
        });
        list_of(items.collect(), Vec::new(), at)
    }),
    primitive("filter", 2, |e, a, at| {
        let function = function(e, a[0], at)?;
        let list = list(e, a[1], at)?;
        let mut kept = Gathered::new(e);
        for item in &list.items {
            match e.call(&function, *item, at).and_then(|v| e.as_bool(&v, at)) {
                Ok(true) => kept.push(*item),
                Ok(false) => {}
                Err(unknown) => kept.miss(&unknown)?,
            }
        }
        kept.parts(&list.parts);
        kept.finish(at)
    }),
    primitive("partition", 2, |e, a, at| {
        let (function, list) = (function(e, a[0], at)?, list(e, a[1], at)?);
        let (mut right, mut wrong) = (Vec::new(), Vec::new());
        for item in &list.items {
            match e.as_bool(&e.call(&function, *item, at)?, at)? {
                true => right.push(*item),
                false => wrong.push(*item),
            }
        }
        let part = |items| {
            let list = List {
                items,
                parts: list.parts.clone(),
            };
            let value = e.done(Value::synthetic(Data::List(Rc::new(list))));
            Attribute { value, entry: None }
        };
        set_of(
            vec![("right".into(), part(right)), ("wrong".into(), part(wrong))],
            at,
        )
    }),
    primitive("concatLists", 1, |e, a, at| {
        let mut joined = Gathered::new(e);
        for item in &list(e, a[0], at)?.items {
            joined.extend(list(e, *item, at), at)?;
        }
        joined.finish(at)
    }),
    primitive("concatMap", 2, |e, a, at| {
        let function = function(e, a[0], at)?;
        let mut joined = Gathered::new(e);
        for item in &list(e, a[1], at)?.items {
            let part = e.call(&function, *item, at);
            joined.extend(part.and_then(|v| e.as_list(&v, at)), at)?;
        }
        joined.finish(at)
    }),
    primitive("foldl'", 3, |e, a, at| {
        let function = function(e, a[0], at)?;
        let mut result = a[1];
        for item in &list(e, a[2], at)?.items {
            result = e.done(e.call_all(&function, &[result, *item], at)?);
        }
        e.force(result)
    }),
    primitive("any", 2, |e, a, at| quantify(e, a, at, true)),
    primitive("all", 2, |e, a, at| quantify(e, a, at, false)),
    primitive("sort", 2, |e, a, at| {
        let (less, list) = (function(e, a[0], at)?, list(e, a[1], at)?);
        // A stable insertion by the given order; the first failure ends it.
        let mut sorted: Vec<Thunk> = Vec::with_capacity(list.items.len());
        for item in &list.items {
            let mut low = 0;
            let mut high = sorted.len();
            while low < high {
                let middle = (low + high) / 2;
                let before = e.call_all(&less, &[*item, sorted[middle]], at)?;
                match e.as_bool(&before, at)? {
                    true => high = middle,
                    false => low = middle + 1,
                }
            }
            sorted.insert(low, *item);
        }
        // By an order that contradicts itself (`<=`), each version of Nix sorts in its own way.
        for pair in sorted.windows(2) {
            let before = e.call_all(&less, &[pair[1], pair[0]], at)?;
            if e.as_bool(&before, at)? {
                let why = Why::Unsupported("sorting by no strict order".to_owned());
                return Err(Unknown::new(why, at));
            }
        }
        list_of(sorted, list.parts.clone(), at)
    }),
    primitive("groupBy", 2, |e, a, at| {
        let (function, list) = (function(e, a[0], at)?, list(e, a[1], at)?);
        let mut groups: BTreeMap<Name, Vec<Thunk>> = BTreeMap::new();
        for item in &list.items {
            let key = e.call(&function, *item, at)?;
            groups
                .entry(Name::from(&*e.as_str(&key, at)?))
                .or_default()
                .push(*item);
        }
        let entries = groups.into_iter().map(|(name, items)| {
            let list = Data::List(Rc::new(List {
                items,
                parts: Vec::new(),
            }));
            (
                name,
                Attribute {
                    value: e.done(Value::synthetic(list)),
                    entry: None,
                },
            )
        });
        set_of(entries.collect(), at)
    }),
    primitive("genericClosure", 1, |e, a, at| {
        let start = e.select(a[0], &["startSet".into()], None, at)?;
        let operator = e.select(a[0], &["operator".into()], None, at)?;
        let mut queue: std::collections::VecDeque<Thunk> =
            e.as_list(&start, at)?.items.iter().copied().collect();
        // The keys seen, in their order.
        let (mut seen, mut items): (Vec<Value>, Vec<Thunk>) = (Vec::new(), Vec::new());
        while let Some(item) = queue.pop_front() {
            let key = e.select(item, &["key".into()], None, at)?;
            let (mut low, mut high) = (0, seen.len());
            while low < high {
                let middle = (low + high) / 2;
                match e.less(&seen[middle], &key, at)? {
                    true => low = middle + 1,
                    false => high = middle,
                }
            }
            let known = seen.get(low).map(|next| e.less(&key, next, at));
            if known.transpose()? == Some(false) {
                continue;
            }
            seen.insert(low, key);
            items.push(item);
            let next = e.call(&operator, item, at)?;
            queue.extend(&e.as_list(&next, at)?.items);
        }
        list_of(items, Vec::new(), at)
    }),
    primitive("attrNames", 1, |e, a, at| {
        let set = set(e, a[0], at)?;
        closed(&set, at)?;
        let items = set
            .iter()
            .map(|(n, _)| e.done(Value::synthetic(Data::Str(n.as_str().into()))));
        list_of(items.collect(), Vec::new(), at)
    }),
    primitive("attrValues", 1, |e, a, at| {
        let set = set(e, a[0], at)?;
        closed(&set, at)?;
        list_of(set.iter().map(|(_, a)| a.value).collect(), Vec::new(), at)
    }),
    primitive("hasAttr", 2, |e, a, at| {
        let (name, set) = (name(e, a[0], at)?, set(e, a[1], at)?);
        let found = set.get(&name).is_some();
        if !found {
            closed(&set, at)?;
        }
        Ok(Value {
            data: Data::Bool(found),
            at,
        })
    }),
    primitive("getAttr", 2, |e, a, at| {
        let name = name(e, a[0], at)?;
        e.select(a[1], &[name], None, at)
    }),
    primitive("removeAttrs", 2, |e, a, at| {
        let set = set(e, a[0], at)?;
        let mut names = FxHashSet::default();
        for item in &list(e, a[1], at)?.items {
            names.insert(name(e, *item, at)?);
        }
        let kept = set
            .iter()
            .filter(|(n, _)| !names.contains(*n))
            .map(|(n, a)| (n.clone(), *a));
        let mut kept = AttrSet::new(kept.collect());
        kept.open = set.open.clone();
        Ok(Value {
            data: Data::Set(Rc::new(kept)),
            at,
        })
    }),
    primitive("intersectAttrs", 2, |e, a, at| {
        let (left, right) = (set(e, a[0], at)?, set(e, a[1], at)?);
        closed(&left, at)?;
        closed(&right, at)?;
        let both = right.iter().filter(|(n, _)| left.get(n).is_some());
        set_of(both.map(|(n, a)| (n.clone(), *a)).collect(), at)
    }),
    primitive("listToAttrs", 1, |e, a, at| {
        let (mut entries, mut seen) = (Vec::new(), FxHashSet::default());
        for item in &list(e, a[0], at)?.items {
            let pair = set(e, *item, at)?;
            let key = e.select(*item, &["name".into()], None, at)?;
            let key = Name::from(&*e.as_str(&key, at)?);
            // Of two pairs with one name, the first counts.
            if !seen.insert(key.clone()) {
                continue;
            }
            match pair.get("value") {
                Some(value) => entries.push((key, *value)),
                None => {
                    closed(&pair, at)?;
                    let why = Why::Refused("attribute `value` is missing".into());
                    return Err(Unknown::new(why, at));
                }
            }
        }
        set_of(entries, at)
    }),
    primitive("mapAttrs", 2, |e, a, at| {
        let set = set(e, a[1], at)?;
        closed(&set, at)?;
        let function = a[0];
        let entries = set.iter().map(|(n, attribute)| {
            let name = e.done(Value::synthetic(Data::Str(n.as_str().into())));
            let value = apply_later(e, function, vec![name, attribute.value], at);
            (
                n.clone(),
                Attribute {
                    value,
                    entry: attribute.entry,
                },
            )
        });
        set_of(entries.collect(), at)
    }),
    primitive("catAttrs", 2, |e, a, at| {
        let name = name(e, a[0], at)?;
        let mut items = Vec::new();
        for item in &list(e, a[1], at)?.items {
            let set = set(e, *item, at)?;
            match set.get(&name) {
                Some(attribute) => items.push(attribute.value),
                None => closed(&set, at)?,
            }
        }
        list_of(items, Vec::new(), at)
    }),
    primitive("zipAttrsWith", 2, |e, a, at| {
        let function = e.force(a[0])?;
        if !matches!(
            function.data,
            Data::Lambda(_) | Data::Builtin(_) | Data::Set(_)
        ) {
            let why = format!("a {} is no function", function.type_name());
            return Err(Unknown::new(Why::Refused(why), at));
        }
        let mut zipped: BTreeMap<Name, (Vec<Thunk>, Option<Span>)> = BTreeMap::new();
        for item in &list(e, a[1], at)?.items {
            let set = set(e, *item, at)?;
            closed(&set, at)?;
            for (name, attribute) in set.iter() {
                let slot = zipped.entry(name.clone()).or_default();
                slot.0.push(attribute.value);
                slot.1 = slot.1.or(attribute.entry);
            }
        }
        let entries = zipped.into_iter().map(|(name, (items, entry))| {
            let list = Data::List(Rc::new(List {
                items,
                parts: Vec::new(),
            }));
            let key = e.done(Value::synthetic(Data::Str(name.as_str().into())));
            let value = apply_later(e, a[0], vec![key, e.done(Value::synthetic(list))], at);
            (name, Attribute { value, entry })
        });
        set_of(entries.collect(), at)
    }),
];

pub(super) fn list(e: &Evaluator, thunk: Thunk, at: Option<Span>) -> Eval<Rc<List>> {
    e.as_list(&e.force(thunk)?, at)
}

pub(super) fn set(e: &Evaluator, thunk: Thunk, at: Option<Span>) -> Eval<Rc<AttrSet>> {
    e.as_set(&e.force(thunk)?, at)
}

/// A function, which Nix wants even where nothing is there to call it on.
fn function(e: &Evaluator, thunk: Thunk, at: Option<Span>) -> Eval<Value> {
    let value = e.force(thunk)?;
    match &value.data {
        Data::Lambda(_) | Data::Builtin(_) => Ok(value),
        Data::Set(set) if !set.is_closed() || set.get("__functor").is_some() => Ok(value),
        _ => {
            let why = format!("a {} is no function", value.type_name());
            Err(Unknown::new(Why::Refused(why), at))
        }
    }
}

pub(super) fn name(e: &Evaluator, thunk: Thunk, at: Option<Span>) -> Eval<Name> {
    e.as_str(&e.force(thunk)?, at).map(|s| Name::from(&*s))
}

fn element(e: &Evaluator, thunk: Thunk, index: i64, at: Option<Span>) -> Eval<Value> {
    let list = list(e, thunk, at)?;
    match usize::try_from(index).ok().and_then(|i| list.items.get(i)) {
        Some(item) => e.force(*item),
        None => {
            let why = format!("element {index} of a list of {}", list.items.len());
            Err(Unknown::new(Why::Refused(why), at))
        }
    }
}

fn quantify(e: &Evaluator, a: &[Thunk], at: Option<Span>, wanted: bool) -> Eval<Value> {
    let function = function(e, a[0], at)?;
    for item in &list(e, a[1], at)?.items {
        if e.as_bool(&e.call(&function, *item, at)?, at)? == wanted {
            return Ok(Value {
                data: Data::Bool(wanted),
                at,
            });
        }
    }
    Ok(Value {
        data: Data::Bool(!wanted),
        at,
    })
}

/// The result of a call that is made when it is needed.
pub(super) fn apply_later(
    e: &Evaluator,
    function: Thunk,
    arguments: Vec<Thunk>,
    at: Option<Span>,
) -> Thunk {
    e.native(move |e| {
        let function = e.force(function)?;
        e.call_all(&function, &arguments, at)
    })
}

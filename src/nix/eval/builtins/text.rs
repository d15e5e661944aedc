//! Functions on strings, and the textual data formats.

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
        let length = text(e, a[0], at)?.len() as i64;
        Ok(Value {
            data: Data::Int(length),
            at,
        })
    }),
    primitive("substring", 3, |e, a, at| {
        let (start, length) = (e.force(a[0])?, e.force(a[1])?);
        let (start, length) = (e.as_int(&start, at)?, e.as_int(&length, at)?);
        let whole = text(e, a[2], at)?;
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
            let word = text(e, *item, at)?;
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
    // Not one of Nix's: under a name that no configuration asks for.
    primitive("<splitString>", 2, |e, a, at| {
        let (separator, whole) = (text(e, a[0], at)?, text(e, a[1], at)?);
        if separator.is_empty() {
            return Err(Unknown::new(
                Why::Unsupported("an empty separator".into()),
                at,
            ));
        }
        let parts = whole.split(&*separator);
        let items = parts
            .map(|p| e.done(Value::synthetic(Data::Str(p.into()))))
            .collect();
        list_of(items, Vec::new(), at)
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
        let items = version_parts(&version)
            .map(|p| e.done(Value::synthetic(Data::Str(p.into()))))
            .collect();
        list_of(items, Vec::new(), at)
    }),
    primitive("toJSON", 1, |e, a, at| {
        let json = to_json(e, a[0], at)?;
        string(json.to_string(), at)
    }),
    primitive("fromJSON", 1, |e, a, at| {
        let source = text(e, a[0], at)?;
        e.charge(source.len() * 24, at)?;
        match serde_json::from_str::<serde_json::Value>(&source) {
            Ok(json) => from_json(e, &json, at),
            Err(error) => Err(Unknown::new(Why::Refused(format!("JSON: {error}")), at)),
        }
    }),
    primitive("fromTOML", 1, |e, a, at| {
        let source = text(e, a[0], at)?;
        e.charge(source.len() * 24, at)?;
        match toml::from_str::<toml::Value>(&source) {
            Ok(toml) => from_toml(e, &toml, at),
            Err(error) => Err(Unknown::new(Why::Refused(format!("TOML: {error}")), at)),
        }
    }),
    primitive("unsafeDiscardStringContext", 1, |e, a, at| {
        string(text(e, a[0], at)?, at)
    }),
    primitive("hasContext", 1, |e, a, at| {
        text(e, a[0], at)?;
        Ok(Value {
            data: Data::Bool(false),
            at,
        })
    }),
];

/// A string argument. A path would be copied to the store, so it is none.
fn text(e: &Evaluator, thunk: Thunk, at: Option<Span>) -> Eval<Rc<str>> {
    e.as_str(&e.force(thunk)?, at)
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
        let (na, nb) = (a.parse::<u64>().ok(), b.parse::<u64>().ok());
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

/// A value as JSON, forced throughout.
pub(super) fn to_json(e: &Evaluator, thunk: Thunk, at: Option<Span>) -> Eval<serde_json::Value> {
    let value = e.force(thunk)?;
    e.charge(4 * size_of::<serde_json::Value>(), at)?;
    e.deeper(at, || json_of(e, &value, at))
}

fn json_of(e: &Evaluator, value: &Value, at: Option<Span>) -> Eval<serde_json::Value> {
    Ok(match &value.data {
        Data::Null => serde_json::Value::Null,
        Data::Bool(b) => (*b).into(),
        Data::Int(i) => (*i).into(),
        Data::Float(_) => {
            let what = "the text of a float in JSON, which versions of Nix write differently,";
            return Err(Unknown::new(Why::Unsupported(what.to_owned()), at));
        }
        Data::Str(s) => {
            e.charge(s.len(), at)?;
            (&**s).into()
        }
        Data::List(list) => list
            .items
            .iter()
            .map(|item| to_json(e, *item, at))
            .collect::<Eval<Vec<_>>>()?
            .into(),
        Data::Set(set) => {
            super::closed(set, at)?;
            if set.get("outPath").is_some() || set.get("__toString").is_some() {
                return Ok(e.to_text(value, at)?.into());
            }
            let mut map = serde_json::Map::new();
            for (name, attribute) in set.iter() {
                map.insert(name.to_string(), to_json(e, attribute.value, at)?);
            }
            map.into()
        }
        Data::Path(_) | Data::Lambda(_) | Data::Builtin(_) => {
            let why = format!("JSON of a {}", value.type_name());
            return Err(Unknown::new(Why::Unsupported(why), at));
        }
    })
}

/// TOML as a value; its parts carry the place of the call.
fn from_toml(e: &Evaluator, toml: &toml::Value, at: Option<Span>) -> Eval<Value> {
    let data = match toml {
        toml::Value::String(s) => Data::Str(s.as_str().into()),
        toml::Value::Integer(i) => Data::Int(*i),
        toml::Value::Float(f) => Data::Float(*f),
        toml::Value::Boolean(b) => Data::Bool(*b),
        toml::Value::Datetime(_) => {
            return Err(Unknown::new(
                Why::Refused("TOML: dates are not supported".into()),
                at,
            ));
        }
        toml::Value::Array(items) => {
            let items: Eval<Vec<Thunk>> = items
                .iter()
                .map(|i| from_toml(e, i, at).map(|v| e.done(v)))
                .collect();
            return list_of(items?, Vec::new(), at);
        }
        toml::Value::Table(table) => {
            let mut entries = Vec::new();
            for (name, value) in table {
                let value = e.done(from_toml(e, value, at)?);
                entries.push((name.as_str().into(), Attribute { value, entry: None }));
            }
            return set_of(entries, at);
        }
    };
    Ok(Value { data, at })
}

/// JSON as a value; its parts carry the place of the call.
pub(super) fn from_json(e: &Evaluator, json: &serde_json::Value, at: Option<Span>) -> Eval<Value> {
    let data = match json {
        serde_json::Value::Null => Data::Null,
        serde_json::Value::Bool(b) => Data::Bool(*b),
        serde_json::Value::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => Data::Int(i),
            (None, Some(f)) => Data::Float(f),
            (None, None) => {
                return Err(Unknown::new(
                    Why::Refused("a number out of range".into()),
                    at,
                ));
            }
        },
        serde_json::Value::String(s) => Data::Str(s.as_str().into()),
        serde_json::Value::Array(items) => {
            let items: Eval<Vec<Thunk>> = items
                .iter()
                .map(|i| from_json(e, i, at).map(|v| e.done(v)))
                .collect();
            return list_of(items?, Vec::new(), at);
        }
        serde_json::Value::Object(map) => {
            let mut entries = Vec::new();
            for (name, value) in map {
                let value = e.done(from_json(e, value, at)?);
                entries.push((name.as_str().into(), Attribute { value, entry: None }));
            }
            return set_of(entries, at);
        }
    };
    Ok(Value { data, at })
}

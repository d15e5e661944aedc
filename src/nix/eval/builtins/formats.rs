//! The textual data formats.

use super::super::interpret::Evaluator;
use super::super::value::*;
use super::text::text;
use super::{list_of, primitive, set_of, string};
use crate::nix::source::Span;

pub(super) const PRIMITIVES: &[Primitive] = &[
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
    primitive("toXML", 1, |e, a, at| {
        let mut out = "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n".to_owned();
        xml(e, a[0], 1, &mut out, at)?;
        out.push_str("</expr>\n");
        string(out, at)
    }),
];

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
        Data::Float(f) => match serde_json::Number::from_f64(*f) {
            Some(number) if is_plain(*f) => number.into(),
            _ => {
                let what = "the text of a float in JSON, which versions of Nix write differently,";
                return Err(Unknown::new(Why::Unsupported(what.to_owned()), at));
            }
        },
        Data::Str(s) => (&**s).into(),
        Data::List(list) => list
            .items
            .iter()
            .map(|item| to_json(e, *item, at))
            .collect::<Eval<Vec<_>>>()?
            .into(),
        Data::Set(set) => {
            if set.get("__toString").is_some() {
                return Ok(e.to_text(value, at)?.into());
            }
            if let Some(path) = set.get("outPath") {
                return to_json(e, path.value, at);
            }
            super::closed(set, at)?;
            let mut map = serde_json::Map::new();
            for (name, attribute) in set.iter() {
                map.insert(name.to_string(), to_json(e, attribute.value, at)?);
            }
            map.into()
        }
        Data::Path(_) => {
            let why = Why::Unsupported("a path copied to the store".to_owned());
            return Err(Unknown::new(why, at));
        }
        Data::Lambda(_) | Data::Builtin(_) => {
            let why = Why::Refused("cannot convert a function to JSON".to_owned());
            return Err(Unknown::new(why, at));
        }
    })
}

/// Whether all versions of Nix write this float alike: 2.8 and earlier give six digits, and those
/// leave `.0` out.
fn is_plain(float: f64) -> bool {
    let digits = format!("{float:e}");
    let digits = digits.split('e').next().unwrap_or_default();
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    count <= 6 && (1e-4..1e6).contains(&float.abs()) && float.fract() != 0.0
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
                entries.push((name.as_str().into(), Attribute::new(value)));
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
            // `-0` is an integer to Nix, `-0.0` is not: the difference is lost here.
            (None, Some(f)) if n.is_f64() && !(f == 0.0 && f.is_sign_negative()) => Data::Float(f),
            _ => {
                let why = Why::Unsupported("a number out of range".into());
                return Err(Unknown::new(why, at));
            }
        },
        serde_json::Value::String(s) if s.contains('\0') => {
            let why = Why::Refused("a string with a NUL".into());
            return Err(Unknown::new(why, at));
        }
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
                entries.push((name.as_str().into(), Attribute::new(value)));
            }
            return set_of(entries, at);
        }
    };
    Ok(Value { data, at })
}

/// A value as `toXML` writes it.
fn xml(e: &Evaluator, thunk: Thunk, depth: usize, out: &mut String, at: Option<Span>) -> Eval<()> {
    let value = e.force(thunk)?;
    e.deeper(at, || xml_of(e, &value, depth, out, at))
}

fn xml_of(
    e: &Evaluator,
    value: &Value,
    depth: usize,
    out: &mut String,
    at: Option<Span>,
) -> Eval<()> {
    let indent = "  ".repeat(depth);
    let simple = |out: &mut String, tag: &str, text: &str| {
        out.push_str(&format!("{indent}<{tag} value=\"{}\" />\n", escaped(text)));
    };
    match &value.data {
        Data::Null => out.push_str(&format!("{indent}<null />\n")),
        Data::Bool(b) => simple(out, "bool", &b.to_string()),
        Data::Int(i) => simple(out, "int", &i.to_string()),
        Data::Str(s) => simple(out, "string", s),
        Data::List(list) => {
            out.push_str(&format!("{indent}<list>\n"));
            for item in &list.items {
                xml(e, *item, depth + 1, out, at)?;
            }
            out.push_str(&format!("{indent}</list>\n"));
        }
        Data::Set(set) if set.get("type").is_none() => {
            super::closed(set, at)?;
            out.push_str(&format!("{indent}<attrs>\n"));
            for (name, attribute) in set.iter() {
                out.push_str(&format!("{indent}  <attr name=\"{}\">\n", escaped(name)));
                xml(e, attribute.value, depth + 2, out, at)?;
                out.push_str(&format!("{indent}  </attr>\n"));
            }
            out.push_str(&format!("{indent}</attrs>\n"));
        }
        // Floats are written by the C++ library, paths are copied, functions show their patterns.
        Data::Float(_) | Data::Set(_) | Data::Path(_) | Data::Lambda(_) | Data::Builtin(_) => {
            let why = format!("XML of a {}", value.type_name());
            return Err(Unknown::new(Why::Unsupported(why), at));
        }
    }
    Ok(())
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => out.push_str("&quot;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\n' => out.push_str("&#xA;"),
            other => out.push(other),
        }
    }
    out
}

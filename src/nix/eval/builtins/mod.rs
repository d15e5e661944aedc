//! Nix's own functions. What is missing here, or has effects, is unknown with its name.

mod collections;
mod files;
mod formats;
mod hash;
mod library;
mod matching;
mod positions;
mod regex;
mod text;

use std::rc::Rc;

use rustc_hash::FxHashSet;

use super::hir::Name;
use super::interpret::Evaluator;
use super::lower::GLOBALS;
use super::value::*;
use crate::nix::source::Span;

/// A function over forced or unforced arguments.
type Run = fn(&Evaluator, &[Thunk], Option<Span>) -> Eval<Value>;

const fn primitive(name: &'static str, arity: usize, run: Run) -> Primitive {
    Primitive::new(name, arity, run)
}

/// The functions of `builtins` by which Nix reaches out of the configuration. Those that are there
/// only in some versions or modes of it (`currentSystem`, `fetchClosure`, `exec` …) are not here, so
/// that `builtins ? currentSystem` is unknown too.
const EFFECTS: &[&str] = &[
    "derivation",
    "derivationStrict",
    "fetchGit",
    "fetchMercurial",
    "fetchTarball",
    "fetchTree",
    "fetchurl",
    "filterSource",
    "findFile",
    "getEnv",
    "nixPath",
    "nixVersion",
    "storePath",
    "toFile",
];

/// Functions that are not evaluated.
const UNSUPPORTED: &[&str] = &["scopedImport"];

fn all() -> impl Iterator<Item = &'static Primitive> {
    GENERAL
        .iter()
        .chain(collections::PRIMITIVES)
        .chain(text::PRIMITIVES)
        .chain(files::PRIMITIVES)
        .chain(crate::nix::module::PRIMITIVES)
        .chain(formats::PRIMITIVES)
        .chain(hash::PRIMITIVES)
        .chain(library::PRIMITIVES)
        .chain(matching::PRIMITIVES)
        .chain(positions::PRIMITIVES)
}

/// The set `builtins`.
pub(super) fn set(evaluator: &Evaluator) -> AttrSet {
    let attribute = |value| Attribute { value, entry: None };
    let mut entries: Vec<(Name, Attribute)> = Vec::new();
    for primitive in all() {
        let builtin = Builtin {
            primitive: *primitive,
            arguments: Vec::new(),
        };
        let value = Value::synthetic(Data::Builtin(Rc::new(builtin)));
        entries.push((primitive.name.into(), attribute(evaluator.done(value))));
    }
    for (name, data) in [
        ("true", Data::Bool(true)),
        ("false", Data::Bool(false)),
        ("null", Data::Null),
        // The same in each version there ever was since 2011.
        ("langVersion", Data::Int(6)),
        // NixOS knows no other.
        ("storeDir", Data::Str("/nix/store".into())),
    ] {
        entries.push((
            name.into(),
            attribute(evaluator.done(Value::synthetic(data))),
        ));
    }
    for name in EFFECTS {
        let unknown = evaluator.unknown(Unknown::new(Why::Effect(name), None));
        entries.push(((*name).into(), attribute(unknown)));
    }
    for name in UNSUPPORTED {
        let why = Why::Unsupported(format!("builtins.{name}"));
        entries.push((
            (*name).into(),
            attribute(evaluator.unknown(Unknown::new(why, None))),
        ));
    }
    let itself = evaluator.native(|e| Ok(Value::synthetic(Data::Set(e.globals()))));
    entries.push(("builtins".into(), attribute(itself)));
    AttrSet::new(entries).opened(Why::Library("a builtin that not every Nix has".to_owned()))
}

/// A name of the global scope.
pub(super) fn global(evaluator: &Evaluator, name: &Name, at: Option<Span>) -> Eval<Value> {
    let globals = evaluator.globals();
    // `__head` is `builtins.head`, but what is global under its own name has no such second one.
    let plain = match name.strip_prefix("__") {
        Some(plain) if GLOBALS.contains(&plain) => {
            return Err(Unknown::new(
                Why::Refused(format!("undefined variable `{name}`")),
                at,
            ));
        }
        Some(plain) => plain,
        None => name,
    };
    match globals.get(plain) {
        Some(attribute) => {
            let mut value =
                evaluator
                    .force(attribute.value)
                    .map_err(|unknown| match unknown.at {
                        Some(_) => unknown,
                        None => Unknown::new(unknown.why.clone(), at),
                    })?;
            value.at = at;
            Ok(value)
        }
        None => Err(Unknown::new(Why::Unsupported(format!("`{name}`")), at)),
    }
}

const GENERAL: &[Primitive] = &[
    // `"<open>" why set`: the set, of which more may exist than is known.
    primitive("<open>", 2, |e, a, at| {
        let why = e.force(a[0])?;
        let why = Why::Library(e.as_str(&why, at)?.to_string());
        let value = e.force(a[1])?;
        let set = AttrSet::clone(&*e.as_set(&value, at)?).opened(why);
        Ok(Value {
            data: Data::Set(Rc::new(set)),
            at: value.at,
        })
    }),
    primitive("abort", 1, |e, a, at| {
        Err(Unknown::new(Why::Refused(message(e, a[0], at)), at))
    }),
    primitive("throw", 1, |e, a, at| {
        Err(Unknown::new(Why::Thrown(message(e, a[0], at)), at))
    }),
    primitive("addErrorContext", 2, |e, a, _| e.force(a[1])),
    primitive("trace", 2, |e, a, _| said(e, a)),
    primitive("warn", 2, |e, a, at| match e.force(a[0]) {
        Ok(message) => e.as_str(&message, at).and_then(|_| e.force(a[1])),
        Err(_) => said(e, a),
    }),
    primitive("traceVerbose", 2, |e, a, _| e.force(a[1])),
    primitive("break", 1, |e, a, _| e.force(a[0])),
    primitive("seq", 2, |e, a, _| {
        e.force(a[0]).and_then(|_| e.force(a[1]))
    }),
    primitive("deepSeq", 2, |e, a, _| {
        deep(e, a[0])?;
        e.force(a[1])
    }),
    primitive("tryEval", 1, |e, a, at| {
        let (success, value) = match e.force(a[0]) {
            Ok(_) => (true, a[0]),
            Err(unknown) if matches!(unknown.why, Why::Thrown(_)) => {
                (false, e.done(Value::synthetic(Data::Bool(false))))
            }
            Err(unknown) => return Err(unknown),
        };
        let success = e.done(Value::synthetic(Data::Bool(success)));
        let entries = vec![
            (
                "success".into(),
                Attribute {
                    value: success,
                    entry: None,
                },
            ),
            ("value".into(), Attribute { value, entry: None }),
        ];
        Ok(Value {
            data: Data::Set(Rc::new(AttrSet::new(entries))),
            at,
        })
    }),
    primitive("typeOf", 1, |e, a, at| {
        let name = e.force(a[0])?.type_name();
        Ok(Value {
            data: Data::Str(name.into()),
            at,
        })
    }),
    primitive("isNull", 1, |e, a, at| {
        is(e, a, at, |d| matches!(d, Data::Null))
    }),
    primitive("isBool", 1, |e, a, at| {
        is(e, a, at, |d| matches!(d, Data::Bool(_)))
    }),
    primitive("isInt", 1, |e, a, at| {
        is(e, a, at, |d| matches!(d, Data::Int(_)))
    }),
    primitive("isFloat", 1, |e, a, at| {
        is(e, a, at, |d| matches!(d, Data::Float(_)))
    }),
    primitive("isString", 1, |e, a, at| {
        is(e, a, at, |d| matches!(d, Data::Str(_)))
    }),
    primitive("isPath", 1, |e, a, at| {
        is(e, a, at, |d| matches!(d, Data::Path(_)))
    }),
    primitive("isList", 1, |e, a, at| {
        is(e, a, at, |d| matches!(d, Data::List(_)))
    }),
    primitive("isAttrs", 1, |e, a, at| {
        is(e, a, at, |d| matches!(d, Data::Set(_)))
    }),
    primitive("isFunction", 1, |e, a, at| {
        is(e, a, at, |d| {
            matches!(d, Data::Lambda(_) | Data::Builtin(_))
        })
    }),
    primitive("functionArgs", 1, |e, a, at| {
        let function = e.force(a[0])?;
        if !matches!(function.data, Data::Lambda(_) | Data::Builtin(_)) {
            let why = format!("the arguments of a {}", function.type_name());
            return Err(Unknown::new(Why::Refused(why), at));
        }
        let formals = e.formals(&function).unwrap_or_default();
        let entries = formals
            .into_iter()
            .map(|(name, default)| {
                let value = e.done(Value::synthetic(Data::Bool(default)));
                (name, Attribute { value, entry: None })
            })
            .collect();
        Ok(Value {
            data: Data::Set(Rc::new(AttrSet::new(entries))),
            at,
        })
    }),
    primitive("add", 2, |e, a, at| {
        number(e, a, at, super::hir::BinaryOp::Add)
    }),
    primitive("sub", 2, |e, a, at| {
        number(e, a, at, super::hir::BinaryOp::Sub)
    }),
    primitive("mul", 2, |e, a, at| {
        number(e, a, at, super::hir::BinaryOp::Mul)
    }),
    primitive("div", 2, |e, a, at| {
        number(e, a, at, super::hir::BinaryOp::Div)
    }),
    primitive("lessThan", 2, |e, a, at| {
        let less = e.less(&e.force(a[0])?, &e.force(a[1])?, at)?;
        Ok(Value {
            data: Data::Bool(less),
            at,
        })
    }),
    primitive("bitAnd", 2, |e, a, at| bits(e, a, at, |x, y| x & y)),
    primitive("bitOr", 2, |e, a, at| bits(e, a, at, |x, y| x | y)),
    primitive("bitXor", 2, |e, a, at| bits(e, a, at, |x, y| x ^ y)),
    primitive("ceil", 1, |e, a, at| round(e, a, at, f64::ceil)),
    primitive("floor", 1, |e, a, at| round(e, a, at, f64::floor)),
];

fn message(e: &Evaluator, thunk: Thunk, at: Option<Span>) -> String {
    match e.force(thunk).and_then(|v| e.to_text(&v, at)) {
        Ok(text) => text,
        Err(_) => "(its message is not known)".to_owned(),
    }
}

/// The second of two, after the first was printed. What is printed may be unknown, but it must not
/// be an error.
fn said(e: &Evaluator, a: &[Thunk]) -> Eval<Value> {
    match e.force(a[0]) {
        Err(unknown) if matches!(unknown.why, Why::Thrown(_) | Why::Refused(_)) => Err(unknown),
        _ => e.force(a[1]),
    }
}

fn is(e: &Evaluator, a: &[Thunk], at: Option<Span>, test: fn(&Data) -> bool) -> Eval<Value> {
    let result = test(&e.force(a[0])?.data);
    Ok(Value {
        data: Data::Bool(result),
        at,
    })
}

fn number(e: &Evaluator, a: &[Thunk], at: Option<Span>, op: super::hir::BinaryOp) -> Eval<Value> {
    super::arith::arithmetic(op, &e.force(a[0])?, &e.force(a[1])?, at)
}

fn bits(e: &Evaluator, a: &[Thunk], at: Option<Span>, op: fn(i64, i64) -> i64) -> Eval<Value> {
    let (left, right) = (e.force(a[0])?, e.force(a[1])?);
    Ok(Value {
        data: Data::Int(op(e.as_int(&left, at)?, e.as_int(&right, at)?)),
        at,
    })
}

fn round(e: &Evaluator, a: &[Thunk], at: Option<Span>, f: fn(f64) -> f64) -> Eval<Value> {
    let value = match e.force(a[0])?.data {
        Data::Int(i) => i,
        Data::Float(x) if f(x).abs() < 9.2e18 => f(x) as i64,
        _ => {
            return Err(Unknown::new(
                Why::Refused("not a number in range".into()),
                at,
            ));
        }
    };
    Ok(Value {
        data: Data::Int(value),
        at,
    })
}

/// Forces everything below a thunk.
fn deep(e: &Evaluator, thunk: Thunk) -> Eval<()> {
    // Nix looks at each value once, so one that holds itself is no trouble.
    fn visit(e: &Evaluator, thunk: Thunk, seen: &mut FxHashSet<Thunk>) -> Eval<()> {
        if !seen.insert(thunk) {
            return Ok(());
        }
        let value = e.force(thunk)?;
        e.deeper(value.at, || match &value.data {
            Data::List(list) => list.items.iter().try_for_each(|item| visit(e, *item, seen)),
            Data::Set(set) => set.iter().try_for_each(|(_, a)| visit(e, a.value, seen)),
            _ => Ok(()),
        })
    }
    visit(e, thunk, &mut FxHashSet::default())
}

/// Refuses a set whose attributes are not all known.
fn closed(set: &AttrSet, at: Option<Span>) -> Eval<()> {
    match &set.open {
        Openness::Closed => Ok(()),
        Openness::Open(why) => Err(Unknown::new(why.clone(), at)),
    }
}

fn list_of(items: Vec<Thunk>, parts: Vec<Span>, at: Option<Span>) -> Eval<Value> {
    Ok(Value {
        data: Data::List(Rc::new(List { items, parts })),
        at,
    })
}

fn set_of(entries: Vec<(Name, Attribute)>, at: Option<Span>) -> Eval<Value> {
    Ok(Value {
        data: Data::Set(Rc::new(AttrSet::new(entries))),
        at,
    })
}

fn string(text: impl Into<Rc<str>>, at: Option<Span>) -> Eval<Value> {
    Ok(Value {
        data: Data::Str(text.into()),
        at,
    })
}

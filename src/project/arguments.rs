//! Calling what a file holds: with what every module gets, and with what only the tree tells.

use std::rc::Rc;

use crate::nix::eval::{
    AttrSet, Attribute, Data, Eval, Evaluator, Name, Thunk, Unknown, Value, Why,
};
use crate::nix::source::Span;

/// How many arguments a file may want, one after the other.
const MOST_ARGUMENTS: usize = 8;

/// What is known when only the shape is asked for.
pub(super) fn shape_arguments(e: &Evaluator) -> AttrSet {
    let unknown = |name: &str| {
        let why = Why::Unsupported(format!("a shape that depends on `{name}`"));
        attribute(e.unknown(Unknown::new(why, None)))
    };
    let pkgs = AttrSet::new(vec![("lib".into(), attribute(e.lib()))]).opened(Why::Package);
    let mut entries = vec![
        ("config".into(), unknown("config")),
        ("lib".into(), attribute(e.lib())),
        ("options".into(), unknown("options")),
        ("pkgs".into(), set_of(e, pkgs)),
    ];
    let outside = outside_arguments(e).into_iter();
    entries.extend(outside.map(|(name, value)| (name, attribute(value))));
    AttrSet::new(entries)
}

/// `inputs` and `self`, which flakes pass on to their modules, as far as the tree itself tells them.
pub(super) fn outside_arguments(e: &Evaluator) -> Vec<(Name, Thunk)> {
    let flake = e.sources().root().join("flake.nix");
    if e.sources().exists(&flake) != Some(true) {
        return Vec::new();
    }
    let root = Data::Path(e.sources().root().display().to_string().into());
    let root = attribute(e.done(Value::synthetic(root)));
    let itself = AttrSet::new(vec![("outPath".into(), root)]).opened(Why::Input("self".into()));
    let itself = set_of(e, itself);
    let nixpkgs = AttrSet::new(vec![("lib".into(), attribute(e.lib()))]);
    let nixpkgs = set_of(e, nixpkgs.opened(Why::Input("nixpkgs".into())));
    let inputs = AttrSet::new(vec![("self".into(), itself), ("nixpkgs".into(), nixpkgs)]);
    let inputs = set_of(e, inputs.opened(Why::Argument("inputs".into())));
    vec![
        ("inputs".into(), inputs.value),
        ("self".into(), itself.value),
    ]
}

pub(super) fn is_function(value: &Value) -> bool {
    match &value.data {
        Data::Lambda(_) | Data::Builtin(_) => true,
        Data::Set(set) => set.get("__functor").is_some(),
        _ => false,
    }
}

/// Calls a function, and the function it returns, until there is something else.
pub(super) fn saturate(e: &Evaluator, mut value: Value, given: &AttrSet) -> Eval<Value> {
    for _ in 0..MOST_ARGUMENTS {
        if !is_function(&value) {
            return Ok(value);
        }
        value = apply(e, &value, given)?;
    }
    let why = format!("a function of more than {MOST_ARGUMENTS} arguments");
    Err(Unknown::new(Why::Unsupported(why), value.at))
}

pub(super) fn apply(e: &Evaluator, function: &Value, given: &AttrSet) -> Eval<Value> {
    let entries = |set: &AttrSet| -> Vec<(Name, Attribute)> {
        set.iter().map(|(n, a)| (n.clone(), *a)).collect()
    };
    let call = |set: AttrSet| e.call(function, set_of(e, set).value, None);
    let Some(formals) = e.formals(function) else {
        let result = call(AttrSet::new(entries(given)).opened(Why::Argument(String::new())))?;
        if !is_function(&result) {
            return Ok(result);
        }
        // In `disk: { lib, ... }: …` the first is no argument of modules.
        let why = Why::Argument("the first one of the file's function".to_owned());
        return e.call(function, e.unknown(Unknown::new(why, None)), None);
    };
    let mut all = entries(given);
    let mut by_default = false;
    for (name, has_default) in &formals {
        if given.get(name).is_none() {
            by_default |= has_default;
            if !has_default {
                all.push((name.clone(), passed_from_outside(e, name.clone(), given)));
            }
        }
    }
    let narrow: Vec<_> = all
        .iter()
        .filter(|(name, _)| formals.iter().any(|(f, _)| f == name))
        .cloned()
        .collect();
    let whole = AttrSet::new(all);
    // An open set could hold whatever has a default.
    let whole = match by_default {
        true => whole,
        false => whole.opened(Why::Argument(String::new())),
    };
    // Without `...` nothing may be passed but what is asked for.
    call(whole).or_else(|_| call(AttrSet::new(narrow)))
}

/// An argument that nobody visible passes, unless a module sets `_module.args`.
fn passed_from_outside(e: &Evaluator, name: Name, given: &AttrSet) -> Attribute {
    let config = given.get("config").map(|a| a.value);
    attribute(e.native(move |e| {
        let path = ["_module".into(), "args".into(), name.clone()];
        match config.map(|config| e.select(config, &path, None, None)) {
            Some(Ok(value)) => Ok(value),
            _ => Err(Unknown::new(Why::Argument(name.to_string()), None)),
        }
    }))
}

pub(super) fn attribute(value: Thunk) -> Attribute {
    Attribute {
        value,
        entry: None::<Span>,
    }
}

pub(super) fn held(e: &Evaluator, value: Value) -> Attribute {
    let entry = None;
    let value = e.done(value);
    Attribute { value, entry }
}

pub(super) fn set_of(e: &Evaluator, set: AttrSet) -> Attribute {
    held(e, Value::synthetic(Data::Set(Rc::new(set))))
}

pub(super) fn text(e: &Evaluator, text: &str) -> Attribute {
    held(e, Value::synthetic(Data::Str(text.into())))
}

/// `{ a.b = value; }`
pub(super) fn nest(e: &Evaluator, path: &[&str], value: Attribute) -> Value {
    let mut value = value;
    let (first, rest) = match path.split_first() {
        Some((first, rest)) => (*first, rest),
        None => ("config", path),
    };
    for key in rest.iter().rev() {
        value = set_of(e, AttrSet::new(vec![((*key).into(), value)]));
    }
    let set = AttrSet::new(vec![(first.into(), value)]);
    Value::synthetic(Data::Set(Rc::new(set)))
}

/// An attribute that is known to be a set.
pub(super) fn sub(e: &Evaluator, set: &AttrSet, name: &str) -> Option<Rc<AttrSet>> {
    match e.force(set.get(name)?.value).ok()?.data {
        Data::Set(set) => Some(set),
        _ => None,
    }
}

/// An attribute that is known to be a string.
pub(super) fn kind(e: &Evaluator, set: &AttrSet, name: &str) -> Option<Rc<str>> {
    match e.force(set.get(name)?.value).ok()?.data {
        Data::Str(text) => Some(text),
        _ => None,
    }
}

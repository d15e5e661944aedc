//! What `lib` asks of the module system: evaluating modules, and merging by a type.

use std::rc::Rc;

use super::collect::{self, Pending};
use super::definition::{Definition, Resolved, effective, resolve};
use super::kind::{TypeRef, kind};
use super::roots::{Roots, Universe};
use super::{Caller, options, typed};
use crate::nix::eval::{
    AttrSet, Attribute, Builtin, Data, Eval, Evaluator, List, Name, Primitive, Thunk, Unknown,
    Value, Why,
};
use crate::nix::source::Span;

/// The `merge` of a type that this program describes itself: `kind loc definitions`.
pub(super) const MERGE_OF: &str = "<mergeOf>";
/// Its `check`: `kind value`.
pub(super) const CHECK_OF: &str = "<checkOf>";

/// The primitives by which `lib` reaches the module system.
pub(in crate::nix) const PRIMITIVES: &[Primitive] = &[
    Primitive::new("<evalModules>", 1, |e, a, at| eval_modules(e, a[0], at)),
    Primitive::new(MERGE_OF, 3, |e, a, _| {
        let of = described(e, a[0])?;
        let path = path(e, a[1])?;
        let resolved = effective(e, resolve(e, &given(e, a[2])?));
        let roots = Rc::new(Roots::new(Universe::Closed, Rc::clone(&path)));
        let kind = kind(e, &of)?;
        let merged = typed::merge(e, &roots, &kind, &path, resolved)?;
        merged.or_else(|| kind.empty()).ok_or_else(|| {
            let why = format!("the option {} is used but not defined", path.join("."));
            Unknown::new(Why::Refused(why), None)
        })
    }),
    Primitive::new(CHECK_OF, 2, |e, a, at| {
        let kind = kind(e, &described(e, a[0])?)?;
        let accepted = typed::check(e, &kind, &e.force(a[1])?)?;
        Ok(Value {
            data: Data::Bool(accepted),
            at,
        })
    }),
];

/// A type made of nothing but its description.
fn described(e: &Evaluator, description: Thunk) -> Eval<TypeRef> {
    let primitive = PRIMITIVES
        .iter()
        .find(|p| p.name == MERGE_OF)
        .copied()
        .ok_or_else(|| Unknown::new(Why::Unsupported(MERGE_OF.to_owned()), None))?;
    let builtin = Builtin {
        primitive,
        arguments: vec![description],
    };
    let merge = e.done(Value::synthetic(Data::Builtin(Rc::new(builtin))));
    let merge = Attribute::new(merge);
    let set = AttrSet::new(vec![("merge".into(), merge)]);
    Ok(TypeRef::Value(e.set(set)))
}

fn path(e: &Evaluator, loc: Thunk) -> Eval<Rc<Vec<Name>>> {
    let list = e.force(loc)?;
    let names: Eval<Vec<Name>> = e
        .as_list(&list, list.at)?
        .items
        .iter()
        .map(|n| Ok(Name::from(&*e.as_str(&e.force(*n)?, None)?)))
        .collect();
    Ok(Rc::new(names?))
}

/// `[ { file, value } … ]` as definitions.
fn given(e: &Evaluator, list: Thunk) -> Eval<Vec<Definition>> {
    let list = e.force(list)?;
    let list = e.as_list(&list, list.at)?;
    let mut definitions = Vec::with_capacity(list.items.len());
    for item in &list.items {
        let item = e.force(*item)?;
        let set = e.as_set(&item, item.at)?;
        if let Some(value) = set.get("value") {
            definitions.push(Definition::new(value.value, value.entry, None));
        }
    }
    Ok(definitions)
}

/// Definitions as a type's own `merge` gets them.
pub(super) fn definitions(e: &Evaluator, resolved: &[Resolved]) -> Eval<Thunk> {
    let mut items = Vec::with_capacity(resolved.len());
    for r in resolved {
        let file = r.definition.file.and_then(|f| e.sources().file(f));
        let file = file.map(|f| f.path().display().to_string());
        let file = Data::Str(file.unwrap_or_else(|| "<unknown-file>".to_owned()).into());
        let attribute = |value, entry| Attribute { value, entry };
        let set = AttrSet::new(vec![
            (
                "file".into(),
                attribute(e.done(Value::synthetic(file)), None),
            ),
            (
                "value".into(),
                attribute(e.done(r.value.clone()?), r.definition.entry),
            ),
        ]);
        items.push(e.set(set));
    }
    Ok(list(e, items))
}

/// Strings as a list.
pub(super) fn texts<'a>(e: &Evaluator, texts: impl Iterator<Item = &'a str>) -> Thunk {
    let items = texts.map(|t| e.text(t));
    let items = items.collect();
    list(e, items)
}

fn list(e: &Evaluator, items: Vec<Thunk>) -> Thunk {
    let list = List {
        items,
        parts: Vec::new(),
    };
    e.done(Value::synthetic(Data::List(Rc::new(list))))
}

/// A configuration as it is handed out: without the module system's own `_module`.
pub(super) fn without_module(value: &Value) -> Value {
    let Data::Set(set) = &value.data else {
        return value.clone();
    };
    if set.get("_module").is_none() {
        return value.clone();
    }
    let entries = set.iter().filter(|(name, _)| *name != "_module");
    let mut rest = AttrSet::new(entries.map(|(n, a)| (n.clone(), *a)).collect());
    rest.open = set.open.clone();
    Value {
        data: Data::Set(Rc::new(rest)),
        at: value.at,
    }
}

fn eval_modules(e: &Evaluator, argument: Thunk, at: Option<Span>) -> Eval<Value> {
    let given = e.force(argument)?;
    let given = e.as_set(&given, at)?;
    let items = |name: &str| -> Eval<Vec<Thunk>> {
        match given.get(name) {
            Some(attribute) => {
                let value = e.force(attribute.value)?;
                Ok(e.as_list(&value, attribute.entry)?.items.clone())
            }
            None => Ok(Vec::new()),
        }
    };
    let modules = items("modules")?;
    let prefix = match given.get("prefix") {
        Some(prefix) => path(e, prefix.value)?,
        None => Rc::default(),
    };
    let mut arguments: Vec<(Name, Thunk)> = Vec::new();
    for name in ["specialArgs", "args"] {
        if let Some(attribute) = given.get(name) {
            let value = e.force(attribute.value)?;
            let set = e.as_set(&value, attribute.entry)?;
            for (name, attribute) in set.iter() {
                if !arguments.iter().any(|(n, _)| n == name) {
                    arguments.push((name.clone(), attribute.value));
                }
            }
        }
    }
    if let Some(class) = given.get("class") {
        arguments.push(("_class".into(), class.value));
    }
    let scope = collect::Scope {
        arguments,
        module_arguments: Vec::new(),
        prefix,
        universe: Universe::Closed,
        caller: Caller::Nixos,
    };
    Ok(evaluated(e, modules, scope))
}

/// The parts of an evaluation that modules and their callers look at.
pub(super) fn result(e: &Evaluator, config: Thunk, roots: &Rc<Roots>) -> Value {
    let attribute = Attribute::new;
    let outer = e.native(move |e| Ok(without_module(&e.force(config)?)));
    let inner = e.native(move |e| e.select(config, &["_module".into()], None, None));
    let roots = Rc::clone(roots);
    let tree = e.native(move |e| options::tree(e, &roots));
    let set = AttrSet::new(vec![
        ("_module".into(), attribute(inner)),
        ("config".into(), attribute(outer)),
        ("options".into(), attribute(tree)),
    ]);
    Value::synthetic(Data::Set(Rc::new(set)))
}

/// What `evalModules` returns.
pub(super) fn evaluated(e: &Evaluator, modules: Vec<Thunk>, scope: collect::Scope) -> Value {
    let attribute = Attribute::new;
    let set = |entries| e.set(AttrSet::new(entries));
    let first = list(e, modules.clone());
    let names = scope.arguments.iter();
    let arguments = set(names
        .map(|(n, value)| (n.clone(), attribute(*value)))
        .collect());
    let again = e.done(Value::synthetic(Data::Builtin(Rc::new(Builtin {
        primitive: EXTEND,
        arguments: vec![
            first,
            arguments,
            texts(e, scope.prefix.iter().map(Name::as_str)),
        ],
    }))));
    // The type whose values are this evaluation with more modules.
    let given = set(vec![
        ("modules".into(), attribute(first)),
        ("specialArgs".into(), attribute(arguments)),
    ]);
    let kind = e.native(move |e| {
        let path = ["types".into(), "submoduleWith".into()];
        let make = e.select(e.lib(), &path, None, None)?;
        e.call(&make, given, None)
    });
    // All of it waits until somebody looks, as in Nix.
    let whole = {
        let mut scope = scope;
        if !scope.arguments.iter().any(|(n, _)| n == "extendModules") {
            scope.arguments.push(("extendModules".into(), again));
        }
        e.native(move |e| {
            let pending = modules.iter().map(|m| Pending::root(*m)).collect();
            let collected = collect::collect(e, pending, scope);
            for skipped in &collected.skipped {
                e.note(Rc::clone(&skipped.why));
            }
            Ok(result(e, collected.config, &collected.definitions))
        })
    };
    let part = |name: &str| {
        let name = Name::from(name);
        let value = e.native(move |e| e.select(whole, &[name], None, None));
        Attribute::new(value)
    };
    let text = |t: &str| Attribute::new(e.text(t));
    let set = AttrSet::new(vec![
        ("_module".into(), part("_module")),
        ("_type".into(), text("configuration")),
        ("config".into(), part("config")),
        ("options".into(), part("options")),
        ("extendModules".into(), attribute(again)),
        ("type".into(), attribute(kind)),
    ]);
    Value::synthetic(Data::Set(Rc::new(set.opened(Why::Unsupported(
        "this part of evalModules' result".to_owned(),
    )))))
}

/// `extendModules { modules, specialArgs, prefix }` of an evaluation.
const EXTEND: Primitive = Primitive::new("<extendModules>", 4, |e, a, at| {
    let more = e.force(a[3])?;
    let more = e.as_set(&more, at)?;
    let first = e.force(a[0])?;
    let mut modules = e.as_list(&first, at)?.items.clone();
    if let Some(attribute) = more.get("modules") {
        let value = e.force(attribute.value)?;
        modules.extend(&e.as_list(&value, attribute.entry)?.items);
    }
    let arguments = e.force(a[1])?;
    let mut arguments: Vec<(Name, Thunk)> = e
        .as_set(&arguments, at)?
        .iter()
        .map(|(n, attribute)| (n.clone(), attribute.value))
        .collect();
    if let Some(attribute) = more.get("specialArgs") {
        let value = e.force(attribute.value)?;
        for (name, attribute) in e.as_set(&value, attribute.entry)?.iter() {
            arguments.retain(|(n, _)| n != name);
            arguments.push((name.clone(), attribute.value));
        }
    }
    let prefix = match more.get("prefix") {
        Some(prefix) => path(e, prefix.value)?,
        None => path(e, a[2])?,
    };
    let scope = collect::Scope {
        arguments,
        module_arguments: Vec::new(),
        prefix,
        universe: Universe::Closed,
        caller: Caller::Nixos,
    };
    Ok(evaluated(e, modules, scope))
});

//! The argument `options`: what modules declare, as a tree that they can look at.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::definition::DEFAULT_PRIORITY;
use super::node::{Declaration, Node};
use super::primitives;
use super::roots::{Roots, Universe};
use crate::nix::eval::{
    AttrSet, Attribute, Data, Eval, Evaluator, List, Name, Openness, Unknown, Value, Why,
};

/// How a part of an option is computed.
type Run = Box<dyn FnOnce(&Evaluator) -> Eval<Value>>;

/// The tree of all options of an evaluation.
pub(super) fn tree(e: &Evaluator, roots: &Rc<Roots>) -> Eval<Value> {
    below(e, &roots.node()?)
}

fn below(e: &Evaluator, node: &Node) -> Eval<Value> {
    if let Some(declaration) = node.declaration(e) {
        return Ok(option(e, node, &declaration));
    }
    let mut names: BTreeMap<Name, Attribute> = BTreeMap::new();
    for options in node.options.iter() {
        let value = e.force(*options)?;
        for (name, attribute) in e.as_set(&value, value.at)?.iter() {
            names.entry(name.clone()).or_insert(*attribute);
        }
    }
    if node.roots.universe == Universe::Nixos && node.path.is_empty() {
        // nixos/modules/misc/assertions.nix: what modules ask `options` for before they warn.
        for name in ["assertions", "warnings"] {
            let why = Why::Unsupported("an option that nixpkgs declares".to_owned());
            let value = e.unknown(Unknown::new(why, None));
            names
                .entry(name.into())
                .or_insert(Attribute { value, entry: None });
        }
    }
    let entries = names.into_iter().map(|(name, attribute)| {
        let child = node.child(e, &name);
        let value = e.native(move |e| below(e, &child));
        let entry = attribute.entry;
        (name, Attribute { value, entry })
    });
    let mut set = AttrSet::new(entries.collect());
    set.open = match node.roots.universe {
        Universe::Nixos => Openness::Open(Why::Unsupported(
            "an option that nixpkgs declares".to_owned(),
        )),
        Universe::Closed => node.roots.openness(&node.path),
    };
    Ok(Value::synthetic(Data::Set(Rc::new(set))))
}

/// An option as `evalOptionValue` gives it: its declaration, its value and its definitions.
fn option(e: &Evaluator, node: &Node, declaration: &Declaration) -> Value {
    let mut entries: Vec<(Name, Attribute)> = Vec::new();
    for set in declaration.sets.iter().rev() {
        entries.extend(set.iter().map(|(n, a)| (n.clone(), *a)));
    }
    let mut add = |name: &str, run: Run| {
        let value = e.native(run);
        entries.push((name.into(), Attribute { value, entry: None }));
    };
    let counted = |node: &Node| {
        let node = node.clone();
        move |e: &Evaluator| match node.declaration(e) {
            Some(declaration) => node.counted(e, &declaration),
            None => Vec::new(),
        }
    };
    let value = node.clone();
    add("value", Box::new(move |e| value.merge(e)));
    let defined = counted(node);
    add(
        "isDefined",
        Box::new(move |e| {
            let counted = defined(e);
            if let Some(doubt) = counted.iter().find_map(|r| r.definition.doubt.clone()) {
                return Err(doubt);
            }
            Ok(Value::synthetic(Data::Bool(!counted.is_empty())))
        }),
    );
    let all = counted(node);
    add(
        "definitions",
        Box::new(move |e| {
            let items: Eval<Vec<_>> = all(e)
                .into_iter()
                .map(|r| {
                    if let Some(doubt) = r.definition.doubt {
                        return Err(doubt);
                    }
                    r.value.map(|v| e.done(v))
                })
                .collect();
            let list = List {
                items: items?,
                parts: Vec::new(),
            };
            Ok(Value::synthetic(Data::List(Rc::new(list))))
        }),
    );
    let located = counted(node);
    add(
        "definitionsWithLocations",
        Box::new(move |e| e.force(primitives::definitions(e, &located(e))?)),
    );
    let strongest = counted(node);
    add(
        "highestPrio",
        Box::new(move |e| {
            let counted = strongest(e);
            let best = counted.first().map(|r| r.definition.strength());
            Ok(Value::synthetic(Data::Int(
                best.unwrap_or(DEFAULT_PRIORITY),
            )))
        }),
    );
    let path = Rc::clone(&node.path);
    add(
        "loc",
        Box::new(move |e| e.force(primitives::texts(e, path.iter().map(Name::as_str)))),
    );
    for name in ["declarations", "declarationPositions", "files", "valueMeta"] {
        let why = Why::Unsupported(format!("`{name}` of an option"));
        let value = e.unknown(Unknown::new(why, None));
        entries.push((name.into(), Attribute { value, entry: None }));
    }
    Value::synthetic(Data::Set(Rc::new(AttrSet::new(entries))))
}

//! nixpkgs' `lib` in our own words: the functions that configurations use, written in Nix.

use std::rc::Rc;

use super::interpret::Evaluator;
use super::value::{AttrSet, Attribute, Data, Eval, List, Value};

/// A file of `lib` and its text.
macro_rules! texts {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("lib/", $name)))),*]
    };
}

/// The parts of `lib` that are read when something of them is needed.
const PARTS: &[(&str, &str)] = texts![
    "asserts.nix",
    "attrsets.nix",
    "cli.nix",
    "customisation.nix",
    "debug.nix",
    "deprecated.nix",
    "derivations.nix",
    "fileset.nix",
    "filesystem.nix",
    "fixed-points.nix",
    "generators.nix",
    "kernel.nix",
    "lists.nix",
    "meta.nix",
    "path.nix",
    "strings.nix",
    "strings-with-deps.nix",
    "trivial.nix",
    "versions.nix",
];

/// The parts that are merged as wholes; a later one wins.
const OVERLAYS: &[(&str, &str)] = texts!["modules.nix", "types.nix"];

/// The set `lib`. What it lacks is unknown, never an error.
pub(super) fn lib(e: &Evaluator) -> Eval<Value> {
    let build = embedded(e, "default.nix", include_str!("lib/default.nix"))?;
    let parts = PARTS.iter().map(|(name, text)| {
        let value = e.native(|e| embedded(e, name, text));
        ((*name).into(), Attribute::new(value))
    });
    let parts = Data::Set(Rc::new(AttrSet::new(parts.collect())));
    let mut overlays = List::default();
    for (name, text) in OVERLAYS {
        overlays.items.push(e.native(|e| embedded(e, name, text)));
    }
    let argument = [
        ("parts", parts),
        ("overlays", Data::List(Rc::new(overlays))),
    ];
    let argument = argument.map(|(name, data)| {
        let value = e.done(Value::synthetic(data));
        (name.into(), Attribute::new(value))
    });
    let argument = Data::Set(Rc::new(AttrSet::new(argument.into())));
    e.call(&build, e.done(Value::synthetic(argument)), None)
}

fn embedded(e: &Evaluator, name: &str, text: &str) -> Eval<Value> {
    e.embedded(&format!("/<btrfs-tune>/lib/{name}"), text)
}

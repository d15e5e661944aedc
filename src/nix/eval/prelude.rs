//! nixpkgs' `lib` in our own words: the functions that configurations use, written in Nix.

use super::interpret::Evaluator;
use super::value::{Data, Eval, List, Value};
use std::rc::Rc;

/// The parts of `lib`, by file name; a later one wins.
const PARTS: &[(&str, &str)] = &[
    ("base.nix", include_str!("lib/base.nix")),
    ("modules.nix", include_str!("lib/modules.nix")),
    ("types.nix", include_str!("lib/types.nix")),
];

/// The set `lib`. What it lacks is unknown, never an error.
pub(super) fn lib(e: &Evaluator) -> Eval<Value> {
    let embedded = |name: &str, text: &str| e.embedded(&format!("/<btrfs-tune>/lib/{name}"), text);
    let build = embedded("default.nix", include_str!("lib/default.nix"))?;
    let mut parts = List::default();
    for (name, text) in PARTS {
        parts.items.push(e.done(embedded(name, text)?));
    }
    let parts = e.done(Value::synthetic(Data::List(Rc::new(parts))));
    e.call(&build, parts, None)
}

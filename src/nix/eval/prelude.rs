//! nixpkgs' `lib` in our own words: the functions that configurations use, written in Nix.

use super::interpret::Evaluator;
use super::value::{Data, Eval, Openness, Value, Why};
use std::rc::Rc;

const LIB: &str = include_str!("lib.nix");

/// The set `lib`. What it lacks is unknown, never an error.
pub(super) fn lib(evaluator: &Evaluator) -> Eval<Value> {
    let value = evaluator.embedded("/<btrfs-tune>/lib.nix", LIB)?;
    let Data::Set(set) = value.data else {
        return Ok(value);
    };
    let mut set = (*set).clone();
    set.open = Openness::Open(Why::Unsupported("this function of nixpkgs' lib".to_owned()));
    Ok(Value::synthetic(Data::Set(Rc::new(set))))
}

//! Ways of giving an option a value.

use rnix::ast;
use serde_json::Value as Json;

use super::look::{self, Written};
use super::usage::{self, Binding};
use super::{Candidate, place, update};
use crate::nix::edit::{self, NewValue};
use crate::nix::eval::Value;
use crate::project::Evaluated;

/// How many of the sets on the way to an option are tried as holders of a new binding.
const HOLDERS: usize = 4;

pub(super) fn candidates(evaluated: &Evaluated, path: &[String], value: &Json) -> Vec<Candidate> {
    let text = NewValue::from(value);
    let found = match look::value(evaluated, path) {
        Ok(None) => return new(evaluated, path, &text),
        Ok(Some(found)) => Some(found),
        Err(_) => None,
    };
    let mut out = Vec::new();
    // The literal that wrote it.
    if let Some(Value { at: Some(at), .. }) = found
        && let Some(literal) = look::node::<ast::Expr>(evaluated, at)
        && is_scalar(&literal)
    {
        let edit = edit::replace_value(&literal, &text);
        out.push(Candidate::of(at.file, edit));
    }
    out.extend(instead(evaluated, path, &text));
    out
}

fn is_scalar(expression: &ast::Expr) -> bool {
    match expression {
        ast::Expr::Str(_) | ast::Expr::Literal(_) | ast::Expr::UnaryOp(_) => true,
        ast::Expr::Ident(ident) => {
            matches!(ident.to_string().as_str(), "true" | "false" | "null")
        }
        _ => false,
    }
}

/// Ways of saying something in the place of what is said of a path.
pub(super) fn instead(evaluated: &Evaluated, path: &[String], value: &NewValue) -> Vec<Candidate> {
    let mut out = unforced(evaluated, path, value);
    out.extend(place::forced(evaluated, path, value));
    out
}

/// The same, without overriding what other modules say.
pub(super) fn unforced(evaluated: &Evaluated, path: &[String], value: &NewValue) -> Vec<Candidate> {
    let mut out = Vec::new();
    for definition in look::counting(evaluated, path) {
        out.extend(at_binding(evaluated, &definition, path, value));
    }
    out.extend(update::candidates(evaluated, path, Some(value)));
    // A default gives way to any plain definition.
    let weak = |w: &Written| w.priority > look::DEFAULT_PRIORITY;
    if look::counting(evaluated, path).iter().all(weak) {
        out.extend(beside(evaluated, path, value));
        out.extend(place::definitions(evaluated, path, value));
    }
    out
}

/// Ways of saying something of a path of which nothing is said.
pub(super) fn new(evaluated: &Evaluated, path: &[String], value: &NewValue) -> Vec<Candidate> {
    let mut out = beside(evaluated, path, value);
    out.extend(place::definitions(evaluated, path, value));
    out.extend(update::candidates(evaluated, path, Some(value)));
    out.extend(place::imported(evaluated, path, value));
    // What a program will write again is no place for anything, if there is another.
    out.sort_by_key(|candidate| {
        let mut files = candidate.edits.iter();
        files.any(|(file, _)| look::is_generated(evaluated, *file))
    });
    out
}

/// Replaces what a binding says, or gives an inherited name a binding of its own.
pub(super) fn at_binding(
    evaluated: &Evaluated,
    definition: &Written,
    path: &[String],
    value: &NewValue,
) -> Option<Candidate> {
    match Binding::of(evaluated, definition, path)? {
        Binding::Inherited {
            file,
            inherit,
            name,
        } => {
            let bound = edit::bind_inherited(&inherit, &name, value)?;
            Some(Candidate::removal(file, bound))
        }
        binding @ Binding::Bound { file, .. } => {
            let core = usage::core(&binding.value()?);
            Some(Candidate::of(file, edit::replace_value(&core, value)))
        }
    }
}

/// A new binding in the set literals on the way to a path, the nearest first.
pub(super) fn beside(evaluated: &Evaluated, path: &[String], value: &NewValue) -> Vec<Candidate> {
    let mut out = Vec::new();
    let mut levels = 0;
    for depth in (1..path.len()).rev() {
        let literals = look::set_literals(evaluated, &path[..depth]);
        if literals.is_empty() {
            continue;
        }
        levels += 1;
        for (file, set) in literals.into_iter().take(HOLDERS) {
            let edit = edit::insert_path(&set, &path[depth..], value);
            out.push(Candidate::of(file, edit));
        }
        if levels == HOLDERS {
            break;
        }
    }
    out
}

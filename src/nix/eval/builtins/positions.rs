//! Where an attribute was written.

use std::rc::Rc;

use super::super::interpret::{Evaluator, State};
use super::super::value::*;
use super::collections::{name, set};
use super::{primitive, set_of};
use crate::nix::source::Span;

pub(super) const PRIMITIVES: &[Primitive] = &[primitive("unsafeGetAttrPos", 2, |e, a, at| {
    e.seen.note_places();
    let (name, set) = (name(e, a[0], at)?, set(e, a[1], at)?);
    let null = Value {
        data: Data::Null,
        at,
    };
    let Some(attribute) = set.get(&name) else {
        super::closed(&set, at)?;
        return Ok(null);
    };
    let Some(entry) = attribute.entry else {
        return Ok(null);
    };
    if !is_own(e, attribute.value, entry) {
        let why = Why::Unsupported("the place of a computed attribute".to_owned());
        return Err(Unknown::new(why, at));
    }
    let file = e.sources().file(entry.file);
    let Some(file) = file.filter(|f| f.path().starts_with(e.sources().root())) else {
        let why = Why::Unsupported("a place outside the project".to_owned());
        return Err(Unknown::new(why, at));
    };
    let place = e.sources().place(entry);
    let attribute = |data| Attribute::new(e.done(Value::synthetic(data)));
    let path: Rc<str> = file.path().display().to_string().into();
    let entries = vec![
        ("column".into(), attribute(Data::Int(place.column.into()))),
        ("file".into(), attribute(Data::Str(path))),
        ("line".into(), attribute(Data::Int(place.line.into()))),
    ];
    set_of(entries, at)
})];

/// Whether a value is the one that stands in its entry. Entries outlive functions (`mapAttrs`) by
/// which Nix forgets them, and those put another value in.
fn is_own(e: &Evaluator, value: Thunk, entry: Span) -> bool {
    let within = |file, range| file == entry.file && entry.range.contains_range(range);
    e.peek(value, |state| match state {
        State::Suspended { unit, expr, .. } => within(unit.file, unit.hir.range(*expr)),
        State::Done(Ok(value)) => value.at.is_some_and(|at| within(at.file, at.range)),
        _ => false,
    })
}

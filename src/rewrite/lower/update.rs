//! Ways of changing a set where it is used: a set that a function or a name gives becomes a changed
//! copy, `f x // { … }`.

use rnix::ast;
use rowan::ast::AstNode;
use serde_json::Value as Json;

use super::usage::{self, Binding};
use super::{Candidate, look, scope};
use crate::nix::edit::{self, NewValue, TextEdit};
use crate::nix::source::FileId;
use crate::nix::syntax::attribute_name;
use crate::project::Evaluated;

/// Ways of giving the attribute at a path a value, or (with `None`) of taking it away, where a set
/// around it is used.
pub(super) fn candidates(
    evaluated: &Evaluated,
    path: &[String],
    value: Option<&NewValue>,
) -> Vec<Candidate> {
    let mut out = Vec::new();
    for depth in (1..path.len()).rev() {
        for definition in look::counting(evaluated, &path[..depth]) {
            let Some(binding) = Binding::of(evaluated, &definition, &path[..depth]) else {
                continue;
            };
            let rest = &path[depth..];
            match binding {
                Binding::Inherited {
                    file,
                    inherit,
                    name,
                } => {
                    let source = match inherit.from().and_then(|f| f.expr()) {
                        Some(from @ (ast::Expr::Ident(_) | ast::Expr::Select(_))) => {
                            format!("{}.{}", usage::text(&from), attribute_name(&name))
                        }
                        Some(from) => format!("({}).{}", usage::text(&from), attribute_name(&name)),
                        None => name.clone(),
                    };
                    for change in changes(evaluated, path, depth, rest, value) {
                        let Some(text) = change.around(&source, inherit.syntax()) else {
                            continue;
                        };
                        let text = NewValue::Text(text);
                        let bound = edit::bind_inherited(&inherit, &name, &text);
                        out.extend(bound.map(|bound| Candidate::removal(file, bound)));
                    }
                }
                binding @ Binding::Bound { file, .. } => {
                    let Some(value_of) = binding.value() else {
                        continue;
                    };
                    let core = usage::core(&value_of);
                    if matches!(core, ast::Expr::AttrSet(_)) {
                        continue;
                    }
                    for change in changes(evaluated, path, depth, rest, value) {
                        out.extend(at(file, &core, &change));
                    }
                }
            }
        }
    }
    out
}

/// A change of a set that an expression gives.
enum Change {
    /// `set // { … }`
    Update(NewValue),
    /// `lib.recursiveUpdate set { … }`
    Recursive(NewValue),
    /// `removeAttrs set [ "name" ]`
    Without(String),
    /// `removeAttrs set [ "name" ] // { … }`
    Renamed(String, NewValue),
}

/// Ways of giving an attribute another name where the set that holds it is used.
pub(super) fn renamed(
    evaluated: &Evaluated,
    path: &[String],
    name: &str,
    value: &Json,
) -> Vec<Candidate> {
    let Some((old, holder)) = path.split_last() else {
        return Vec::new();
    };
    if !look::is_plain(value) {
        return Vec::new();
    }
    let new = NewValue::Set(vec![(name.to_owned(), NewValue::from(value))]);
    let change = Change::Renamed(old.clone(), new);
    let mut out = Vec::new();
    for definition in look::counting(evaluated, holder) {
        if let Some(binding @ Binding::Bound { file, .. }) =
            Binding::of(evaluated, &definition, holder)
            && let Some(value) = binding.value()
        {
            let core = usage::core(&value);
            if !matches!(core, ast::Expr::AttrSet(_)) {
                out.extend(at(file, &core, &change));
            }
        }
    }
    out
}

fn changes(
    evaluated: &Evaluated,
    path: &[String],
    depth: usize,
    rest: &[String],
    value: Option<&NewValue>,
) -> Vec<Change> {
    let (Some(first), Some(value)) = (rest.first(), value) else {
        return match (rest, value) {
            ([name], None) => vec![Change::Without(name.clone())],
            _ => Vec::new(),
        };
    };
    let nested = |names: &[String]| {
        names.iter().rev().fold(value.clone(), |value, name| {
            NewValue::Set(vec![(name.clone(), value)])
        })
    };
    if rest.len() == 1 {
        return vec![Change::Update(nested(rest))];
    }
    let mut out = Vec::new();
    // All of the attribute on the way is written out, with the change in it.
    match look::value(evaluated, &path[..=depth]) {
        Ok(Some(found)) => {
            let json = look::json(evaluated, &path[..=depth], &found);
            if look::is_plain(&json)
                && let Some(changed) = with(&json, &rest[1..], value)
            {
                out.push(Change::Update(NewValue::Set(vec![(
                    first.clone(),
                    changed,
                )])));
            }
        }
        Ok(None) => out.push(Change::Update(nested(rest))),
        Err(_) => {}
    }
    out.push(Change::Recursive(nested(rest)));
    out
}

/// A set in full, with one leaf of it changed.
fn with(json: &Json, path: &[String], value: &NewValue) -> Option<NewValue> {
    let Some((name, rest)) = path.split_first() else {
        return Some(value.clone());
    };
    let Json::Object(set) = json else {
        return None;
    };
    let mut entries = Vec::with_capacity(set.len() + 1);
    for (key, inner) in set {
        entries.push(match key == name {
            true => (key.clone(), with(inner, rest, value)?),
            false => (key.clone(), NewValue::from(inner)),
        });
    }
    if !set.contains_key(name) {
        let nested = rest.iter().rev().fold(value.clone(), |value, name| {
            NewValue::Set(vec![(name.clone(), value)])
        });
        entries.push((name.clone(), nested));
    }
    Some(NewValue::Set(entries))
}

impl Change {
    /// The text of the changed set.
    fn around(&self, source: &str, place: &rnix::SyntaxNode) -> Option<String> {
        Some(match self {
            Change::Update(value) => format!("{source} // {}", value.one_line()),
            Change::Recursive(value) => {
                let function = scope::reachable(place, "recursiveUpdate")?;
                format!("{function} {source} {}", value.one_line())
            }
            Change::Without(name) => {
                let names = NewValue::strings([name]);
                format!("removeAttrs {source} {}", names.one_line())
            }
            Change::Renamed(name, new) => {
                let names = NewValue::strings([name]).one_line();
                format!("removeAttrs {source} {names} // {}", new.one_line())
            }
        })
    }
}

/// Changes the expression where it stands; what it consists of is not touched.
fn at(file: FileId, core: &ast::Expr, change: &Change) -> Option<Candidate> {
    let range = core.syntax().text_range();
    let (mut before, mut after) = (String::new(), String::new());
    match change {
        Change::Update(value) => {
            return Some(Candidate::all(file, edit::append_update(core, value)));
        }
        Change::Recursive(value) => {
            let function = scope::reachable(core.syntax(), "recursiveUpdate")?;
            before = format!("{function} ");
            if usage::is_loose(core) || matches!(core, ast::Expr::Apply(_)) {
                before.push('(');
                after.push(')');
            }
            after.push_str(&format!(" {}", value.one_line()));
        }
        Change::Without(name) | Change::Renamed(name, _) => {
            before.push_str("removeAttrs ");
            if usage::is_loose(core) || matches!(core, ast::Expr::Apply(_)) {
                before.push('(');
                after.push(')');
            }
            let names = NewValue::strings([name]);
            after.push_str(&format!(" {}", names.one_line()));
            if let Change::Renamed(_, new) = change {
                after.push_str(&format!(" // {}", new.one_line()));
            }
        }
    }
    if usage::is_tight(core) {
        before.insert(0, '(');
        after.push(')');
    }
    let mut edits = vec![TextEdit::insert(range.end(), after)];
    if !before.is_empty() {
        edits.push(TextEdit::insert(range.start(), before));
    }
    Some(Candidate::all(file, edits))
}

//! A new entry in the form of its siblings: their order of attributes, their names for values.

use rnix::ast::{self, HasEntry};
use rowan::ast::AstNode;
use serde_json::Value as Json;

use super::entry::NewEntry;
use super::{Candidate, look, usage};
use crate::nix::edit::{self, NewValue, TextEdit};
use crate::nix::source::FileId;
use crate::nix::syntax::{attribute_name, static_name, string_literal};
use crate::project::Evaluated;

/// How many siblings are taken as models.
const MOST: usize = 6;

/// A sibling as it is written.
struct Sibling {
    file: FileId,
    set: ast::AttrSet,
    value: ast::Expr,
    name: String,
    /// What it says.
    json: Json,
}

/// The new entry, written as each of its siblings is.
pub(super) fn candidates(evaluated: &Evaluated, new: &NewEntry) -> Vec<Candidate> {
    let mut siblings = siblings(evaluated, new);
    // Those that say most of the same first: what they share may have a name.
    let same = |sibling: &Sibling| {
        let says = |(name, value): (&String, &Json)| sibling.json.get(name) == Some(value);
        new.value.iter().filter(|entry| says(*entry)).count()
    };
    let liked = |s: &Sibling| new.like.as_ref() == Some(&s.name);
    siblings.sort_by_key(|s| {
        let generated = look::is_generated(evaluated, s.file);
        (generated, std::cmp::Reverse((same(s), liked(s))))
    });
    siblings.truncate(MOST);
    let mut out: Vec<Candidate> = Vec::new();
    for sibling in siblings {
        if look::is_generated(evaluated, sibling.file) {
            continue;
        }
        let value = match &sibling.value {
            ast::Expr::AttrSet(model) => modelled(&sibling, model, new),
            other => called(&sibling, other, new),
        };
        if let Some(value) = value {
            let path = std::slice::from_ref(&new.name);
            let edit = edit::insert_path(&sibling.set, path, &value);
            out.push(Candidate::of(sibling.file, edit));
        }
    }
    out
}

fn siblings(evaluated: &Evaluated, new: &NewEntry) -> Vec<Sibling> {
    let mut out = Vec::new();
    for (file, set) in look::set_literals(evaluated, &new.holder) {
        for entry in set.attrpath_values() {
            let attrs: Vec<ast::Attr> = entry
                .attrpath()
                .map(|p| p.attrs().collect())
                .unwrap_or_default();
            let [attr] = attrs.as_slice() else { continue };
            let (Some(name), Some(value)) = (static_name(attr), entry.value()) else {
                continue;
            };
            let path = look::below(&new.holder, &[&name]);
            let Ok(Some(found)) = look::value(evaluated, &path) else {
                continue;
            };
            let json = look::json(evaluated, &path, &found);
            out.push(Sibling {
                file,
                set: set.clone(),
                value,
                name,
                json,
            });
        }
    }
    out
}

/// A set with the attributes in the order of the model, and its expressions where they give what
/// is wanted.
fn modelled(sibling: &Sibling, model: &ast::AttrSet, new: &NewEntry) -> Option<NewValue> {
    if model.rec_token().is_some() {
        return None;
    }
    let mut left: Vec<&String> = new.value.keys().collect();
    let mut entries: Vec<(String, NewValue)> = Vec::new();
    let mut inherited: Vec<String> = Vec::new();
    for entry in model.entries() {
        match entry {
            ast::Entry::AttrpathValue(binding) => {
                let attrs: Vec<ast::Attr> = binding.attrpath()?.attrs().collect();
                let [attr] = attrs.as_slice() else { continue };
                let name = static_name(attr)?;
                let Some(index) = left.iter().position(|l| **l == name) else {
                    continue;
                };
                left.remove(index);
                let wanted = new.value.get(&name)?;
                let value = match sibling.json.get(&name) == Some(wanted) {
                    true => verbatim(&binding.value()?, wanted),
                    false => NewValue::from(wanted),
                };
                entries.push((name, value));
            }
            ast::Entry::Inherit(inherit) => {
                for attr in inherit.attrs() {
                    let name = static_name(&attr)?;
                    let Some(index) = left.iter().position(|l| **l == name) else {
                        continue;
                    };
                    let wanted = new.value.get(&name)?;
                    if sibling.json.get(&name) == Some(wanted) {
                        left.remove(index);
                        let from = inherit.from().and_then(|f| f.expr());
                        let from = from.map(|f| format!("({}) ", usage::text(&f)));
                        let from = from.unwrap_or_default();
                        inherited.push(format!("inherit {from}{};", attribute_name(&name)));
                        // Its place among the others.
                        entries.push((String::new(), NewValue::Text(String::new())));
                    }
                }
            }
        }
    }
    for name in left {
        entries.push((name.clone(), NewValue::from(new.value.get(name)?)));
    }
    if inherited.is_empty() {
        return Some(NewValue::Set(entries));
    }
    // `inherit x;` is no binding that a new value can hold, so all of it is text.
    let mut inherited = inherited.into_iter();
    let mut lines = Vec::new();
    for (name, value) in entries {
        lines.push(match name.is_empty() {
            true => inherited.next()?,
            false => format!("{} = {};", attribute_name(&name), value.one_line()),
        });
    }
    let several = usage::text(&ast::Expr::AttrSet(model.clone())).contains('\n');
    Some(NewValue::Text(match several {
        true => format!("{{\n  {}\n}}", lines.join("\n  ")),
        false => format!("{{ {} }}", lines.join(" ")),
    }))
}

/// An expression of a sibling as it is written; a list keeps its elements, not its comments.
fn verbatim(expression: &ast::Expr, wanted: &Json) -> NewValue {
    match expression {
        ast::Expr::List(list) => {
            let items = list.items().map(|item| NewValue::Text(usage::text(&item)));
            NewValue::List(items.collect())
        }
        other => {
            let text = usage::text(other);
            match text.contains('\n') {
                true => NewValue::from(wanted),
                false => NewValue::Text(text),
            }
        }
    }
}

/// `mkSubvolume "/home"` with the sibling's own strings replaced by those of the new entry.
fn called(sibling: &Sibling, value: &ast::Expr, new: &NewEntry) -> Option<NewValue> {
    let range = value.syntax().text_range();
    let pairs: Vec<(String, String)> = new
        .value
        .iter()
        .filter_map(|(name, wanted)| {
            let (old, new) = (sibling.json.get(name)?.as_str()?, wanted.as_str()?);
            Some((old.to_owned(), new.to_owned()))
        })
        .chain([(sibling.name.clone(), new.name.clone())])
        .collect();
    let mut edits = Vec::new();
    let mut options = new.value.get("mountOptions").cloned();
    for node in value.syntax().descendants() {
        if let Some(string) = ast::Str::cast(node.clone()) {
            let plain = crate::nix::syntax::plain_string(&string);
            let pair = pairs.iter().find(|(old, _)| plain.as_ref() == Some(old));
            if let Some((_, new)) = pair {
                let at = string.syntax().text_range() - range.start();
                edits.push(TextEdit::replace(at, string_literal(new)));
            }
        }
        // A list of options among the arguments, if they are not the same.
        if let Some(list) = ast::List::cast(node)
            && let Some(wanted) = options.take_if(|w| sibling.json.get("mountOptions") != Some(w))
        {
            let at = list.syntax().text_range() - range.start();
            let text = NewValue::from(&wanted).one_line();
            edits.retain(|e: &TextEdit| !at.contains_range(e.range));
            edits.push(TextEdit::replace(at, text));
        }
    }
    let text = edit::apply(&usage::text(value), &edits)?;
    (!text.contains('\n')).then_some(NewValue::Text(text))
}

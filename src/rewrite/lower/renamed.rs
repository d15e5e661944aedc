//! Ways of giving an attribute another name.

use rnix::ast;
use rowan::ast::AstNode;

use super::elements::{self, ListChange};
use super::usage::Binding;
use super::{Candidate, gone, look, update};
use crate::nix::edit::{self, NewValue};
use crate::nix::eval::Data;
use crate::nix::syntax::static_name;
use crate::project::Evaluated;

pub(super) fn candidates(
    evaluated: &Evaluated,
    path: &[String],
    name: &str,
    list: Option<&ListChange>,
) -> Vec<Candidate> {
    let mut out = Vec::new();
    out.extend(keys(evaluated, path, name));
    out.extend(gone::in_names(evaluated, path, Some(name)));
    out.extend(texts(evaluated, path, name));
    if let Ok(Some(found)) = look::value(evaluated, path) {
        let mut json = look::json(evaluated, path, &found);
        if let Some(list) = list
            && let Some(slot) = list.path.last().and_then(|name| json.get_mut(name))
        {
            *slot = list.after().into();
        }
        out.extend(update::renamed(evaluated, path, name, &json));
    }
    let Some(list) = list else {
        return out;
    };
    let lists = elements::candidates(evaluated, list);
    let both = out.iter().flat_map(|renamed| {
        let lists = lists.iter().take(4);
        lists.map(|list| renamed.clone().and(list.clone()))
    });
    // The list may come from the name, and then changes with it.
    both.chain(out.iter().cloned()).collect()
}

/// Writes the name anew in each binding that has it.
fn keys(evaluated: &Evaluated, path: &[String], name: &str) -> Option<Candidate> {
    let mut candidate = Candidate::default();
    for definition in look::written(evaluated, path) {
        let binding = Binding::of(evaluated, &definition, path)?;
        match &binding {
            Binding::Bound { file, index, .. } => {
                for entry in binding.family() {
                    let attr = entry.attrpath()?.attrs().nth(*index)?;
                    // A name that is computed may be that of others too.
                    static_name(&attr)?;
                    let edit = edit::rename_attribute(&attr, name);
                    candidate = candidate.and(Candidate::of(*file, edit));
                }
            }
            Binding::Inherited {
                file,
                inherit,
                name: old,
            } => {
                let source = match inherit.from().and_then(|f| f.expr()) {
                    Some(from) => format!("({}).{old}", super::usage::text(&from)),
                    None => old.clone(),
                };
                let mut bound = edit::bind_inherited(inherit, old, &NewValue::Text(source))?;
                // The binding that comes has the old name still.
                let rename = |mut edit: edit::TextEdit| {
                    let old = format!("{old} =");
                    let new = format!("{} =", crate::nix::syntax::attribute_name(name));
                    edit.text = edit.text.replacen(&old, &new, 1);
                    edit
                };
                bound.edits = bound.edits.into_iter().map(rename).collect();
                candidate = candidate.and(Candidate::removal(*file, bound));
            }
        }
    }
    Some(candidate)
}

/// Writes the name anew where a string that a computed name comes from was written.
fn texts(evaluated: &Evaluated, path: &[String], name: &str) -> Vec<Candidate> {
    let mut out = Vec::new();
    for definition in look::written(evaluated, path) {
        let Some(Binding::Bound {
            file, entry, index, ..
        }) = Binding::of(evaluated, &definition, path)
        else {
            continue;
        };
        let attr = entry.attrpath().and_then(|p| p.attrs().nth(index));
        let Some(ast::Attr::Dynamic(dynamic)) = attr else {
            continue;
        };
        let Some(ast::Expr::Ident(ident)) = dynamic.expr() else {
            continue;
        };
        let bound = super::flow::bound_to(&ast::Expr::Ident(ident));
        if let Some(literal @ ast::Expr::Str(_)) = bound {
            let edit = edit::replace_value(&literal, &NewValue::string(name));
            out.push(Candidate::of(file, edit));
        }
    }
    for (file, node) in gone::strings(evaluated, path) {
        if let Some(literal) = ast::Expr::cast(node) {
            let edit = edit::replace_value(&literal, &NewValue::string(name));
            out.push(Candidate::of(file, edit));
        }
    }
    // `name = "x";` within it.
    let mut own = path.to_vec();
    own.push("name".to_owned());
    if let Ok(Some(value)) = look::value(evaluated, &own)
        && matches!(value.data, Data::Str(_))
        && let Some(at) = value.at
        && let Some(literal @ ast::Expr::Str(_)) = look::node::<ast::Expr>(evaluated, at)
    {
        let edit = edit::replace_value(&literal, &NewValue::string(name));
        out.push(Candidate::of(at.file, edit));
    }
    out
}

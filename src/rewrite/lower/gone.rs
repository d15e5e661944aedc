//! Ways of saying no more what is said at a path.

use rnix::ast;
use rowan::ast::AstNode;

use super::usage::Binding;
use super::{Candidate, flow, look, update, usage};
use crate::nix::edit::{self, NewValue};
use crate::nix::source::FileId;
use crate::project::Evaluated;

pub(super) fn candidates(
    evaluated: &Evaluated,
    path: &[String],
    keep: Option<&[String]>,
) -> Vec<Candidate> {
    let mut out = Vec::new();
    out.extend(bindings(evaluated, &[path], None));
    // The set around it must not go with the last thing that is said of it.
    if let Some(keep) = keep {
        out.extend(bindings(evaluated, &[path], Some(keep)));
    }
    out.extend(in_names(evaluated, path, None));
    out.extend(calls(evaluated, path));
    out.extend(update::candidates(evaluated, path, None));
    out
}

/// Takes every binding of some paths away. The last one becomes an empty set for `keep`, if that is named.
pub(super) fn bindings(
    evaluated: &Evaluated,
    paths: &[&[String]],
    keep: Option<&[String]>,
) -> Option<Candidate> {
    let path = *paths.last()?;
    let mut bound: Vec<(FileId, ast::AttrpathValue)> = Vec::new();
    let mut going: Vec<(FileId, rnix::SyntaxNode)> = Vec::new();
    let mut candidate = Candidate::default();
    let definitions = paths.iter().flat_map(|path| {
        let definitions = look::written(evaluated, path).into_iter();
        definitions.map(move |definition| (*path, definition))
    });
    for (path, definition) in definitions {
        match Binding::of(evaluated, &definition, path)? {
            Binding::Inherited {
                file,
                inherit,
                name,
            } => {
                let entry = inherit.syntax().clone();
                match inherit.attrs().count() {
                    1 => going.push((file, entry)),
                    _ => {
                        let removal = edit::remove_inherited(&inherit, &name);
                        candidate = candidate.and(Candidate::removal(file, removal));
                    }
                }
            }
            binding @ Binding::Bound { file, .. } => {
                for entry in binding.family() {
                    if !bound.contains(&(file, entry.clone())) {
                        bound.push((file, entry));
                    }
                }
            }
        }
    }
    if let Some(keep) = keep {
        let (file, entry) = bound.pop()?;
        candidate = candidate.and(emptied(file, &entry, path, keep)?);
    }
    going.extend(bound.iter().map(|(file, e)| (*file, e.syntax().clone())));
    // All that goes from one set goes at once, so that what lies between is seen as one.
    let mut groups: Vec<(FileId, Vec<rnix::SyntaxNode>)> = Vec::new();
    for (file, entry) in going {
        let holder = entry.parent();
        match groups
            .iter_mut()
            .find(|(f, entries)| *f == file && entries[0].parent() == holder)
        {
            Some((_, entries)) => entries.push(entry),
            None => groups.push((file, vec![entry])),
        }
    }
    for (file, entries) in groups {
        let removal = edit::remove_bindings(&entries);
        candidate = candidate.and(Candidate::removal(file, removal));
    }
    Some(candidate)
}

/// `"x".mountpoint = …;` becomes `"x" = { };`.
fn emptied(
    file: FileId,
    entry: &ast::AttrpathValue,
    path: &[String],
    keep: &[String],
) -> Option<Candidate> {
    let attrs: Vec<ast::Attr> = entry.attrpath()?.attrs().collect();
    let more = path.len().checked_sub(keep.len())?;
    let last = attrs.len().checked_sub(more + 1)?;
    let start = attrs.get(last)?.syntax().text_range().end();
    let value = entry.value()?;
    // Empty braces as the file writes them.
    let empty = edit::replace_value(&value, &NewValue::Set(Vec::new())).text;
    let edit = edit::TextEdit::replace(
        rnix::TextRange::new(start, value.syntax().text_range().end()),
        format!(" = {}", empty.trim()),
    );
    Some(Candidate::of(file, edit))
}

/// Takes the element of a list away that names it, `(mount "/x" device [ … ])`, where a function
/// makes a module of each.
fn calls(evaluated: &Evaluated, path: &[String]) -> Vec<Candidate> {
    let mut out = Vec::new();
    for string in strings(evaluated, path) {
        let (file, literal) = string;
        let elements = literal.ancestors().filter(|node| {
            let parent = node.parent();
            parent.is_some_and(|p| p.kind() == rnix::SyntaxKind::NODE_LIST)
        });
        for element in elements.take(2) {
            let list = element.parent().and_then(ast::List::cast);
            let is_call =
                ast::Expr::cast(element.clone()).is_some_and(|e| !matches!(e, ast::Expr::Str(_)));
            if let Some(list) = list.filter(|_| is_call) {
                let removal = edit::remove_elements(&list, &[element.text_range()]);
                out.push(Candidate::removal(file, removal));
            }
        }
    }
    out
}

/// The strings that are the last name of a path, in the files that say something of it.
pub(super) fn strings(evaluated: &Evaluated, path: &[String]) -> Vec<(FileId, rnix::SyntaxNode)> {
    let mut files: Vec<FileId> = Vec::new();
    for definition in look::written(evaluated, path) {
        files.extend(definition.entry.map(|e| e.file));
    }
    files.sort();
    files.dedup();
    let mut out = Vec::new();
    for id in files {
        let Some(file) = look::file(evaluated, id) else {
            continue;
        };
        let strings = file.tree().descendants().filter_map(ast::Str::cast);
        let named = strings.filter(|s| crate::nix::syntax::plain_string(s).as_ref() == path.last());
        out.extend(named.take(8).map(|s| (id, s.syntax().clone())));
    }
    out
}

/// Takes the name out of the list of names that the set is made from, or (with `new`) puts another
/// in its place.
pub(super) fn in_names(
    evaluated: &Evaluated,
    path: &[String],
    new: Option<&str>,
) -> Vec<Candidate> {
    let mut out = Vec::new();
    for (file, list, texts) in name_lists(evaluated, path) {
        let Some(index) = path
            .last()
            .and_then(|name| texts.iter().position(|t| t == name))
        else {
            continue;
        };
        let Some(element) = list.items().nth(index) else {
            continue;
        };
        out.push(match new {
            Some(new) => {
                let edit = edit::replace_value(&element, &NewValue::string(new));
                Candidate::of(file, edit)
            }
            None => {
                let range = element.syntax().text_range();
                Candidate::removal(file, edit::remove_elements(&list, &[range]))
            }
        });
    }
    out
}

/// The lists of strings in the expression that makes the set around a path.
pub(super) fn name_lists(
    evaluated: &Evaluated,
    path: &[String],
) -> Vec<(FileId, ast::List, Vec<String>)> {
    let Some((_, holder)) = path.split_last() else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for definition in look::counting(evaluated, holder) {
        let Some(binding @ Binding::Bound { file, .. }) =
            Binding::of(evaluated, &definition, holder)
        else {
            continue;
        };
        let Some(core) = binding.value().map(|v| usage::core(&v)) else {
            continue;
        };
        if matches!(core, ast::Expr::AttrSet(_)) {
            continue;
        }
        let mut expressions = vec![core.clone()];
        // Names in it may stand for the list.
        let idents = core.syntax().descendants().filter_map(ast::Expr::cast);
        expressions.extend(idents.filter_map(|e| flow::bound_to(&e)));
        for expression in expressions {
            for (list, texts) in flow::plain_lists(&expression) {
                out.push((file, list, texts));
            }
        }
    }
    out
}

//! Ways of changing a list of strings.

use rnix::ast;
use rowan::ast::AstNode;

use super::{Candidate, Intent, Stuck, single, value};
use crate::nix::edit::{self, NewValue, TextEdit};
use crate::nix::eval::{Data, List, Value};
use crate::nix::source::Span;
use crate::nix::syntax::{self, attribute_name, node_at, string_literal};
use crate::project::Evaluated;

/// Reads the list as it is now.
pub(super) fn intent(
    evaluated: &Evaluated,
    path: &[String],
    remove: &[String],
    add: &[String],
) -> Result<Intent, Stuck> {
    let before = match current(evaluated, path)? {
        Some(list) => items(evaluated, &list)?
            .into_iter()
            .map(|(text, _)| text)
            .collect(),
        None => Vec::new(),
    };
    let remove = remove
        .iter()
        .filter(|r| before.contains(r))
        .cloned()
        .collect();
    Ok(Intent::Elements {
        path: path.to_vec(),
        before,
        remove,
        add: add.to_vec(),
    })
}

fn current(evaluated: &Evaluated, path: &[String]) -> Result<Option<List>, Stuck> {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    match evaluated.configuration.get(&evaluated.evaluator, &names) {
        Ok(Some(Value {
            data: Data::List(list),
            ..
        })) => Ok(Some(List::clone(&list))),
        Ok(Some(other)) => {
            let why = format!("{} is a {}, not a list", path.join("."), other.type_name());
            Err(Stuck { why, at: other.at })
        }
        Ok(None) => Ok(None),
        Err(unknown) if unknown.is_undefined(path) => Ok(None),
        Err(unknown) => Err(Stuck {
            why: unknown.why.to_string(),
            at: unknown.at,
        }),
    }
}

fn items(evaluated: &Evaluated, list: &List) -> Result<Vec<(String, Option<Span>)>, Stuck> {
    let e = &evaluated.evaluator;
    let text = |item| {
        let value = e.force(item)?;
        Ok((e.as_str(&value, value.at)?.to_string(), value.at))
    };
    let texts: crate::nix::eval::Eval<Vec<_>> = list.items.iter().map(|i| text(*i)).collect();
    texts.map_err(|unknown| Stuck {
        why: unknown.why.to_string(),
        at: unknown.at,
    })
}

pub(super) fn candidates(
    evaluated: &Evaluated,
    path: &[String],
    remove: &[String],
    add: &[String],
    after: &[String],
) -> Vec<Candidate> {
    let mut out = Vec::new();
    let list = current(evaluated, path).ok().flatten();
    if let Some(list) = &list
        && let Ok(items) = items(evaluated, list)
    {
        // Added elements go to the last literal first: it is the one nearest to the use.
        let homes: Vec<Option<Span>> = match list.parts.is_empty() {
            true => vec![None],
            false => list.parts.iter().rev().copied().map(Some).collect(),
        };
        out.extend(
            homes
                .into_iter()
                .filter_map(|h| in_literals(evaluated, &items, remove, add, h)),
        );
    }
    let new: Vec<String> = add.iter().map(|a| string_literal(a)).collect();
    let whole: Vec<String> = after.iter().map(|a| string_literal(a)).collect();
    for entry in value::entries(evaluated, path) {
        if remove.is_empty() {
            out.extend(at_use(evaluated, entry, path, Some(&new)));
        }
    }
    if list.is_none() || !value::entries(evaluated, path).is_empty() {
        let text = edit::list_text(&whole);
        out.extend(value::new_bindings(evaluated, path, &text));
    }
    for entry in value::entries(evaluated, path) {
        out.extend(at_use(evaluated, entry, path, None).map(|mut candidate| {
            // The whole list, written out where it is used.
            for (_, edit) in &mut candidate.edits {
                edit.text = edit.text.replace(WHOLE, &edit::list_text(&whole));
            }
            candidate
        }));
    }
    out
}

/// Stands for the list in a text that is completed later; no Nix text holds it.
const WHOLE: &str = "\u{0}";

/// Changes the literals that wrote the elements.
fn in_literals(
    evaluated: &Evaluated,
    items: &[(String, Option<Span>)],
    remove: &[String],
    add: &[String],
    home: Option<Span>,
) -> Option<Candidate> {
    let sources = evaluated.evaluator.sources();
    let mut candidate = Candidate::default();
    let mut removed: Vec<(Span, ast::List, Vec<rnix::TextRange>)> = Vec::new();
    let mut placed = vec![false; add.len()];
    for (text, at) in items {
        let Some(index) = remove.iter().position(|r| r == text) else {
            continue;
        };
        let at = (*at)?;
        let file = sources.file(at.file)?;
        let literal: ast::Str = node_at(file.tree(), at.range)?;
        let list = literal.syntax().parent().and_then(ast::List::cast)?;
        if index < add.len() && !placed[index] {
            placed[index] = true;
            let edit = TextEdit::replace(at.range, string_literal(&add[index]));
            candidate.edits.push((at.file, edit));
            continue;
        }
        let range = list.syntax().text_range();
        let span = Span {
            file: at.file,
            range,
        };
        match removed.iter_mut().find(|(s, ..)| *s == span) {
            // One literal may be used twice in a list; it is removed once.
            Some((_, _, ranges)) if ranges.contains(&at.range) => {}
            Some((_, _, ranges)) => ranges.push(at.range),
            None => removed.push((span, list, vec![at.range])),
        }
    }
    for (span, list, ranges) in &removed {
        let edits = match emptied_operand(list, ranges) {
            Some(edit) if placed.iter().all(|p| *p) => vec![edit],
            _ => edit::remove_elements(list, ranges).edits,
        };
        let file = sources.file(span.file)?;
        for edit in &edits {
            let gone = &file.text()[std::ops::Range::<usize>::from(edit.range)];
            candidate.dropped_comments.extend(syntax::comments(
                rnix::Root::parse(&format!("[\n{gone}\n]")).tree().syntax(),
            ));
        }
        candidate
            .edits
            .extend(edits.into_iter().map(|e| (span.file, e)));
    }
    let rest: Vec<NewValue> = add
        .iter()
        .zip(placed)
        .filter(|(_, placed)| !placed)
        .map(|(a, _)| NewValue::string(a))
        .collect();
    if !rest.is_empty() {
        let home = home?;
        let file = sources.file(home.file)?;
        let list: ast::List = node_at(file.tree(), home.range)?;
        candidate
            .edits
            .push((home.file, edit::append_elements(&list, &rest)));
    }
    (!candidate.edits.is_empty()).then_some(candidate)
}

/// `a ++ [ "x" ]` without its only element is `a`.
fn emptied_operand(list: &ast::List, removed: &[rnix::TextRange]) -> Option<TextEdit> {
    if list.items().count() != removed.len() || !syntax::comments(list.syntax()).is_empty() {
        return None;
    }
    let sum = list.syntax().parent().and_then(ast::BinOp::cast)?;
    if sum.operator() != Some(ast::BinOpKind::Concat) {
        return None;
    }
    let (left, right) = (
        sum.lhs()?.syntax().text_range(),
        sum.rhs()?.syntax().text_range(),
    );
    let gone = match list.syntax().text_range() == right {
        true => rnix::TextRange::new(left.end(), right.end()),
        false => rnix::TextRange::new(left.start(), right.start()),
    };
    Some(TextEdit::delete(gone))
}

/// Changes the binding that uses a list written elsewhere: appends to it, or (with `None`) leaves a
/// place for the whole list.
fn at_use(
    evaluated: &Evaluated,
    entry: Span,
    path: &[String],
    added: Option<&[String]>,
) -> Option<Candidate> {
    let name = path.last()?;
    let file = evaluated.evaluator.sources().file(entry.file)?;
    let root = file.tree();
    if let Some(binding) = node_at::<ast::AttrpathValue>(root, entry.range) {
        let value = binding.value()?;
        let range = value.syntax().text_range();
        let text = match added {
            None => WHOLE.to_owned(),
            Some(added) => {
                let plain = matches!(
                    value,
                    ast::Expr::Ident(_)
                        | ast::Expr::Select(_)
                        | ast::Expr::Apply(_)
                        | ast::Expr::Paren(_)
                ) || matches!(&value, ast::Expr::BinOp(op)
                    if op.operator() == Some(ast::BinOpKind::Concat));
                let value = value.syntax().text().to_string();
                let value = if plain { value } else { format!("({value})") };
                format!("{value} ++ {}", edit::list_text(added))
            }
        };
        return Some(single(entry, TextEdit::replace(range, text)));
    }
    // `inherit mountOptions;` becomes a binding of its own.
    let ident = node_at::<ast::Ident>(root, entry.range)?;
    let inherit = ident.syntax().parent().and_then(ast::Inherit::cast)?;
    let from = inherit.from().and_then(|f| f.expr());
    let inherited = match from {
        Some(from) => format!("({}).{}", from.syntax().text(), attribute_name(name)),
        None => ident.to_string(),
    };
    let value = match added {
        None => WHOLE.to_owned(),
        Some(added) => format!("{inherited} ++ {}", edit::list_text(added)),
    };
    let binding = format!("{} = {value};", attribute_name(name));
    if inherit.attrs().count() == 1 {
        let range = inherit.syntax().text_range();
        return Some(single(entry, TextEdit::replace(range, binding)));
    }
    let before = ident
        .syntax()
        .prev_sibling_or_token()
        .map(|t| t.text_range());
    let start = before.map_or(entry.range.start(), |r| r.start());
    let gone = rnix::TextRange::new(start, entry.range.end());
    let after = inherit.syntax().text_range().end();
    Some(Candidate {
        edits: vec![
            (entry.file, TextEdit::delete(gone)),
            (entry.file, TextEdit::insert(after, format!(" {binding}"))),
        ],
        dropped_comments: Vec::new(),
    })
}

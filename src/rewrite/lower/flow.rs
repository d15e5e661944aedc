//! Owns: where a list goes by its name: a list that a `let` or a default of a formal names is
//! changed at one of the places that use the name.

use rnix::ast::{self, HasEntry};
use rnix::{SyntaxKind, SyntaxNode};
use rowan::ast::AstNode;
use serde_json::Value as Json;

use super::elements::{self, Fate, ListChange};
use super::{Candidate, look, usage};
use crate::nix::edit::{self, NewValue};
use crate::nix::eval::List;
use crate::nix::source::FileId;
use crate::nix::syntax::static_name;
use crate::project::Evaluated;

/// How many uses of one name are looked at.
const MOST: usize = 24;

/// Changes of the list where a name stands for it.
pub(super) fn candidates(
    evaluated: &Evaluated,
    list: &List,
    change: &ListChange,
) -> Vec<Candidate> {
    let mut out = Vec::new();
    let mut start = 0;
    for part in &list.parts {
        let Some(literal) = look::node::<ast::List>(evaluated, *part) else {
            return out;
        };
        let length = literal.items().count();
        // The part of the change that is about the elements of this literal.
        let range = start..start + length;
        start += length;
        let (Some(before), Some(fate)) = (
            change.before.as_ref().and_then(|b| b.get(range.clone())),
            change.fate.get(range),
        ) else {
            return out;
        };
        let here = fate.iter().flatten().count() == change.fate.iter().flatten().count();
        if !here {
            continue;
        }
        let share = ListChange {
            before: Some(before.to_vec()),
            fate: fate.to_vec(),
            ..change.clone()
        };
        for (name, scope) in named(literal.syntax()) {
            for used in uses(&scope, &name) {
                out.extend(elements::changed(part.file, &used, &share));
                out.extend(copied(part.file, &literal, &used, &share));
            }
        }
    }
    out
}

/// The names that stand for what an expression gives, each with the node within which it does.
fn named(node: &SyntaxNode) -> Vec<(String, SyntaxNode)> {
    let mut out = Vec::new();
    let mut node = node.clone();
    while let Some(parent) = node.parent() {
        match parent.kind() {
            SyntaxKind::NODE_PAREN | SyntaxKind::NODE_APPLY => {}
            SyntaxKind::NODE_BIN_OP => {
                let sum = ast::BinOp::cast(parent.clone()).and_then(|op| op.operator());
                if sum != Some(ast::BinOpKind::Concat) {
                    return out;
                }
            }
            SyntaxKind::NODE_ATTRPATH_VALUE => {
                let binding = ast::AttrpathValue::cast(parent.clone());
                let attrs: Vec<ast::Attr> = binding
                    .and_then(|b| b.attrpath())
                    .map(|p| p.attrs().collect())
                    .unwrap_or_default();
                let holder = parent.parent();
                if let (Some(name), Some(holder)) = (attrs.last().and_then(static_name), holder) {
                    let scope = match holder.kind() {
                        SyntaxKind::NODE_LET_IN => holder,
                        // An attribute may be used wherever the set is.
                        _ => holder.ancestors().last().unwrap_or(holder),
                    };
                    out.push((name, scope));
                }
                return out;
            }
            SyntaxKind::NODE_PAT_ENTRY => {
                let entry = ast::PatEntry::cast(parent.clone());
                let name = entry.and_then(|e| e.ident()).map(|i| i.to_string());
                let lambda = parent.ancestors().find_map(ast::Lambda::cast);
                if let (Some(name), Some(lambda)) = (name, lambda) {
                    out.push((name, lambda.syntax().clone()));
                }
                return out;
            }
            _ => return out,
        }
        node = parent;
    }
    out
}

/// The expressions within a node that are a name, or select it from a set.
fn uses(scope: &SyntaxNode, name: &str) -> Vec<ast::Expr> {
    let is_use = |expression: &ast::Expr| match expression {
        ast::Expr::Ident(ident) => {
            let in_path = ident.syntax().parent().is_some_and(|p| {
                matches!(
                    p.kind(),
                    SyntaxKind::NODE_ATTRPATH
                        | SyntaxKind::NODE_INHERIT
                        | SyntaxKind::NODE_PAT_ENTRY
                        | SyntaxKind::NODE_IDENT_PARAM
                        | SyntaxKind::NODE_PAT_BIND
                )
            });
            !in_path && ident.to_string() == name
        }
        ast::Expr::Select(select) => {
            let last = select.attrpath().and_then(|p| p.attrs().last());
            last.and_then(|a| static_name(&a)).as_deref() == Some(name)
        }
        _ => false,
    };
    scope
        .descendants()
        .filter_map(ast::Expr::cast)
        .filter(is_use)
        .take(MOST)
        .collect()
}

/// The use with a changed copy of the literal in its place.
fn copied(
    file: FileId,
    literal: &ast::List,
    used: &ast::Expr,
    share: &ListChange,
) -> Option<Candidate> {
    let mut copy = Vec::new();
    for (element, fate) in literal.items().zip(&share.fate) {
        match fate {
            None => copy.push(NewValue::Text(usage::text(&element))),
            Some(Fate::Becomes(new)) => copy.push(NewValue::from(new)),
            Some(Fate::Goes) => {}
        }
    }
    copy.extend(share.added.iter().map(|new: &Json| NewValue::from(new)));
    if copy.is_empty()
        && let Some(edit) = elements::without_operand(used)
    {
        return Some(Candidate::of(file, edit));
    }
    let edit = edit::replace_value(used, &NewValue::List(copy));
    Some(Candidate::of(file, edit))
}

/// The list literals within an expression whose elements are all strings, and what they say.
pub(super) fn plain_lists(expression: &ast::Expr) -> Vec<(ast::List, Vec<String>)> {
    let lists = expression
        .syntax()
        .descendants()
        .filter_map(ast::List::cast);
    lists
        .filter_map(|list| Some((list.clone(), usage::plain_list(&list)?)))
        .filter(|(_, texts)| !texts.is_empty())
        .collect()
}

/// The expressions that a name which a `let` binds around a node stands for.
pub(super) fn bound_to(expression: &ast::Expr) -> Option<ast::Expr> {
    let ast::Expr::Ident(ident) = expression else {
        return None;
    };
    let name = ident.to_string();
    let lets = expression.syntax().ancestors().filter_map(ast::LetIn::cast);
    let mut bindings = lets.flat_map(|l| l.attrpath_values().collect::<Vec<_>>());
    let is_it = |b: &ast::AttrpathValue| {
        let mut attrs = b.attrpath().into_iter().flat_map(|p| p.attrs());
        let first = attrs.next().and_then(|a| static_name(&a));
        first.as_deref() == Some(name.as_str()) && attrs.next().is_none()
    };
    bindings.find(is_it).and_then(|b| b.value())
}

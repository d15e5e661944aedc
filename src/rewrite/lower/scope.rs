//! Owns: how a function of nixpkgs' `lib` is called at a place, with what must be added for that.

use rnix::SyntaxNode;
use rnix::ast::{self, HasEntry};
use rowan::ast::AstNode;

use super::usage::parameter;
use crate::nix::edit::{self, TextEdit};
use crate::nix::syntax::static_name;

/// How a function is called.
#[derive(Debug, Clone)]
pub(super) struct Callable {
    /// Its name there: `lib.mkForce`.
    pub(super) text: String,
    /// What has to be added so that the name means something.
    pub(super) edits: Vec<TextEdit>,
}

/// What names mean at a place, as far as `lib` is concerned.
#[derive(Default)]
struct Names {
    /// The function itself has a name.
    bare: bool,
    /// `lib` is a name.
    lib: bool,
    /// What `lib` is part of.
    around: Option<String>,
}

/// How `lib.<function>` is called at a node, with nothing added.
pub(super) fn reachable(node: &SyntaxNode, function: &str) -> Option<String> {
    let names = names_at(node, function);
    match names {
        Names { bare: true, .. } => Some(function.to_owned()),
        Names { lib: true, .. } => Some(format!("lib.{function}")),
        Names {
            around: Some(around),
            ..
        } => Some(format!("{around}.{function}")),
        _ => None,
    }
}

/// How `lib.<function>` is called at a node, if need be with `lib` added to the arguments.
pub(super) fn callable(node: &SyntaxNode, function: &str) -> Option<Callable> {
    if let Some(text) = reachable(node, function) {
        let edits = Vec::new();
        return Some(Callable { text, edits });
    }
    let text = format!("lib.{function}");
    let edit = match node.ancestors().find_map(ast::Lambda::cast) {
        Some(lambda) => edit::add_formal(&lambda, "lib")?,
        // A set by itself becomes a function.
        None => {
            let root = node.ancestors().last()?;
            edit::wrap_in_function(&rnix::Root::cast(root)?.expr()?, "lib")?
        }
    };
    Some(Callable {
        text,
        edits: vec![edit],
    })
}

fn names_at(node: &SyntaxNode, function: &str) -> Names {
    let mut names = Names::default();
    for ancestor in node.ancestors() {
        let bound: Vec<String> = match ast::Expr::cast(ancestor.clone()) {
            Some(ast::Expr::LetIn(let_in)) => bound(&let_in),
            Some(ast::Expr::AttrSet(set)) if set.rec_token().is_some() => bound(&set),
            Some(ast::Expr::With(with)) => {
                let namespace = with.namespace().map(|n| n.syntax().text().to_string());
                names.bare |= namespace.is_some_and(|n| n == "lib" || n.ends_with(".lib"));
                continue;
            }
            Some(ast::Expr::Lambda(lambda)) => match lambda.param() {
                Some(ast::Param::Pattern(pattern)) => pattern
                    .pat_entries()
                    .filter_map(|e| e.ident().map(|i| i.to_string()))
                    .collect(),
                _ => {
                    if let Some(name) = parameter(&lambda).filter(|n| !n.starts_with('_')) {
                        let is_module = lambda.body().is_some_and(|b| {
                            b.syntax().text_range().contains_range(node.text_range())
                        });
                        if is_module && names.around.is_none() {
                            names.around = Some(format!("{name}.lib"));
                        }
                    }
                    continue;
                }
            },
            _ => continue,
        };
        names.bare |= bound.iter().any(|n| n == function);
        names.lib |= bound.iter().any(|n| n == "lib");
        if names.around.is_none() {
            let has = |name: &str| bound.iter().any(|n| n == name);
            names.around = match () {
                () if has("nixpkgs") => Some("nixpkgs.lib".to_owned()),
                () if has("inputs") => Some("inputs.nixpkgs.lib".to_owned()),
                () => None,
            };
        }
    }
    names
}

/// The names that a `let` or a `rec` set binds.
fn bound(holder: &impl HasEntry) -> Vec<String> {
    let mut names = Vec::new();
    for entry in holder.entries() {
        match entry {
            ast::Entry::AttrpathValue(binding) => {
                let first = binding.attrpath().and_then(|p| p.attrs().next());
                names.extend(first.and_then(|a| static_name(&a)));
            }
            ast::Entry::Inherit(inherit) => {
                names.extend(inherit.attrs().filter_map(|a| static_name(&a)));
            }
        }
    }
    names
}

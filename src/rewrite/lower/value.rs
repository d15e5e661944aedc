//! Ways of giving an option a value.

use rnix::ast::{self, HasEntry};
use rnix::{SyntaxNode, TextRange};
use rowan::ast::AstNode;
use serde_json::Value as Json;

use super::{Candidate, nix_text, single};
use crate::nix::edit::{self, NewValue, TextEdit};
use crate::nix::eval::Value;
use crate::nix::module::Body;
use crate::nix::source::Span;
use crate::nix::syntax::{node_at, static_name};
use crate::project::{Entry, Evaluated};

/// The line with which nixos-generate-config begins its file.
const GENERATED: &str = "# Do not modify this file!";

pub(super) fn candidates(evaluated: &Evaluated, path: &[String], value: &Json) -> Vec<Candidate> {
    let Some(text) = nix_text(value) else {
        return Vec::new();
    };
    let sources = evaluated.evaluator.sources();
    let mut out = Vec::new();
    // The literal that wrote it.
    if let Some(Value { at: Some(at), .. }) = get(evaluated, path)
        && let Some(file) = sources.file(at.file)
        && node_at::<ast::Expr>(file.tree(), at.range).is_some()
    {
        out.push(single(at, TextEdit::replace(at.range, text.clone())));
    }
    // The binding, whatever its value came from.
    let entries = entries(evaluated, path);
    for entry in &entries {
        if let Some(file) = sources.file(entry.file)
            && let Some(binding) = node_at::<ast::AttrpathValue>(file.tree(), entry.range)
            && let Some(value) = binding.value()
        {
            let range = value.syntax().text_range();
            out.push(single(*entry, TextEdit::replace(range, text.clone())));
        }
    }
    out.extend(new_bindings(evaluated, path, &text));
    if !entries.is_empty() {
        let forced = format!("lib.mkForce {}", parenthesised(&text));
        out.extend(new_definitions(evaluated, path, &forced));
    }
    out
}

fn parenthesised(text: &str) -> String {
    match text.starts_with('-') {
        true => format!("({text})"),
        false => text.to_owned(),
    }
}

fn get(evaluated: &Evaluated, path: &[String]) -> Option<Value> {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    evaluated
        .configuration
        .get(&evaluated.evaluator, &names)
        .ok()
        .flatten()
}

/// The bindings that define an option.
pub(super) fn entries(evaluated: &Evaluated, path: &[String]) -> Vec<Span> {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    let definitions = evaluated
        .configuration
        .definitions(&evaluated.evaluator, &names);
    let mut entries: Vec<Span> = definitions.iter().filter_map(|d| d.entry).collect();
    entries.dedup();
    entries
}

/// A new binding: in the set that holds its siblings, else in a module of the host.
pub(super) fn new_bindings(evaluated: &Evaluated, path: &[String], text: &str) -> Vec<Candidate> {
    let mut out = Vec::new();
    if let Some((name, holder)) = path.split_last()
        && !holder.is_empty()
    {
        out.extend(in_holder(evaluated, holder, name, text));
    }
    out.extend(new_definitions(evaluated, path, text));
    out
}

/// A new binding in the set literal that is the value of `holder`.
fn in_holder(
    evaluated: &Evaluated,
    holder: &[String],
    name: &str,
    text: &str,
) -> Option<Candidate> {
    let at = get(evaluated, holder)?.at?;
    let file = evaluated.evaluator.sources().file(at.file)?;
    let set = set_literal(file.tree(), at.range)?;
    let value = NewValue::Text(text.to_owned());
    let edit = edit::insert_path(&set, &[name.to_owned()], &value);
    Some(single(at, edit))
}

/// The set literal at a range: itself, or the last operand of `a // { … }`.
pub(super) fn set_literal(root: &SyntaxNode, range: TextRange) -> Option<ast::AttrSet> {
    match node_at::<ast::Expr>(root, range)? {
        ast::Expr::AttrSet(set) => Some(set),
        ast::Expr::BinOp(op) if op.operator() == Some(ast::BinOpKind::Update) => match op.rhs()? {
            ast::Expr::AttrSet(set) => Some(set),
            _ => None,
        },
        _ => None,
    }
}

/// A new definition in one of the host's modules, the best one first.
fn new_definitions(evaluated: &Evaluated, path: &[String], text: &str) -> Vec<Candidate> {
    let is_disko = path.first().is_some_and(|p| p == "disko");
    // A disko file by itself is no NixOS module, so nothing else may be put there.
    if !matches!(evaluated.entry, Entry::Flake(_)) && !is_disko && !is_nixos(evaluated) {
        return Vec::new();
    }
    let sources = evaluated.evaluator.sources();
    let bodies = evaluated.configuration.bodies(&evaluated.evaluator);
    let literal = |body: &Body| {
        let file = sources.file(body.set.file)?;
        let generated = file.text().trim_start().starts_with(GENERATED);
        let set = set_literal(file.tree(), body.set.range)?;
        let needs_lib = text.starts_with("lib.") && !has_lib(&set);
        (!generated && !needs_lib).then_some(set)
    };
    let mut ranked: Vec<(Rank, &Body, ast::AttrSet)> = bodies
        .iter()
        .enumerate()
        .filter_map(|(index, body)| {
            let set = literal(body)?;
            Some((Rank::of(&set, path, body.conditional, index), body, set))
        })
        .collect();
    ranked.sort_by_key(|(rank, ..)| *rank);
    let candidate = |(_, body, set): (Rank, &Body, ast::AttrSet)| {
        let value = NewValue::Text(text.to_owned());
        single(body.set, edit::insert_path(&set, path, &value))
    };
    ranked.into_iter().map(candidate).collect()
}

/// Whether a file that stands alone defines more than disko's devices.
fn is_nixos(evaluated: &Evaluated) -> bool {
    let roots = [
        "boot",
        "fileSystems",
        "imports",
        "networking",
        "services",
        "system",
        "users",
    ];
    roots
        .iter()
        .any(|root| !entries(evaluated, &[(*root).to_owned()]).is_empty())
}

/// Whether the module that a body belongs to takes `lib` as an argument.
fn has_lib(set: &ast::AttrSet) -> bool {
    set.syntax()
        .ancestors()
        .filter_map(ast::Lambda::cast)
        .any(|lambda| match lambda.param() {
            Some(ast::Param::Pattern(pattern)) => pattern
                .pat_entries()
                .any(|e| e.ident().is_some_and(|i| i.to_string() == "lib")),
            _ => false,
        })
}

/// How good a place a body is; the smallest is best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// Bodies below `mkIf` come last: the condition may change.
    conditional: bool,
    /// How little of the path it already speaks of.
    unrelated: usize,
    /// Whether it is not the main module of the host.
    aside: bool,
    /// Fewer siblings at the deepest common place are worse.
    fewer_siblings: std::cmp::Reverse<usize>,
    index: usize,
}

impl Rank {
    fn of(set: &ast::AttrSet, path: &[String], conditional: bool, index: usize) -> Self {
        let (shared, siblings) = shared(set, path);
        let main =
            defines(set, &["system", "stateVersion"]) || defines(set, &["networking", "hostName"]);
        Rank {
            conditional,
            unrelated: path.len() - shared,
            aside: !main,
            fewer_siblings: std::cmp::Reverse(siblings),
            index,
        }
    }
}

/// How many names of a path a set already has, and how many bindings stand there.
fn shared(set: &ast::AttrSet, path: &[String]) -> (usize, usize) {
    let (mut best, mut siblings) = (0, 0);
    for entry in set.attrpath_values() {
        let names: Vec<Option<String>> = entry
            .attrpath()
            .into_iter()
            .flat_map(|p| p.attrs())
            .map(|a| static_name(&a))
            .collect();
        let mut length = names
            .iter()
            .zip(path)
            .take_while(|(a, b)| a.as_ref() == Some(b))
            .count();
        let mut count = 1;
        if length == names.len()
            && let Some(ast::Expr::AttrSet(nested)) = entry.value()
        {
            let (deeper, inner) = shared(&nested, &path[length..]);
            length += deeper;
            count = if deeper == 0 {
                nested.entries().count()
            } else {
                inner
            };
        }
        match length.cmp(&best) {
            std::cmp::Ordering::Greater => (best, siblings) = (length, count),
            std::cmp::Ordering::Equal if length > 0 => siblings += count,
            _ => {}
        }
    }
    (best, siblings)
}

fn defines(set: &ast::AttrSet, path: &[&str]) -> bool {
    let path: Vec<String> = path.iter().map(|s| (*s).to_owned()).collect();
    shared(set, &path).0 == path.len()
}

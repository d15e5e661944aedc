//! Owns: what the configuration says at a path: the value, the definitions that it is made of, and
//! the literals that wrote them. Paths lead through lists too, by index.

use std::collections::BTreeSet;
use std::path::Path;

use rnix::ast;
use rowan::ast::AstNode;
use serde_json::Value as Json;

use super::claim::Stuck;
use crate::nix::eval::{Attribute, Data, Eval, Evaluator, Thunk, Unknown, Value};
use crate::nix::source::{FileId, SourceFile, Span};
use crate::nix::syntax::node_at;
use crate::project::Evaluated;

/// How deep a value is looked at.
const MAX_DEPTH: usize = 64;
/// The priority of a definition that says nothing of it.
pub(super) const DEFAULT_PRIORITY: i64 = 100;

/// One definition of a path, without the wrappers (`mkIf`, `mkForce`, …) around it.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// Its value, where that is known.
    pub(super) value: Option<Value>,
    /// The binding, or the name in an `inherit`, that wrote it.
    pub(super) entry: Option<Span>,
    /// Of the outermost override around it.
    pub(super) priority: i64,
    /// Of the innermost order around it.
    order: i64,
    /// No condition around it is false.
    pub(super) holds: bool,
}

pub(super) fn names(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

pub(super) fn below(path: &[String], names: &[&str]) -> Vec<String> {
    let mut path = path.to_vec();
    path.extend(names.iter().map(|n| (*n).to_owned()));
    path
}

pub(super) fn stuck(unknown: &Unknown) -> Stuck {
    Stuck::new(unknown.why.to_string(), unknown.at)
}

/// A file of the project, which may be edited.
pub(super) fn file(evaluated: &Evaluated, id: FileId) -> Option<std::rc::Rc<SourceFile>> {
    let sources = evaluated.evaluator.sources();
    let file = sources.file(id)?;
    let is_own = |path: &Path| path.starts_with(sources.root());
    is_own(file.path()).then_some(file)
}

/// The innermost node of a kind at a place of the project.
pub(super) fn node<N: AstNode<Language = rnix::NixLanguage>>(
    evaluated: &Evaluated,
    at: Span,
) -> Option<N> {
    node_at(file(evaluated, at.file)?.tree(), at.range)
}

/// How many names of a path lead to a list, if it leads on through one.
pub(super) fn list_on_the_way(evaluated: &Evaluated, path: &[String]) -> Option<usize> {
    let is_index = |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
    (1..path.len()).filter(|i| is_index(&path[*i])).find(|i| {
        let value = evaluated
            .configuration
            .get(&evaluated.evaluator, &names(&path[..*i]));
        matches!(
            value,
            Ok(Some(Value {
                data: Data::List(_),
                ..
            }))
        )
    })
}

/// The value at a path; `None` where nobody defines it.
pub(super) fn value(evaluated: &Evaluated, path: &[String]) -> Result<Option<Value>, Stuck> {
    let e = &evaluated.evaluator;
    let found = match list_on_the_way(evaluated, path) {
        None => evaluated.configuration.get(e, &names(path)),
        Some(at) => match evaluated.configuration.get(e, &names(&path[..at])) {
            Ok(Some(list)) => descend(e, &list, &path[at..]).and_then(|found| match found {
                Some(attribute) => e.force(attribute.value).map(Some),
                None => Ok(None),
            }),
            other => other,
        },
    };
    match found {
        Ok(value) => Ok(value),
        Err(unknown) if unknown.is_undefined(path) => Ok(None),
        Err(unknown) => Err(stuck(&unknown)),
    }
}

/// Follows indices and names from a value.
fn descend(e: &Evaluator, value: &Value, path: &[String]) -> Eval<Option<Attribute>> {
    let Some((name, rest)) = path.split_first() else {
        return Ok(None);
    };
    let next = match &value.data {
        Data::List(list) => {
            let index = name.parse::<usize>().ok();
            let item = index.and_then(|i| list.items.get(i).copied());
            item.map(Attribute::new)
        }
        Data::Set(set) => set.get(name).copied(),
        _ => None,
    };
    match (next, rest) {
        (Some(next), []) => Ok(Some(next)),
        (Some(next), rest) => descend(e, &e.force(next.value)?, rest),
        (None, _) => Ok(None),
    }
}

/// All definitions of a path, in the order in which they are merged.
pub(super) fn written(evaluated: &Evaluated, path: &[String]) -> Vec<Written> {
    let e = &evaluated.evaluator;
    let mut out = Vec::new();
    let start = |entry, priority: Option<i64>| Written {
        value: None,
        entry,
        priority: priority.unwrap_or(DEFAULT_PRIORITY),
        order: 1000,
        holds: true,
    };
    if let Some(at) = list_on_the_way(evaluated, path) {
        if let Ok(Some(list)) = evaluated.configuration.get(e, &names(&path[..at]))
            && let Ok(Some(attribute)) = descend(e, &list, &path[at..])
        {
            unwrap(e, attribute.value, start(attribute.entry, None), &mut out);
        }
        return out;
    }
    for definition in evaluated.configuration.definitions(e, &names(path)) {
        let around = start(definition.entry, definition.priority);
        unwrap(e, definition.value, around, &mut out);
    }
    out
}

/// The definitions that count for the value of a path, in order.
pub(super) fn counting(evaluated: &Evaluated, path: &[String]) -> Vec<Written> {
    let mut all = written(evaluated, path);
    all.retain(|w| w.holds);
    let strongest = all.iter().map(|w| w.priority).min();
    all.retain(|w| Some(w.priority) == strongest);
    all.sort_by_key(|w| w.order);
    all
}

/// Takes wrappers off, as `nix::module` does when it merges.
fn unwrap(e: &Evaluator, thunk: Thunk, mut around: Written, out: &mut Vec<Written>) {
    let value = e.force(thunk).ok();
    let Some(Value {
        data: Data::Set(set),
        ..
    }) = &value
    else {
        return out.push(Written { value, ..around });
    };
    let field = |name: &str| set.get(name).map(|a| a.value);
    let kind = field("_type").and_then(|t| e.force(t).ok());
    let kind = kind.and_then(|k| e.as_str(&k, None).ok());
    let number = |name: &str| {
        let value = e.force(field(name)?).ok()?;
        e.as_int(&value, None).ok()
    };
    match kind.as_deref() {
        Some("merge") => {
            let contents = field("contents").and_then(|c| e.force(c).ok());
            if let Some(Value {
                data: Data::List(list),
                ..
            }) = contents
            {
                for item in &list.items {
                    unwrap(e, *item, around.clone(), out);
                }
            }
            return;
        }
        Some("if") => {
            let holds = field("condition").map(|c| e.holds(c, None));
            around.holds &= !matches!(holds, Some(Ok(false)));
        }
        Some("order") => around.order = number("priority").unwrap_or(around.order),
        Some("override") if around.priority == DEFAULT_PRIORITY => {
            around.priority = number("priority").unwrap_or(DEFAULT_PRIORITY);
        }
        Some("override") => {}
        _ => return out.push(Written { value, ..around }),
    }
    if let Some(content) = field("content") {
        unwrap(e, content, around, out);
    }
}

/// A value in the words of a difference of two configurations (`nix::module::Tree`).
pub(super) fn json(evaluated: &Evaluated, path: &[String], value: &Value) -> Json {
    let mut path = path.to_vec();
    told(&evaluated.evaluator, value, &mut path)
}

fn told(e: &Evaluator, value: &Value, path: &mut Vec<String>) -> Json {
    match &value.data {
        Data::Null => Json::Null,
        Data::Bool(b) => (*b).into(),
        Data::Int(i) => (*i).into(),
        Data::Float(f) => (*f).into(),
        Data::Str(s) => (&**s).into(),
        Data::Path(p) => format!("‹path {}›", e.sources().shown(Path::new(&**p))).into(),
        Data::Lambda(_) | Data::Builtin(_) => "‹function›".into(),
        Data::List(list) => {
            let items = list.items.iter().enumerate();
            items
                .filter_map(|(i, item)| told_below(e, *item, i.to_string(), path))
                .collect()
        }
        Data::Set(set) => {
            if let Some(path_of) = set.get("outPath") {
                return told_thunk(e, path_of.value, path).unwrap_or(Json::Null);
            }
            let entries = set.iter();
            let known = entries.filter_map(|(name, attribute)| {
                let told = told_below(e, attribute.value, name.to_string(), path)?;
                Some((name.to_string(), told))
            });
            Json::Object(known.collect())
        }
    }
}

fn told_below(e: &Evaluator, thunk: Thunk, name: String, path: &mut Vec<String>) -> Option<Json> {
    path.push(name);
    let told = match path.len() > MAX_DEPTH {
        true => Some("‹unknown: nested too deeply›".into()),
        false => told_thunk(e, thunk, path),
    };
    path.pop();
    told
}

fn told_thunk(e: &Evaluator, thunk: Thunk, path: &mut Vec<String>) -> Option<Json> {
    match e.force(thunk) {
        Ok(value) => Some(told(e, &value, path)),
        Err(unknown) if unknown.is_undefined(path) => None,
        Err(unknown) => Some(format!("‹unknown: {}›", unknown.why).into()),
    }
}

/// Whether a value in those words can be written as Nix: all of it is known.
pub(super) fn is_plain(value: &Json) -> bool {
    match value {
        Json::String(text) => !text.starts_with('‹'),
        Json::Array(items) => items.iter().all(is_plain),
        Json::Object(set) => set.values().all(is_plain),
        _ => true,
    }
}

/// The paths of all leaves of a value below a path, as a difference names them: lists are leaves,
/// and so are empty sets.
pub(super) fn leaves(path: &[String], value: &Json) -> Vec<(Vec<String>, Json)> {
    match value {
        Json::Object(set) if !set.is_empty() => set
            .iter()
            .flat_map(|(name, value)| leaves(&below(path, &[name]), value))
            .collect(),
        leaf => vec![(path.to_vec(), leaf.clone())],
    }
}

/// The set literals that write the set at a path, those of definitions that hold first, generated
/// files last.
pub(super) fn set_literals(evaluated: &Evaluated, path: &[String]) -> Vec<(FileId, ast::AttrSet)> {
    let mut all = written(evaluated, path);
    all.sort_by_key(|w| !w.holds);
    let mut out: Vec<(FileId, ast::AttrSet)> = Vec::new();
    let mut seen = BTreeSet::new();
    for at in all.iter().filter_map(|w| w.value.as_ref()?.at) {
        let Some(expression) = node::<ast::Expr>(evaluated, at) else {
            continue;
        };
        let mut literals = Vec::new();
        operands(&expression, &mut literals);
        for literal in literals {
            let start = literal.syntax().text_range().start();
            if seen.insert((at.file, start)) {
                out.push((at.file, literal));
            }
        }
    }
    out.sort_by_key(|(id, _)| is_generated(evaluated, *id));
    out
}

/// The literals that an expression puts a set together from, the last one first: it wins.
fn operands(expression: &ast::Expr, out: &mut Vec<ast::AttrSet>) {
    match expression {
        ast::Expr::AttrSet(set) => out.push(set.clone()),
        ast::Expr::BinOp(op) if op.operator() == Some(ast::BinOpKind::Update) => {
            for operand in [op.rhs(), op.lhs()].into_iter().flatten() {
                operands(&operand, out);
            }
        }
        ast::Expr::Paren(paren) => paren.expr().iter().for_each(|e| operands(e, out)),
        ast::Expr::LetIn(let_in) => let_in.body().iter().for_each(|e| operands(e, out)),
        ast::Expr::With(with) => with.body().iter().for_each(|e| operands(e, out)),
        _ => {}
    }
}

/// Whether nixos-generate-config wrote a file, and will write it again.
pub(super) fn is_generated(evaluated: &Evaluated, id: FileId) -> bool {
    /// The line with which it begins.
    const GENERATED: &str = "# Do not modify this file!";
    file(evaluated, id).is_some_and(|file| {
        let mut first = file.text().lines().map(str::trim).filter(|l| !l.is_empty());
        first.next().is_some_and(|l| l.starts_with(GENERATED))
    })
}

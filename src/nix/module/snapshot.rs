//! The evaluated configuration as a plain tree, and the difference of two of them.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::definition::wrapper;
use crate::nix::eval::{Data, Evaluator, Openness, Thunk, Why};

/// An evaluated value without places: what two evaluations are compared by.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// A set.
    Set(BTreeMap<String, Tree>),
    /// A list.
    List(Vec<Tree>),
    /// Null, a boolean, a number or a string.
    Scalar(Json),
    /// A path; its text is relative to the project where it lies inside.
    Path(String),
    /// A function, or a whole system that is handed on: nothing to look into.
    Function,
    /// Not known: the reason, and the text of the expression that is not known.
    Unknown {
        /// Why.
        why: String,
        /// The expression at which knowledge ended.
        expression: String,
    },
}

/// How deep a configuration is looked at.
const MAX_DEPTH: usize = 64;

pub(super) fn take(e: &Evaluator, thunk: Thunk) -> Tree {
    tree(e, thunk, &mut Vec::new()).unwrap_or_else(|| Tree::Set(BTreeMap::new()))
}

/// Whether a path holds arguments of modules: whole flakes and libraries, of which an option of the
/// machine shows what it takes from them.
fn is_argument(path: &[String]) -> bool {
    match path {
        [.., last] if last == "extraSpecialArgs" => true,
        [.., module, args] => module == "_module" && args == "args",
        _ => false,
    }
}

/// The tree of a value; `None` for an option whose every definition has a false condition.
fn tree(e: &Evaluator, thunk: Thunk, path: &mut Vec<String>) -> Option<Tree> {
    if path.len() > MAX_DEPTH {
        let why = "nested too deeply".to_owned();
        return Some(Tree::Unknown {
            why,
            expression: String::new(),
        });
    }
    if is_argument(path) {
        return Some(Tree::Function);
    }
    let value = match e.force(thunk) {
        Ok(value) => value,
        Err(unknown) if unknown.is_undefined(path) => return None,
        Err(unknown) => {
            let expression = unknown
                .at
                .map(|at| e.sources().text(at))
                .unwrap_or_default();
            return Some(Tree::Unknown {
                why: unknown.why.to_string(),
                expression,
            });
        }
    };
    // A set that stands for a path, a flake for instance, is that path; it may hold itself.
    if let Data::Set(set) = &value.data
        && let Some(path_of) = set.get("outPath")
    {
        return tree(e, path_of.value, path);
    }
    // Another system, handed on as an argument: what changes in it is its own snapshot's to tell.
    if let Data::Set(set) = &value.data
        && wrapper(e, set).as_deref() == Some("configuration")
    {
        return Some(Tree::Function);
    }
    // Which kernel it is shows in its expression alone.
    if let Data::Set(set) = &value.data
        && let Openness::Open(why @ Why::KernelPackages(_)) = &set.open
        && set.is_empty()
    {
        let expression = value.at.map(|at| e.sources().text(at));
        return Some(Tree::Unknown {
            why: why.to_string(),
            expression: expression.unwrap_or_default(),
        });
    }
    let mut named = |name: String, thunk| {
        path.push(name);
        let tree = tree(e, thunk, path);
        path.pop();
        tree
    };
    Some(match &value.data {
        Data::Null => Tree::Scalar(Json::Null),
        Data::Bool(b) => Tree::Scalar((*b).into()),
        Data::Int(i) => Tree::Scalar((*i).into()),
        Data::Float(f) => Tree::Scalar((*f).into()),
        Data::Str(s) => Tree::Scalar((&**s).into()),
        Data::Path(p) => Tree::Path(e.sources().shown(std::path::Path::new(&**p))),
        Data::List(list) => {
            let items = list.items.iter().enumerate();
            Tree::List(
                items
                    .filter_map(|(i, item)| named(i.to_string(), *item))
                    .collect(),
            )
        }
        Data::Set(set) => {
            let entries = set.iter();
            let known =
                entries.filter_map(|(n, a)| Some((n.to_string(), named(n.to_string(), a.value)?)));
            Tree::Set(known.collect())
        }
        Data::Lambda(_) | Data::Builtin(_) => Tree::Function,
    })
}

impl Tree {
    /// The tree as JSON, for reports; what JSON cannot say becomes a marked string.
    pub fn to_json(&self) -> Json {
        match self {
            Tree::Set(map) => {
                Json::Object(map.iter().map(|(n, t)| (n.clone(), t.to_json())).collect())
            }
            Tree::List(items) => Json::Array(items.iter().map(Tree::to_json).collect()),
            Tree::Scalar(json) => json.clone(),
            Tree::Path(path) => Json::String(format!("‹path {path}›")),
            Tree::Function => Json::String("‹function›".to_owned()),
            Tree::Unknown { why, .. } => Json::String(format!("‹unknown: {why}›")),
        }
    }
}

/// One attribute that differs between two evaluated configurations. Lists count as a whole.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Change {
    /// The attribute path.
    pub path: Vec<String>,
    /// Its value before; absent if it was not defined.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Json>,
    /// Its value after; absent if it is no longer defined.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Json>,
}

/// All attributes in which two trees differ, in the order of their paths.
pub fn difference(before: &Tree, after: &Tree) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(&mut Vec::new(), Some(before), Some(after), &mut changes);
    changes
}

fn compare(
    path: &mut Vec<String>,
    before: Option<&Tree>,
    after: Option<&Tree>,
    out: &mut Vec<Change>,
) {
    if before == after {
        return;
    }
    let empty = BTreeMap::new();
    let maps = match (before, after) {
        (Some(Tree::Set(b)), Some(Tree::Set(a))) => Some((b, a)),
        // A set that appears or goes is told leaf by leaf.
        (None, Some(Tree::Set(a))) if !a.is_empty() => Some((&empty, a)),
        (Some(Tree::Set(b)), None) if !b.is_empty() => Some((b, &empty)),
        _ => None,
    };
    match maps {
        Some((before, after)) => {
            let names: std::collections::BTreeSet<&String> =
                before.keys().chain(after.keys()).collect();
            for name in names {
                path.push(name.clone());
                compare(path, before.get(name), after.get(name), out);
                path.pop();
            }
        }
        None => out.push(Change {
            path: path.clone(),
            before: before.map(Tree::to_json),
            after: after.map(Tree::to_json),
        }),
    }
}

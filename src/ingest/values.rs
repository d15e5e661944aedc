//! Reading typed facts off Nix values, each with the place that wrote it.

use std::rc::Rc;

use serde_json::Value as Json;

use crate::model::{Located, Reading, UnknownFact};
use crate::nix::eval::{AttrSet, Attribute, Data, Eval, Evaluator, Thunk, Unknown, Value};
use crate::nix::source::Span;

/// A set within the configuration, and the attribute path that leads to it.
#[derive(Clone)]
pub(super) struct SetAt {
    pub(super) set: Rc<AttrSet>,
    pub(super) path: Vec<String>,
    pub(super) at: Option<Span>,
}

/// Reads values of one evaluator.
pub(super) struct Values<'e> {
    pub(super) e: &'e Evaluator,
    /// What could not be read along the way.
    pub(super) unknown: std::cell::RefCell<Vec<UnknownFact>>,
}

impl<'e> Values<'e> {
    pub(super) fn new(e: &'e Evaluator) -> Self {
        Values {
            e,
            unknown: Default::default(),
        }
    }

    /// Turns an unknown value into an unknown fact about `path`.
    pub(super) fn fact(&self, path: &[String], unknown: &Unknown) -> UnknownFact {
        UnknownFact {
            what: path.join("."),
            why: unknown.why.to_string(),
            at: unknown.at,
        }
    }

    fn note(&self, fact: UnknownFact) {
        self.unknown.borrow_mut().push(fact);
    }

    fn wrong_type(&self, path: &[String], wanted: &str, value: &Value) -> UnknownFact {
        let why = format!("expected {wanted}, found a {}", value.type_name());
        UnknownFact {
            what: path.join("."),
            why,
            at: value.at,
        }
    }

    /// The set that a thunk is; an unknown one is noted.
    pub(super) fn set(&self, thunk: Thunk, path: Vec<String>, at: Option<Span>) -> Option<SetAt> {
        match self.e.force(thunk) {
            Ok(Value {
                data: Data::Set(set),
                at: own,
            }) => Some(SetAt {
                set,
                path,
                at: at.or(own),
            }),
            Ok(Value {
                data: Data::Null, ..
            }) => None,
            Ok(other) => {
                self.note(self.wrong_type(&path, "a set", &other));
                None
            }
            Err(unknown) if unknown.is_undefined(&path) => None,
            Err(unknown) => {
                self.note(self.fact(&path, &unknown));
                None
            }
        }
    }

    /// The set under `name`.
    pub(super) fn child(&self, parent: &SetAt, name: &str) -> Option<SetAt> {
        let attribute = parent.set.get(name)?;
        self.set(attribute.value, below(&parent.path, name), attribute.entry)
    }

    /// All sets below a set of sets, by name.
    pub(super) fn children(&self, parent: &SetAt) -> Vec<(String, SetAt)> {
        let named = parent.set.iter().filter_map(|(name, attribute)| {
            let path = below(&parent.path, name);
            Some((
                name.to_string(),
                self.set(attribute.value, path, attribute.entry)?,
            ))
        });
        named.collect()
    }

    /// A string attribute.
    pub(super) fn text(&self, parent: &SetAt, name: &str) -> Option<Reading<Located<String>>> {
        let attribute = parent.set.get(name)?;
        let path = below(&parent.path, name);
        Some(self.read_text(attribute.value, &path))
    }

    /// A string attribute; an unknown one is noted and left out.
    pub(super) fn known_text(&self, parent: &SetAt, name: &str) -> Option<String> {
        match self.text(parent, name)? {
            Ok(text) => Some(text.value),
            Err(fact) => {
                self.note(fact);
                None
            }
        }
    }

    fn read_text(&self, thunk: Thunk, path: &[String]) -> Reading<Located<String>> {
        match self.e.force(thunk) {
            Ok(Value {
                data: Data::Str(text),
                at,
            }) => Ok(Located::new(text.to_string(), at)),
            Ok(other) => Err(self.wrong_type(path, "a string", &other)),
            Err(unknown) => Err(self.fact(path, &unknown)),
        }
    }

    /// A boolean attribute, false where it is not written.
    pub(super) fn flag(&self, parent: Option<&SetAt>, name: &str) -> Reading<bool> {
        let Some(parent) = parent else {
            return Ok(false);
        };
        let Some(attribute) = parent.set.get(name) else {
            return Ok(false);
        };
        let path = below(&parent.path, name);
        match self.e.force(attribute.value) {
            Ok(Value {
                data: Data::Bool(b),
                ..
            }) => Ok(b),
            Ok(other) => Err(self.wrong_type(&path, "a bool", &other)),
            Err(unknown) => Err(self.fact(&path, &unknown)),
        }
    }

    /// A list of strings.
    pub(super) fn texts(
        &self,
        attribute: &Attribute,
        path: &[String],
    ) -> Reading<Vec<Located<String>>> {
        match self.e.force(attribute.value) {
            Ok(Value {
                data: Data::List(list),
                ..
            }) => list
                .items
                .iter()
                .map(|item| self.read_text(*item, path))
                .collect(),
            Ok(other) => Err(self.wrong_type(path, "a list", &other)),
            Err(unknown) => Err(self.fact(path, &unknown)),
        }
    }

    /// A plain value as JSON: no paths, no functions.
    pub(super) fn json(&self, thunk: Thunk) -> Eval<Option<Json>> {
        Ok(Some(match self.e.force(thunk)?.data {
            Data::Null => Json::Null,
            Data::Bool(b) => b.into(),
            Data::Int(i) => i.into(),
            Data::Float(f) => f.into(),
            Data::Str(s) => (&*s).into(),
            Data::Path(p) => (&*p).into(),
            Data::List(list) => {
                let mut items = Vec::with_capacity(list.items.len());
                for item in &list.items {
                    match self.json(*item)? {
                        Some(json) => items.push(json),
                        None => return Ok(None),
                    }
                }
                Json::Array(items)
            }
            Data::Set(set) => {
                let mut map = serde_json::Map::new();
                for (name, attribute) in set.iter() {
                    match self.json(attribute.value)? {
                        Some(json) => map.insert(name.to_string(), json),
                        None => return Ok(None),
                    };
                }
                Json::Object(map)
            }
            Data::Lambda(_) | Data::Builtin(_) => return Ok(None),
        }))
    }
}

/// `path` with one more name.
pub(super) fn below(path: &[String], name: &str) -> Vec<String> {
    let mut path = path.to_vec();
    path.push(name.to_owned());
    path
}

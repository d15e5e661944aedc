//! Reading typed facts off Nix values, each with the place that wrote it.

use std::rc::Rc;

use serde_json::Value as Json;

use super::reach::{DEFAULT_PRIORITY, Reach};
use crate::model::{Located, Reading, Texts, UnknownFact};
use crate::nix::eval::{
    AttrSet, Attribute, Data, Eval, Evaluator, List, Openness, Thunk, Unknown, Value, Why,
};
use crate::nix::source::Span;

/// A set within the configuration, and the attribute path that leads to it.
#[derive(Clone)]
pub(super) struct SetAt {
    pub(super) set: Rc<AttrSet>,
    pub(super) path: Vec<String>,
    pub(super) at: Option<Span>,
    /// The definitions that it was merged from.
    pub(super) reach: Rc<[Reach]>,
    /// Weaker definitions than these were dropped, here or above: what is seen of them does not
    /// count.
    pub(super) only: bool,
    /// A definition of this set says how strong it is.
    pub(super) forced: bool,
}

impl SetAt {
    /// The priority of the strongest definition of the option `name`, and whether any definition
    /// says in which order it wants to be merged.
    pub(super) fn strength(&self, e: &Evaluator, name: &str) -> (i64, bool) {
        let reach = super::reach::raw(e, &self.reach, &below(&self.path, name));
        let priorities = reach.iter().map(|r| r.priority.unwrap_or(DEFAULT_PRIORITY));
        (
            priorities.min().unwrap_or(DEFAULT_PRIORITY),
            reach.iter().any(|r| r.order.is_some()),
        )
    }
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

    /// The same, with the binding that wrote it where nothing nearer is known.
    fn fact_at(&self, path: &[String], unknown: &Unknown, entry: Option<Span>) -> UnknownFact {
        let mut fact = self.fact(path, unknown);
        fact.at = fact.at.or(entry);
        fact
    }

    /// Records something that is not known and has no other place to be said.
    pub(super) fn note(&self, fact: UnknownFact) {
        let mut unknown = self.unknown.borrow_mut();
        if !unknown.contains(&fact) {
            unknown.push(fact);
        }
    }

    /// What is known; the rest is noted.
    pub(super) fn known<T>(&self, reading: Reading<T>) -> Option<T> {
        reading.map_err(|fact| self.note(fact)).ok()
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
    pub(super) fn set(
        &self,
        thunk: Thunk,
        path: Vec<String>,
        at: Option<Span>,
        reach: Rc<[Reach]>,
    ) -> Option<SetAt> {
        match super::reach::holds(self.e, &reach) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(unknown) => {
                self.note(self.fact(&path, &unknown));
                return None;
            }
        }
        match self.e.force(thunk) {
            Ok(Value {
                data: Data::Set(set),
                at: own,
            }) => {
                // Only within a list is one seen: elsewhere they are merged away.
                if let Some(kind) = super::reach::wrapper(self.e, &set) {
                    let why = format!("a `{kind}` in an element of a list is not evaluated");
                    let (what, at) = (path.join("."), own);
                    self.note(UnknownFact { what, why, at });
                    return None;
                }
                Some(SetAt {
                    set,
                    path,
                    at: at.or(own),
                    reach,
                    only: false,
                    forced: false,
                })
            }
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

    /// Why a set may have attributes that are not seen, if it may.
    fn hidden(set: &AttrSet) -> Option<&Why> {
        match &set.open {
            // Every merged set says so of what nobody defines.
            Openness::Open(Why::Config(_) | Why::Undefined(_)) | Openness::Closed => None,
            Openness::Open(why) => Some(why),
        }
    }

    /// The attribute `name`, which may be absent, or hidden in what is not known.
    fn attribute(&self, parent: &SetAt, name: &str) -> Reading<Option<Attribute>> {
        match (parent.set.get(name), Self::hidden(&parent.set)) {
            (Some(_), _) if self.is_dropped(parent, name) => Ok(None),
            (Some(attribute), _) => Ok(Some(*attribute)),
            (None, None) => Ok(None),
            (None, Some(why)) => Err(UnknownFact {
                what: below(&parent.path, name).join("."),
                why: why.to_string(),
                at: parent.at,
            }),
        }
    }

    /// Whether only definitions that do not count give the attribute `name`.
    fn is_dropped(&self, parent: &SetAt, name: &str) -> bool {
        let path = below(&parent.path, name);
        parent.only && super::reach::raw(self.e, &parent.reach, &path).is_empty()
    }

    /// The value of the attribute `name`; `None` where nobody defines it.
    fn value(&self, parent: &SetAt, name: &str) -> Reading<Option<Value>> {
        let Some(attribute) = self.attribute(parent, name)? else {
            return Ok(None);
        };
        let path = below(&parent.path, name);
        match self.e.force(attribute.value) {
            Ok(value) => Ok(Some(value)),
            Err(unknown) if unknown.is_undefined(&path) => Ok(None),
            Err(unknown) => Err(self.fact_at(&path, &unknown, attribute.entry)),
        }
    }

    /// The set under `name`.
    pub(super) fn child(&self, parent: &SetAt, name: &str) -> Option<SetAt> {
        let attribute = self.known(self.attribute(parent, name))??;
        let path = below(&parent.path, name);
        let below = super::reach::below(self.e, &parent.reach, &path);
        let set = self.set(attribute.value, path, attribute.entry, below.reach)?;
        Some(SetAt {
            only: parent.only || below.dropped,
            forced: below.forced,
            ..set
        })
    }

    /// All sets below a set of sets, by name.
    pub(super) fn children(&self, parent: &SetAt) -> Vec<(String, SetAt)> {
        if let Some(why) = Self::hidden(&parent.set) {
            self.note(UnknownFact {
                what: parent.path.join("."),
                why: why.to_string(),
                at: parent.at,
            });
        }
        let named = parent
            .set
            .iter()
            .filter_map(|(name, _)| Some((name.to_string(), self.child(parent, name)?)));
        named.collect()
    }

    /// The sets in a list under `name`, with their index in it.
    pub(super) fn list(&self, parent: &SetAt, name: &str) -> Vec<(usize, SetAt)> {
        let path = below(&parent.path, name);
        let Some(Some(value)) = self.known(self.value(parent, name)) else {
            return Vec::new();
        };
        let Data::List(list) = &value.data else {
            self.note(self.wrong_type(&path, "a list", &value));
            return Vec::new();
        };
        let sets = list.items.iter().enumerate().filter_map(|(index, item)| {
            let path = below(&path, &index.to_string());
            Some((index, self.set(*item, path, None, Rc::from([]))?))
        });
        sets.collect()
    }

    /// The paths in a list of strings, and of sets that hold one under `field`.
    pub(super) fn paths(&self, parent: &SetAt, name: &str, field: &str) -> Vec<String> {
        let path = below(&parent.path, name);
        let Some(Some(value)) = self.known(self.value(parent, name)) else {
            return Vec::new();
        };
        let Data::List(list) = &value.data else {
            self.note(self.wrong_type(&path, "a list", &value));
            return Vec::new();
        };
        let one = |item: &Thunk| match self.e.force(*item) {
            Ok(Value {
                data: Data::Str(text),
                ..
            }) => Some(text.to_string()),
            Ok(_) => {
                let set = self.set(*item, path.clone(), None, Rc::from([]))?;
                self.known_text(&set, field)
            }
            Err(unknown) => {
                self.note(self.fact(&path, &unknown));
                None
            }
        };
        list.items.iter().filter_map(one).collect()
    }

    /// A string attribute; `None` where it is `null` or nobody defines it.
    pub(super) fn text(&self, parent: &SetAt, name: &str) -> Reading<Option<Located<String>>> {
        match self.value(parent, name)? {
            Some(Value {
                data: Data::Str(text),
                at,
            }) => match in_store(self.e, &text, at) {
                Some(why) => Err(self.fact(&below(&parent.path, name), &why)),
                None => Ok(Some(Located::new(text.to_string(), at))),
            },
            None
            | Some(Value {
                data: Data::Null, ..
            }) => Ok(None),
            Some(other) => Err(self.wrong_type(&below(&parent.path, name), "a string", &other)),
        }
    }

    /// A string attribute; an unknown one is noted and left out.
    pub(super) fn known_text(&self, parent: &SetAt, name: &str) -> Option<String> {
        Some(self.known(self.text(parent, name))??.value)
    }

    /// An integer attribute; `None` where it is `null` or nobody defines it.
    pub(super) fn int(&self, parent: &SetAt, name: &str) -> Reading<Option<i64>> {
        match self.value(parent, name)? {
            Some(Value {
                data: Data::Int(int),
                ..
            }) => Ok(Some(int)),
            None
            | Some(Value {
                data: Data::Null, ..
            }) => Ok(None),
            Some(other) => Err(self.wrong_type(&below(&parent.path, name), "an integer", &other)),
        }
    }

    /// A boolean attribute; `None` where nobody defines it.
    pub(super) fn flag(&self, parent: &SetAt, name: &str) -> Reading<Option<bool>> {
        match self.value(parent, name)? {
            Some(Value {
                data: Data::Bool(b),
                ..
            }) => Ok(Some(b)),
            None => Ok(None),
            Some(other) => Err(self.wrong_type(&below(&parent.path, name), "a bool", &other)),
        }
    }

    /// A list of strings; `default` where nobody defines it.
    pub(super) fn texts(&self, parent: &SetAt, name: &str, default: &[&str]) -> Texts {
        let path = below(&parent.path, name);
        let entry = parent.set.get(name).and_then(|a| a.entry);
        match self.value(parent, name) {
            Ok(Some(Value {
                data: Data::List(list),
                ..
            })) => match self.items(parent, &path, &list) {
                Some(items) => Texts::of(
                    items
                        .into_iter()
                        .filter_map(|item| self.element(item, &path, entry))
                        .collect(),
                ),
                None => Texts::Unknown(UnknownFact {
                    what: path.join("."),
                    why: "it is not known in which order its definitions are merged".to_owned(),
                    at: parent.at,
                }),
            },
            Ok(Some(other)) => Texts::Unknown(self.wrong_type(&path, "a list", &other)),
            Ok(None) => Texts::unwritten(default),
            Err(fact) => Texts::Unknown(fact),
        }
    }

    /// The elements of a merged list in the order in which its option merges its definitions.
    fn items(&self, parent: &SetAt, path: &[String], list: &List) -> Option<Vec<Thunk>> {
        let reach = super::reach::raw(self.e, &parent.reach, path);
        if reach.len() < 2 {
            return Some(list.items.clone());
        }
        let mut items = Vec::with_capacity(list.items.len());
        for definition in super::reach::merged(self.e, &reach)? {
            match definition.value.data {
                Data::List(part) => items.extend(&part.items),
                _ => return None,
            }
        }
        let same = items.len() == list.items.len() && items.iter().all(|i| list.items.contains(i));
        same.then_some(items)
    }

    /// An element of a list of strings, as `types.listOf` reads it: its `mkIf` may drop it.
    fn element(
        &self,
        thunk: Thunk,
        path: &[String],
        entry: Option<Span>,
    ) -> Option<Reading<Located<String>>> {
        let reach = super::reach::of(self.e, thunk);
        let wrapped = |r: &&Reach| !r.is_bare();
        let value = match reach.iter().find(wrapped) {
            Some(only) if reach.len() == 1 => match super::reach::holds(self.e, &reach) {
                Ok(true) => Ok(only.value.clone()),
                Ok(false) => return None,
                Err(unknown) => Err(unknown),
            },
            _ => self.e.force(thunk),
        };
        Some(match value {
            Ok(Value {
                data: Data::Str(text),
                at,
            }) => match in_store(self.e, &text, at) {
                Some(why) => Err(self.fact_at(path, &why, entry)),
                None => Ok(Located::new(text.to_string(), at)),
            },
            Ok(other) => Err(self.wrong_type(path, "a string", &other)),
            Err(unknown) => Err(self.fact_at(path, &unknown, entry)),
        })
    }

    /// A plain value as JSON: no functions.
    pub(super) fn json(&self, thunk: Thunk) -> Eval<Option<Json>> {
        let value = self.e.force(thunk)?;
        Ok(Some(match value.data {
            Data::Null => Json::Null,
            Data::Bool(b) => b.into(),
            Data::Int(i) => i.into(),
            Data::Float(f) => f.into(),
            Data::Str(s) => match in_store(self.e, &s, value.at) {
                Some(why) => return Err(why),
                None => (&*s).into(),
            },
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
            // A package or a flake stands for its path, as `toJSON` has it; whole flakes hold each
            // other without end.
            Data::Set(set) if set.get("outPath").is_some() => {
                return match set.get("outPath") {
                    Some(path) => self.json(path.value),
                    None => Ok(None),
                };
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

/// Why a text is not known that names the project's own directory without saying so in its literal:
/// Nix evaluates a copy in its store, of which only the hash is missing here.
fn in_store(e: &Evaluator, text: &str, at: Option<Span>) -> Option<Rc<Unknown>> {
    let root = e.sources().root().to_str()?;
    if root.len() < 2 || !text.contains(root) {
        return None;
    }
    if at.is_some_and(|at| e.sources().text(at).contains(root)) {
        return None;
    }
    let what = "the project's path in the store of Nix".to_owned();
    Some(Unknown::new(Why::Outside(what), at))
}

//! The definitions and declarations of one whole evaluation, filled when all modules are known.

use std::cell::RefCell;
use std::rc::Rc;

use super::definition::{Definition, resolve};
use super::kind::TypeRef;
use super::node::Node;
use crate::nix::eval::{Eval, Evaluator, Name, Openness, Thunk, Unknown, Value, Why};
use crate::nix::source::Span;

/// What an option means that no visible module declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Universe {
    /// nixpkgs declares it.
    Nixos,
    /// Nobody does.
    Closed,
}

/// What the modules of one evaluation say.
pub(super) struct Roots {
    pub universe: Universe,
    /// Where this evaluation sits in the one around it.
    prefix: Rc<Vec<Name>>,
    filled: RefCell<Option<Filled>>,
}

#[derive(Clone)]
struct Filled {
    definitions: Rc<Vec<Definition>>,
    options: Rc<Vec<Thunk>>,
    freeform: Option<TypeRef>,
    /// Set if a module of the project itself could not be read.
    incomplete: Option<Why>,
    /// No module but nixpkgs' own is unknown.
    complete: bool,
}

impl std::fmt::Debug for Roots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Roots")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Roots {
    pub(super) fn new(universe: Universe, prefix: Rc<Vec<Name>>) -> Self {
        Roots {
            universe,
            prefix,
            filled: RefCell::default(),
        }
    }

    /// Where this evaluation sits in the one around it.
    pub(super) fn prefix(&self) -> &[Name] {
        &self.prefix
    }

    pub(super) fn fill(
        &self,
        definitions: Vec<Definition>,
        options: Vec<Thunk>,
        freeform: Option<TypeRef>,
        incomplete: Option<Why>,
        complete: bool,
    ) {
        *self.filled.borrow_mut() = Some(Filled {
            definitions: Rc::new(definitions),
            options: Rc::new(options),
            freeform,
            incomplete,
            complete,
        });
    }

    /// What an attribute means that is neither declared nor defined below a path.
    pub(super) fn openness(&self, path: &[Name]) -> Openness {
        match self.universe {
            Universe::Nixos => {
                let complete = self
                    .filled
                    .borrow()
                    .as_ref()
                    .is_some_and(|filled| filled.complete);
                let path = path.join(".");
                Openness::Open(match complete {
                    true => Why::Undefined(path),
                    false => Why::Config(path),
                })
            }
            Universe::Closed => match &*self.filled.borrow() {
                Some(Filled {
                    incomplete: Some(why),
                    ..
                }) => Openness::Open(why.clone()),
                _ => Openness::Closed,
            },
        }
    }

    pub(super) fn node(self: &Rc<Self>) -> Eval<Node> {
        let filled = self.filled.borrow().clone();
        match filled {
            Some(filled) => Ok(Node {
                roots: Rc::clone(self),
                path: Rc::clone(&self.prefix),
                definitions: filled.definitions,
                options: filled.options,
                freeform: filled.freeform,
            }),
            // Nix would recurse for ever: which modules there are depends on what they define.
            None => {
                let why = "infinite recursion: imports depend on config".to_owned();
                Err(Unknown::new(Why::Refused(why), None))
            }
        }
    }

    fn at_path(self: &Rc<Self>, e: &Evaluator, path: &[&str]) -> Eval<Node> {
        let mut node = self.node()?;
        for name in path {
            node = node.child(e, &Name::from(*name));
        }
        Ok(node)
    }

    /// All definitions of a path.
    pub(super) fn at(self: &Rc<Self>, e: &Evaluator, path: &[&str]) -> Vec<Definition> {
        let node = self.at_path(e, path);
        node.map(|n| n.definitions.to_vec()).unwrap_or_default()
    }

    /// The merged value of a path, if it has definitions.
    pub(super) fn value_at(self: &Rc<Self>, e: &Evaluator, path: &[&str]) -> Eval<Option<Value>> {
        let node = self.at_path(e, path)?;
        match node.definitions.is_empty() {
            true => Ok(None),
            false => node.merge(e).map(Some),
        }
    }

    pub(super) fn bodies(self: &Rc<Self>, e: &Evaluator) -> Vec<Body> {
        let Ok(node) = self.node() else {
            return Vec::new();
        };
        let body = |r: super::definition::Resolved| {
            r.set()?;
            let set = r.value.as_ref().ok()?.at?;
            let conditional = !r.definition.conditions.is_empty();
            Some(Body { set, conditional })
        };
        resolve(e, &node.definitions)
            .into_iter()
            .filter_map(body)
            .collect()
    }
}

/// A set of definitions at the root of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body {
    /// The expression that gave the set.
    pub set: Span,
    /// It stands below an `mkIf`.
    pub conditional: bool,
}

//! How NixOS merges definitions: modules → one configuration, lazily, with every definition's place.
//!
//! Definitions combine as nixpkgs' `lib/modules.nix` combines them: priorities (`mkForce`,
//! `mkDefault`, `mkOverride`), order (`mkBefore`, `mkAfter`), conditions (`mkIf`), lists by
//! concatenation in nixpkgs' order of definitions, sets attribute by attribute. Options that only
//! nixpkgs declares have no type here: where the type would decide, the value is unknown.

mod collect;
pub(in crate::nix) mod defaults;
mod definition;
mod kind;
mod node;
mod options;
mod primitives;
mod roots;
mod snapshot;
mod submodule;
mod typed;
mod untyped;

use std::rc::Rc;

pub use definition::Definition;
pub(in crate::nix) use primitives::PRIMITIVES;
pub use roots::Body;
pub use snapshot::{Change, Tree, difference};
pub use submodule::is_submodule;

use super::eval::{Evaluator, Name, Thunk, Unknown, Value, Why};
use super::source::{FileId, Span};

/// The configuration that a list of modules gives.
#[derive(Debug)]
pub struct Configuration {
    config: Thunk,
    definitions: Rc<roots::Roots>,
    /// The files in which its modules are written, in the order in which they were met.
    pub files: Vec<FileId>,
    /// What could not be taken into account, in the order it was met.
    pub skipped: Vec<Skipped>,
}

/// Who calls the modules, which decides what an argument that nobody passes means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// NixOS: every formal is passed, from `_module.args` if from nowhere else.
    Nixos,
    /// The disko command line, on a file by itself: defaults of formals apply.
    Disko,
}

/// A module, or an import, that is not part of the result.
#[derive(Debug, Clone)]
pub struct Skipped {
    /// Why its content is not known.
    pub why: Rc<Unknown>,
    /// The import that names it.
    pub at: Option<Span>,
}

impl Skipped {
    /// Whether Nix reads it and may find more definitions in it: it belongs to the project, and it
    /// is this program that could not. (What Nix would refuse has no configuration at all.)
    pub fn hides(&self) -> bool {
        match &self.why.why {
            Why::Syntax { .. } | Why::File(_) | Why::Refused(_) | Why::Thrown(_) => false,
            why => !collect::is_outside(why),
        }
    }
}

impl Configuration {
    /// Evaluates modules with these extra arguments (`specialArgs`).
    pub fn evaluate(
        evaluator: &Evaluator,
        modules: &[Thunk],
        arguments: &[(Name, Thunk)],
        caller: Caller,
    ) -> Configuration {
        let pending = modules.iter().map(|m| collect::Pending::root(*m)).collect();
        let scope = collect::Scope {
            arguments: arguments.to_vec(),
            module_arguments: Vec::new(),
            prefix: Rc::default(),
            universe: roots::Universe::Nixos,
            caller,
        };
        collect::collect(evaluator, pending, scope)
    }

    /// The value of `config`.
    pub fn config(&self) -> Thunk {
        self.config
    }

    /// What `nixosSystem` gives for it: a set of `config`, `options` and more that is not known.
    pub fn result(&self, e: &Evaluator) -> Value {
        primitives::result(e, self.config, &self.definitions)
    }

    /// `config.<path>`: `Ok(None)` when no module defines it.
    pub fn get(&self, e: &Evaluator, path: &[&str]) -> Result<Option<Value>, Rc<Unknown>> {
        if self.definitions(e, path).is_empty() {
            return Ok(None);
        }
        let path: Vec<Name> = path.iter().map(|s| Name::from(*s)).collect();
        e.select(self.config, &path, None, None).map(Some)
    }

    /// All definitions that reach an option, in nixpkgs' order, conditions and priorities applied
    /// to none of them.
    pub fn definitions(&self, e: &Evaluator, path: &[&str]) -> Vec<Definition> {
        self.definitions.at(e, path)
    }

    /// The set literals that modules consist of, below their `mkIf` and `mkMerge`, in the order in
    /// which modules were met.
    pub fn bodies(&self, e: &Evaluator) -> Vec<Body> {
        let mut bodies = self.definitions.bodies(e);
        bodies.reverse();
        bodies
    }

    /// Everything that the modules define, evaluated throughout.
    pub fn snapshot(&self, e: &Evaluator) -> Tree {
        snapshot::take(e, self.config)
    }
}

//! One path of a configuration: what is declared and defined there, and what it merges to.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::definition::{
    Definition, OPTION_DEFAULT_PRIORITY, Resolved, discharge, effective, overrides_here, resolve,
    unwrap, wrapper,
};
use super::kind::{Kind, TypeRef, element, kind};
use super::roots::{Roots, Universe};
use super::submodule::is_submodule;
use super::typed;
use super::untyped;
use crate::nix::eval::{
    AttrSet, Attribute, Data, Eval, Evaluator, Name, Openness, Thunk, Unknown, Value, Why,
};

/// Everything that is said about one path.
#[derive(Clone)]
pub(super) struct Node {
    pub roots: Rc<Roots>,
    pub path: Rc<Vec<Name>>,
    pub definitions: Rc<Vec<Definition>>,
    /// The declarations at this path: options, or sets of options.
    pub options: Rc<Vec<Thunk>>,
    /// The type of what is defined below here without being declared.
    pub freeform: Option<TypeRef>,
}

/// An option that some module declares.
pub(super) struct Declaration {
    /// Its declarations, the first of which decides what is not a matter of merging.
    pub sets: Vec<Rc<AttrSet>>,
    /// Options declared below an option whose type has options of its own.
    pub below: Vec<Thunk>,
}

impl Declaration {
    pub(super) fn get(&self, name: &str) -> Option<&Attribute> {
        self.sets.iter().find_map(|set| set.get(name))
    }

    /// The type, if any declaration has one.
    pub(super) fn of_type(&self) -> Option<TypeRef> {
        let mut types = self
            .sets
            .iter()
            .filter_map(|set| Some(TypeRef::Value(set.get("type")?.value)));
        let first = types.next()?;
        let mut joined = types.fold(first, |a, b| TypeRef::Both(Rc::new(a), Rc::new(b)));
        for options in &self.below {
            joined = TypeRef::Below(Rc::new(joined), *options);
        }
        Some(joined)
    }
}

impl Node {
    /// The path with dots.
    pub(super) fn dotted(&self) -> String {
        self.path.join(".")
    }

    fn is_root(&self) -> bool {
        self.path.len() == self.roots.prefix().len()
    }

    /// The node of an attribute.
    pub(super) fn child(&self, e: &Evaluator, name: &Name) -> Node {
        let mut definitions = Vec::new();
        for resolved in resolve(e, &self.definitions) {
            if let Some(attribute) = resolved.set().and_then(|set| set.get(name)) {
                definitions.push(Definition {
                    value: attribute.value,
                    entry: attribute.entry.or(resolved.definition.entry),
                    ..resolved.definition
                });
            }
        }
        self.named(e, name, definitions)
    }

    fn named(&self, e: &Evaluator, name: &Name, mut definitions: Vec<Definition>) -> Node {
        let mut path = Vec::clone(&self.path);
        path.push(name.clone());
        let mut options = Vec::new();
        for option in self.options.iter() {
            if let Some(set) = group(e, *option)
                && let Some(attribute) = set.get(name)
            {
                options.push(attribute.value);
            }
        }
        // nixpkgs merges in the reverse order of modules, and so does each submodule once more.
        let is_undeclared = options.is_empty() && self.roots.universe == Universe::Nixos;
        if is_undeclared && is_submodule(&path) {
            definitions.reverse();
        }
        // `_module` is declared everywhere, so it is never of the type for the undeclared.
        let freeform = self
            .freeform
            .as_ref()
            .filter(|_| !(self.is_root() && *name == "_module"))
            .and_then(|of| element(e, of).ok().flatten());
        Node {
            roots: Rc::clone(&self.roots),
            path: Rc::new(path),
            definitions: Rc::new(definitions),
            options: Rc::new(options),
            freeform,
        }
    }

    /// The declaration, if this path is an option that a visible module declares.
    pub(super) fn declaration(&self, e: &Evaluator) -> Option<Declaration> {
        let (mut sets, mut below) = (Vec::new(), Vec::new());
        for option in self.options.iter() {
            let Ok(Value {
                data: Data::Set(set),
                ..
            }) = e.force(*option)
            else {
                continue;
            };
            match wrapper(e, &set).as_deref() {
                Some("option") => sets.push(set),
                _ => below.push(*option),
            }
        }
        (!sets.is_empty()).then_some(Declaration { sets, below })
    }

    /// The definitions that an option's value is made of, its own default among them.
    pub(super) fn counted(&self, e: &Evaluator, declaration: &Declaration) -> Vec<Resolved> {
        let mut resolved = Vec::new();
        if let Some(default) = declaration.get("default") {
            let mut definition = Definition::new(default.value, default.entry, None);
            definition.priority = Some(OPTION_DEFAULT_PRIORITY);
            unwrap(e, definition, &mut resolved);
        }
        resolved.extend(resolve(e, &self.definitions));
        effective(e, resolved)
    }

    pub(super) fn merge(&self, e: &Evaluator) -> Eval<Value> {
        match self.declaration(e) {
            Some(declaration) => self.merge_declared(e, &declaration),
            None => {
                // What is declared here could not be read.
                for option in self.options.iter() {
                    e.force(*option)?;
                }
                self.merge_undeclared(e)
            }
        }
    }

    fn merge_declared(&self, e: &Evaluator, declaration: &Declaration) -> Eval<Value> {
        let Some(apply) = declaration.get("apply") else {
            return self.merge_by_type(e, declaration);
        };
        let apply = e.force(apply.value)?;
        // Only what it is applied to when `apply` looks at it, as in nixpkgs.
        let node = self.clone();
        let merged = e.native(move |e| match node.declaration(e) {
            Some(declaration) => node.merge_by_type(e, &declaration),
            None => node.merge_undeclared(e),
        });
        e.call(&apply, merged, None)
    }

    fn merge_by_type(&self, e: &Evaluator, declaration: &Declaration) -> Eval<Value> {
        let resolved = self.counted(e, declaration);
        match declaration.of_type() {
            Some(of) => {
                let kind = kind(e, &of)?;
                let merged = typed::merge(e, &self.roots, &kind, &self.path, resolved)?;
                merged
                    .or_else(|| kind.empty())
                    .ok_or_else(|| self.undefined_option())
            }
            None if resolved.is_empty() => Err(self.undefined_option()),
            None => untyped::default_merge(e, &self.dotted(), resolved),
        }
    }

    fn undefined_option(&self) -> Rc<Unknown> {
        let why = format!("the option {} is used but not defined", self.dotted());
        Unknown::new(Why::Thrown(why), None)
    }

    fn merge_undeclared(&self, e: &Evaluator) -> Eval<Value> {
        let grouped = self.options.iter().any(|o| group(e, *o).is_some());
        if let (Some(of), false) = (&self.freeform, grouped || self.is_root()) {
            let kind = kind(e, of)?;
            let resolved = effective(e, resolve(e, &self.definitions));
            let merged = typed::merge(e, &self.roots, &kind, &self.path, resolved)?;
            return merged.ok_or_else(|| Unknown::new(Why::Config(self.dotted()), None));
        }
        if self.definitions.is_empty() && !grouped && !self.is_root() {
            return Err(Unknown::new(Why::Config(self.dotted()), None));
        }
        let resolved = resolve(e, &self.definitions);
        let is_set = |r: &Resolved| r.set().is_some_and(|set| !is_package(set));
        // Above options there are only sets.
        if grouped || resolved.iter().all(is_set) {
            return Ok(self.merge_sets(e, resolved));
        }
        let resolved = effective(e, resolved);
        if !resolved.is_empty() && resolved.iter().all(is_set) {
            return Ok(self.merge_sets(e, resolved));
        }
        untyped::leaf(e, &self.dotted(), resolved)
    }

    fn merge_sets(&self, e: &Evaluator, resolved: Vec<Resolved>) -> Value {
        // A `mkForce { … }` around a set drops the others only where the set is one option's
        // value, which without nixpkgs' declarations cannot be told.
        let ambiguous = resolved.len() > 1
            && resolved.iter().any(|r| overrides_here(e, &r.definition))
            && resolved
                .iter()
                .any(|r| r.definition.strength() != resolved[0].definition.strength());
        let doubt = ambiguous.then(|| {
            let what = format!("an override of the whole of {}", self.dotted());
            Unknown::new(Why::Unsupported(what), resolved[0].definition.entry)
        });
        let mut children: BTreeMap<Name, Vec<Definition>> = BTreeMap::new();
        let mut open = self.roots.openness(&self.path);
        for r in &resolved {
            let Some(set) = r.set() else { continue };
            if let Openness::Open(why) = &set.open
                && !matches!(why, Why::Config(_) | Why::Undefined(_))
            {
                open = Openness::Open(why.clone());
            }
            for (name, attribute) in set.iter() {
                let mut definition = r.definition.clone();
                definition.value = attribute.value;
                definition.entry = attribute.entry.or(definition.entry);
                definition.doubt = definition.doubt.or_else(|| doubt.clone());
                children.entry(name.clone()).or_default().push(definition);
            }
        }
        // Options that are declared here but defined nowhere have their defaults.
        for option in self.options.iter() {
            if let Some(set) = group(e, *option) {
                set.iter().for_each(|(name, _)| {
                    children.entry(name.clone()).or_default();
                });
            }
        }
        let at = match resolved.as_slice() {
            [only] => only.value.as_ref().ok().and_then(|v| v.at),
            _ => None,
        };
        let strict = self.freeform.is_some()
            && self.roots.universe != Universe::Nixos
            && matches!(
                self.freeform.as_ref().map(|of| kind(e, of)),
                Some(Ok(Kind::AttrsOf(_)))
            );
        let entries = children.into_iter().filter_map(|(name, definitions)| {
            let entry = definitions.first().and_then(|d| d.entry);
            let node = self.named(e, &name, definitions);
            // As nixpkgs' `attrsOf`: what no condition lets through has no name either.
            if strict
                && node.options.is_empty()
                && discharge(e, resolve(e, &node.definitions)).is_empty()
            {
                return None;
            }
            let value = e.native(move |e| node.merge(e));
            Some((name, Attribute { value, entry }))
        });
        let mut set = AttrSet::new(entries.collect());
        set.open = open;
        Value {
            data: Data::Set(Rc::new(set)),
            at,
        }
    }
}

/// A set of options, which is not itself an option.
fn group(e: &Evaluator, option: Thunk) -> Option<Rc<AttrSet>> {
    match e.force(option) {
        Ok(Value {
            data: Data::Set(set),
            ..
        }) if set.get("_type").is_none() => Some(set),
        _ => None,
    }
}

/// Whether a set is one value to its option, and not a set of options.
fn is_package(set: &AttrSet) -> bool {
    matches!(set.open, Openness::Open(Why::KernelPackages(_)))
        || set.get("type").is_some()
            && (set.get("outPath").is_some() || set.get("drvPath").is_some())
}

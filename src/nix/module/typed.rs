//! Merging by type: what nixpkgs' `lib/types.nix` does for the options that modules declare.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::collect::{self, Pending, Said};
use super::definition::{Definition, Resolved, discharge, effective, resolve};
use super::kind::{self, Kind, Submodule, TypeRef};
use super::roots::{Roots, Universe};
use super::untyped;
use crate::nix::eval::{
    AttrSet, Attribute, Data, Eval, Evaluator, List, Name, Openness, Thunk, Unknown, Value, Why,
    update,
};

/// The merged value of definitions that count (see [`effective`]); `None` if there are none.
pub(super) fn merge(
    e: &Evaluator,
    roots: &Rc<Roots>,
    kind: &Kind,
    path: &Rc<Vec<Name>>,
    resolved: Vec<Resolved>,
) -> Eval<Option<Value>> {
    if resolved.is_empty() {
        return Ok(None);
    }
    if let Some(doubt) = resolved.iter().find_map(|r| r.definition.doubt.clone()) {
        return Err(doubt);
    }
    for r in &resolved {
        let value = r.value.clone()?;
        if !check(e, kind, &value)? {
            let dotted = path.join(".");
            let why = format!(
                "{dotted} is given a {}, which its type refuses",
                value.type_name()
            );
            return Err(Unknown::new(Why::Thrown(why), value.at));
        }
    }
    Merge { e, roots, path }.checked(kind, resolved).map(Some)
}

/// One merge: where, and in which evaluation.
struct Merge<'a> {
    e: &'a Evaluator,
    roots: &'a Rc<Roots>,
    path: &'a Rc<Vec<Name>>,
}

impl Merge<'_> {
    fn checked(&self, kind: &Kind, resolved: Vec<Resolved>) -> Eval<Value> {
        let e = self.e;
        match kind {
            Kind::Scalar(_) | Kind::Enum(_) => self.equal(resolved),
            Kind::Text(separator) => untyped::joined(e, &values(resolved)?, separator),
            Kind::One => self.one(resolved),
            Kind::Unspecified => untyped::default_merge(e, &self.path.join("."), resolved),
            Kind::Attrs => {
                let all = values(resolved)?;
                if let [only] = all.as_slice() {
                    return Ok(only.clone());
                }
                let mut joined = AttrSet::default();
                for value in &all {
                    joined = update(&joined, &*e.as_set(value, value.at)?);
                }
                Ok(Value::synthetic(Data::Set(Rc::new(joined))))
            }
            Kind::Anything => self.anything(resolved),
            Kind::ListOf(of) => self.list(of, resolved),
            Kind::AttrsOf(of) => self.attributes(of, resolved, true),
            Kind::LazyAttrsOf(of) => self.attributes(of, resolved, false),
            Kind::NullOr(of) => {
                let null = |r: &Resolved| matches!(&r.value, Ok(v) if matches!(v.data, Data::Null));
                match resolved.iter().filter(|r| null(r)).count() {
                    0 => self.checked(&kind::kind(e, of)?, resolved),
                    n if n == resolved.len() => self.equal(resolved),
                    _ => Err(self.conflict(&resolved)),
                }
            }
            Kind::Unique(of) => match resolved.len() {
                1 => self.checked(&kind::kind(e, of)?, resolved),
                _ => Err(self.conflict(&resolved)),
            },
            Kind::Either(a, b) => {
                for of in [a, b] {
                    let kind = kind::kind(e, of)?;
                    let mut all = true;
                    for r in &resolved {
                        all = all && check(e, &kind, &r.value.clone()?)?;
                    }
                    if all {
                        return self.checked(&kind, resolved);
                    }
                }
                self.one(resolved)
            }
            Kind::Coerced { from, with, to } => {
                let from = kind::kind(e, from)?;
                let to = kind::kind(e, to)?;
                let with = e.force(*with)?;
                let mut coerced = Vec::with_capacity(resolved.len());
                for mut r in resolved {
                    let value = r.value?;
                    r.value = match check(e, &from, &value)? {
                        true => e.call(&with, e.done(value), None),
                        false => Ok(value),
                    };
                    coerced.push(r);
                }
                self.checked(&to, coerced)
            }
            Kind::Submodule(of) => self.submodule(of, resolved),
            Kind::Deferred(modules) => {
                let mut imports = modules.clone();
                imports.extend(values(resolved)?.into_iter().map(|v| e.done(v)));
                let list = List {
                    items: imports,
                    parts: Vec::new(),
                };
                let value = e.done(Value::synthetic(Data::List(Rc::new(list))));
                let imports = Attribute::new(value);
                let set = AttrSet::new(vec![("imports".into(), imports)]);
                Ok(Value::synthetic(Data::Set(Rc::new(set))))
            }
            Kind::Checked(inner, _) => self.checked(inner, resolved),
            Kind::Custom { merge, .. } => {
                let merge = e.force(*merge)?;
                let loc = super::primitives::texts(e, self.path.iter().map(Name::as_str));
                let definitions = super::primitives::definitions(e, &resolved)?;
                e.call_all(&merge, &[loc, definitions], None)
            }
        }
    }

    fn conflict(&self, resolved: &[Resolved]) -> Rc<Unknown> {
        let at = resolved.first().and_then(|r| r.definition.entry);
        let (path, n) = (self.path.join("."), resolved.len());
        let why = format!("{path} is defined {n} times with values that its type does not join");
        Unknown::new(Why::Thrown(why), at)
    }

    fn one(&self, resolved: Vec<Resolved>) -> Eval<Value> {
        match resolved.len() {
            1 => values(resolved)?.pop().ok_or_else(|| self.conflict(&[])),
            _ => Err(self.conflict(&resolved)),
        }
    }

    /// nixpkgs' `mergeEqualOption`.
    fn equal(&self, resolved: Vec<Resolved>) -> Eval<Value> {
        for r in &resolved[1..] {
            if !self
                .e
                .equal(&resolved[0].value.clone()?, &r.value.clone()?)?
            {
                return Err(self.conflict(&resolved));
            }
        }
        resolved[0].value.clone()
    }

    fn anything(&self, resolved: Vec<Resolved>) -> Eval<Value> {
        let plain = |r: &Resolved| {
            r.set()
                .is_some_and(|s| s.get("outPath").is_none() && s.get("__toString").is_none())
        };
        if resolved.iter().all(plain) {
            return self.attributes(&TypeRef::Anything, resolved, false);
        }
        match resolved.len() {
            1 => self.one(resolved),
            _ if resolved.iter().any(|r| {
                matches!(&r.value, Ok(v) if matches!(v.data, Data::Lambda(_) | Data::Builtin(_) | Data::Set(_)))
            }) => Err(self.conflict(&resolved)),
            _ => self.equal(resolved),
        }
    }

    fn list(&self, of: &TypeRef, resolved: Vec<Resolved>) -> Eval<Value> {
        let e = self.e;
        let kind = Rc::new(kind::kind(e, of)?);
        let single = match resolved.as_slice() {
            [only] => only.value.as_ref().ok().and_then(|v| v.at),
            _ => None,
        };
        let mut joined = List::default();
        for r in resolved {
            let value = r.value?;
            let list = e.as_list(&value, value.at)?;
            joined.parts.extend(&list.parts);
            for item in &list.items {
                let entry = r.definition.entry;
                let definition = Definition::new(*item, entry, r.definition.file);
                let plain = match e.force(*item) {
                    Err(_) => true,
                    Ok(v) => kind.is_leaf() && check(e, &kind, &v).unwrap_or(false),
                };
                if plain {
                    joined.items.push(*item);
                    continue;
                }
                let resolved = discharge(e, resolve(e, &[definition]));
                if !resolved.is_empty() {
                    let index = joined.items.len().to_string();
                    joined.items.push(self.later(&kind, &index, resolved));
                }
            }
        }
        Ok(Value {
            data: Data::List(Rc::new(joined)),
            at: single,
        })
    }

    /// The value below `name`, merged when it is needed.
    fn later(&self, kind: &Rc<Kind>, name: &str, resolved: Vec<Resolved>) -> Thunk {
        let mut path = Vec::clone(self.path);
        path.push(name.into());
        let (path, roots, kind) = (Rc::new(path), Rc::clone(self.roots), Rc::clone(kind));
        self.e.native(move |e| {
            let merged = merge(e, &roots, &kind, &path, effective(e, resolved))?;
            merged
                .or_else(|| kind.empty())
                .ok_or_else(|| Unknown::new(Why::Config(path.join(".")), None))
        })
    }

    fn attributes(&self, of: &TypeRef, resolved: Vec<Resolved>, strict: bool) -> Eval<Value> {
        let e = self.e;
        let kind = Rc::new(kind::kind(e, of)?);
        let at = match resolved.as_slice() {
            [only] => only.value.as_ref().ok().and_then(|v| v.at),
            _ => None,
        };
        let mut open = Openness::Closed;
        let mut children: BTreeMap<Name, Vec<Definition>> = BTreeMap::new();
        for r in &resolved {
            let value = r.value.clone()?;
            let set = e.as_set(&value, value.at)?;
            if let Openness::Open(why) = &set.open {
                open = Openness::Open(why.clone());
            }
            for (name, attribute) in set.iter() {
                let entry = attribute.entry.or(r.definition.entry);
                let definition = Definition::new(attribute.value, entry, r.definition.file);
                children.entry(name.clone()).or_default().push(definition);
            }
        }
        let mut entries = Vec::with_capacity(children.len());
        for (name, definitions) in children {
            let entry = definitions.first().and_then(|d| d.entry);
            let mut resolved = resolve(e, &definitions);
            if strict {
                resolved = discharge(e, resolved);
                if resolved.is_empty() {
                    continue;
                }
                if let Some(doubt) = resolved.iter().find_map(|r| r.definition.doubt.as_ref()) {
                    open = Openness::Open(doubt.why.clone());
                }
            }
            let value = self.later(&kind, &name, resolved);
            entries.push((name, Attribute { value, entry }));
        }
        let mut set = AttrSet::new(entries);
        set.open = open;
        Ok(Value {
            data: Data::Set(Rc::new(set)),
            at,
        })
    }

    fn submodule(&self, of: &Submodule, resolved: Vec<Resolved>) -> Eval<Value> {
        let e = self.e;
        let at = match resolved.as_slice() {
            [only] => only.value.as_ref().ok().and_then(|v| v.at),
            _ => None,
        };
        let mut modules: Vec<Pending> = of.modules.iter().map(|m| Pending::root(*m)).collect();
        for options in &of.options {
            modules.push(Pending::options(*options));
        }
        for r in resolved {
            let value = r.value?;
            let shorthand = matches!(&value.data, Data::Set(set) if set.get("__functor").is_none());
            let definition = Definition {
                value: e.done(value),
                priority: None,
                order: None,
                ..r.definition
            };
            modules.push(match shorthand && of.shorthand {
                true => Pending {
                    said: Said::Config(definition.clone()),
                    at: definition.entry,
                    file: definition.file,
                },
                false => Pending {
                    said: Said::Module(definition.value),
                    at: definition.entry,
                    file: definition.file,
                },
            });
        }
        let name = self.path.last().cloned().unwrap_or_default();
        let name = e.text(name.as_str());
        let universe = Universe::Closed;
        let scope = collect::Scope {
            arguments: of.arguments.clone(),
            module_arguments: vec![("name".into(), name)],
            prefix: Rc::clone(self.path),
            universe,
            caller: super::Caller::Nixos,
        };
        let evaluated = collect::collect(e, modules, scope);
        let value = e.force(evaluated.config)?;
        Ok(Value {
            at,
            ..super::primitives::without_module(&value)
        })
    }
}

fn values(resolved: Vec<Resolved>) -> Eval<Vec<Value>> {
    resolved.into_iter().map(|r| r.value).collect()
}

/// Whether a type accepts a value, as shallowly as nixpkgs looks.
pub(super) fn check(e: &Evaluator, kind: &Kind, value: &Value) -> Eval<bool> {
    let data = &value.data;
    let function = || {
        matches!(data, Data::Lambda(_) | Data::Builtin(_))
            || matches!(data, Data::Set(s) if s.get("__functor").is_some())
    };
    let set = || matches!(data, Data::Set(_));
    Ok(match kind {
        Kind::Scalar(scalar) => scalar.accepts(data),
        Kind::Text(_) => matches!(data, Data::Str(_)),
        Kind::Enum(values) => {
            for allowed in values {
                if e.equal(allowed, value)? {
                    return Ok(true);
                }
            }
            false
        }
        Kind::One | Kind::Unspecified | Kind::Anything => true,
        Kind::Attrs | Kind::AttrsOf(_) | Kind::LazyAttrsOf(_) => set(),
        Kind::ListOf(_) => matches!(data, Data::List(_)),
        Kind::NullOr(of) => matches!(data, Data::Null) || check(e, &kind::kind(e, of)?, value)?,
        Kind::Unique(of) => check(e, &kind::kind(e, of)?, value)?,
        Kind::Either(a, b) => {
            check(e, &kind::kind(e, a)?, value)? || check(e, &kind::kind(e, b)?, value)?
        }
        Kind::Coerced { from, with, to } => {
            let to = kind::kind(e, to)?;
            match check(e, &kind::kind(e, from)?, value)? {
                true => {
                    let with = e.force(*with)?;
                    let coerced = e.call(&with, e.done(value.clone()), None)?;
                    check(e, &to, &coerced)?
                }
                false => check(e, &to, value)?,
            }
        }
        Kind::Submodule(_) | Kind::Deferred(_) => {
            set() || function() || matches!(data, Data::Path(_) | Data::Str(_))
        }
        Kind::Checked(inner, predicate) => {
            let predicate = e.force(*predicate)?;
            let holds = e.call(&predicate, e.done(value.clone()), None)?;
            e.as_bool(&holds, None)? && check(e, inner, value)?
        }
        Kind::Custom { check, .. } => match check {
            Some(predicate) => {
                let predicate = e.force(*predicate)?;
                let holds = e.call(&predicate, e.done(value.clone()), None)?;
                e.as_bool(&holds, None)?
            }
            None => true,
        },
    })
}

//! From a list of modules to all modules that take part, in nixpkgs' order.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;

use super::merge::{self, Definition, Roots};
use super::{Caller, Configuration, Skipped};
use crate::nix::eval::{
    AttrSet, Attribute, Data, Eval, Evaluator, Name, Openness, Thunk, Unknown, Value, Why,
};
use crate::nix::source::Span;

/// Attributes of a module that are not configuration when it has no `config` of its own.
const STRUCTURE: &[&str] = &[
    "imports",
    "require",
    "options",
    "disabledModules",
    "key",
    "_file",
    "_class",
    "meta",
    "freeformType",
    "_type",
];

/// More modules than any configuration seen has (the largest of 759 hosts had a few hundred).
const MAX_MODULES: usize = 20_000;

struct Collector<'e> {
    e: &'e Evaluator,
    arguments: Vec<(Name, Thunk)>,
    config: Thunk,
    roots: Rc<Roots>,
    caller: Caller,
    skipped: Vec<Skipped>,
    seen: Vec<PathBuf>,
}

/// A module still to be looked at.
struct Pending {
    value: Thunk,
    at: Option<Span>,
}

pub(super) fn collect(
    e: &Evaluator,
    modules: &[Thunk],
    arguments: &[(Name, Thunk)],
    caller: Caller,
) -> Configuration {
    let roots = Rc::new(Roots::default());
    let config = {
        let roots = Rc::clone(&roots);
        e.native(move |e| merge::root(e, &roots))
    };
    let mut collector = Collector {
        e,
        arguments: arguments.to_vec(),
        config,
        roots: Rc::clone(&roots),
        caller,
        skipped: Vec::new(),
        seen: Vec::new(),
    };
    let mut queue: VecDeque<Pending> = modules
        .iter()
        .map(|m| Pending {
            value: *m,
            at: None,
        })
        .collect();
    let mut definitions = Vec::new();
    let mut options = Vec::new();
    let mut count = 0;
    // nixpkgs walks imports breadth first (`genericClosure`) and merges in the reverse order.
    while let Some(pending) = queue.pop_front() {
        count += 1;
        if count > MAX_MODULES {
            let why = Unknown::new(Why::Budget("too many modules"), pending.at);
            collector.skipped.push(Skipped {
                why,
                at: pending.at,
            });
            break;
        }
        match collector.module(&pending) {
            Ok(Some(module)) => {
                definitions.extend(module.config);
                options.extend(module.options);
                queue.extend(module.imports);
            }
            Ok(None) => {}
            Err(why) => collector.skipped.push(Skipped {
                why,
                at: pending.at,
            }),
        }
    }
    definitions.reverse();
    options.reverse();
    roots.set(definitions, options);
    Configuration {
        config,
        definitions: roots,
        skipped: collector.skipped,
    }
}

struct Module {
    config: Option<Definition>,
    options: Option<Thunk>,
    imports: Vec<Pending>,
}

impl Collector<'_> {
    /// Looks at one module; `None` if it was seen before.
    fn module(&mut self, pending: &Pending) -> Eval<Option<Module>> {
        let mut value = self.e.force(pending.value)?;
        if let Data::Path(path) | Data::Str(path) = &value.data {
            let mut path = crate::nix::source::normalise(path.as_ref().as_ref());
            if path.is_dir() {
                path.push("default.nix");
            }
            if self.seen.contains(&path) {
                return Ok(None);
            }
            self.seen.push(path.clone());
            value = self.e.import(&path, value.at.or(pending.at))?;
        }
        if let Data::Lambda(_) | Data::Builtin(_) = value.data {
            let arguments = self.arguments_for(&value);
            value = self.e.call(&value, arguments, pending.at)?;
        } else if let Data::Set(set) = &value.data
            && set.get("__functor").is_some()
        {
            let arguments = self.arguments_for(&value);
            value = self.e.call(&value, arguments, pending.at)?;
        }
        let set = match &value.data {
            Data::Set(set) => Rc::clone(set),
            _ => {
                let why = format!(
                    "a module is a set or a function, not a {}",
                    value.type_name()
                );
                return Err(Unknown::new(Why::Refused(why), value.at.or(pending.at)));
            }
        };
        if let Openness::Open(why) = &set.open {
            return Err(Unknown::new(why.clone(), value.at.or(pending.at)));
        }
        let imports = self.imports(&set, value.at);
        Ok(Some(Module {
            config: self.config_of(&value, &set)?,
            options: set.get("options").map(|a| a.value),
            imports,
        }))
    }

    fn config_of(&self, value: &Value, set: &AttrSet) -> Eval<Option<Definition>> {
        let file = value.at.map(|at| at.file);
        let definition = |thunk, entry| Definition::new(thunk, entry, file);
        if set.get("_type").is_some() {
            // `{ … }: lib.mkIf … { … }`
            return Ok(Some(definition(self.e.done(value.clone()), value.at)));
        }
        if set.get("config").is_some() || set.get("options").is_some() {
            return Ok(set.get("config").map(|a| definition(a.value, a.entry)));
        }
        let entries = set.iter().filter(|(n, _)| !STRUCTURE.contains(&n.as_str()));
        let rest = AttrSet::new(entries.map(|(n, a)| (n.clone(), *a)).collect());
        let data = Data::Set(Rc::new(rest));
        Ok(Some(definition(
            self.e.done(Value { data, at: value.at }),
            value.at,
        )))
    }

    fn imports(&mut self, set: &AttrSet, at: Option<Span>) -> Vec<Pending> {
        let mut imports = Vec::new();
        for name in ["require", "imports"] {
            let Some(attribute) = set.get(name) else {
                continue;
            };
            let list = self
                .e
                .force(attribute.value)
                .and_then(|v| self.e.as_list(&v, at));
            match list {
                Ok(list) => imports.extend(list.items.iter().map(|item| Pending {
                    value: *item,
                    at: attribute.entry,
                })),
                Err(why) => self.skipped.push(Skipped {
                    why,
                    at: attribute.entry,
                }),
            }
        }
        imports
    }

    /// The argument set that nixpkgs passes to a module.
    fn arguments_for(&self, function: &Value) -> Thunk {
        let e = self.e;
        let open = |why: Why, entries: Vec<(Name, Attribute)>| {
            let set = AttrSet::new(entries).opened(why);
            e.done(Value::synthetic(Data::Set(Rc::new(set))))
        };
        let attribute = |value| Attribute { value, entry: None };
        let lib = self
            .arguments
            .iter()
            .find(|(name, _)| name == "lib")
            .map_or_else(|| e.lib(), |(_, thunk)| *thunk);
        let pkgs = open(Why::Package, vec![("lib".into(), attribute(lib))]);
        let options = open(
            Why::Unsupported("the argument `options`".to_owned()),
            Vec::new(),
        );
        let modules_path = e.unknown(Unknown::new(
            Why::File("modulesPath lies in nixpkgs, outside the project".to_owned()),
            None,
        ));
        let mut entries = vec![
            ("config".into(), attribute(self.config)),
            ("lib".into(), attribute(lib)),
            ("modulesPath".into(), attribute(modules_path)),
            ("options".into(), attribute(options)),
            ("pkgs".into(), attribute(pkgs)),
        ];
        entries.extend(
            self.arguments
                .iter()
                .map(|(n, t)| (n.clone(), attribute(*t))),
        );
        for (name, has_default) in e.formals(function).unwrap_or_default() {
            let by_default = has_default && self.caller == Caller::Disko;
            if by_default || entries.iter().any(|(n, _)| *n == name) {
                continue;
            }
            // Whatever else a module asks for comes from `_module.args`, or from nobody we see.
            let roots = Rc::clone(&self.roots);
            let wanted = name.clone();
            let value =
                e.native(
                    move |e| match roots.value_at(e, &["_module", "args", &wanted])? {
                        Some(value) => Ok(value),
                        None => Err(Unknown::new(Why::Argument(wanted.to_string()), None)),
                    },
                );
            entries.push((name, attribute(value)));
        }
        match self.caller {
            Caller::Nixos => open(Why::Argument(String::new()), entries),
            Caller::Disko => {
                // Only what it asks for, so that a function without `...` accepts the call.
                if let Some(formals) = e.formals(function) {
                    entries.retain(|(name, _)| formals.iter().any(|(f, _)| f == name));
                }
                e.done(Value::synthetic(Data::Set(Rc::new(AttrSet::new(entries)))))
            }
        }
    }
}

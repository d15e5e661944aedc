//! From a list of modules to all modules that take part, in nixpkgs' order.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;

use rustc_hash::FxHashSet;

use super::definition::Definition;
use super::kind::TypeRef;
use super::roots::{Roots, Universe};
use super::{Caller, Configuration, Skipped, options};
use crate::nix::eval::{
    AttrSet, Attribute, Data, Eval, Evaluator, Name, Openness, Thunk, Unknown, Value, Why,
};
use crate::nix::source::{FileId, Span, normalise};

/// Attributes of a module that are not configuration when it has no `config` of its own.
const STRUCTURE: &[&str] = &[
    "imports",
    "require",
    "options",
    "disabledModules",
    "key",
    "_file",
    "_class",
    "freeformType",
    "_type",
];

/// `modulesPath`: where nixpkgs' modules stand for `import`, no path of any machine.
const MODULES_PATH: &str = "/<nixpkgs>/nixos/modules";

/// More modules than any configuration seen has (the largest of 759 hosts had a few hundred).
const MAX_MODULES: usize = 20_000;

/// How modules are called, and what is around them.
#[derive(Clone)]
pub(super) struct Scope {
    /// `specialArgs`.
    pub arguments: Vec<(Name, Thunk)>,
    /// Weaker than those: what `_module.args` has without anybody defining it.
    pub module_arguments: Vec<(Name, Thunk)>,
    pub prefix: Rc<Vec<Name>>,
    pub universe: Universe,
    pub caller: Caller,
}

/// A module still to be looked at.
#[derive(Clone)]
pub(super) struct Pending {
    pub said: Said,
    /// The import that names it.
    pub at: Option<Span>,
    /// The file that names it.
    pub file: Option<FileId>,
}

/// How a module is given.
#[derive(Clone)]
pub(super) enum Said {
    /// A module: a path, a function or a set.
    Module(Thunk),
    /// Its configuration alone.
    Config(Definition),
    /// Its options alone.
    Options(Thunk),
}

impl Pending {
    pub(super) fn root(module: Thunk) -> Self {
        Pending {
            said: Said::Module(module),
            at: None,
            file: None,
        }
    }

    pub(super) fn options(options: Thunk) -> Self {
        Pending {
            said: Said::Options(options),
            at: None,
            file: None,
        }
    }
}

/// A module that was looked at.
#[derive(Default)]
struct Module {
    key: Option<Key>,
    /// The file in which it is written.
    file: Option<FileId>,
    /// The file by which it is imported, which may only call another one.
    imported: Option<FileId>,
    config: Option<Definition>,
    options: Option<Thunk>,
    freeform: Option<Thunk>,
    disabled: Vec<Key>,
    imports: Vec<usize>,
}

/// What makes two imports one module.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    File(PathBuf),
    Named(String),
}

struct Collector<'e> {
    e: &'e Evaluator,
    scope: Scope,
    config: Thunk,
    options: Thunk,
    roots: Rc<Roots>,
    skipped: Vec<Skipped>,
    told: FxHashSet<(String, Option<Span>)>,
    modules: Vec<Module>,
    by_file: rustc_hash::FxHashMap<PathBuf, usize>,
}

pub(super) fn collect(e: &Evaluator, modules: Vec<Pending>, scope: Scope) -> Configuration {
    let roots = Rc::new(Roots::new(scope.universe, Rc::clone(&scope.prefix)));
    let config = {
        let roots = Rc::clone(&roots);
        e.native(move |e| roots.node()?.merge(e))
    };
    let options = {
        let roots = Rc::clone(&roots);
        e.native(move |e| options::tree(e, &roots))
    };
    let mut collector = Collector {
        e,
        scope,
        config,
        options,
        roots: Rc::clone(&roots),
        skipped: Vec::new(),
        told: FxHashSet::default(),
        modules: Vec::new(),
        by_file: Default::default(),
    };
    let top = collector.tree(modules);
    let chosen = collector.chosen(&top);
    let (mut definitions, mut options, mut files) = (Vec::new(), Vec::new(), Vec::new());
    let mut freeform = None;
    // nixpkgs merges in the reverse of the order in which it meets the modules.
    for index in chosen.into_iter().rev() {
        let module = &mut collector.modules[index];
        definitions.extend(module.config.take());
        options.extend(module.options.take());
        if let Some(of) = module.freeform.take() {
            freeform = Some(match freeform {
                None => TypeRef::Value(of),
                Some(other) => TypeRef::Both(Rc::new(other), Rc::new(TypeRef::Value(of))),
            });
        }
        files.extend(module.file);
        files.extend(module.imported);
    }
    files.reverse();
    let mut seen = FxHashSet::default();
    files.retain(|file| seen.insert(*file));
    let incomplete = collector
        .skipped
        .iter()
        .find(|s| !is_outside(&s.why.why))
        .map(|s| s.why.why.clone());
    // A file by itself is part of a machine of which the rest is not seen.
    let complete = collector.scope.caller == Caller::Nixos && collector.skipped.is_empty();
    roots.fill(definitions, options, freeform, incomplete, complete);
    Configuration {
        config,
        definitions: roots,
        files,
        skipped: collector.skipped,
    }
}

/// Whether a module that is not known for this reason belongs to others, who do not define what the
/// project declares.
pub(super) fn is_outside(why: &Why) -> bool {
    matches!(
        why,
        Why::Input(_)
            | Why::Modules(_)
            | Why::PlainModules(_)
            | Why::Outside(_)
            | Why::Package
            | Why::KernelPackages(_)
            | Why::Effect(_)
    ) || matches!(why, Why::File(message) if message.contains("outside the project"))
}

impl Collector<'_> {
    /// Looks at all modules that can be reached; gives the indices of the first ones.
    fn tree(&mut self, modules: Vec<Pending>) -> Vec<usize> {
        let mut top = Vec::new();
        let mut queue: VecDeque<(Option<usize>, Pending)> =
            modules.into_iter().map(|m| (None, m)).collect();
        let mut count = 0;
        while let Some((parent, pending)) = queue.pop_front() {
            count += 1;
            let at = pending.at;
            if count > MAX_MODULES {
                let why = Unknown::new(Why::Budget("too many modules"), at);
                self.skip(why, at);
                break;
            }
            let index = match self.module(pending) {
                Ok((index, imports)) => {
                    queue.extend(imports.into_iter().map(|i| (Some(index), i)));
                    index
                }
                Err(why) => {
                    self.skip(why, at);
                    continue;
                }
            };
            match parent {
                Some(parent) => self.modules[parent].imports.push(index),
                None => top.push(index),
            }
        }
        top
    }

    /// Notes a module that is not part of the result; the same one only once.
    fn skip(&mut self, why: Rc<Unknown>, at: Option<Span>) {
        let key = match &why.why {
            Why::File(message) => (message.clone(), None),
            other => (other.to_string(), at.or(why.at)),
        };
        if self.told.insert(key) {
            self.skipped.push(Skipped { why, at });
        }
    }

    /// The modules that are not disabled, breadth first, each key once (`genericClosure`).
    fn chosen(&self, top: &[usize]) -> Vec<usize> {
        let disabled: FxHashSet<&Key> = self.modules.iter().flat_map(|m| &m.disabled).collect();
        let (mut keys, mut taken) = (FxHashSet::default(), FxHashSet::default());
        let mut chosen = Vec::new();
        let mut queue: VecDeque<usize> = top.iter().copied().collect();
        while let Some(index) = queue.pop_front() {
            let module = &self.modules[index];
            let fresh = match &module.key {
                Some(key) => !disabled.contains(key) && keys.insert(key),
                None => taken.insert(index),
            };
            if fresh {
                chosen.push(index);
                queue.extend(&module.imports);
            }
        }
        chosen
    }

    /// Looks at one module; a file that was looked at before is the same module.
    fn module(&mut self, pending: Pending) -> Eval<(usize, Vec<Pending>)> {
        let thunk = match pending.said {
            Said::Module(thunk) => thunk,
            Said::Config(definition) => {
                let config = Some(definition);
                self.modules.push(Module {
                    config,
                    ..Module::default()
                });
                return Ok((self.modules.len() - 1, Vec::new()));
            }
            Said::Options(options) => {
                let options = Some(options);
                self.modules.push(Module {
                    options,
                    ..Module::default()
                });
                return Ok((self.modules.len() - 1, Vec::new()));
            }
        };
        let mut value = self.e.force(thunk)?;
        let mut key = None;
        let mut imported = None;
        let text = match &value.data {
            Data::Path(path) | Data::Str(path) => Some(path.to_string()),
            // `imports = [ inputs.self ]`-like: a set that stands for its path.
            Data::Set(set) => match set.get("outPath") {
                Some(out) if set.get("imports").is_none() => {
                    self.e.force(out.value).ok().and_then(|v| match v.data {
                        Data::Path(path) => Some(path.to_string()),
                        _ => None,
                    })
                }
                _ => None,
            },
            _ => None,
        };
        if let Some(path) = text {
            let path = file_of(path.as_ref());
            if let Some(index) = self.by_file.get(&path) {
                return Ok((*index, Vec::new()));
            }
            value = self.e.import(&path, value.at.or(pending.at))?;
            imported = self.e.sources().read(&path).ok().map(|f| f.id());
            key = Some(path);
        }
        let calls = match &value.data {
            Data::Lambda(_) | Data::Builtin(_) => true,
            Data::Set(set) => set.get("__functor").is_some(),
            _ => false,
        };
        if calls {
            let arguments = self.arguments_for(&value);
            value = self.e.call(&value, arguments, pending.at)?;
        }
        let set = match &value.data {
            Data::Set(set) => Rc::clone(set),
            _ => {
                let kind = value.type_name();
                let why = format!("a module is a set or a function, not a {kind}");
                return Err(Unknown::new(Why::Refused(why), value.at.or(pending.at)));
            }
        };
        if let Openness::Open(why) = &set.open {
            return Err(Unknown::new(why.clone(), value.at.or(pending.at)));
        }
        // What a function of `lib` gives (`mkIf …`) is not written where it stands.
        let written = value
            .at
            .map(|at| at.file)
            .filter(|f| self.is_of_project(*f));
        let file = written.or(imported).or(pending.file);
        let config = self.config_of(&value, &set, file)?;
        let index = self.modules.len();
        if let Some(path) = &key {
            self.by_file.insert(path.clone(), index);
        }
        let key = match set.get("key") {
            Some(named) => {
                let named = self.e.force(named.value)?;
                Some(Key::Named(self.e.as_str(&named, value.at)?.to_string()))
            }
            None => key.map(Key::File),
        };
        let disabled = self.disabled(&set);
        self.modules.push(Module {
            key,
            file,
            imported,
            config,
            options: set.get("options").map(|a| a.value),
            freeform: set.get("freeformType").map(|a| a.value),
            disabled,
            imports: Vec::new(),
        });
        Ok((index, self.imports(&set, value.at, file)))
    }

    fn is_of_project(&self, file: FileId) -> bool {
        let sources = self.e.sources();
        let file = sources.file(file);
        file.is_some_and(|f| f.path().starts_with(sources.root()))
    }

    fn config_of(
        &self,
        value: &Value,
        set: &AttrSet,
        file: Option<FileId>,
    ) -> Eval<Option<Definition>> {
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
        let rest = self.e.done(Value { data, at: value.at });
        Ok(Some(definition(rest, value.at)))
    }

    /// The list of an attribute, or a note why it is not known.
    fn list(&mut self, set: &AttrSet, name: &str, at: Option<Span>) -> Option<Vec<Thunk>> {
        let attribute = set.get(name)?;
        let list = self
            .e
            .force(attribute.value)
            .and_then(|v| self.e.as_list(&v, at));
        match list {
            Ok(list) => Some(list.items.clone()),
            // Every module counts for itself, but each that is disabled takes another away.
            Err(why) if name != "disabledModules" && why.known_items().is_some() => {
                why.known_items().map(<[Thunk]>::to_vec)
            }
            Err(why) => {
                let at = attribute.entry;
                self.skip(why, at);
                None
            }
        }
    }

    fn imports(&mut self, set: &AttrSet, at: Option<Span>, file: Option<FileId>) -> Vec<Pending> {
        let mut imports = Vec::new();
        for name in ["require", "imports"] {
            let entry = set.get(name).and_then(|a| a.entry);
            let items = self.list(set, name, at).unwrap_or_default();
            imports.extend(items.into_iter().map(|item| Pending {
                said: Said::Module(item),
                at: entry,
                file,
            }));
        }
        imports
    }

    fn disabled(&mut self, set: &AttrSet) -> Vec<Key> {
        let items = self.list(set, "disabledModules", None).unwrap_or_default();
        let mut keys = Vec::new();
        for item in items {
            let Ok(value) = self.e.force(item) else {
                // A module of nixpkgs or an input; it is not one of ours.
                continue;
            };
            match &value.data {
                Data::Path(path) => keys.push(Key::File(file_of(path.as_ref().as_ref()))),
                // Other text names a module of nixpkgs, below `modulesPath`.
                Data::Str(text) if text.starts_with('/') => {
                    keys.push(Key::File(file_of(text.as_ref().as_ref())));
                    keys.push(Key::Named(text.to_string()));
                }
                Data::Str(_) => {}
                Data::Set(set) => {
                    let key = set.get("key").and_then(|a| self.e.force(a.value).ok());
                    if let Some(Data::Str(text)) = key.map(|v| v.data) {
                        keys.push(Key::Named(text.to_string()));
                    }
                }
                _ => {
                    let kind = value.type_name();
                    let why = format!("disabledModules holds paths and keys, not a {kind}");
                    let at = value.at;
                    let why = Unknown::new(Why::Refused(why), at);
                    self.skip(why, at);
                }
            }
        }
        keys
    }

    /// The argument set that nixpkgs passes to a module.
    fn arguments_for(&self, function: &Value) -> Thunk {
        let e = self.e;
        let open = |why: Why, entries: Vec<(Name, Attribute)>| {
            let set = AttrSet::new(entries).opened(why);
            e.set(set)
        };
        let attribute = Attribute::new;
        let special = &self.scope.arguments;
        let lib = special
            .iter()
            .find(|(name, _)| name == "lib")
            .map_or_else(|| e.lib(), |(_, thunk)| *thunk);
        let given = special.iter().map(|(n, t)| (n.clone(), attribute(*t)));
        let whole = AttrSet::new(given.clone().collect());
        let whole = e.set(whole);
        let mut entries = vec![
            ("config".into(), attribute(self.config)),
            ("lib".into(), attribute(lib)),
            ("options".into(), attribute(self.options)),
            ("specialArgs".into(), attribute(whole)),
        ];
        if self.scope.universe == Universe::Nixos {
            let pkgs = packages(e, lib);
            let modules_path = e.done(Value::synthetic(Data::Path(MODULES_PATH.into())));
            let class = e.text("nixos");
            entries.push(("_class".into(), attribute(class)));
            entries.push(("modulesPath".into(), attribute(modules_path)));
            entries.push(("pkgs".into(), attribute(pkgs)));
        }
        entries.extend(given);
        for (name, has_default) in e.formals(function).unwrap_or_default() {
            let by_default = has_default && self.scope.caller == Caller::Disko;
            if by_default || entries.iter().any(|(n, _)| *n == name) {
                continue;
            }
            // Whatever else a module asks for comes from `_module.args`, or from nobody we see.
            let roots = Rc::clone(&self.roots);
            let fallback = self
                .scope
                .module_arguments
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| *value);
            let wanted = name.clone();
            let alone = self.scope.caller == Caller::Disko;
            let value = e.native(move |e| {
                let given = match roots.value_at(e, &["_module", "args", &wanted]) {
                    // Of a file by itself the caller is not seen; most pass it as a special argument,
                    // or Nix would refuse to look at imports that need it.
                    Err(why) if alone && matches!(why.why, Why::Refused(_)) => None,
                    given => given?,
                };
                match (given, fallback) {
                    (Some(value), _) => Ok(value),
                    (None, Some(fallback)) => e.force(fallback),
                    (None, None) => Err(Unknown::new(Why::Argument(wanted.to_string()), None)),
                }
            });
            entries.push((name, attribute(value)));
        }
        match (self.scope.caller, self.scope.universe) {
            (Caller::Nixos, Universe::Nixos) => open(Why::Argument(String::new()), entries),
            (Caller::Nixos, Universe::Closed) => e.set(AttrSet::new(entries)),
            (Caller::Disko, _) => {
                // Only what it asks for, so that a function without `...` accepts the call.
                // `options ? [ ]` is a word of its author's, not the options of the machine.
                if let Some(formals) = e.formals(function) {
                    entries.retain(|(name, _)| {
                        let formal = formals.iter().find(|(f, _)| f == name);
                        formal.is_some_and(|(_, has_default)| !(*has_default && name == "options"))
                    });
                }
                e.set(AttrSet::new(entries))
            }
        }
    }
}

/// `pkgs` of a NixOS machine: what every one of them has in common.
fn packages(e: &Evaluator, lib: Thunk) -> Thunk {
    let attribute = Attribute::new;
    let bool = |b| attribute(e.done(Value::synthetic(Data::Bool(b))));
    let open = |entries| {
        let set = AttrSet::new(entries).opened(Why::Package);
        attribute(e.set(set))
    };
    let kernel = || {
        vec![
            ("isLinux".into(), bool(true)),
            ("isDarwin".into(), bool(false)),
        ]
    };
    let mut environment = kernel();
    environment.push(("hostPlatform".into(), open(kernel())));
    let set = vec![
        ("lib".into(), attribute(lib)),
        ("stdenv".into(), open(environment)),
    ];
    open(set).value
}

/// The file that a path names when it is imported.
fn file_of(path: &std::path::Path) -> PathBuf {
    let mut path = normalise(path);
    if path.is_dir() {
        path.push("default.nix");
    }
    path
}

//! Merging the definitions of one option, or of one set of options.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::nix::eval::{
    AttrSet, Attribute, Data, Eval, Evaluator, List, Name, Openness, Thunk, Unknown, Value, Why,
};
use crate::nix::source::{FileId, Span};

/// The priority of a plain definition (`lib.modules.defaultOverridePriority`).
const DEFAULT_PRIORITY: i64 = 100;
/// The order of a plain definition (`lib.modules.defaultOrderPriority`).
const DEFAULT_ORDER: i64 = 1000;
/// The priority of an option's own default (`mkOptionDefault`).
const OPTION_DEFAULT_PRIORITY: i64 = 1500;

/// Options of nixpkgs whose type is `lines`: several definitions are joined by newlines.
/// From nixos/modules of nixpkgs: services/hardware/udev.nix, config/networking.nix,
/// config/shells-environment.nix, system/boot/stage-1.nix, system/activation.
const LINES: &[&str] = &[
    "services.udev.extraRules",
    "networking.extraHosts",
    "environment.extraInit",
    "environment.shellInit",
    "environment.loginShellInit",
    "environment.interactiveShellInit",
    "boot.initrd.preDeviceCommands",
    "boot.initrd.postDeviceCommands",
    "boot.initrd.postResumeCommands",
    "boot.initrd.postMountCommands",
    "boot.extraModprobeConfig",
    "nix.extraOptions",
];

/// Options whose values may be defined only once at one priority, even if equal
/// (`mergeOneOption`; nixos/modules/config/sysctl.nix of nixpkgs).
const UNIQUE_BELOW: &[&str] = &["boot.kernel.sysctl"];

/// One definition of an option, or of a set of options.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The value as written, wrappers (`mkIf`, `mkForce`, …) included.
    pub value: Thunk,
    /// The binding that wrote it.
    pub entry: Option<Span>,
    /// The file of the module it belongs to.
    pub file: Option<FileId>,
    /// Set by a `mkOverride` around it or around a set that holds it.
    pub priority: Option<i64>,
    order: Option<i64>,
    /// The conditions of the `mkIf`s around it. They are looked at only where an option's value is
    /// needed, as nixpkgs does, so that they may depend on other options.
    conditions: Vec<Thunk>,
    /// Something around it is not known.
    doubt: Option<Rc<Unknown>>,
}

impl Definition {
    pub(super) fn new(value: Thunk, entry: Option<Span>, file: Option<FileId>) -> Self {
        Definition {
            value,
            entry,
            file,
            priority: None,
            order: None,
            conditions: Vec::new(),
            doubt: None,
        }
    }
}

/// The definitions of the whole configuration, filled when all modules are known.
#[derive(Debug, Default)]
pub(super) struct Roots {
    definitions: RefCell<Option<Rc<Vec<Definition>>>>,
    options: RefCell<Vec<Thunk>>,
}

impl Roots {
    pub(super) fn set(&self, definitions: Vec<Definition>, options: Vec<Thunk>) {
        *self.definitions.borrow_mut() = Some(Rc::new(definitions));
        *self.options.borrow_mut() = options;
    }

    fn node(&self) -> Eval<Node> {
        match &*self.definitions.borrow() {
            Some(definitions) => Ok(Node {
                path: String::new(),
                definitions: Rc::clone(definitions),
                options: Rc::new(self.options.borrow().clone()),
            }),
            // Nix would recurse for ever: which modules there are depends on what they define.
            None => {
                let why = "infinite recursion: imports depend on config".to_owned();
                Err(Unknown::new(Why::Refused(why), None))
            }
        }
    }

    /// All definitions of a path.
    pub(super) fn at(&self, e: &Evaluator, path: &[&str]) -> Vec<Definition> {
        let Ok(mut node) = self.node() else {
            return Vec::new();
        };
        for name in path {
            node = node.child(e, &Name::from(*name));
        }
        node.definitions.to_vec()
    }

    pub(super) fn bodies(&self, e: &Evaluator) -> Vec<Body> {
        let Ok(node) = self.node() else {
            return Vec::new();
        };
        let body = |r: Resolved| {
            let Ok(Value {
                data: Data::Set(_),
                at: Some(set),
            }) = r.value
            else {
                return None;
            };
            let conditional = !r.definition.conditions.is_empty();
            Some(Body { set, conditional })
        };
        node.resolve(e).into_iter().filter_map(body).collect()
    }

    /// The merged value of a path, if it has definitions.
    pub(super) fn value_at(&self, e: &Evaluator, path: &[&str]) -> Eval<Option<Value>> {
        let mut node = self.node()?;
        for name in path {
            node = node.child(e, &Name::from(*name));
        }
        if node.definitions.is_empty() {
            Ok(None)
        } else {
            node.merge(e).map(Some)
        }
    }
}

pub(super) fn root(e: &Evaluator, roots: &Roots) -> Eval<Value> {
    roots.node()?.merge(e)
}

/// A set of definitions at the root of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body {
    /// The expression that gave the set.
    pub set: Span,
    /// It stands below an `mkIf`.
    pub conditional: bool,
}

/// A definition with its wrappers taken off.
struct Resolved {
    definition: Definition,
    value: Eval<Value>,
}

/// Everything that is said about one path.
struct Node {
    path: String,
    definitions: Rc<Vec<Definition>>,
    /// The declarations at this path: an option, or sets of options.
    options: Rc<Vec<Thunk>>,
}

impl Node {
    fn resolve(&self, e: &Evaluator) -> Vec<Resolved> {
        let mut out = Vec::new();
        for definition in self.definitions.iter() {
            unwrap(e, definition.clone(), &mut out);
        }
        out
    }

    fn child(&self, e: &Evaluator, name: &Name) -> Node {
        let mut definitions = Vec::new();
        for resolved in self.resolve(e) {
            if let Ok(Value {
                data: Data::Set(set),
                ..
            }) = &resolved.value
                && let Some(attribute) = set.get(name)
            {
                definitions.push(Definition {
                    value: attribute.value,
                    entry: attribute.entry.or(resolved.definition.entry),
                    ..resolved.definition
                });
            }
        }
        self.named(e, name, definitions)
    }

    fn named(&self, e: &Evaluator, name: &Name, definitions: Vec<Definition>) -> Node {
        let path = match self.path.is_empty() {
            true => name.to_string(),
            false => format!("{}.{name}", self.path),
        };
        let mut options = Vec::new();
        for option in self.options.iter() {
            if let Ok(Value {
                data: Data::Set(set),
                ..
            }) = e.force(*option)
                && set.get("_type").is_none()
                && let Some(attribute) = set.get(name)
            {
                options.push(attribute.value);
            }
        }
        Node {
            path,
            definitions: Rc::new(definitions),
            options: Rc::new(options),
        }
    }

    /// The declaration, if this path is an option that the project declares.
    fn declaration(&self, e: &Evaluator) -> Option<Rc<AttrSet>> {
        self.options.iter().find_map(|option| {
            let Ok(Value {
                data: Data::Set(set),
                ..
            }) = e.force(*option)
            else {
                return None;
            };
            let kind = e.force(set.get("_type")?.value).ok()?;
            matches!(&kind.data, Data::Str(s) if &**s == "option").then_some(set)
        })
    }

    fn merge(&self, e: &Evaluator) -> Eval<Value> {
        let mut resolved = self.resolve(e);
        let declaration = self.declaration(e);
        if let Some(declaration) = &declaration {
            if let Some(default) = declaration.get("default") {
                let mut definition = Definition::new(default.value, default.entry, None);
                definition.priority = Some(OPTION_DEFAULT_PRIORITY);
                unwrap(e, definition, &mut resolved);
            } else if resolved.is_empty() {
                let why = format!("the option {} is used but not defined", self.path);
                return Err(Unknown::new(Why::Refused(why), None));
            }
        }
        let is_set = |r: &Resolved| matches!(&r.value, Ok(Value { data: Data::Set(set), .. }) if !is_package(set));
        // Above options there are only sets. With a declaration, its priority decides first.
        if declaration.is_none() && resolved.iter().all(is_set) {
            return Ok(self.merge_sets(e, resolved));
        }
        let resolved = strongest(discharge(e, resolved));
        if !resolved.is_empty() && resolved.iter().all(is_set) {
            return Ok(self.merge_sets(e, resolved));
        }
        let merged = self.merge_leaf(e, resolved)?;
        match declaration.as_ref().and_then(|d| d.get("apply")) {
            Some(apply) => {
                let apply = e.force(apply.value)?;
                e.call(&apply, e.done(merged), None)
            }
            None => Ok(merged),
        }
    }

    fn merge_sets(&self, e: &Evaluator, resolved: Vec<Resolved>) -> Value {
        // A `mkForce { … }` around a set drops the others only where the set is one option's
        // value, which without nixpkgs' declarations cannot be told.
        let priority = |r: &Resolved| r.definition.priority.unwrap_or(DEFAULT_PRIORITY);
        let ambiguous = resolved.len() > 1
            && resolved.iter().any(|r| overrides_here(e, &r.definition))
            && resolved
                .iter()
                .any(|r| priority(r) != priority(&resolved[0]));
        let doubt = ambiguous.then(|| {
            let what = format!("an override of the whole of {}", self.path);
            Unknown::new(Why::Unsupported(what), resolved[0].definition.entry)
        });
        let mut children: BTreeMap<Name, Vec<Definition>> = BTreeMap::new();
        let mut open = Openness::Open(Why::Config(self.path.clone()));
        for r in &resolved {
            let Ok(Value {
                data: Data::Set(set),
                ..
            }) = &r.value
            else {
                continue;
            };
            if let Openness::Open(why) = &set.open
                && !matches!(why, Why::Config(_))
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
            if let Ok(Value {
                data: Data::Set(set),
                ..
            }) = e.force(*option)
                && set.get("_type").is_none()
            {
                set.iter().for_each(|(name, _)| {
                    children.entry(name.clone()).or_default();
                });
            }
        }
        let at = match resolved.as_slice() {
            [only] => only.value.as_ref().ok().and_then(|v| v.at),
            _ => None,
        };
        let entries = children.into_iter().map(|(name, definitions)| {
            let entry = definitions.first().and_then(|d| d.entry);
            let node = self.named(e, &name, definitions);
            (
                name,
                Attribute {
                    value: e.native(move |e| node.merge(e)),
                    entry,
                },
            )
        });
        let mut set = AttrSet::new(entries.collect());
        set.open = open;
        Value {
            data: Data::Set(Rc::new(set)),
            at,
        }
    }

    fn merge_leaf(&self, e: &Evaluator, mut resolved: Vec<Resolved>) -> Eval<Value> {
        if let Some(doubt) = resolved.iter().find_map(|r| r.definition.doubt.clone()) {
            return Err(doubt);
        }
        if resolved.is_empty() {
            return Err(Unknown::new(Why::Config(self.path.clone()), None));
        }
        resolved.sort_by_key(|r| r.definition.order.unwrap_or(DEFAULT_ORDER));
        let mut values = Vec::with_capacity(resolved.len());
        for r in resolved {
            values.push(r.value?);
        }
        if let [only] = values.as_slice() {
            return Ok(only.clone());
        }
        if values.iter().all(|v| matches!(v.data, Data::List(_))) {
            let mut joined = List::default();
            for value in &values {
                if let Data::List(list) = &value.data {
                    joined.items.extend(&list.items);
                    joined.parts.extend(&list.parts);
                }
            }
            return Ok(Value::synthetic(Data::List(Rc::new(joined))));
        }
        let at = values.first().and_then(|v| v.at);
        if LINES.contains(&self.path.as_str()) {
            let lines: Eval<Vec<Rc<str>>> = values.iter().map(|v| e.as_str(v, v.at)).collect();
            return Ok(Value {
                data: Data::Str(lines?.join("\n").into()),
                at: None,
            });
        }
        let unique = UNIQUE_BELOW.iter().any(|p| {
            self.path
                .strip_prefix(p)
                .is_some_and(|rest| rest.starts_with('.'))
        });
        let mut equal = !unique;
        for value in &values[1..] {
            equal = equal && e.equal(&values[0], value)?;
        }
        let joined = is_text(&self.path) && values.iter().all(|v| matches!(v.data, Data::Str(_)));
        if equal && !joined {
            return Ok(values[0].clone());
        }
        let scalars = values.iter().all(|v| {
            matches!(
                v.data,
                Data::Bool(_) | Data::Int(_) | Data::Float(_) | Data::Null
            )
        });
        let why = format!(
            "{} is defined {} times with one priority",
            self.path,
            values.len()
        );
        Err(Unknown::new(
            // Strings may be joined by a type that only nixpkgs knows; the rest conflicts for sure.
            if scalars || unique {
                Why::Refused(why)
            } else {
                Why::Unsupported(why)
            },
            at,
        ))
    }
}

/// Whether an option is of a name that nixpkgs gives to text: its definitions, even equal ones, are
/// joined if its type is `lines`.
fn is_text(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    [
        "extraConfig",
        "extraRules",
        "extraHosts",
        "extraOptions",
        "text",
        "config",
    ]
    .contains(&name)
        || ["Init", "Commands", "Setup", "Config", "Script"]
            .iter()
            .any(|s| name.ends_with(s))
}

fn is_package(set: &AttrSet) -> bool {
    set.get("type").is_some() && (set.get("outPath").is_some() || set.get("drvPath").is_some())
}

/// Whether a definition is itself wrapped in an override.
fn overrides_here(e: &Evaluator, definition: &Definition) -> bool {
    match e.force(definition.value) {
        Ok(Value {
            data: Data::Set(set),
            ..
        }) => {
            matches!(wrapper(e, &set).as_deref(), Some("override"))
        }
        _ => false,
    }
}

fn wrapper(e: &Evaluator, set: &AttrSet) -> Option<Rc<str>> {
    let kind = e.force(set.get("_type")?.value).ok()?;
    match kind.data {
        Data::Str(kind) => Some(kind),
        _ => None,
    }
}

/// Drops the definitions whose conditions are false, and marks those whose are unknown.
fn discharge(e: &Evaluator, resolved: Vec<Resolved>) -> Vec<Resolved> {
    let holds = |r: &mut Resolved| {
        for condition in std::mem::take(&mut r.definition.conditions) {
            let at = r.definition.entry;
            match e.force(condition).and_then(|v| e.as_bool(&v, at)) {
                Ok(true) => {}
                Ok(false) => return false,
                Err(unknown) => r.definition.doubt = r.definition.doubt.take().or(Some(unknown)),
            }
        }
        true
    };
    resolved
        .into_iter()
        .filter_map(|mut r| holds(&mut r).then_some(r))
        .collect()
}

/// Keeps the definitions of the strongest (numerically lowest) priority.
fn strongest(mut resolved: Vec<Resolved>) -> Vec<Resolved> {
    let priority = |r: &Resolved| r.definition.priority.unwrap_or(DEFAULT_PRIORITY);
    // A doubtful definition may or may not count, so it cannot hide others.
    let sure = resolved
        .iter()
        .filter(|r| r.definition.doubt.is_none())
        .map(priority)
        .min();
    resolved.retain(|r| sure.is_none_or(|best| priority(r) <= best));
    resolved
}

/// Takes `mkIf`, `mkMerge`, `mkOverride` and `mkOrder` off a definition.
fn unwrap(e: &Evaluator, mut definition: Definition, out: &mut Vec<Resolved>) {
    let value = e.force(definition.value);
    let wrapped = match &value {
        Ok(Value {
            data: Data::Set(set),
            ..
        }) => wrapper(e, set).map(|kind| (kind, Rc::clone(set))),
        _ => None,
    };
    let Some((kind, set)) = wrapped else {
        return out.push(Resolved { definition, value });
    };
    let field = |name: &str| match set.get(name) {
        Some(attribute) => Ok(attribute.value),
        None => Err(Unknown::new(
            Why::Refused(format!("`{name}` is missing")),
            definition.entry,
        )),
    };
    let int = |name: &str| {
        field(name)
            .and_then(|t| e.force(t))
            .and_then(|v| e.as_int(&v, definition.entry))
    };
    match &*kind {
        "if" => {
            match field("condition") {
                Ok(condition) => definition.conditions.push(condition),
                Err(unknown) => definition.doubt = definition.doubt.or(Some(unknown)),
            }
            content(e, field("content"), definition, out);
        }
        "merge" => {
            let contents = field("contents")
                .and_then(|t| e.force(t))
                .and_then(|v| e.as_list(&v, v.at));
            match contents {
                Ok(list) => list.items.iter().for_each(|item| {
                    unwrap(
                        e,
                        Definition {
                            value: *item,
                            ..definition.clone()
                        },
                        out,
                    );
                }),
                Err(unknown) => out.push(Resolved {
                    definition,
                    value: Err(unknown),
                }),
            }
        }
        "override" => {
            match int("priority") {
                // The outermost counts: it is the one that nixpkgs' `filterOverrides` sees.
                Ok(priority) => definition.priority = definition.priority.or(Some(priority)),
                Err(unknown) => definition.doubt = definition.doubt.or(Some(unknown)),
            }
            content(e, field("content"), definition, out);
        }
        "order" => {
            match int("priority") {
                Ok(order) => definition.order = Some(order),
                Err(unknown) => definition.doubt = definition.doubt.or(Some(unknown)),
            }
            content(e, field("content"), definition, out);
        }
        _ => out.push(Resolved { definition, value }),
    }
}

fn content(e: &Evaluator, content: Eval<Thunk>, definition: Definition, out: &mut Vec<Resolved>) {
    match content {
        Ok(value) => unwrap(
            e,
            Definition {
                value,
                ..definition
            },
            out,
        ),
        Err(unknown) => out.push(Resolved {
            definition,
            value: Err(unknown),
        }),
    }
}

//! One definition of an option, and what its wrappers (`mkIf`, `mkForce`, …) say of it.

use std::rc::Rc;

use crate::nix::eval::{AttrSet, Data, Eval, Evaluator, Thunk, Unknown, Value, Why};
use crate::nix::source::{FileId, Span};

/// The priority of a plain definition (`lib.modules.defaultOverridePriority`).
pub(super) const DEFAULT_PRIORITY: i64 = 100;
/// The priority of an option's own default (`mkOptionDefault`).
pub(super) const OPTION_DEFAULT_PRIORITY: i64 = 1500;
/// The order of a plain definition (`lib.modules.defaultOrderPriority`).
const DEFAULT_ORDER: i64 = 1000;

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
    pub(super) order: Option<i64>,
    /// The conditions of the `mkIf`s around it. They are looked at only where an option's value is
    /// needed, as nixpkgs does, so that they may depend on other options.
    pub(super) conditions: Vec<Thunk>,
    /// Something around it is not known.
    pub(super) doubt: Option<Rc<Unknown>>,
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

    pub(super) fn strength(&self) -> i64 {
        self.priority.unwrap_or(DEFAULT_PRIORITY)
    }
}

/// A definition with its wrappers taken off.
#[derive(Clone)]
pub(super) struct Resolved {
    pub definition: Definition,
    pub value: Eval<Value>,
}

impl Resolved {
    /// The set it defines, if it is one.
    pub(super) fn set(&self) -> Option<&Rc<AttrSet>> {
        match &self.value {
            Ok(Value {
                data: Data::Set(set),
                ..
            }) => Some(set),
            _ => None,
        }
    }
}

/// The `_type` of a set.
pub(super) fn wrapper(e: &Evaluator, set: &AttrSet) -> Option<Rc<str>> {
    let kind = e.force(set.get("_type")?.value).ok()?;
    match kind.data {
        Data::Str(kind) => Some(kind),
        _ => None,
    }
}

/// Whether a definition is itself wrapped in an override.
pub(super) fn overrides_here(e: &Evaluator, definition: &Definition) -> bool {
    match e.force(definition.value) {
        Ok(Value {
            data: Data::Set(set),
            ..
        }) => matches!(wrapper(e, &set).as_deref(), Some("override")),
        _ => false,
    }
}

/// Takes the wrappers off all of them.
pub(super) fn resolve(e: &Evaluator, definitions: &[Definition]) -> Vec<Resolved> {
    let mut out = Vec::with_capacity(definitions.len());
    for definition in definitions {
        unwrap(e, definition.clone(), &mut out);
    }
    out
}

/// What counts of these definitions: conditions met, the strongest priority, in order.
pub(super) fn effective(e: &Evaluator, resolved: Vec<Resolved>) -> Vec<Resolved> {
    let mut resolved = strongest(discharge(e, resolved));
    resolved.sort_by_key(|r| r.definition.order.unwrap_or(DEFAULT_ORDER));
    resolved
}

/// Drops the definitions whose conditions are false, and marks those whose are unknown.
pub(super) fn discharge(e: &Evaluator, resolved: Vec<Resolved>) -> Vec<Resolved> {
    let holds = |r: &mut Resolved| {
        for condition in std::mem::take(&mut r.definition.conditions) {
            let at = r.definition.entry;
            match e.holds(condition, at) {
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
    // A doubtful definition may or may not count, so it cannot hide others.
    let sure = resolved
        .iter()
        .filter(|r| r.definition.doubt.is_none())
        .map(|r| r.definition.strength())
        .min();
    resolved.retain(|r| sure.is_none_or(|best| r.definition.strength() <= best));
    resolved
}

/// Takes `mkIf`, `mkMerge`, `mkOverride` and `mkOrder` off a definition.
pub(super) fn unwrap(e: &Evaluator, mut definition: Definition, out: &mut Vec<Resolved>) {
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
                    let value = *item;
                    let definition = definition.clone();
                    unwrap(
                        e,
                        Definition {
                            value,
                            ..definition
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
        "definition" => content(e, field("value"), definition, out),
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
